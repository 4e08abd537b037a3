"""LapGAN: a pyramid of games, each of which makes an image twice as large out of a smaller one.

Denton et al. 2015 (arXiv:1506.05751). The coarsest level is an ordinary game. Above it a
generator sees `l`, the coarse image at twice its size, and a plane of noise, and makes a residual
h. The discriminator is shown `l + h`, the sum that in the paper stands in front of its first layer
(section 2.3). So a level's samples are whole images, and its game is a conditional one of
`make_game` with an ordinary discriminator, to which every term and surrogate applies.

Levels are counted from the coarsest, 0, to the finest. They are trained each on its own, on real
coarse images, in any order; only sampling runs through all of them. The paper leaves open how an
image is made smaller and larger; here it is by `ganstab.networks.resolutions`.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ganstab.game import make_game
from ganstab.networks.resolutions import down, up
from ganstab.stages.schedule import on
from ganstab.terms import Term
from ganstab.types import Batch, Game, Pair, Player, TrainState

__all__ = [
    "Level",
    "check_levels",
    "collapse",
    "games",
    "laplacian",
    "noise_plane",
    "refining",
    "sample",
    "seen_by",
]


def laplacian(images: jax.Array, levels: int) -> list[jax.Array]:
    """The Laplacian pyramid `I_0, h_1, …, h_n`, coarsest first (section 2.2).

        h_k = I_k − up(I_{k−1}),    I_{k−1} = down(I_k)

    Args:
      images: [B, H, W, C], the finest level.
      levels: n + 1.

    Raises:
      ValueError: for less than 1 level, or a height or width that 2^n does not divide.
    """
    check_levels(levels)
    residuals = []
    for _ in range(levels - 1):
        coarse = down(images)
        residuals.append(images - up(coarse))
        images = coarse
    return [images, *reversed(residuals)]


def collapse(pyramid: Sequence[jax.Array]) -> jax.Array:
    """The images of a Laplacian pyramid: `I_k = up(I_{k−1}) + h_k`, the inverse of `laplacian`."""
    return functools.reduce(lambda coarse, residual: up(coarse) + residual, pyramid)


def refining(player: Player) -> Player:
    """The generator of a level above the coarsest: `(z, l) -> l + h`, with h the player's output.

    Args:
      player: maps `[B, H, W, N + C]`, the planes of noise and behind them the channels of the
        coarse image at twice its size, to residuals `[B, H, W, C]`.

    Raises:
      ValueError: at trace time, for residuals of another shape.
    """

    def apply(params, state, x, key, *, train=True):
        noise, coarse = x
        seen = jnp.concatenate([noise, coarse], axis=-1)
        residual, state = player.apply(params, state, seen, key, train=train)
        if residual.shape != coarse.shape:
            raise ValueError(
                f"a refining player makes residuals of its coarse images' shape {coarse.shape}, "
                f"but gave {residual.shape}"
            )
        return coarse + residual, state

    return dataclasses.replace(player, apply=apply)


def noise_plane(side: int, planes: int = 1) -> Callable:
    """The prior of a level above the coarsest, uniform in [−1, 1).

    Args:
      side: height and width of the level's images.
      planes: N, 1 in the paper.

    Returns:
      `(key, n) -> [n, side, side, N]`.
    """

    def prior(key, n):
        return jax.random.uniform(key, (n, side, side, planes), minval=-1.0)

    return prior


class Level(NamedTuple):
    """What a level of the pyramid is played with."""

    players: Pair
    """The generator, which above the coarsest level is a `refining` one, and the discriminator."""
    prior: Callable
    """`(key, n) -> z[n, …]`, above the coarsest level `noise_plane`."""


def games(levels: Sequence[Level], *terms: Term, joint: bool = False) -> list[Game]:
    """The game of each level, coarsest first. All of them take batches of the finest images.

    Args:
      levels: coarsest first, each of twice the height and width of the one before.
      *terms: of every game.
      joint: as in `make_game`.

    Raises:
      ValueError: without a level, or without a term.
    """
    check_levels(len(levels))
    return [
        on(
            make_game(level.players, *terms, prior=level.prior, joint=joint, conditional=place > 0),
            functools.partial(seen_by, place, len(levels)),
        )
        for place, level in enumerate(levels)
    ]


def seen_by(level: int, levels: int, batch: Batch) -> Batch:
    """The batch of a level's game: `real` is I_k, and above the coarsest `label` is `up(I_{k−1})`.

    Args:
      level: k.
      levels: how many there are.
      batch: whose `real` is of the finest level.
    """
    real = batch.real
    for _ in range(levels - 1 - level):
        real = down(real)
    return Batch(real, up(down(real)) if level else None)


def sample(
    levels: Sequence[Level], trained: Sequence[TrainState], key: jax.Array, n: int
) -> list[jax.Array]:
    """Samples of every level, coarsest first, each made out of the one before (figure 1).

        Ĩ_0 = G_0(z_0),    Ĩ_k = up(Ĩ_{k−1}) + G_k(z_k, up(Ĩ_{k−1}))

    Args:
      levels: the pyramid's, or its first few.
      trained: a training state of each.
      key: of all noise.
      n: how many samples.
    """
    images: list[jax.Array] = []
    for place, (level, state) in enumerate(zip(levels, trained, strict=True)):
        prior_key, gen_key = jax.random.split(jax.random.fold_in(key, place))
        z = level.prior(prior_key, n)
        x = (z, up(images[-1])) if images else z
        made, _ = level.players.gen.apply(
            state.params.gen, state.carry.state.gen, x, gen_key, train=False
        )
        images.append(made)
    return images


def check_levels(levels: int) -> None:
    """Raises ValueError unless there is a level at all."""
    if levels < 1:
        raise ValueError(f"a pyramid has 1 level or more, got {levels}")
