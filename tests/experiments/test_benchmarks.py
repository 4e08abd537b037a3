"""The race's table, verdicts and weight exchange; the race itself is run by hand."""

import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganstab.players import from_nnx

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
GOALS = (("torchopt", 10, 3.0), ("torchopt", 0, 1.0))


@pytest.fixture
def load(monkeypatch):
    """Benchmarks are scripts: they find one another in their own folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def _cells(table, ours_ms, peer_ms):
    """Two contestants at K = 0, 1 and 10; the second of three rounds is ten times as slow."""
    rounds = np.array([1.0, 10.0, 1.0])
    ours = [
        table.Cell("ganstab", 64, k, list(ms * rounds), 9.0, 800.0, 2_000_000 + 4_000 * k, 7_000)
        for k, ms in ours_ms.items()
    ]
    return ours + [
        table.Cell("torchopt", 64, k, list(ms * rounds), 1.0, 300.0) for k, ms in peer_ms.items()
    ]


def test_ratios_are_taken_within_rounds_and_targets_are_judged(load):
    table = load("table")
    cells = _cells(table, {0: 10.0, 1: 15.0, 10: 35.0}, {0: 9.0, 10: 140.0})
    verdicts = {target.goal: target for target in table.targets(cells, GOALS)}
    fast, even = "3 times as fast as torchopt at K=10", "1 times as fast as torchopt at K=0"
    assert verdicts[f"{fast}, batch 64"].measured == pytest.approx(4.0)
    assert verdicts[f"{fast}, batch 64"].met
    assert verdicts[f"{even}, batch 64"].measured == pytest.approx(0.9)
    assert not verdicts[f"{even}, batch 64"].met
    cost = verdicts["cost(K=10) / cost(K=0) at most 4"]
    assert cost.measured == pytest.approx(3.5) and cost.met
    memory = table.targets(cells, GOALS)[-2]
    assert memory.measured == pytest.approx(4_000 / 7_000) and memory.met
    assert table.targets(cells[:1], GOALS)[-1].line().startswith("not measured")


def test_the_table_and_the_losses_name_every_cell(load):
    table = load("table")
    cells = _cells(table, {0: 10.0}, {0: 5.0})
    head, ours, peer = table.render(cells).splitlines()
    assert head.split()[:3] == ["batch", "K", "contestant"]
    assert " ".join(ours.split()) == "64 0 ganstab 10.0 1.00 1.00 9.0 800 1.91 MiB"
    assert " ".join(peer.split()) == "64 0 torchopt 5.00 0.50 1.00 1.0 300"
    (line,) = table.losses(cells)
    assert "torchopt is 2.00 times as fast" in line and "8.0 s sooner" in line


COUNTS = {
    "stacked_mnist": (287_875, 585),
    "cifar10": (3_657_731, 375_809),
    "colored_mnist": (624_131, 24_833),
    "mixture": (49_666, 513),
    "rnn_mnist": (336_156, 14_721),
}


def test_weights_keep_their_number_and_their_pixels(load):
    weights, ours, models = load("weights"), load("ours"), load("models")
    assert set(COUNTS) == set(models.MODELS) == set(ours.PAIRS)
    for name, expected in COUNTS.items():
        params = weights.initial(ours.shapes(name), np.random.default_rng(0))
        moved = weights.to_peer(params)
        count = [
            sum(v.size for k, v in moved.items() if k.startswith(p)) for p in ("gen/", "disc/")
        ]
        assert tuple(count) == expected
        if name != "mixture":
            check_linear_score(weights, params, moved, models.MODELS[name].disc)


def test_the_pair_of_wgan_gp_has_pytorchs_number_of_parameters(load):
    ours = load("ours_images")
    pair = ours.PAIRS["dcgan"](32, width=64, latent=ours.LATENT)
    shapes = [jax.eval_shape(from_nnx(net).init, jax.random.key(0))[0] for net in pair]
    counts = [sum(leaf.size for leaf in jax.tree.leaves(each)) for each in shapes]
    assert counts == [1_296_131, 1_033_345]


def test_torch_compile_is_refused_for_a_loss_that_it_is_not_written_for(load, monkeypatch, capsys):
    images = load("images")
    monkeypatch.setattr("sys.argv", ["images.py", "--models", "sngan", "dcgan", "--compile"])
    with pytest.raises(SystemExit):
        images.parse()
    assert "--compile is of wgan_gp and dcgan, not of sngan" in capsys.readouterr().err


def check_linear_score(weights, params, moved, disc):
    """A linear score of an image is the same after both have moved to the other layout."""
    image = np.random.default_rng(1).normal(size=(4, 4, disc.channels[-1]))
    mirrored = weights.samples_to_peer(image, 3)
    score = moved["disc/dense.weight"] @ mirrored.ravel()
    np.testing.assert_allclose(score, image.ravel() @ params["disc/dense/kernel"], rtol=1e-11)


def test_difference_sees_one_wrong_array_and_forgives_noise(load):
    weights = load("weights")
    expected = {"a": np.array([1.0, -2.0]), "dead": np.array([1e-17])}
    assert weights.difference({"a": expected["a"], "dead": np.array([-5e-17])}, expected) == 0
    assert weights.difference({"a": expected["a"] / 2, "dead": expected["dead"]}, expected) == 0.5


def test_all_contestants_are_told_one_device_and_one_precision(load, monkeypatch):
    workers, unroll = load("workers"), load("unroll")
    told = []

    class Process:
        stdin = stdout = object()

        def __init__(self, command, env, **_):
            told.append((command[-1], env))

    monkeypatch.setattr(workers.subprocess, "Popen", Process)
    flags = unroll.parse(["--device", "gpu", "--precision", "tf32", "--peers", "pytorch_graph"])
    for name in ("ganstab", *flags.peers):
        unroll._worker(name, flags)
    assert [name for name, _ in told] == ["ganstab", "pytorch_graph"]
    for _, env in told:
        assert env["JAX_PLATFORMS"] == "cuda" and env["BENCHMARK_DEVICE"] == "gpu"
        assert env["JAX_DEFAULT_MATMUL_PRECISION"] == "tensorfloat32"
        assert env["BENCHMARK_PRECISION"] == "tf32"
        assert env["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    unroll._worker("ganstab", unroll.parse([]))
    assert told[-1][1]["JAX_PLATFORMS"] == "cpu"


def test_the_command_has_what_xla_was_told(load, monkeypatch):
    unroll = load("unroll")
    monkeypatch.setattr(unroll.sys, "argv", ["unroll.py", "--steps", "5"])
    monkeypatch.setenv("XLA_FLAGS", "--xla_one=1 --xla_two=2")
    command = unroll.about(unroll.parse([]))["command"]
    assert command == "XLA_FLAGS='--xla_one=1 --xla_two=2' python benchmarks/unroll.py --steps 5"
    monkeypatch.delenv("XLA_FLAGS")
    command = unroll.about(unroll.parse([]))["command"]
    assert command == "python benchmarks/unroll.py --steps 5"
    monkeypatch.setattr(unroll.sys, "argv", [str(BENCHMARKS / "limits.py")])  # which asks too
    assert unroll.about(unroll.parse([]))["command"] == "python benchmarks/limits.py"


@pytest.mark.parametrize("installed", [True, False])
def test_a_check_passes_only_where_there_is_pytorch_to_compare_with(load, monkeypatch, installed):
    unroll = load("unroll")
    arrays = {f"{name}/w": np.ones(2) for name in ("gradient", "gen", "disc")}
    known = {"ganstab": arrays, "pytorch": arrays if installed else None, "torchopt": None}
    monkeypatch.setattr(unroll, "_inputs", lambda flags: ({}, {}))
    monkeypatch.setattr(unroll, "_trained", lambda name, *_: known[name])
    assert unroll.check(list(known), (0, 5), unroll.parse(["--check"])) == installed


@pytest.mark.parametrize(
    "given, named",
    [(["--precision", "tf32"], "--device gpu"), (["--check", "--peers", "torchopt"], "pytorch")],
)
def test_what_would_have_no_effect_is_refused(load, capsys, given, named):
    with pytest.raises(SystemExit):
        load("unroll").parse(given)
    assert named in capsys.readouterr().err


def test_the_gpu_is_named_where_it_can_be(load, monkeypatch):
    unroll = load("unroll")
    assert unroll._gpu(unroll.parse([])) == {}

    def absent(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(unroll.subprocess, "run", absent)
    found = unroll._gpu(unroll.parse(["--device", "gpu"]))
    assert found == {"gpu": "unknown", "precision": "float32"}


def test_the_table_of_starts_has_medians_at_every_point(load):
    def seen(seconds, kind):
        point = {"wall_s": 2 * seconds, "cpu_s": seconds, "rss_mib": 500, "peak_mib": 900}
        points = [{"point": "end", **point, "compiled": 19, "read": 18}]
        return {"unroll": 5, "start": kind, "points": points}

    starts = [seen(s, "first") for s in (9.0, 10.0, 30.0)] + [seen(4.0, "second")]
    assert load("start").table(starts).splitlines() == [
        "| until | K = 5, first start | K = 5, second start |",
        "| --- | --- | --- |",
        "| end | 10.0 (20.0); 500, 900; 19, 18 | 4.0 (8.0); 500, 900; 19, 18 |",
    ]


def test_operations_are_counted_in_the_program_and_once_for_each_turn_of_a_loop(load):
    limits = load("limits")
    left, right = jnp.ones((2, 3)), jnp.ones((3, 5))

    def looped(left, right):
        return jax.lax.scan(lambda sum, _: (sum + jax.jit(jnp.matmul)(left, right), None),
                            jnp.zeros((2, 5)), length=7)[0].sum()  # fmt: skip

    count = limits.operations(jax.make_jaxpr(looped)(left, right).jaxpr)
    assert count == (7 * 2 * 2 * 3 * 5, 7 * 2 * 5 + 2 * 5)


def test_a_table_of_limits_has_the_share_of_every_part(load):
    row = {"part": "noise", "products_mflop": 0.0, "others_mflop": 1.5, "mib": 2.0,
           "limit_ms": 0.5, "ms": 2.0, "share": 0.25}  # fmt: skip
    machine = {1: {"gflops": 100.0, "gb_per_s": 10.0}}
    text = load("limits").render({"speeds": machine, "cells": {64: [row]}})
    assert text.splitlines()[0] == "1 thread(s): 100 GFLOP/s, 10.0 GB/s"
    assert text.splitlines()[-1] == "| noise | 0.0 | 1.5 | 2.0 | 0.50 | 2.00 | 25% |"
