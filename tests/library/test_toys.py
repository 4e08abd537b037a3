"""The 2-D toys, against their published constants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganstab.data import (
    WGAN_GP_GRID_SCALE,
    WGAN_GP_RING_SCALE,
    grid,
    grid_modes,
    ring,
    ring_modes,
    swiss_roll,
)

KEY = jax.random.key(7)


def moments(sample, centres):
    """Each point's nearest centre, and the residual's per-axis deviation."""
    sample, centres = np.asarray(sample), np.asarray(centres)
    nearest = np.argmin(((sample[:, None] - centres) ** 2).sum(-1), axis=1)
    return nearest, (sample - centres[nearest]).std(0)


@pytest.mark.parametrize("scale", [1.0, WGAN_GP_RING_SCALE])
def test_ring_has_eight_distinct_equal_modes(scale):
    centres = np.asarray(ring_modes(scale=scale))
    assert centres.shape == (8, 2)
    # Neighbours on the circle are a chord 2 r sin(π / 8) apart: no end point is repeated.
    gaps = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 2 * 2 / scale * np.sin(np.pi / 8), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 2 / scale, rtol=1e-6)
    nearest, deviation = moments(ring(KEY, 8000, scale=scale), centres)
    np.testing.assert_allclose(np.bincount(nearest, minlength=8), 1000, atol=120)
    np.testing.assert_allclose(deviation, 0.02 / scale, rtol=0.03)


@pytest.mark.parametrize("scale", [1.0, WGAN_GP_GRID_SCALE])
def test_grid_has_twenty_five_equal_modes(scale):
    centres = np.asarray(grid_modes(scale=scale))
    line = np.array([-4, -2, 0, 2, 4]) / scale
    np.testing.assert_allclose(centres, [[x, y] for x in line for y in line], atol=1e-6)
    nearest, deviation = moments(grid(KEY, 25000, scale=scale), centres)
    np.testing.assert_allclose(np.bincount(nearest, minlength=25), 1000, atol=120)
    np.testing.assert_allclose(deviation, 0.05 / scale, rtol=0.03)


def test_toys_take_the_other_papers_parameters():
    nearest, deviation = moments(
        ring(KEY, 4000, modes=5, radius=1, stddev=0.01), ring_modes(modes=5, radius=1)
    )
    assert set(nearest) == set(range(5))
    np.testing.assert_allclose(deviation, 0.01, rtol=0.05)
    assert grid_modes(side=4, spacing=1).min() == -1.5


def test_swiss_roll_lies_on_its_spiral():
    x = 7.5 * np.asarray(swiss_roll(KEY, 4000, stddev=0))
    t = np.linalg.norm(x, axis=1)
    np.testing.assert_allclose(x, t[:, None] * np.stack([np.cos(t), np.sin(t)], 1), atol=1e-3)
    quantiles = np.quantile(t / np.pi, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(quantiles, [1.5, 2.25, 3, 3.75, 4.5], atol=0.06)
    noise = np.asarray(swiss_roll(KEY, 4000)) - x / 7.5
    np.testing.assert_allclose(noise.std(0), 0.25 / 7.5, rtol=0.05)


@pytest.mark.parametrize("toy", [ring, grid, swiss_roll])
def test_toys_are_pure_functions_of_the_key(toy):
    x = toy(KEY, 50)
    assert x.shape == (50, 2) and x.dtype == jnp.float32
    np.testing.assert_array_equal(x, toy(KEY, 50))
    np.testing.assert_allclose(x, jax.jit(toy, static_argnums=1)(KEY, 50), atol=1e-5)
    assert not np.array_equal(x, toy(jax.random.key(8), 50))
    for given in ({"n": 0}, {"stddev": -1}, {"scale": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(given))} must be"):
            toy(KEY, **{"n": 5} | given)


@pytest.mark.parametrize("count", [2.5, "2"])
def test_modes_and_samples_are_whole_numbers(count):
    key = jax.random.key(0)
    made = {
        "modes": lambda: ring_modes(modes=count),
        "side": lambda: grid_modes(side=count),
        "n": lambda: swiss_roll(key, count),
    }
    for name, make in made.items():
        with pytest.raises(ValueError, match=f"^{name} must be a whole number, 1 or more, got "):
            make()
    with pytest.raises(ValueError, match=r"^n must be a whole number"):
        ring(key, count)


def test_noise_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="stddev must be at least 0, not nan"):
        ring(jax.random.key(0), 4, stddev=float("nan"))
