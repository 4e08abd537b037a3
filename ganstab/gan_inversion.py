"""Inference by optimisation: the latent vector whose image comes nearest to a given one.

Where a generator has dropped a mode, no latent vector leads there, so the distance that is left
tells which images of the data it cannot make: Metz et al. (arXiv:1611.02163), section 3.4.1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ganstab._checks import check_count, check_number

__all__ = ["Inference", "infer"]


class Inference(NamedTuple):
    """What was found for each of n images."""

    latent: Array
    """z* [n, latent], of the best start."""
    error: Array
    """Mean over an image's numbers of (G(z*) − x)², [n], on the scale of the images themselves:
    of images in [−1, 1] it is 4 times what it is of the same ones in [0, 1]."""
    converged: Array
    """Whether the gradient of the best start came below the tolerance, bool [n]."""


class _Descent(NamedTuple):
    latent: Array
    state: Any
    error: Array
    gradient: Array
    steps: Array


def infer(
    generate: Callable[[Array], Array],
    images: Array,
    starts: Array,
    *,
    max_steps: int = 100,
    tolerance: float = 1e-5,
    memory: int = 10,
    images_at_once: int = 32,
) -> Inference:
    """z* = argmin_z mean((G(z) − x)²) for each image x, by L-BFGS, the best of several starts.

    L-BFGS with a line search for the strong Wolfe conditions (Nocedal and Wright, *Numerical
    Optimization*, 2006, algorithms 7.5 and 3.5), on every image and start by itself. The paper has
    three random starts; its number of steps, tolerance and memory are not known, and these are
    ours. A start that meets a number which is not finite stays where it was before. Called often,
    it wants a `jax.jit` around it.

    Args:
      generate: the generator, a pure function z [k, latent] -> images [k, …] whose images do not
        depend on each other: batch norm with running averages.
      images: x [n, …], on the generator's scale.
      starts: z [n, s, latent], s starts an image, or [s, latent], the same for all.
      max_steps: most steps of L-BFGS.
      tolerance: a start ends when no component of its gradient in z is larger.
      memory: pairs of steps and gradient changes that L-BFGS keeps.
      images_at_once: images optimised together, s starts each; memory grows with their product.

    Returns:
      Inference: an image that is not finite, or for which no start has a finite error, has an
      error that is not finite, has not converged, and spoils no other.

    Raises:
      ValueError: if the shapes do not fit, or a setting is not positive.
    """
    _check_settings(max_steps, tolerance, memory, images_at_once)
    _check_shapes(generate, images, starts)
    starts = jnp.broadcast_to(starts, (len(images), *starts.shape[-2:]))
    tx = optax.lbfgs(memory_size=memory)

    def of_image(image_and_starts: tuple[Array, Array]) -> Inference:
        image, starts = image_and_starts

        def error(latent: Array) -> Array:
            return jnp.mean((generate(latent[None])[0] - image) ** 2)

        descent = jax.vmap(lambda z: _minimise(error, tx, z, max_steps, tolerance))
        return _best(descent(starts), tolerance)

    return jax.lax.map(of_image, (images, starts), batch_size=images_at_once)


def _minimise(
    error: Callable[[Array], Array],
    tx: optax.GradientTransformationExtraArgs,
    start: Array,
    max_steps: int,
    tolerance: float,
) -> _Descent:
    """From one start to a small gradient, to the last step, or to where no step leads down."""

    def goes_on(at: _Descent) -> Array:
        steep = jnp.max(jnp.abs(at.gradient)) > tolerance
        return steep & jnp.isfinite(at.error) & (at.steps < max_steps)

    def step(at: _Descent) -> _Descent:
        updates, state = tx.update(
            at.gradient, at.state, at.latent, value=at.error, grad=at.gradient, value_fn=error
        )
        found = optax.tree.get(state, "value"), optax.tree.get(state, "grad")
        moved = _Descent(optax.apply_updates(at.latent, updates), state, *found, at.steps + 1)
        sound = jnp.isfinite(moved.error) & jnp.isfinite(moved.latent).all()
        # At the bottom the gradient still shrinks where the error goes up and down by rounding.
        level = at.error * (1 + 100 * jnp.finfo(at.error.dtype).eps)
        better = sound & (moved.error <= level) & jnp.any(moved.latent != at.latent)
        ended = at._replace(steps=jnp.asarray(max_steps))
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), moved, ended)

    value, gradient = jax.value_and_grad(error)(start)
    return jax.lax.while_loop(
        goes_on, step, _Descent(start, tx.init(start), value, gradient, jnp.asarray(0))
    )


def _best(descents: _Descent, tolerance: float) -> Inference:
    """Of an image's starts [s, …] the one with the least error; NaN is never the least."""
    best = jnp.argmin(jnp.where(jnp.isfinite(descents.error), descents.error, jnp.inf))
    latent, error, gradient = (
        x[best] for x in (descents.latent, descents.error, descents.gradient)
    )
    return Inference(latent, error, jnp.max(jnp.abs(gradient)) <= tolerance)


def _check_settings(max_steps: int, tolerance: float, memory: int, images_at_once: int) -> None:
    check_count("max_steps", max_steps)
    check_count("memory", memory)
    check_count("images_at_once", images_at_once)
    check_number("tolerance", tolerance, lambda value: value > 0, "above 0")


def _check_shapes(generate: Callable[[Array], Array], images: Array, starts: Array) -> None:
    if starts.ndim not in (2, 3) or (starts.ndim == 3 and len(starts) != len(images)):
        raise ValueError(
            f"starts have the shape {starts.shape}; [{len(images)}, s, latent], one row an image, "
            "or [s, latent] is expected"
        )
    made = jax.eval_shape(generate, starts.reshape(-1, starts.shape[-1])).shape[1:]
    if made != images.shape[1:]:
        raise ValueError(f"generate makes images {made}, and the images are {images.shape[1:]}")
