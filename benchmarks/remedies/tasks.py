"""The ladder's tasks that are trained here, a technique's whole grid as one compiled program.

A task trains seeds × learning rates × ratios of the generator's rate to the discriminator's, and
tells how each run ends (`dynamics.Outcome`).
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from experiments.mixture_of_gaussians.mixtures import MIXTURES
from ganstab import Batch, Pair, TrainState, dynamics, games, losses, networks, terms
from ganstab.dynamics import Outcome
from ganstab.networks import mlp
from ganstab.players import from_nnx
from ganstab.recipes import Recipe, Trainable

from .techniques import Technique

LATENT, HIDDEN, BATCH = 16, 64, 64
CLOSE, NEAR, GOOD, SEEN = 0.1, 3.0, 0.5, 1e-4


class Task(NamedTuple):
    """What a technique is tried on."""

    players: Callable[[Technique, jax.Array], Pair]
    prior: Any
    """As `Recipe.build` takes it."""
    draw: Callable[[jax.Array], jax.Array]
    """`key -> data [B, d]`."""
    look: Callable[[jax.Array], Any]
    """From samples `[n, d]` to what is told of them."""
    judge: Callable[[Any], np.ndarray]
    """From that, with leaves `[…, T, …]`, to `Outcome`s `[…]`."""
    numbers: Callable[[Any], dict[str, np.ndarray]]
    """From that to numbers of each run, `[…]`."""
    rates: tuple[float, ...]
    """Of the discriminator."""
    ratios: tuple[float, ...] = (0.25, 1.0, 4.0)
    """Of the generator's rate to it."""
    seeds: int = 5
    steps: int = 1000
    looks: int = 20
    """Evaluations, T, which divide the steps."""
    samples: int = 1
    change: Callable[[Recipe], Recipe] = lambda recipe: recipe
    is_game: bool = False

    @property
    def grid(self) -> list[tuple[float, float]]:
        """The hyperparameters that are tried: (rate, ratio)."""
        return [(rate, ratio) for rate in self.rates for ratio in self.ratios]

    def built(self, technique: Technique, rates: Pair, key: jax.Array) -> tuple[Trainable, int]:
        """What trains the task's players, and how many batches a step of it takes."""
        recipe = self.change(technique.at(rates, game=self.is_game))
        players = self.players(technique, key)
        return recipe.build(players, self.prior), recipe.n_gen + recipe.n_disc

    def batches(self, key: jax.Array, count: int) -> Batch:
        """`count` of them, stacked."""
        return Batch(real=jax.vmap(self.draw)(jax.random.split(key, count)))


def trained(task: Task, technique: Technique) -> dynamics.PhaseDiagram:
    """How all runs end, `[grid, seeds]`."""
    grid = jnp.array(task.grid)
    # Seed by seed: mapped initialisers are batches of QR decompositions, and two of these at once
    # can wait for one another for ever on a machine of two cores (jaxlib 0.10.2).
    begin = jax.jit(lambda seed: started(task, technique, seed))
    starts = jax.tree.map(lambda *of: jnp.stack(of), *map(begin, range(task.seeds)))

    def run(seed: jax.Array, place: jax.Array) -> Any:
        rate, ratio = grid[place]
        start = jax.tree.map(lambda leaf: leaf[seed], starts)
        return path(task, technique, Pair(rate * ratio, rate), start, seed)

    places = np.arange(len(task.grid))
    return dynamics.phase_diagram(run, np.arange(task.seeds), places, task.judge)


def started(task: Task, technique: Technique, seed: jax.Array) -> TrainState:
    """The state before step 0, which does not depend on learning rates."""
    key = jax.random.key(seed)
    return task.built(technique, Pair(1.0, 1.0), key)[0].init(key)


def path(task: Task, technique: Technique, rates: Pair, start: TrainState, seed: jax.Array) -> Any:
    """What is told of one run, at each evaluation."""
    feed, latents = jax.random.split(jax.random.key(seed))
    own, count = task.built(technique, rates, feed)
    z = jax.random.normal(latents, (task.samples, LATENT))
    between = task.steps // task.looks

    def move(state: TrainState, step: jax.Array) -> tuple[TrainState, None]:
        return own.step(state, task.batches(jax.random.fold_in(feed, step), count))[0], None

    def watch(state: TrainState, turn: jax.Array) -> tuple[TrainState, Any]:
        state, _ = jax.lax.scan(move, state, turn * between + jnp.arange(between))
        gen = state.params.gen, state.carry.state.gen
        samples, _ = own.players.gen.apply(*gen, z, jax.random.key(0), train=False)
        return state, task.look(samples)

    return jax.lax.scan(watch, start, jnp.arange(task.looks))[1]


def radii(task: Task, technique: Technique, grid: Any = None, steps: int = 20) -> np.ndarray:
    """ρ, by which a step of a closed-form game multiplies the distance from (0, 0) in the long run.

    The largest modulus of an eigenvalue of the derivative of `steps` steps, in parameters and
    optimizers' states, to the power of 1/`steps`: some techniques do not do the same at every step.
    Eigenvectors in which neither player moves (those of a probability of augmentation) are left
    out.

    Args:
      task: one that is a game.
      technique: tried at each point.
      grid: (rate, ratio) of each, by default the task's.
      steps: a multiple of the steps after which the technique does the same again.

    Returns:
      ρ at each point, NaN where the derivative is not finite.
    """
    slopes = jax.jit(jax.vmap(functools.partial(_slopes, task, technique, steps)))
    found = np.asarray(slopes(jnp.array(grid or task.grid)), np.float64)
    return np.array([_radius(each) ** (1 / steps) for each in found])


def _slopes(task: Task, technique: Technique, steps: int, point: jax.Array) -> jax.Array:
    """The derivative of so many steps at (0, 0), `[n, n]`; the first two numbers are θ and ψ."""
    key = jax.random.key(0)
    rate, ratio = point
    own, count = task.built(technique, Pair(rate * ratio, rate), key)
    batches = task.batches(key, count)

    def advance(state: Any, _: Any) -> tuple[Any, None]:
        return own.step(state, batches)[0], None

    start = own.init(key)
    start = start._replace(params=jax.tree.map(jnp.zeros_like, start.params))
    # The first optimistic step has no last one to subtract.
    start, _ = jax.lax.scan(advance, start, length=steps)
    at, unravel = ravel_pytree((start.params, start.carry.opt))

    def moved(vector: jax.Array) -> jax.Array:
        params, opt = unravel(vector)
        state = start._replace(params=params, carry=start.carry._replace(opt=opt))
        state, _ = jax.lax.scan(advance, state, length=steps)
        return ravel_pytree((state.params, state.carry.opt))[0]

    return jax.jacfwd(dynamics.through_stops(moved))(at)


def _radius(slopes: np.ndarray) -> float:
    if not np.isfinite(slopes).all():
        return np.nan
    values, vectors = np.linalg.eig(slopes)
    return float(np.max(np.abs(values), where=np.abs(vectors[:2]).max(axis=0) > SEEN, initial=0.0))


def _at_random(technique: Technique, key: jax.Array) -> Pair:
    """The Dirac-GAN's players, from standard normal numbers."""
    del technique
    return games.dirac_players(Pair(*jax.random.normal(key, (2,))))


def _game(**options: Any) -> Task:
    def zeros(key: jax.Array, count: int = 64) -> jax.Array:
        return jnp.zeros((count, 1))

    return Task(
        _at_random, zeros, zeros,
        look=lambda samples: jnp.abs(samples[0, 0]), judge=arrived,
        numbers=lambda distances: {},
        rates=tuple(np.geomspace(0.05, 3.2, 7)), steps=2000, looks=500, is_game=True, **options,
    )  # fmt: skip


def arrived(distances: np.ndarray) -> np.ndarray:
    """Outcomes by `dynamics.by_distance`; runs that do not end within `CLOSE` are unfinished."""
    outcomes = dynamics.by_distance(distances)
    last = distances[..., -(distances.shape[-1] // 4) :].max(axis=-1)
    outcomes[(outcomes == Outcome.CONVERGES) & (last > CLOSE)] = Outcome.UNFINISHED
    return outcomes


def _linear(recipe: Recipe) -> Recipe:
    """The Wasserstein loss, with which the Dirac-GAN is the bilinear game."""
    own = terms.score_loss(losses.wasserstein)
    return dataclasses.replace(recipe, terms=(own, *recipe.terms[1:]))


def networks_of(technique: Technique, key: jax.Array | None = None) -> Pair:
    """Those of the mixtures: two hidden layers of 64 each."""
    del key
    sizes = (HIDDEN, HIDDEN)

    def disc(rngs: nnx.Rngs) -> nnx.Module:
        if not technique.compares:
            return mlp.Discriminator(2 * technique.packs, sizes, rngs=rngs)
        compare = networks.MinibatchDiscrimination((2,), 16, 4, init_stddev=0.5, rngs=rngs)
        return nnx.Sequential(compare, mlp.Discriminator(2 + 16, sizes, rngs=rngs))

    return Pair(from_nnx(lambda rngs: mlp.Generator(LATENT, sizes, rngs=rngs)), from_nnx(disc))


def _mixture(name: str, **options: Any) -> Task:
    mixture = MIXTURES[name]
    centres = mixture.modes()

    def look(points: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The share of samples at each mode, and their mean distance from the origin."""
        distances = jnp.linalg.norm(points[:, None] - centres[None], axis=-1)
        near = jnp.mean(distances <= NEAR * mixture.stddev, axis=0)
        return near, jnp.mean(jnp.linalg.norm(points, axis=-1))

    return Task(
        networks_of, LATENT, lambda key: mixture.sample(key, BATCH), look, well_covered,
        of_modes, rates=(1e-3, 3e-3, 9e-3), samples=1024, **options,
    )  # fmt: skip


def well_covered(found: Any) -> np.ndarray:
    """Outcomes by `dynamics.by_coverage`; runs with too many samples between modes: unfinished."""
    outcomes = dynamics.by_coverage(found)
    late = found[0][..., found[0].shape[-2] // 2 :, :].sum(axis=-1)
    outcomes[(outcomes == Outcome.CONVERGES) & (late.mean(axis=-1) < GOOD)] = Outcome.UNFINISHED
    return outcomes


def of_modes(found: Any) -> dict[str, np.ndarray]:
    """Modes with a sample, samples at a mode in %, and the reverse KL, at the last evaluation."""
    near = np.asarray(found[0], np.float64)[..., -1, :]
    total = near.sum(axis=-1)
    shares = near / np.where(total, total, 1)[..., None]
    kl = np.sum(shares * np.log(np.where(shares, shares, 1) * near.shape[-1]), axis=-1)
    worst = np.log(near.shape[-1])
    return {
        "modes": np.count_nonzero(near, axis=-1),
        "high_quality": 100 * total,
        "kl": np.where(total, kl, worst),
    }


TASKS = {
    "dirac": _game(),
    "bilinear": _game(change=_linear),
    "ring": _mixture("ring", steps=3000),
    "grid": _mixture("grid", steps=10_000, seeds=3),
}
