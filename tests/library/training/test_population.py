"""Several seeds as one program: each run is what it would be alone, whatever befalls the others."""

import os
import shutil
import signal

import jax
import numpy as np
import pytest
from common import names
from tiny_run import Tiny, build, content, rows

from ganstab import checkpoint
from ganstab.training import train, train_together
from ganstab.training.run_folder import read_result

SEEDS = (1, 2, 3)
BAD = 2
CONFIG = Tiny(num_steps=6, eval_every=3, bad_seed=BAD)


def together(folder, **options):
    configs = [CONFIG.replace(seed=seed) for seed in SEEDS]
    return train_together(build, configs, [folder / f"seed{seed}" for seed in SEEDS], **options)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return dict(zip(SEEDS, together(folder), strict=True)), folder


def check_alike(run, other):
    """Rounding differs under `vmap`, and a game amplifies it."""
    for found, expected in zip(
        *(jax.tree.leaves(r.state.params) for r in (run, other)), strict=True
    ):
        np.testing.assert_allclose(found, expected, 1e-5, atol=1e-7)
    assert len(rows(run.folder)) == len(rows(other.folder))
    for found, expected in zip(rows(run.folder), rows(other.folder), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_each_is_as_alone_and_one_that_diverges_holds_up_no_other(runs, tmp_path):
    found, folder = runs
    assert [each.status for each in found.values()] == ["finished", "diverged", "finished"]
    assert [each.exit_status for each in found.values()] == [0, 1, 0]
    for seed, last in ((1, 6), (BAD, 3), (3, 6)):
        result = read_result(folder / f"seed{seed}")
        assert (result["step"], result["seed"], result["population"]) == (last, seed, list(SEEDS))
        assert checkpoint.steps(folder / f"seed{seed}" / "checkpoints")[0] == last
    assert (
        found[BAD].result["reason"] == "step 4: wasserstein in the generator's loss is not finite"
    )
    for seed in (BAD, 3):
        alone = train(build, CONFIG.replace(seed=seed), tmp_path / f"seed{seed}")
        check_alike(found[seed], alone)
        assert alone.result.keys() | {"population"} == found[seed].result.keys()
        assert names(alone.folder) == names(found[seed].folder)


def test_what_is_done_stays_and_is_told(runs):
    _, folder = runs
    before = content(folder)
    assert [each.status for each in together(folder)] == ["finished", "diverged", "finished"]
    assert content(folder) == before


def test_each_goes_on_from_its_own_checkpoint(runs, tmp_path, capsys):
    signals = [signal.SIGTERM]  # a second one would end at once

    def stop(step, numbers, images):
        if step == 3 and signals:
            os.kill(os.getpid(), signals.pop())

    halves = together(tmp_path, writers=[stop])
    assert [each.status for each in halves] == ["interrupted"] * 3
    shutil.rmtree(tmp_path / "seed1" / "checkpoints" / "step_000000003")  # a kill between two saves
    capsys.readouterr()
    ended = together(tmp_path)
    assert [each.status for each in ended] == ["finished", "diverged", "finished"]
    said = capsys.readouterr().err
    assert "seed 1: going on from step 2" in said and "seed 3: going on from step 3" in said
    assert "compiling the training step, 3 seeds at once" in said
    for run in ended:
        check_alike(run, runs[0][run.result["seed"]])


@pytest.mark.parametrize("configs", [[Tiny(), Tiny()], [Tiny(), Tiny(seed=1, batch_size=32)]])
def test_they_differ_in_their_seed_alone(configs, tmp_path):
    with pytest.raises(ValueError, match="must differ in their seed, and in it alone"):
        train_together(build, configs, [tmp_path / "a", tmp_path / "b"])
