"""Divergence of samples by kernel densities, and colours by clustering, against closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal
from scipy import integrate, special, stats

from ganstab import metrics
from ganstab.data import colorize

N = 1024  # whole blocks, so that one program serves all of them


def js_of_normals(shift, deviation):
    """JS of N(0, deviation²) and N(shift, deviation²), by quadrature."""

    def integrand(x):
        p, q = (stats.norm(mean, deviation).pdf(x) for mean in (0, shift))
        return (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) / 2

    return integrate.quad(integrand, -8 * deviation, shift + 8 * deviation)[0]


def normals(seed, shift):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(N, 3)) + np.array([shift, 0, 0])


def js(data, samples):
    return float(metrics.js_divergence_of_samples(jnp.asarray(data), jnp.asarray(samples)))


@pytest.fixture(scope="module")
def floor():
    """Divergences of N normal points from N more of the same law, and how they spread."""
    pool = jnp.asarray(np.vstack([normals(1, 0), normals(2, 0)]))
    found = metrics.js_floor_of_samples(jax.random.key(0), pool, 3)
    assert found.shape == (3,)
    return np.asarray(found)


def test_js_of_two_normals_is_that_of_the_smoothed_ones(floor):
    # Scott's kernel adds its variance to both. Halves of 3-D data differ as the first axis does.
    deviation = math.sqrt(1 + N ** (-2 / 7))
    for shift in (1.0, 2.5):
        expected = js_of_normals(shift, deviation)
        assert 0.05 < expected < js_of_normals(shift, 1)
        # The floor shrinks where p and q differ; sampling adds 0.6 / sqrt(N) at most.
        assert (
            expected - 0.02 < js(normals(3, 0), normals(4, shift)) < expected + floor.mean() + 0.02
        )


def test_js_of_one_axis_of_data_is_that_of_the_smoothed_normals():
    expected = js_of_normals(2.0, math.sqrt(1 + N ** (-2 / 5)))
    assert js(normals(3, 0)[:, :1], normals(4, 2)[:, :1]) == pytest.approx(expected, abs=0.03)


def test_js_does_not_depend_on_the_axes_or_on_their_scales():
    turned = np.random.default_rng(5).normal(size=(3, 3)) * [1e-2, 1, 1e2]
    a, b = normals(3, 0), normals(4, 1)
    assert js(a @ turned + 7, b @ turned + 7) == pytest.approx(js(a, b), rel=1e-3)


def test_equal_laws_score_the_floor(floor):
    # Leading order: a quarter of the density's relative variance, ∫K²/(n h³ p), over the points.
    assert 0.005 < floor.mean() < 0.025 and floor.std() < 0.2 * floor.mean()
    assert js(normals(6, 0), normals(7, 0)) == pytest.approx(floor.mean(), rel=0.3)


def test_the_floor_is_of_halves_drawn_anew():
    """However the data are sorted."""
    pool = normals(1, 0)
    found = np.asarray(metrics.js_floor_of_samples(jax.random.key(0), pool[pool[:, 0].argsort()]))
    assert found.mean() < 0.05 and len(np.unique(found)) == len(found) > 1


def test_js_is_the_formula_point_by_point():
    a, b = normals(6, 0)[:9] @ [[1, 0.5, 0], [0, 2, 0], [0, 0, 0.1]], normals(7, 1)[:6]
    kernel = stats.multivariate_normal(np.zeros(3), 9 ** (-2 / 7) * np.cov(a.T))

    def density(points, own, i):
        return np.mean([kernel.pdf(own[i] - x) for j, x in enumerate(points)
                        if points is not own or j != i])  # fmt: skip

    informations = []
    for own in (a, b):
        p, q = (np.array([density(x, own, i) for i in range(len(own))]) for x in (a, b))
        r = p / (p + q)
        informations.append(np.mean(special.xlogy(r, 2 * r) + special.xlogy(1 - r, 2 - 2 * r)))
    assert 0.05 < js(a, b) < 0.69
    assert js(a, b) == pytest.approx(np.mean(informations), rel=1e-4)


def test_laws_far_apart_and_collapsed_samples_score_ln_2():
    a = normals(3, 0)
    assert js(a, a + 100) == pytest.approx(math.log(2), rel=1e-5)
    assert js(a, a + 1e6) == pytest.approx(math.log(2), rel=1e-5)
    assert js(a, np.full((N, 3), 30.0)) == pytest.approx(math.log(2), rel=1e-5)
    # All at the data's centre: nearly all of the data are outside the kernel there.
    assert 0.5 < js(a, np.zeros((N, 3))) < math.log(2)


def test_one_outlier_moves_the_divergence_by_its_share_at_most():
    a, b = normals(6, 0), normals(7, 0)
    spoilt = b.copy()
    spoilt[0] = 1e4
    assert abs(js(a, spoilt) - js(a, b)) < 2 * math.log(2) / N


def test_js_of_samples_refuses():
    a = normals(3, 0)
    assert "(1024, 3) and (1024, 2)" in argument_refusal(lambda: js(a, a[:, :2]))
    assert "(3,)" in argument_refusal(lambda: js(a, a[0]))
    assert "number of data must be 4 or more, got 3" in argument_refusal(lambda: js(a[:3], a))
    assert "number of samples must be 2 or more, got 1" in argument_refusal(lambda: js(a, a[:1]))
    spoilt = np.where(np.arange(N)[:, None] < 2, np.nan, a)
    assert "2 of 1024 samples" in argument_refusal(lambda: js(a, spoilt))
    assert "singular" in argument_refusal(lambda: js(a * [1, 1, 0], a))
    plane = a @ [[1, 0, 0.1], [0, 1, 0.3], [0, 0, 0]]  # its rounded covariance has a root
    assert "singular" in argument_refusal(lambda: js(plane, plane))
    far = np.where(np.arange(N)[:, None] < 1, 1e25, a)
    assert "too far" in argument_refusal(lambda: js(a, far))
    assert "splits must be 1 or more, got 0" in argument_refusal(
        lambda: metrics.js_floor_of_samples(jax.random.key(0), jnp.asarray(a), 0)
    )


def strokes(n, size=12):
    """Binary figures [n, size, size, 1] of a fifth of the pixels, different in every image."""
    draw = np.random.default_rng(8)
    return (draw.random((n, size, size, 1)) < 0.2).astype(np.float32)


def test_foreground_color_is_exact_without_noise():
    color = np.random.default_rng(9).normal(scale=0.5, size=(64, 3)).astype(np.float32)
    found = metrics.foreground_colors(colorize(jnp.asarray(strokes(64)), jnp.asarray(color)))
    np.testing.assert_allclose(found, color, atol=2e-6)


def test_foreground_color_is_found_under_noise():
    draw = np.random.default_rng(10)
    color = draw.normal(scale=0.5, size=(64, 3)).astype(np.float32)
    clean = np.asarray(colorize(jnp.asarray(strokes(64, 28)), jnp.asarray(color)))
    noisy = np.clip(clean + 0.2 * draw.normal(size=clean.shape), -1, 1)
    # The clip keeps a bright or dark channel's noise to one side.
    error = np.abs(np.asarray(metrics.foreground_colors(jnp.asarray(noisy))) - color)
    inside = np.abs(color).max(axis=1) < 0.6
    assert inside.sum() > 20 and error[inside].max() < 0.08


def test_foreground_color_of_one_color_and_of_no_number():
    flat = np.broadcast_to(np.array([[0.3, -0.5, 0.9], [-1, -1, -1]])[:, None, None], (2, 4, 4, 3))
    spoilt = np.full((1, 4, 4, 3), 0.5)
    spoilt[0, 1, 2, 0] = np.nan
    found = metrics.foreground_colors(jnp.asarray(np.concatenate([flat, spoilt]), jnp.float32))
    np.testing.assert_allclose(found[:2], flat[:, 0, 0], atol=1e-6)
    assert np.isnan(found[2]).all()


def test_foreground_colors_take_colored_images():
    assert "(2, 4, 4, 1)" in argument_refusal(
        lambda: metrics.foreground_colors(jnp.zeros((2, 4, 4, 1)))
    )


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_divergence_of_half_precision_is_that_of_the_same_numbers(dtype):
    draw = np.random.default_rng(12)
    data, samples = (jnp.asarray(draw.normal(size=(40, 2)), dtype) for _ in range(2))
    wide = [x.astype(jnp.float32) for x in (data, samples)]
    found = metrics.js_divergence_of_samples(data, samples)
    assert found == metrics.js_divergence_of_samples(*wide) and found > 0


def test_points_without_coordinates_have_no_density():
    with pytest.raises(ValueError, match=r"data have the shape \(5, 0\); \[n, d >= 1\]"):
        metrics.js_divergence_of_samples(jnp.zeros((5, 0)), jnp.zeros((5, 0)))


def test_foreground_color_of_many_pixels_in_half_precision():
    image = np.full((1, 300, 300, 3), 0.5, np.float16)
    image[:, :10, :10] = -0.5  # more pixels in the figure than float16 can count
    found = metrics.foreground_colors(jnp.asarray(image))
    np.testing.assert_allclose(found, [[0.5] * 3], atol=1e-3)
    assert found.dtype == jnp.float16


@pytest.mark.parametrize(
    "images", [jnp.zeros((2, 4, 4, 3), jnp.uint8), jnp.zeros((0, 4, 4, 3))], ids=["bytes", "none"]
)
def test_foreground_colors_take_numbers_from_minus_one_to_one(images):
    told = argument_refusal(lambda: metrics.foreground_colors(images))
    assert f"images are {images.dtype} {images.shape}; floating point [n, H, W, 3]" in told


@pytest.mark.parametrize("scale", [1e20, 1e-25])
def test_divergence_knows_no_unit(scale):
    data, samples = np.random.default_rng(13).normal(size=(2, 40, 2))
    found, expected = (
        metrics.js_divergence_of_samples(jnp.asarray(data * unit), jnp.asarray(samples * unit))
        for unit in (scale, 1.0)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_divergence_of_bytes_is_that_of_the_same_numbers():
    data, samples = np.random.default_rng(14).integers(0, 256, (2, 40, 2))
    found = metrics.js_divergence_of_samples(np.uint8(data), np.uint8(samples))
    assert found == metrics.js_divergence_of_samples(np.float32(data), np.float32(samples))
