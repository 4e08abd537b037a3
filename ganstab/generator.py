"""The generator of a trained run, to draw samples with.

From anywhere:

    generator = ganstab.load("runs/cats_r3gan_seed0")
    images = generator.sample(jax.random.key(0), 16)
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ganstab._checks import check_count
from ganstab.errors import InputError
from ganstab.priors import as_prior
from ganstab.training import restore
from ganstab.training.run_folder import local_folder
from ganstab.types import Player, TrainState

__all__ = ["Generator", "load"]

REDRAWN = 64
"""Times a number outside of a truncated prior is drawn again; what is left then is cut off."""


@dataclasses.dataclass(frozen=True)
class Generator:
    """A trained generator, its average where the run kept one."""

    player: Player
    state: TrainState
    prior: Callable[[jax.Array, int], jax.Array]
    classes: Sequence[str] = ()
    """Names of the classes that it is given; none if it takes no label."""
    name: str = "the generator"
    """What messages call it: its run's folder."""
    data: Any = None
    """What its run was trained on, as `training.Experiment` has it; an `InputError` in the place of
    data that are not there."""

    @functools.cached_property
    def _compiled(self) -> Callable:
        return jax.jit(self.generate)

    @property
    def step(self) -> int:
        """The training step that it is of."""
        return int(self.state.step)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of one sample; an image's is its height, width and channels."""

        def one(key: jax.Array) -> jax.Array:
            return self.generate(self.prior(key, 1), 0 if self.classes else None)

        return jax.eval_shape(one, jax.random.key(0)).shape[1:]

    def latents(self, key: jax.Array, n: int, truncation: float | None = None) -> jax.Array:
        """Inputs z [n, …] of the generator.

        Args:
          key: they are a function of it.
          n: how many.
          truncation: numbers beyond ±truncation are drawn again (Brock et al. 2019,
            arXiv:1809.11096): less variety, and often better samples. None draws as in training.

        Raises:
          ValueError: n is less than 1, or the truncation is not positive.
        """
        check_count("n", n)
        if truncation is None:
            return self.prior(key, n)
        if not truncation > 0:
            raise ValueError(f"truncation must be positive, got {truncation}")

        def redraw(i: jax.Array, z: jax.Array) -> jax.Array:
            again = self.prior(jax.random.fold_in(key, i), n)
            return jnp.where(jnp.abs(z) > truncation, again, z)

        z = jax.lax.fori_loop(1, REDRAWN, redraw, self.prior(key, n))
        return jnp.clip(z, -truncation, truncation)

    def generate(self, z: jax.Array, label: Any = None) -> jax.Array:
        """Samples [n, …] of the inputs z [n, …], images in [−1, 1]; jittable.

        Args:
          z: as of `latents`.
          label: whole numbers [n], or one for all, where the generator takes labels.

        Raises:
          ValueError: a label is missing, or there is one that the generator does not take.
        """
        if (label is None) == bool(self.classes):
            words = f"one of {len(self.classes)} labels" if self.classes else "no label"
            raise ValueError(f"this generator takes {words}, got {label}")
        x = z if label is None else (z, jnp.broadcast_to(jnp.asarray(label, jnp.int32), len(z)))
        params, state = self.state.params.gen, self.state.carry.state.gen
        return self.player.apply(params, state, x, jax.random.key(0), train=False)[0]

    def sample(
        self,
        key: jax.Array,
        n: int,
        *,
        label: Any = None,
        truncation: float | None = None,
        at_once: int = 256,
    ) -> jax.Array:
        """Samples [n, …], images in [−1, 1].

        Args:
          key: they are a function of it.
          n: how many.
          label: whole numbers [n], or one for all, in the order of `classes`; None takes all
            classes in turn.
          truncation: see `latents`.
          at_once: samples that are computed at a time.

        Raises:
          ValueError: n or the truncation is out of range, or a label is.
        """
        z = self.latents(key, n, truncation)
        if label is None and self.classes:
            label = jnp.arange(n) % len(self.classes)
        if label is not None:
            label = jnp.broadcast_to(jnp.asarray(label), n)
            if self.classes and not bool(jnp.all((label >= 0) & (label < len(self.classes)))):
                raise ValueError(f"label must be from 0 to {len(self.classes) - 1}, got {label}")
        parts = [slice(i, i + at_once) for i in range(0, n, at_once)]
        draw = self._compiled
        return jnp.concatenate([draw(z[p], None if label is None else label[p]) for p in parts])

    def batches(
        self,
        key: jax.Array,
        n: int,
        *,
        label: int | None = None,
        truncation: float | None = None,
        size: int = 256,
    ) -> Iterator[jax.Array]:
        """The n samples that `ganstab sample` writes, in batches [size, …], the last one shorter.

        Args:
          key: they are a function of it and of the size.
          n: how many.
          label: one for all, in the order of `classes`; None takes all classes in turn.
          truncation: see `latents`.
          size: how many are drawn at a time.

        Raises:
          ValueError: as of `sample`.
        """
        for start in range(0, n, size):
            count = min(size, n - start)
            turn = (start + jnp.arange(count)) % len(self.classes) if self.classes else None
            yield self.sample(
                jax.random.fold_in(key, start), count, at_once=size,
                label=turn if label is None else label, truncation=truncation,
            )  # fmt: skip

    def interpolate(
        self,
        key: jax.Array,
        n: int,
        frames: int,
        *,
        corners: int = 4,
        label: Any = None,
        truncation: float | None = None,
    ) -> jax.Array:
        """Samples on the way through some points and back to the first, [frames, n, …].

        Between two inputs z the way is an arc of a sphere, on which a normal prior has its mass:

            z(t) = (sin((1 − t)θ) z₀ + sin(tθ) z₁) / sin θ,    θ the angle between z₀ and z₁

        Args:
          key: they are a function of it.
          n: how many such ways.
          frames: points on each.
          corners: inputs that are drawn, at least 2.
          label: as of `sample`.
          truncation: see `latents`.

        Raises:
          ValueError: there are fewer than 2 corners, or as of `sample`.
        """
        if corners < 2 or frames < 1:
            raise ValueError(f"corners must be 2 and frames 1 or more, got {corners} and {frames}")
        z = self.latents(key, corners * n, truncation)
        z = z.reshape(corners, n, *z.shape[1:])
        if label is None and self.classes:
            label = jnp.arange(n) % len(self.classes)
        draw = self._compiled
        places = [i * corners / frames for i in range(frames)]
        return jnp.stack(
            [
                draw(_on_the_arc(z[int(p)], z[(int(p) + 1) % corners], p - int(p)), label)
                for p in places
            ]
        )


def _on_the_arc(a: jax.Array, b: jax.Array, t: float) -> jax.Array:
    axes = tuple(range(1, a.ndim))
    norms = [jnp.sqrt(jnp.sum(z**2, axes, keepdims=True)) for z in (a, b)]
    cosine = jnp.sum(a * b, axes, keepdims=True) / (norms[0] * norms[1])
    angle = jnp.arccos(jnp.clip(cosine, -1 + 1e-6, 1 - 1e-6))
    return (jnp.sin((1 - t) * angle) * a + jnp.sin(t * angle) * b) / jnp.sin(angle)


def load(
    run: str | os.PathLike[str], *, step: int | str | None = None, experiment: str | None = None
) -> Generator:
    """The generator of a run's folder.

    Args:
      run: the folder.
      step: of a checkpoint that it has, or "best" for that of its best evaluation
        (`training.Experiment.best_by`); the newest sound one by default, with a warning of newer
        ones that are damaged.
      experiment: "MODULE:FUNCTION" that makes the run's experiment, where that is code from outside
        of this package, which is imported only if it is named here.

    Raises:
      InputError: the folder is no run's, it has no checkpoint, or its data are not there.
    """
    folder = local_folder(run, "RUN")
    if not (folder / "config.json").is_file():
        why = "it has no config.json"
        if not folder.is_dir():
            why = "it is a file" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder} is no folder of a run: {why}")
    parts, state = restore.trained(folder, experiment, step)
    known = parts.experiment
    prior, gen = as_prior(known.prior), parts.trainable.players.gen
    return Generator(gen, state, prior, known.classes, str(folder), known.data)
