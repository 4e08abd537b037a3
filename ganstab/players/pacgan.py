"""One score for several samples."""

import dataclasses

import jax
import jax.numpy as jnp

from ganstab.types import Player

__all__ = ["packed"]


def packed(player: Player, m: int) -> Player:
    """PacGAN (Lin et al. 2018, arXiv:1712.04086): one score for m samples seen side by side.

    Each m consecutive samples of a batch become one input, joined along the last axis (channels,
    or features), so that `player` must take m times as many. A game wants one score a sample: each
    of the m samples is given the score of its pack, so that every mean over scores is a mean over
    packs. Since a sample's score depends on its whole pack, the player declares itself as mixing.

    Args:
      player: maps `[B/m, …, m·C]` to an output whose leaves have B/m in front.
      m: samples a score, at least 1.

    Raises:
      ValueError: for an m below 1, and at trace time for a batch that m does not divide. In a joint
        game m must divide the number of data, or a pack would hold data and samples.
    """
    if m < 1:
        raise ValueError(f"packed needs m of 1 or more, got {m}")

    def apply(params, state, x, key, *, train=True):
        if x.shape[0] % m:
            raise ValueError(f"packed(m={m}) takes batches that {m} divides, got {x.shape[0]}")
        packs = x.reshape(-1, m, *x.shape[1:])
        joined = jnp.moveaxis(packs, 1, -2).reshape(-1, *x.shape[1:-1], m * x.shape[-1])
        output, state = player.apply(params, state, joined, key, train=train)
        return jax.tree.map(lambda leaf: jnp.repeat(leaf, m, axis=0), output), state

    return dataclasses.replace(player, apply=apply, mixes=(*player.mixes, f"packed(m={m})"))
