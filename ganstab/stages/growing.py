"""Progressive growing: networks that gain a resolution at a time, each faded in over the last.

Karras et al. 2018 (arXiv:1710.10196, section 2 and appendix A.1). Level k makes images of side
`side · 2^k`. Training shows the discriminator `stable` images at level 0. At every further level it
shows `fade` images while the new layers' share α grows from 0 to 1, and then `stable` more. α is a
function of the step number and the same in the generator, the discriminator and the real images.

`stages` makes one stage for each level. `ganstab.networks.progressive` has the paper's networks.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab import steps
from ganstab._arrays import owned
from ganstab.networks.resolutions import blend, down, up
from ganstab.stages.schedule import Stage, on
from ganstab.types import Batch, Carry, Game, Pair, Player, TrainState

__all__ = [
    "Growth",
    "alpha_at",
    "faded",
    "grow",
    "kept",
    "lengths",
    "level_at",
    "seen_by",
    "stages",
    "starts",
]


class Growth(NamedTuple):
    """A schedule of levels, counted in images as the paper's is."""

    batches: Sequence[int]
    """Real images a step at each level, coarsest first; as many as there are levels."""
    fade: int = 600_000
    """Images during which a level is faded in."""
    stable: int = 600_000
    """Images for which it is then trained. 600,000 and 600,000 are those of the authors' code; some
    re-implementations quote 800,000 and 800,000 for the paper's own runs."""


def lengths(growth: Growth) -> list[int]:
    """Steps of each level: `⌈images / batch⌉`, of `stable` images at level 0 and all else after.

    Raises:
      ValueError: without a level, or for a number of images below 1.
    """
    if not growth.batches or min(growth.batches) < 1:
        raise ValueError(
            f"batches must be images a step at each level, 1 or more, got {tuple(growth.batches)}"
        )
    if growth.fade < 1 or growth.stable < 1:
        raise ValueError(
            f"fade and stable must be 1 image or more, got {growth.fade} and {growth.stable}"
        )
    shown = (growth.stable + (growth.fade if k else 0) for k in range(len(growth.batches)))
    return [math.ceil(n / batch) for n, batch in zip(shown, growth.batches, strict=True)]


def starts(growth: Growth) -> list[int]:
    """The number of each level's first step, where steps are counted from level 0 on."""
    own = lengths(growth)
    return [sum(own[:level]) for level in range(len(own))]


def level_at(growth: Growth, step: jax.Array | int) -> jax.Array:
    """The level that is trained at a step, after the last level's end too."""
    return jnp.searchsorted(jnp.asarray(starts(growth)), step, side="right") - 1


def alpha_at(growth: Growth, level: jax.Array | int, step: jax.Array | int) -> jax.Array:
    """The share of a level's newest layers: `α = min(1, images shown at this level / fade)`.

    At level 0 nothing is faded in, and α = 1.

    Args:
      growth: the schedule.
      level: of the networks.
      step: the training state's step number, counted from level 0 on; may be traced.
    """
    passed = (step - jnp.asarray(starts(growth))[level]).astype(float)
    share = passed * jnp.asarray(growth.batches)[level] / growth.fade
    return jnp.where(level == 0, 1.0, jnp.clip(share, 0.0, 1.0))


def faded(player: Player, alpha: jax.Array | float) -> Player:
    """The player of a network whose input is a pair `(x, α)`, at this α."""

    def apply(params, state, x, key, *, train=True):
        return player.apply(params, state, (x, alpha), key, train=train)

    return dataclasses.replace(player, apply=apply)


def seen_by(level: int, side: int, alpha: jax.Array | float, batch: Batch) -> Batch:
    """The data as a level's networks see them: `(1 − α) · up(down(x)) + α · x`.

    So real images are as blurred as generated ones are (figure 2 of the paper).

    Args:
      level: of the networks.
      side: height and width of level 0.
      alpha: α.
      batch: whose `real` is of this level's resolution or a finer one.

    Raises:
      ValueError: at trace time, for images that halving does not bring to the level's resolution.
    """
    real, wanted = batch.real, side * 2**level
    if any(size % wanted or not _power_of_two(size // wanted) for size in real.shape[1:3]):
        raise ValueError(
            f"level {level} of side {side} takes images of side {wanted}, or 2, 4, 8, … times as "
            f"large, got shape {real.shape}"
        )
    while real.shape[1] > wanted:
        real = down(real)
    return batch._replace(real=blend(up(down(real)), real, alpha) if level else real)


def _power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0


def grow(last: TrainState, players: Pair, txs: Pair, key: jax.Array) -> TrainState:
    """The training state of larger players, begun where smaller ones have ended.

    Parameters and players' states (running averages included) keep every leaf that the smaller
    players have, under its name; the others are new. The optimizers start anew, as in the authors'
    code, which starts them once more when a level is wholly faded in.

    Args:
      last: the smaller players' training state.
      players: a `Pair` of larger players.
      txs: a `Pair` of optax transforms.
      key: initialises the new leaves, and is the source of all later randomness.

    Raises:
      ValueError: when the larger players lack a leaf of the smaller, or have it in another shape
        or dtype.
    """
    fresh = steps.init(players, txs, key)
    params = kept(last.params, fresh.params)
    state = kept(last.carry.state, fresh.carry.state)
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    return owned(fresh._replace(params=params, carry=Carry(state, opt), step=last.step))


def kept(old: Any, new: Any) -> Any:
    """The pytree `new`, with every leaf of `old` in the place of its name.

    Raises:
      ValueError: when `new` has no leaf of that name, or one of another shape or dtype.
    """
    named = dict(jax.tree_util.tree_leaves_with_path(new))
    olds = dict(jax.tree_util.tree_leaves_with_path(old))
    for path, leaf in olds.items():
        name = jax.tree_util.keystr(path)
        if path not in named:
            raise ValueError(f"the larger player has no leaf {name}, which the smaller one has")
        if (named[path].shape, named[path].dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(
                f"leaf {name} is {leaf.dtype}{leaf.shape} in the smaller player and "
                f"{named[path].dtype}{named[path].shape} in the larger: they must be alike"
            )
    return jax.tree_util.tree_map_with_path(lambda path, leaf: olds.get(path, leaf), new)


def stages(
    growth: Growth,
    players: Sequence[Pair],
    txs: Pair,
    make: Callable[[Pair], Game],
    *,
    side: int = 4,
) -> list[Stage]:
    """The schedule's stages, one a level, in which the step number is counted over all of them.

    Args:
      growth: the schedule.
      players: of each level, coarsest first, whose networks take pairs `(x, α)`.
      txs: a `Pair` of optax transforms, of every level.
      make: the game of a pair of faded, that is ordinary, players, e.g.
        `lambda pair: make_game(pair, *terms, prior=prior)`, or a surrogate of that.
      side: height and width of level 0.

    Raises:
      ValueError: for another number of levels in `players` than in `growth`.
    """
    own, first = lengths(growth), starts(growth)
    if len(players) != len(own):
        raise ValueError(f"the schedule has {len(own)} levels, but players has {len(players)}")

    def game_at(level: int, step) -> Game:
        alpha = alpha_at(growth, level, step)
        game = make(Pair(*(faded(player, alpha) for player in players[level])))
        return on(game, functools.partial(seen_by, level, side, alpha))

    def begin(level: int, key, last: TrainState | None) -> TrainState:
        new = steps.init(players[level], txs, key) if last is None else grow(
            last, players[level], txs, key
        )  # fmt: skip
        return new._replace(step=jnp.asarray(first[level], new.step.dtype))

    return [
        Stage(
            pair, txs, functools.partial(game_at, level), functools.partial(begin, level),
            own[level], growth.batches[level],
        )
        for level, pair in enumerate(players)
    ]  # fmt: skip
