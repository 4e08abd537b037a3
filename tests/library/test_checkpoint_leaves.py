"""Leaves of every kind are saved and come back as the kind that is asked for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, assert_equal, refusal

from ganstab import Pair, checkpoint

STATES = {
    "keys of two kinds": lambda: {
        "rbg": jax.random.key(1, impl="rbg"), "many": jax.random.split(jax.random.key(2), 3),
        "old": jax.random.PRNGKey(3),
    },
    "no elements": lambda: {"none": jnp.zeros((0, 3), jnp.bfloat16), "some": jnp.ones(2)},
    "no elements at all": lambda: [jnp.zeros((2, 0))],
    "small dtypes": lambda: [jnp.ones(3, jnp.int4), jnp.ones((), jnp.bfloat16), jnp.array(True)],
    "nothing there": lambda: Pair(None, (jnp.ones(1), {})),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("like", ["abstract", "donated"])
def test_the_state_asked_for_may_be_abstract_or_gone(tmp_path, name, like):
    state = STATES[name]()
    checkpoint.save(tmp_path, state, 3)
    wanted = jax.eval_shape(STATES[name])
    if like == "donated":
        wanted = STATES[name]()
        for leaf in jax.tree.leaves(wanted):
            leaf.delete()
    restored = checkpoint.restore(tmp_path, wanted)
    assert_equal(restored.state, state)
    assert restored.damaged == ()


NUMBERS = {
    "whole": (2**40 + 1, 0), "with a fraction": (0.1, 0.0), "truth": (True, False),
    "complex": (1j, 0j), "NumPy's": (np.float32(0.1), np.float32(0)),
    "NumPy's own 64 bits": (np.arange(3), np.zeros(3, int)), "of jax": (jnp.int32(3), jnp.int32(0)),
    "in another order of bytes": (np.arange(3, dtype=">i4"), np.zeros(3, ">i4")),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_come_back_exactly_and_as_what_they_were(tmp_path, name):
    number, like = NUMBERS[name]
    checkpoint.save(tmp_path, {"n": number}, 1)
    got = checkpoint.restore(tmp_path, {"n": like}).state["n"]
    assert isinstance(got, type(number))
    np.testing.assert_array_equal(got, number)


def test_a_python_number_stands_for_any_precision_of_its_kind(tmp_path):
    checkpoint.save(tmp_path, {"n": 3, "x": 0.1}, 1)
    abstract = jax.eval_shape(lambda: {"n": 3, "x": 0.1})
    got = checkpoint.restore(tmp_path, abstract).state
    assert_equal(got, {"n": jnp.int32(3), "x": jnp.float32(0.1)})
    checkpoint.save(tmp_path, got, 2)
    assert checkpoint.restore(tmp_path, {"n": 0, "x": 0.0}).state == {"n": 3, "x": np.float32(0.1)}
    for other in ({"n": 0.0, "x": 0.0}, {"n": jnp.zeros(1, jnp.int32), "x": 0.0}):
        assert "another model: n is" in refusal(
            functools.partial(checkpoint.restore, tmp_path, other)
        )
    checkpoint.save(tmp_path, {"n": 2**40}, 3)
    wide = refusal(lambda: checkpoint.restore(tmp_path, {"n": jnp.int32(0)}))
    assert "1099511627776, which int32 cannot hold" in wide


@pytest.mark.parametrize("leaf", ["words", object(), 2**70, np.datetime64("2020-01-01")])
def test_what_is_no_number_is_refused_by_name(tmp_path, leaf):
    state = {"a": {"b": leaf}}
    for call in (checkpoint.save, checkpoint.restore):
        assert argument_refusal(lambda call=call: call(tmp_path, state, 1)).startswith("a.b is ")


def test_a_donated_array_is_refused_by_name(tmp_path):
    state = {"w": jnp.ones(2)}
    state["w"].delete()
    assert "w is deleted" in argument_refusal(lambda: checkpoint.save(tmp_path, state, 1))
