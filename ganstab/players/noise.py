"""Noise on what a player is shown."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab._checks import check_number
from ganstab._precision import wide
from ganstab.types import Player

__all__ = ["Counted", "instance_noise"]


class Counted(NamedTuple):
    """State of a player that counts its training batches."""

    net: Any
    seen: jax.Array
    """int32, how many training batches the player has been shown in updates of its own."""


def instance_noise(player: Player, stddev: float | Callable) -> Player:
    """`D(x + σ·ε)` with `ε ~ N(0, 1)` for every number of x, in training.

    Of an input that is a pair `(x, label)`, x alone is made noisy.

    Sønderby et al. 2017 (arXiv:1610.04490) and Arjovsky & Bottou 2017 (arXiv:1701.04862): the same
    noise law on data and on samples makes their supports overlap. In evaluation nothing is added.

    Args:
      player: whose input is made noisy, as a rule the discriminator.
      stddev: σ, or a schedule `count -> σ` such as `optax.linear_schedule(0.1, 0.0, 20_000)`.
        `count` is the number of training batches that the player has seen: 1 for each of its
        updates if the game is joint, 2 otherwise.

    Raises:
      ValueError: for a number σ below 0, or, at trace time, samples that are whole numbers.
    """
    if not callable(stddev):
        check_number("stddev", stddev, lambda value: value >= 0, "0 or more, or a schedule")

    def init(key):
        params, state = player.init(key)
        return params, Counted(state, jnp.zeros((), jnp.int32))

    def apply(params, state: Counted, x, key, *, train=True):
        noise_key, net_key = jax.random.split(key)
        if train:
            sigma = stddev(state.seen) if callable(stddev) else stddev

            def noisy(x):
                if not jnp.issubdtype(x.dtype, jnp.floating):
                    raise ValueError(f"instance_noise needs floating-point samples, got {x.dtype}")
                clean = wide(x)
                noise = jax.random.normal(noise_key, x.shape, clean.dtype)
                return (clean + jnp.asarray(sigma, clean.dtype) * noise).astype(x.dtype)

            x = (noisy(x[0]), *x[1:]) if isinstance(x, tuple) else noisy(x)
        output, net = player.apply(params, state.net, x, net_key, train=train)
        return output, Counted(net, state.seen + 1 if train else state.seen)

    return dataclasses.replace(player, init=init, apply=apply)
