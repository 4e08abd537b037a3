"""LapGAN as one game: the games of all levels of `ganstab.stages.pyramid`, side by side.

Levels share no parameter and may be trained in any order. So a step updates all of them, each by
its own losses on the same images. The generator is the whole pyramid.
"""

import dataclasses
import functools
from typing import Any

import jax
from jax import Array

from experiments.growing_mnist.networks import SIDES, pyramid_levels
from experiments.growing_mnist.progressive import Grown
from ganstab import Aux, Game, Pair, Player, TrainState, recipes
from ganstab.networks.resolutions import down, up
from ganstab.stages import pyramid
from ganstab.training.samples import SAMPLES, SHOWN, make_sampler
from ganstab.types import Carry, PlayerName


def whole(levels: list[pyramid.Level]) -> Pair:
    """The pyramid as a pair: what generates images from all noise, and the finest discriminator."""

    def init(player: PlayerName):
        def made(key: Array):
            keys = jax.random.split(key, len(levels))
            own = [x.players.of(player).init(k) for x, k in zip(levels, keys, strict=True)]
            return [params for params, _ in own], [state for _, state in own]

        return made

    def generate(params, state, noise, key, *, train=True):
        images, new = None, []
        for level, own, kept, z in zip(levels, params, state, noise, strict=True):
            x = z if images is None else (z, up(images))
            images, now = level.players.gen.apply(own, kept, x, key, train=train)
            new.append(now)
        return images, new

    def judge(params, state, x, key, *, train=True):
        score, last = levels[-1].players.disc.apply(params[-1], state[-1], x, key, train=train)
        return score, [*state[:-1], last]

    return Pair(Player(init("gen"), generate), Player(init("disc"), judge))


def side_by_side(games: list[Game]) -> Game:
    """The game whose players hold a list of each level's parameters; losses are summed."""

    def play(gen_params, carry, batch, key):
        return (), carry.state.gen

    def judge(params, carry, batch, fake, key):
        found = [
            game(_at(params, k), _own(carry, k), batch, jax.random.fold_in(key, k))
            for k, game in enumerate(games)
        ]
        losses = Pair(*(sum(each) for each in zip(*(losses for losses, _ in found), strict=True)))
        states = Pair(*map(list, zip(*(aux.carry_state for _, aux in found), strict=True)))
        metrics = {
            f"{name}_{side}": value
            for side, (_, aux) in zip(SIDES, found, strict=True)
            for name, value in aux.metrics.items()
        }
        return losses, Aux(states, metrics)

    return Game(play, judge)


def _at(pair: Pair, level: int) -> Pair:
    return Pair(*(each[level] for each in pair))


def _own(carry: Carry, level: int) -> Carry:
    return carry._replace(state=_at(carry.state, level))


def images_of(levels: list[pyramid.Level], state: TrainState, key: Array) -> dict[str, Array]:
    """Samples of every level, the coarser ones enlarged to the finest's size."""
    apart = [
        state._replace(params=_at(state.params, k), carry=_own(state.carry, k))
        for k in range(len(levels))
    ]
    found = {}
    for side, image in zip(SIDES, pyramid.sample(levels, apart, key, SHOWN), strict=True):
        found[name_of(side)] = enlarged(image)
    return found


def seen(image: Array) -> dict[str, Array]:
    """Images of the data as the levels see them, enlarged likewise."""
    found = {}
    for side in reversed(SIDES):
        found[name_of(side)] = enlarged(image)
        image = down(image) if side > SIDES[0] else image
    return found


def enlarged(image: Array) -> Array:
    """To 28 × 28 pixels."""
    while image.shape[1] < SIDES[-1]:
        image = up(image)
    return image


def name_of(side: int) -> str:
    """What the arrays of a level are called; the finest are the samples."""
    return SAMPLES if side == SIDES[-1] else f"side_{side}"


def lapgan(width: int) -> Grown:
    """Every level with the loss and the Adam of `recipes.dcgan`."""
    levels = pyramid_levels(width)
    base = recipes.dcgan()
    games = pyramid.games(levels, *base.terms)
    players = whole(levels)

    def prior(key: Array, n: int) -> Any:
        keys = jax.random.split(key, len(levels))
        return tuple(level.prior(k, n) for level, k in zip(levels, keys, strict=True))

    def sampler(samples: int, measure):
        sample = make_sampler(players.gen, prior, samples=samples, measure=measure)
        show = jax.jit(functools.partial(images_of, levels))

        def both(state: TrainState, key: Array):
            return jax.device_get(show(state, key)), sample(state, key)[1]

        return both

    recipe = dataclasses.replace(base, surrogates=(lambda _: side_by_side(games),))
    return Grown(players, prior, recipe, sampler)
