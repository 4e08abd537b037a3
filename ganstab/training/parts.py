"""An experiment on a mesh, ready to be trained from any seed."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ganstab._checks import check_players, kind_of
from ganstab._placement import on_mesh
from ganstab.errors import InputError
from ganstab.priors import as_prior
from ganstab.recipes import Recipe, Trainable
from ganstab.training import distributed
from ganstab.training.batches import BatchSource, batch_sources
from ganstab.training.config import RunConfig
from ganstab.training.experiment import Evaluation, Experiment
from ganstab.training.samples import SAMPLES, make_sampler
from ganstab.types import TrainState

__all__ = ["Parts", "make_parts"]


@dataclasses.dataclass(frozen=True)
class Parts:
    """An experiment on a mesh, ready to be trained from any seed."""

    experiment: Experiment
    config: RunConfig
    mesh: Mesh
    trainable: Trainable
    evaluate: Callable[[TrainState, jax.Array], Evaluation]

    def keys(self, seed: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Of the initial parameters, the data and the evaluations."""
        init_key, data_key, evaluation_key = jax.random.split(jax.random.key(seed), 3)
        return init_key, data_key, evaluation_key

    def initial(self, seed: int) -> TrainState:
        """The state before step 0, the same on all devices."""
        return distributed.on_all(self.mesh, self.trainable.init, self.keys(seed)[0])

    def sources(self, seeds: Sequence[int]) -> list[BatchSource]:
        """Where the batches of each seed come from."""
        recipe = self.experiment.recipe
        return batch_sources(
            self.experiment.data,
            self.experiment.sampler,
            [self.keys(seed)[1] for seed in seeds],
            updates=recipe.n_gen + recipe.n_disc,
            batch_size=self.config.batch_size,
            steps=self.config.log_every,
            mesh=self.mesh,
        )


def make_parts(experiment: Experiment, config: RunConfig, mesh: Mesh) -> Parts:
    """Builds the experiment's game on a mesh, its samples split over the devices.

    Raises:
      ValueError: the experiment's players or its recipe are none.
    """
    check_players(experiment.players)
    if not isinstance(experiment.recipe, Recipe):
        raise ValueError(
            "recipe must be a ganstab.recipes.Recipe, such as recipes.r3gan(), got "
            f"{kind_of(experiment.recipe)}"
        )
    distributed.check_batch_size(config.batch_size, mesh)
    draw, recipe = as_prior(experiment.prior), experiment.recipe
    if config.accumulate > 1:
        recipe = dataclasses.replace(recipe, accumulate=config.accumulate)

    def prior(key: jax.Array, n: int) -> jax.Array:
        return distributed.split(mesh, draw(key, n))

    trainable = recipe.build(experiment.players, prior)
    trainable = dataclasses.replace(trainable, step=on_mesh(mesh, trainable.step))
    make_evaluation = experiment.evaluation or _shows_samples(experiment, config, mesh)
    return Parts(experiment, config, mesh, trainable, make_evaluation(trainable.players.gen))


def _shows_samples(experiment: Experiment, config: RunConfig, mesh: Mesh) -> Callable:
    """The evaluation of an experiment that measures nothing."""

    def make_evaluation(gen):
        label = _labels(experiment, config, mesh) if experiment.recipe.conditional else None
        sample = make_sampler(gen, experiment.prior, samples=1024, label=label, measure=lambda x: x)

        def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
            shown, drawn = sample(state, key)
            return Evaluation({}, {SAMPLES: shown if drawn.ndim > 2 else drawn})

        return evaluate

    return make_evaluation


def _labels(experiment: Experiment, config: RunConfig, mesh: Mesh) -> np.ndarray:
    """Of a batch of the data, whatever the seed: what the samples that are shown are made under."""
    (source,) = batch_sources(
        experiment.data, experiment.sampler, [jax.random.key(0)],
        updates=1, batch_size=config.batch_size, steps=1, mesh=mesh,
    )  # fmt: skip
    first = jnp.zeros((), jnp.int32)
    drawn = jax.jit(source.batch_at, out_shardings=distributed.replicated(mesh))
    label = drawn(source.host_arrays(0), first, first).label
    if label is None:
        raise InputError(f"{experiment.recipe.name} is conditional, but the data have no labels")
    return np.asarray(label.addressable_data(0))[0]
