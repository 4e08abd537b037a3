"""Progressive growing as one game, whose networks have all levels from the start.

A run has one training state and one program, so the stages of `ganstab.stages.growing` become
branches: each step plays the game of its level on the parameters that this level has. The other
parameters get a gradient of 0, which changes nothing under an Adam that starts anew at each level.
So a level begins with what the levels before it have learnt and with new layers, as `growing.grow`
makes it.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.growing_mnist import networks
from ganstab import Game, Pair, Player, TrainState, optimizers, recipes, terms
from ganstab.game import make_game
from ganstab.networks.resolutions import up
from ganstab.stages import growing
from ganstab.training.samples import SAMPLES, make_sampler

RATE, B1, B2 = 1e-3, 0.0, 0.99


class Grown(NamedTuple):
    """What is trained, and how samples of it are drawn."""

    players: Pair
    """Those of the last level, wholly faded in."""
    prior: Any
    recipe: recipes.Recipe
    sampler: Callable[..., Callable]
    """`(samples, measure) -> (state, key) -> (arrays, found)`: images to show by name, all of the
    finest size, and what is measured of each sample."""


def restarted(tx: optax.GradientTransformation, counts: tuple[int, ...]):
    """The transform, whose state is initialised again at these of its updates."""

    def init(params):
        return jnp.zeros((), jnp.int32), tx.init(params)

    def update(updates, state, params=None):
        count, own = state
        anew = jnp.any(count == jnp.asarray(counts))
        own = jax.tree.map(lambda new, old: jnp.where(anew, new, old), tx.init(params), own)
        updates, own = tx.update(updates, own, params)
        return updates, (count + 1, own)

    return optax.GradientTransformation(init, update)


def at_its_level(stages: list, growth: growing.Growth) -> Game:
    """The game of the level that a step is at."""

    def play(gen_params, carry, batch, key):
        return (), carry.state.gen

    def judge(params, carry, batch, fake, key):
        games = [stage.game_at(carry.step) for stage in stages]
        level = growing.level_at(growth, carry.step)
        return jax.lax.switch(level, games, params, carry, batch, key)

    return Game(play, judge)


def grown(width: int, batch_size: int, stage_steps: int) -> Grown:
    """The paper's loss and Adam; every level fades in for `stage_steps`, and stays for as many.

    Karras et al. 2018 (arXiv:1710.10196): WGAN-GP with one critic update a step, a drift term of
    0.001, Adam of rate 0.001 that starts anew at each level.
    """
    levels, shown = networks.growing_levels(width), stage_steps * batch_size
    growth = growing.Growth([batch_size] * len(levels), fade=shown, stable=shown)
    base = recipes.wgan_gp(n_disc=1)
    losses = (*base.terms, terms.drift())
    tx = restarted(optimizers.adam(RATE, B1, B2), tuple(growing.starts(growth)[1:]))
    txs = Pair(tx, tx)

    def make(pair: Pair) -> Game:
        return make_game(pair, *losses, prior=networks.LATENT)

    stages = growing.stages(growth, levels, txs, make, side=networks.SIDES[0])
    recipe = dataclasses.replace(
        base, terms=losses, txs=txs, surrogates=(lambda _: at_its_level(stages, growth),)
    )
    players = Pair(*(growing.faded(player, 1.0) for player in levels[-1]))

    def sampler(samples: int, measure: Callable) -> Callable:
        made = [_sampler(pair.gen, level, samples, measure) for level, pair in enumerate(levels)]

        def sample(state: TrainState, key: jax.Array):
            level = int(growing.level_at(growth, state.step))
            alpha = growing.alpha_at(growth, level, state.step)
            gen = state.params.gen, alpha  # the sampler compiles once for every α
            at = state._replace(params=state.params._replace(gen=gen))
            shown, found = made[level](at, key)
            return {SAMPLES: shown}, found

        return sample

    return Grown(players, networks.LATENT, recipe, sampler)


def _sampler(gen: Player, level: int, samples: int, measure: Callable) -> Callable:
    """Samples of a level, at the finest level's size, of a state whose parameters have α beside."""

    def apply(params, state, z, key, *, train=True):
        own, alpha = params
        image, state = gen.apply(own, state, (z, alpha), key, train=train)
        for _ in range(level, len(networks.SIDES) - 1):
            image = up(image)
        return image, state

    player = dataclasses.replace(gen, apply=apply)
    return make_sampler(player, networks.LATENT, samples=samples, measure=measure)
