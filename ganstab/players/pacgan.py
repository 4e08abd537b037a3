"""One score for several samples."""

import dataclasses

import jax
import jax.numpy as jnp

from ganstab._checks import check_whole
from ganstab.types import Player

__all__ = ["packed"]


def packed(player: Player, m: int) -> Player:
    """PacGAN (Lin et al. 2018, arXiv:1712.04086): one score for m samples seen side by side.

    Each m consecutive samples of a batch become one input, joined along the last axis (channels,
    or features), so that `player` must take m times as many. A game wants one score a sample: each
    of the m samples is given the score of its pack, so that every mean over scores is a mean over
    packs. Of pairs `(x, label)` the player is given each pack's labels, `[B/m, m, …]`, in the order
    of its samples. Since a sample's score depends on its whole pack, the player declares itself as
    mixing.

    Args:
      player: maps `[B/m, …, m·C]`, or pairs of it and labels, to an output whose leaves have B/m in
        front.
      m: samples a score, at least 1.

    Raises:
      ValueError: for an m below 1, and at trace time for a batch that m does not divide. In a joint
        game m must divide the number of data, or a pack would hold data and samples.
    """
    check_whole("m", m, 1)
    if m < 1:
        raise ValueError(f"packed needs m of 1 or more, got {m}")

    def in_packs(leaf):
        return leaf.reshape(-1, m, *leaf.shape[1:])

    def apply(params, state, x, key, *, train=True):
        samples, *label = x if isinstance(x, tuple) else (x,)
        if samples.ndim < 2:
            raise ValueError(
                f"packed(m={m}) joins samples along their last axis, got a batch {samples.shape}"
            )
        n, *inner, channels = samples.shape
        if n % m:
            raise ValueError(f"packed(m={m}) takes batches that {m} divides, got {n}")
        packs, *labels = (jax.tree.map(in_packs, part) for part in (samples, *label))
        joined = jnp.moveaxis(packs, 1, -2).reshape(-1, *inner, m * channels)
        seen = (joined, *labels) if labels else joined
        output, state = player.apply(params, state, seen, key, train=train)
        return jax.tree.map(lambda leaf: jnp.repeat(leaf, m, axis=0), output), state

    return dataclasses.replace(player, apply=apply, mixes=(*player.mixes, f"packed(m={m})"))
