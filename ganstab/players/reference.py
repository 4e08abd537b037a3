"""A reference batch that goes through a network with every batch."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab.types import Player

__all__ = ["Referenced", "reference_batch"]


class Referenced(NamedTuple):
    """State of a player with a reference batch."""

    net: Any
    reference: Any
    """Leaves [n, …], fixed when training starts."""


def reference_batch(player: Player, reference: Any) -> Player:
    """The player, shown a fixed batch in front of every batch; its outputs for that are dropped.

    The first half of virtual batch norm (Salimans et al. 2016, arXiv:1606.03498, section 3.5): the
    layers of `ganstab.networks.VirtualBatchNorm(features, n)` know that their first n inputs are
    the reference, and take their statistics from it. It goes through the network anew each time,
    since its hidden activations change with the parameters, and gradients run through it.

    Args:
      player: whose layers are told the same n.
      reference: [n, …], data for a discriminator, latent numbers for a generator; with labels, the
        pair of both, as the player is given them.

    Raises:
      ValueError: at trace time, for a reference of another shape than the batch.
    """

    def init(key):
        params, state = player.init(key)
        # A copy: what a donated state held is gone after a step.
        return params, Referenced(state, jax.tree.map(jnp.array, reference))

    def apply(params, state: Referenced, x, key, *, train=True):
        fixed = state.reference

        def behind(fixed, x):
            if fixed.shape[1:] != x.shape[1:]:
                raise ValueError(
                    "reference_batch needs a reference and batches of one shape but for their "
                    f"number, got {fixed.shape} and {x.shape}"
                )
            return jnp.concatenate([fixed.astype(x.dtype), x])

        both = jax.tree.map(behind, fixed, x)
        output, net = player.apply(params, state.net, both, key, train=train)
        n = jax.tree.leaves(fixed)[0].shape[0]
        output = jax.tree.map(lambda leaf: leaf[n:], output)
        return output, Referenced(net, fixed)

    return dataclasses.replace(player, init=init, apply=apply)
