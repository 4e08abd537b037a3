"""Normal numbers for generators: those of jax, bit by bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import quick

from ganstab import priors


@pytest.mark.parametrize("shape", [(64, 33), (1,), ()])
def test_the_numbers_are_those_of_jax(shape):
    keys = jax.random.split(jax.random.key(3), 4)
    found = quick(jax.vmap(lambda key: priors.normal(key, shape)))(keys)
    expected = quick(jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32)))(keys)
    assert found.dtype == jnp.float32 and found.shape == (4, *shape)
    np.testing.assert_array_equal(found, expected)


def test_a_split_draw_has_the_same_bits(mesh):
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))

    def draw(key):
        return priors.normal(key, (64, 8))

    key = jax.random.key(0)
    whole, parts = quick(draw)(key), quick(draw, out_shardings=split)(key)
    assert len(parts.sharding.device_set) == 8
    np.testing.assert_array_equal(whole, parts)


def test_another_kind_of_key_and_too_many_numbers_are_refused():
    with pytest.raises(ValueError, match=r"one key of two words .* shape \(4,\)"):
        priors.normal(jax.random.key(0, impl="rbg"), (3,))
    with pytest.raises(ValueError, match=r"at most 2³² numbers, .* shape=\(65536, 65537\)"):
        priors.normal(jax.random.key(0), (65536, 65537))
