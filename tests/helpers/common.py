"""Small players and comparisons of pytrees that many tests share."""

import os

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ganstab import Batch, Carry, InputError, Pair, Player, players


def arrays(seed, *shape):
    """Standard normal numbers, in jax's default precision."""
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype=float)


def quick(f, **options):
    """f compiled without optimizations: for tests, most of whose time is compiling."""
    return jax.jit(f, compiler_options={"xla_backend_optimization_level": 0}, **options)


def scalar_carry():
    """What a closed-form game carries: nothing."""
    return Carry(state=Pair((), ()), opt=Pair((), ()))


def assert_close(got, expected, rtol, atol=0.0):
    """Equal structures and shapes, and leaves that agree."""
    chex.assert_trees_all_equal_shapes(got, expected)
    chex.assert_trees_all_close(got, expected, rtol=rtol, atol=atol)


def assert_equal(got, expected):
    """Equal to the last bit, in shapes and dtypes too, random keys included."""
    chex.assert_trees_all_equal(with_key_data(got), with_key_data(expected), strict=True)


def with_key_data(tree):
    """The tree with the numbers of its random keys."""

    def plain(leaf):
        is_key = jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)
        return jax.random.key_data(leaf) if is_key else leaf

    return jax.tree.map(plain, tree)


def halved(images):
    """Half the resolution, in NumPy: the mean of every 2 × 2 pixels."""
    rows = (images[:, ::2] + images[:, 1::2]) / 2
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 2


def doubled(images):
    """Twice the resolution, in NumPy: every pixel becomes 2 × 2."""
    return np.kron(images, np.ones((1, 2, 2, 1)))


def perceptron(*sizes):
    """A player without state: tanh between affine layers."""

    def init(key):
        keys = jax.random.split(key, len(sizes) - 1)
        layers = [
            {"w": jax.random.normal(key, (a, b)) / a**0.5, "b": jnp.full((b,), 0.1)}
            for key, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
        ]
        return layers, ()

    def apply(params, state, x, key, *, train=True):
        del key, train
        for layer in params[:-1]:
            x = jnp.tanh(x @ layer["w"] + layer["b"][None])
        return x @ params[-1]["w"] + params[-1]["b"][None], state

    return Player(init, apply)


def prior(key, n):
    return jax.random.normal(key, (n, 3))


class Normed(nnx.Module):
    """A hidden layer, batch norm, tanh, an output layer."""

    def __init__(self, inputs, hidden, outputs, *, rngs):
        self.hidden = nnx.Linear(inputs, hidden, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(hidden, momentum=0.9, rngs=rngs)
        self.out = nnx.Linear(hidden, outputs, rngs=rngs)

    def __call__(self, x):
        return self.out(jnp.tanh(self.norm(self.hidden(x))))


def normed_pair():
    """Players with batch norm, from 3 latent numbers to samples of 2."""
    return Pair(
        players.from_nnx(lambda rngs: Normed(3, 8, 2, rngs=rngs)),
        players.from_nnx(lambda rngs: Normed(2, 8, 1, rngs=rngs)),
    )


def plain_pair():
    """Players without state, from 3 latent numbers to samples of 2."""
    return Pair(perceptron(3, 6, 2), perceptron(2, 6, 1))


def batch(seed, *shape):
    return Batch(real=arrays(seed, *shape, 2))


def refusal(call, error=InputError) -> str:
    """The one line with which a call is refused."""
    with pytest.raises(error) as caught:
        call()
    assert error is InputError or caught.type is error
    message = str(caught.value)
    assert "\n" not in message
    return message


def argument_refusal(call) -> str:
    """The one line with which a function refuses an argument."""
    return refusal(call, ValueError)


def failing(number):
    """A function that raises the system's error of this number."""

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


def names(folder):
    """What is in the folder, sorted, but for the file that locks it."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name != ".lock")
