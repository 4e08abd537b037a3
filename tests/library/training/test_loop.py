"""The compiled loop: any number of steps a call, on any number of devices."""

import jax
import numpy as np
import pytest
from common import assert_close, assert_equal
from short_runs import one_device
from tiny_run import Tiny, build

from ganstab.training import distributed
from ganstab.training.loop import make_loops
from ganstab.training.train import make_parts


class Looped:
    """A tiny run, and its loop of at most 8 steps."""

    def __init__(self, mesh, **settings):
        config = Tiny(log_every=8, **settings)
        parts, self.traces = make_parts(build(config), config, mesh), 0
        self.initial = parts.initial(0)

        def step(state, batches):
            self.traces += 1
            return parts.trainable.step(state, batches)

        self._loop = make_loops(step, parts.sources([0]), [self.initial], 8)

    def run(self, *counts):
        """The last state and the metrics of calls of so many steps."""
        state, logs = self.initial, []
        for count in counts:
            (passed,) = self._loop([state], [count])()
            state = passed.state
            logs.append(passed.metrics)
        joined = {name: np.concatenate([log[name] for log in logs]) for name in logs[0]}
        return state, joined, passed.sound


@pytest.fixture(scope="module")
def eight():
    return Looped(distributed.make_mesh())


@pytest.mark.parametrize("counts", [(1,) * 8, (3, 0, 5), (7, 1)])
def test_any_number_of_steps_a_call_gives_the_same_bits(eight, counts):
    assert_equal(eight.run(*counts), eight.run(8))
    assert eight.traces == 1


def test_no_step_changes_nothing(eight):
    state, metrics, sound = eight.run(0)
    assert sound and not any(map(len, metrics.values()))
    assert_equal(state, eight.initial)


def test_one_device_equals_eight_up_to_rounding(eight):
    (state, metrics, _), (state8, metrics8, _) = Looped(one_device()).run(8), eight.run(8)
    assert all(leaf.sharding.device_set == {*jax.devices()} for leaf in jax.tree.leaves(state8))
    host = jax.device_get
    assert_close(host(state8.params), host(state.params), rtol=1e-4, atol=1e-5)
    assert_close(metrics8, metrics, rtol=1e-4, atol=1e-5)


def test_the_loop_ends_before_a_step_that_is_not_finite(eight):
    failing = Looped(distributed.make_mesh(), bad_seed=0)
    state, metrics, sound = failing.run(8)
    assert not sound and int(state.step) == 3
    assert_equal(state, eight.run(3)[0])
    assert np.isfinite(metrics["gen/wasserstein"]).tolist() == [True] * 3 + [False]
