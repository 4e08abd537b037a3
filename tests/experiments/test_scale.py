"""What `benchmarks/scale.py` reads off a program, and what a step sends between devices."""

import functools
import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from experiments import character_language_model as text
from ganstab import Pair, penalties
from ganstab._placement import on_mesh
from ganstab.networks import stacked_mnist
from ganstab.players import from_nnx
from ganstab.recipes import unrolled
from ganstab.training import Experiment, RunConfig

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def mesh_of(count):
    return jax.make_mesh(
        (count,), ("batch",), devices=jax.devices()[:count], axis_types=(AxisType.Auto,)
    )


def test_collectives_and_products_of_a_loop_count_as_often_as_it_turns(load):
    read = load("collectives")

    @functools.partial(jax.shard_map, mesh=mesh_of(4), in_specs=P("batch"), out_specs=P("batch"))
    def program(x):
        def body(x, _):
            return x @ (x.T @ x) + jax.lax.psum(x.sum(0, keepdims=True), "batch"), None

        x, _ = jax.lax.scan(body, x, length=7)
        return x + jax.lax.all_gather(x, "batch").sum()

    text = jax.jit(program).lower(jnp.ones((8, 5))).compile().as_text()
    found = read.collectives(text)
    assert sorted((c.kind, c.size, c.times) for c in found) == [
        ("all-gather", 4 * 4 * 2 * 5, 1),
        ("all-reduce", 4 * 5, 7),
    ]
    assert read.product_flops(text) == 7 * 2 * (2 * 5 * 5) * 2


def small(unroll):
    """The main job's kind of step on fewer channels."""
    return Experiment(
        title="",
        description="",
        players=Pair(
            from_nnx(lambda rngs: stacked_mnist.Generator(16, (8, 4, 4, 2), rngs=rngs)),
            from_nnx(lambda rngs: stacked_mnist.Discriminator(0.25, rngs=rngs)),
        ),
        recipe=unrolled(unroll, joint=True),
        prior=16,
        data=np.zeros((64, 28, 28, 3), np.uint8),
    )


@pytest.mark.parametrize("unroll", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_a_step_sends_gradients_and_statistics_and_shares_the_rest_out(load, unroll):
    scale, read = load("scale"), load("collectives")
    flops = []
    for devices in (1, 2):
        config = RunConfig(num_steps=1, batch_size=16)
        step, state = scale.compiled_step(small(unroll), config, mesh_of(devices))
        found = read.collectives(step.as_text())
        flops.append(read.product_flops(step.as_text()))
        assert {c.kind for c in found} == ({"all-reduce"} if devices > 1 else set())
    assert flops[1] == pytest.approx(flops[0] / 2, rel=0.01)
    gen, disc = (4 * sum(leaf.size for leaf in jax.tree.leaves(own)) for own in state.params)
    # Mean and variance of each channel, of either network, forwards and backwards.
    evaluations, channels = 2 + 2 * unroll, 8 + 4 + 4 + 2 + 2 + 4 + 8
    sent = sum(c.times * c.size for c in found)
    assert gen + disc * (1 + unroll) <= sent
    assert sent <= gen + disc * (1 + 4 * unroll) + 4 * 4 * channels * evaluations


@pytest.mark.slow
def test_a_step_of_the_language_model_sends_all_reduces_alone(load):
    """Its convolutions along a line keep samples where they are, its penalty's derivative too."""
    scale, read = load("scale"), load("collectives")
    config = text.CharacterLanguageModel(num_steps=1, batch_size=16, width=8, critic_updates=2)
    step, _ = scale.compiled_step(text.build(config), config, mesh_of(2))
    assert {c.kind for c in read.collectives(step.as_text())} == {"all-reduce"}


def test_a_ring_and_the_smallest_batch_of_a_busy_pod_by_hand(load):
    links, read = load("links"), load("collectives")
    assert links.ring(4, 100.0, 50.0) == pytest.approx(2 * 3 / 4 * 2)
    machine = links.Machine(1e9, lambda n: (n,), lambda shape: 1e-3, links.MACHINES["TPU v5e"].move)
    found = [read.Collective("all-reduce", 10**9, 2), read.Collective("all-reduce", 4, 3)]
    latency, moving = links.waiting(machine, found, 8)
    assert latency == pytest.approx(5e-3)
    assert moving == pytest.approx(2 * 7 / 8 * (2e9 + 12) / 200e9)
    busy = (latency + moving) * links.SHARE * 1e9 / 100
    assert busy <= links.half_busy(machine, found, 8, 100.0) < busy + 1
    # Fourteen hops around eight chips, two of them from node to node.
    assert links.nccl_latency((4, 2)) == pytest.approx(1e-6 * (3.6 + 12 * 0.47 * 1.8 + 2 * 2.7))
    # Sixteen by sixteen chips: fifteen hops along either axis, there and back.
    pod = links.MACHINES["TPU v5e"]
    assert pod.steps(pod.shape(256)) == pytest.approx(60e-6)


def test_a_step_in_micro_batches_shares_them_out(load):
    """Each part is a share of every device's samples, none of which is sent."""
    scale, read = load("scale"), load("collectives")
    flops = []
    for devices in (1, 2):
        config = RunConfig(num_steps=1, batch_size=16, accumulate=2)
        step, _ = scale.compiled_step(small(0), config, mesh_of(devices))
        found = read.collectives(step.as_text())
        flops.append(read.product_flops(step.as_text()))
        assert {c.kind for c in found} == ({"all-reduce"} if devices > 1 else set())
    assert flops[1] == pytest.approx(flops[0] / 2, rel=0.01)


def test_r1_and_r2_by_one_gradient_send_no_samples(load):
    """On one device both kinds are one batch, on two each is differentiated where it lies."""
    read, mesh = load("collectives"), mesh_of(2)
    weight, real, fake = jnp.eye(3), jnp.full((8, 3), 0.3), jnp.full((8, 3), -0.7)

    def penalty(weight, real, fake):
        def score(x):
            return jnp.tanh(x @ weight).sum(1) ** 2

        return penalties.r1_r2(score, real, fake, jax.random.key(0))

    split = jax.NamedSharding(mesh, P("batch"))
    here = [jax.device_put(x, split) for x in (real, fake)]
    compiled = jax.jit(on_mesh(mesh, jax.grad(penalty))).lower(weight, *here).compile()
    assert {c.kind for c in read.collectives(compiled.as_text())} == {"all-reduce"}
    np.testing.assert_allclose(
        compiled(weight, *here), jax.grad(penalty)(weight, real, fake), rtol=1e-5, atol=1e-6
    )
