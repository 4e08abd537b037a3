"""Latent vectors found by L-BFGS, against linear least squares and a generator of two valleys."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, quick

from ganstab.gan_inversion import infer

DRAW = np.random.default_rng(0)
WEIGHT, BIAS = DRAW.normal(size=(6, 2, 5)), DRAW.normal(size=(6, 2))
LATENT, STARTS = DRAW.normal(size=(4, 5)), DRAW.normal(size=(4, 2, 5))
OFF = DRAW.normal(size=(4, 6, 2))
MADE = np.einsum("hwk,nk->nhw", WEIGHT, LATENT) + BIAS


def linear(z):
    return jnp.einsum("hwk,nk->nhw", WEIGHT, z) + BIAS[None]


@pytest.fixture(scope="module")
def solve():
    solve = quick(lambda x, starts: infer(linear, x, starts, tolerance=1e-10, images_at_once=2))

    def solved(images, starts=STARTS):
        with jax.enable_x64(True):
            return jax.tree.map(np.asarray, solve(jnp.asarray(images), jnp.asarray(starts)))

    return solved


def test_a_linear_generator_gives_back_its_latent_vectors(solve):
    found = solve(MADE)
    np.testing.assert_allclose(found.latent, LATENT, atol=1e-7)
    assert found.converged.all() and found.error.shape == (4,) and found.error.max() < 1e-14


def test_an_image_out_of_range_keeps_the_least_squares_residual(solve):
    found = solve(MADE + OFF)
    flat = WEIGHT.reshape(12, 5)
    latent, residual, *_ = np.linalg.lstsq(flat, (MADE + OFF - BIAS).reshape(4, 12).T)
    np.testing.assert_allclose(found.latent, latent.T, atol=1e-7)
    np.testing.assert_allclose(found.error, residual / 12, rtol=1e-9)  # a mean over the numbers
    assert found.converged.all()


def test_what_is_not_finite_spoils_no_other(solve):
    images, starts = MADE + OFF, STARTS.copy()
    images[2, 3, 1] = np.nan
    starts[1, 0, 4] = np.inf  # the other start of this image is sound
    found, sound = solve(images, starts), solve(MADE + OFF)
    assert np.isnan(found.error[2]) and found.converged.tolist() == [True, True, False, True]
    others = [0, 1, 3]
    np.testing.assert_allclose(found.error[others], sound.error[others], rtol=1e-9)
    np.testing.assert_allclose(found.latent[others], sound.latent[others], atol=1e-7)


def valleys(z):
    """On x = (0, 0.3) two minima: z = 1 without an error, and one near −1 with 0.17 or so."""
    return jnp.concatenate([z**2 - 1, 0.3 * z], axis=1)


def test_the_better_of_two_minima_is_kept():
    image = jnp.array([[0.0, 0.3]])
    best = quick(lambda starts: infer(valleys, image, starts, tolerance=1e-5, max_steps=12))
    worse, first, last, far = (best(jnp.array(s)) for s in (
        [[-1.3], [-0.8]], [[1.4], [-1.3]], [[-1.3], [1.4]], [[1e6], [3e6]],
    ))  # fmt: skip
    roots = np.roots([4, 0, 0.18 - 4, -0.18]).real  # of the error's derivative
    np.testing.assert_allclose(worse.latent, [[roots.min()]], atol=1e-3)
    expected = ((roots.min() ** 2 - 1) ** 2 + (0.3 * roots.min() - 0.3) ** 2) / 2
    np.testing.assert_allclose(worse.error, [expected], rtol=1e-4)
    for found in (first, last):
        np.testing.assert_allclose(found.latent, [[1.0]], atol=1e-3)
        assert float(found.error[0]) < 1e-6
    assert worse.converged[0] and first.converged[0]
    assert not far.converged[0] and 1 < float(far.error[0]) < 1e20  # cut short on the way


def test_more_steps_never_end_higher():
    """On a generator with jumps, where a line search may pass over one and come out above."""
    weight = DRAW.normal(size=(6, 40))

    def jumping(z):
        return jnp.sign(z @ weight) + 0.01 * z @ weight

    images, starts = DRAW.normal(size=(60, 40)), DRAW.normal(size=(60, 1, 6))
    errors = [jnp.mean((jumping(starts[:, 0]) - images) ** 2, axis=1)]
    for steps in (1, 4, 12):
        solve = quick(lambda x, s, steps=steps: infer(jumping, x, s, max_steps=steps).error)
        errors.append(solve(images, starts))
    assert all((more <= fewer * (1 + 1e-3)).all() for fewer, more in itertools.pairwise(errors))


def test_infer_refuses():
    images, starts = jnp.asarray(MADE, jnp.float32), jnp.asarray(STARTS, jnp.float32)
    for name, value in {"max_steps": 0, "memory": 0, "images_at_once": 0, "tolerance": 0.0}.items():
        message = argument_refusal(
            lambda setting={name: value}: infer(linear, images, starts, **setting)
        )
        assert message.startswith(f"{name} must be ") and message.endswith(f", got {value}")
    message = argument_refusal(lambda: infer(linear, images[..., :1], starts))
    assert "(6, 2)" in message and "(6, 1)" in message
    assert "(3, 2, 5)" in argument_refusal(lambda: infer(linear, images, jnp.zeros((3, 2, 5))))
