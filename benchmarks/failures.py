"""Training runs whose failure is known by construction, for the doctor to name.

Some runs are healthy, for the doctor to find nothing. Each is written as a user would write it:
`ganstab.training` trains small networks on points of the plane, on points of 16 numbers or on
images of 8 × 8 pixels, for a few seconds of one core.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from ganstab import Pair, data, losses, metrics, penalties, recipes, steps, terms
from ganstab.networks.mlp import MLP
from ganstab.players import from_nnx
from ganstab.recipes import Recipe
from ganstab.training import Evaluation, Experiment, Measure, RunConfig, make_sampler, option
from ganstab.types import Player

__all__ = ["CASES", "HEALTHY", "Case", "KnownFailure", "build"]

LATENT, NEAR, SAMPLES = 8, 0.1, 1024
HEALTHY = ""
"""The topic of a run with nothing wrong."""


class Case(NamedTuple):
    """A run, and what is wrong with it."""

    title: str
    why: str
    """The construction by which it fails, or does not."""
    topic: str
    """The doctor's finding that names the fault."""
    settings: Mapping[str, Any] = {}
    """Of `Parts`, where they differ."""
    num_steps: int = 1000


class Parts(NamedTuple):
    """What a run is put together from; by default a plain GAN on a ring of eight Gaussians."""

    data: Any = data.ring
    held_out: Any = None
    shape: tuple[int, ...] = (2,)
    modes: Any = None
    """`[M, 2]`, where they are counted."""
    prior: Any = LATENT
    gen: Callable[..., nnx.Module] | None = None
    disc: Callable[..., nnx.Module] | None = None
    loss: Callable = losses.non_saturating
    penalty: tuple = ()
    """Terms beside the loss."""
    txs: Pair = Pair(optax.adam(1e-3, 0.5), optax.adam(1e-3, 0.5))
    n_disc: int = 1
    at_once: bool = False
    recipe: Recipe | None = None
    """Taken in place of all fields from the loss on."""


class Network(nnx.Module):
    """Samples of any shape through a perceptron."""

    def __init__(self, sizes, shape=None, *, rngs: nnx.Rngs):
        self.mlp, self.shape = MLP(sizes, gain=1.0, rngs=rngs), shape

    def __call__(self, x):
        made = self.mlp(x.reshape(len(x), -1))
        return made if self.shape is None else made.reshape(len(x), *self.shape)


class Normed(nnx.Module):
    """A discriminator with batch norm right behind its first layer."""

    def __init__(self, inputs=2, hidden=64, *, rngs: nnx.Rngs):
        self.first = nnx.Linear(inputs, hidden, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(hidden, rngs=rngs)
        self.rest = MLP((hidden, hidden, 1), gain=1.0, rngs=rngs)

    def __call__(self, x):
        return self.rest(nnx.relu(self.norm(self.first(x))))


class Shift(nnx.Module):
    """The generator of one point: latents moved by θ [2]."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.by = nnx.Param(jnp.array([2.0, 0.0]))

    def __call__(self, z):
        return z + self.by[...][None]


class Slope(nnx.Module):
    """The linear discriminator ψ·x."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.along = nnx.Param(jnp.zeros(2))

    def __call__(self, x):
        return x @ self.along[...]


def normal(key: jax.Array, n: int) -> jax.Array:
    """Standard normal points of the plane."""
    return jax.random.normal(key, (n, 2))


def wide(key: jax.Array, n: int) -> jax.Array:
    """Normal points, ten times as far apart along one axis as along the other."""
    return normal(key, n) * jnp.array([[2.0, 0.2]])


def blobs(key: jax.Array, n: int) -> jax.Array:
    """Images [n, 8, 8, 1] in [−1, 1] of one bright spot anywhere."""
    place = jax.random.uniform(key, (n, 2, 1), minval=1.0, maxval=6.0)
    row, column = jnp.exp(-((jnp.arange(8.0)[None, None] - place) ** 2)).swapaxes(0, 1)
    return 2 * (row[:, :, None] * column[:, None, :])[..., None] - 1


def one_latent(key: jax.Array, n: int) -> jax.Array:
    """The same latent for all samples."""
    return jnp.ones((n, LATENT))


def points(count: int, seed: int) -> np.ndarray:
    """Normal points of 16 numbers, [count, 16]; the same for the same seed."""
    return np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)


def root_of_nothing(round) -> Pair:
    """A term that is 0, with a derivative that is no number."""
    return Pair(jnp.zeros(()), jnp.sqrt(0.0 * jnp.mean(round.real_score**2)))


def sgd(gen: float, disc: float) -> Pair:
    return Pair(optax.sgd(gen), optax.sgd(disc))


def adam(gen: float, disc: float) -> Pair:
    return Pair(optax.adam(gen, 0.5), optax.adam(disc, 0.5))


RING = {"modes": np.asarray(data.ring_modes())}
R3GAN = recipes.r3gan(gamma=1.0, learning_rate=1e-3)
ROTATING = {
    "data": normal, "prior": 2, "gen": Shift, "disc": Slope, "loss": losses.wasserstein,
    "txs": sgd(0.05, 0.05),
}  # fmt: skip
STRONG = {"data": data.ring, "txs": adam(1e-6, 1e-3), "n_disc": 5}
BY_HEART = {
    "shape": (16,), "data": points(64, 0), "held_out": points(2048, 1),
    "txs": adam(1e-4, 1e-3), "n_disc": 3, "disc": functools.partial(Network, (16, 256, 256, 1)),
}  # fmt: skip
GREY = {"data": wide, "disc": Normed, "gen": functools.partial(Network, (LATENT, 32, 2))}
IMAGES = {
    "data": blobs, "shape": (8, 8, 1), "recipe": R3GAN,
    "gen": functools.partial(Network, (LATENT, 128, 64), (8, 8, 1)),
    "disc": functools.partial(Network, (64, 128, 1)),
}  # fmt: skip

CASES = {
    "collapsed": Case(
        "collapsed", "all samples are made of one latent", "Modes",
        {**RING, "prior": one_latent},
    ),
    "collapsed_images": Case(
        "collapsed, images", "all samples are made of one latent; nothing counts modes",
        "Diversity", {**IMAGES, "prior": one_latent},
    ),
    "rotating": Case(
        "rotating", "a point against a linear critic: a Jacobian without a symmetric part",
        "Oscillation", ROTATING,
    ),
    "rotating_at_once": Case(
        "rotating, steps at once", "the same, both players at once: a spiral outwards",
        "Oscillation", {**ROTATING, "at_once": True},
    ),
    "strong": Case(
        "D too strong", "the generator hardly moves, the discriminator 5 times a step",
        "Saturation", STRONG,
    ),
    "vanishing": Case(
        "vanishing gradient", "the same with minimax, whose gradient has the factor D(G(z))",
        "Saturation", {**STRONG, "loss": losses.minimax},
    ),
    "weak": Case(
        "D too weak", "a learning rate of 1e-7 for the discriminator", "Discrimination",
        {"txs": adam(1e-3, 1e-7)}, 300,
    ),
    "weak_linear": Case(
        "D too weak, linear", "a linear discriminator, which sees the mean alone", "Discrimination",
        {"disc": Slope},
    ),
    "nan": Case(
        "NaN", "a learning rate of 1e4 on a loss without a bound", "First fault",
        {"loss": losses.wasserstein, "txs": sgd(1e4, 1e4)},
    ),
    "nan_root": Case(
        "NaN, root of 0", "a term with the square root of 0", "First fault",
        {"penalty": (root_of_nothing,)},
    ),
    "nan_fast": Case(
        "NaN, steps too long", "gradient descent of length 5 on a plain GAN", "First fault",
        {"txs": sgd(5.0, 5.0)}, 300,
    ),
    "fast": Case(
        "learning rate too high", "R1 of curvature 20, and steps of 0.11: a multiplier of −1.2",
        "Training step",
        {**ROTATING, "txs": sgd(0.05, 0.11), "penalty": (terms.disc_penalty(10.0, penalties.r1),)},
        100,
    ),
    "grey": Case(
        "batch norm hides contrast", "batch norm behind the first layer, two batches", "Contrast",
        GREY,
    ),
    "by_heart": Case(
        "overfitted critic", "64 points, a wide discriminator", "Overfitting", BY_HEART,
    ),
    "healthy_ring": Case(
        "healthy, ring", "R3GAN on eight Gaussians", HEALTHY, {**RING, "recipe": R3GAN}, 3000,
    ),
    "healthy_normal": Case(
        "healthy, normal", "R1 holds a point against a linear critic", HEALTHY,
        {**ROTATING, "penalty": (terms.disc_penalty(2.0, penalties.r1),)},
    ),
    "healthy_many": Case(
        "healthy, many points", "R3GAN on 20,000 points, with others held out", HEALTHY,
        {"shape": (16,), "data": points(20_000, 0), "held_out": points(2048, 1), "recipe": R3GAN},
    ),
    "healthy_images": Case("healthy, images", "R3GAN on spots", HEALTHY, IMAGES, 2000),
}  # fmt: skip
"""By name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownFailure(RunConfig):
    """The settings of a run."""

    case: str = option("collapsed", "Which of the runs.", choices=tuple(CASES))
    eval_every: int = 500
    checkpoint_every: int = 500


def build(config: KnownFailure) -> Experiment:
    """One of the runs."""
    case = CASES[config.case]
    parts = Parts(**case.settings)
    size = int(np.prod(parts.shape))
    gen = parts.gen or functools.partial(Network, (LATENT, 64, 64, size))
    disc = parts.disc or functools.partial(Network, (size, 64, 64, 1))
    return Experiment(
        title=case.title,
        description=case.why,
        players=Pair(_player(gen), _player(disc)),
        recipe=parts.recipe or _recipe(parts),
        prior=parts.prior,
        data=parts.data,
        held_out=parts.held_out,
        evaluation=None if parts.modes is None else functools.partial(_counted, parts),
        measures=() if parts.modes is None else (Measure("modes", "modes covered", ideal=8),),
    )


def _player(net: Callable[..., nnx.Module]) -> Player:
    return from_nnx(lambda rngs: net(rngs=rngs))


def _recipe(parts: Parts) -> Recipe:
    def at_once(game, txs):
        step = steps.simultaneous(game, txs)
        return lambda state, batches: step(state, jax.tree.map(lambda leaf: leaf[0], batches))

    return Recipe(
        "known failure", "none", (terms.score_loss(parts.loss), *parts.penalty), parts.txs,
        n_disc=parts.n_disc, make_step=at_once if parts.at_once else None,
    )  # fmt: skip


def _counted(parts: Parts, gen):
    sample = make_sampler(gen, parts.prior, samples=SAMPLES, measure=lambda points: points)

    def evaluate(state, key):
        _, made = sample(state, key)
        found = metrics.mixture_coverage(made, parts.modes, NEAR)
        return Evaluation({"modes": found.modes}, {"samples": made}, found.counts)

    return evaluate
