"""The sliced Wasserstein distance of patches, and the Fréchet distance of digits."""

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from common import argument_refusal, refusal

from ganstab import data, digit_classifier, metrics
from ganstab.metrics.sliced_wasserstein import (
    Patches,
    laplacian_levels,
    laplacian_patches,
    sliced_wasserstein_of_patches,
)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
MNIST = data.load_mnist("test").image


def blurred(x):
    for axis in (1, 2):
        x = scipy.ndimage.correlate1d(x, np.array([1, 4, 6, 4, 1]) / 16, axis, mode="mirror")
    return x


@pytest.mark.parametrize(
    ("shape", "sides"), [((67, 45), [(67, 45), (34, 23)]), ((31, 7), [(31, 7)]), ((64, 64), None)]
)
def test_levels_are_a_laplacian_pyramid(shape, sides):
    x = RNG.normal(size=(2, *shape, 3))
    levels = [np.asarray(level) for level in laplacian_levels(x.astype(np.float32))]
    assert [level.shape[1:3] for level in levels] == (sides or [(64, 64), (32, 32), (16, 16)])
    coarse = x
    for level in levels[:-1]:
        fine, coarse = coarse, blurred(coarse)[:, ::2, ::2]
        spread = np.zeros_like(fine)
        spread[:, ::2, ::2] = coarse
        np.testing.assert_allclose(level, fine - 4 * blurred(spread), atol=1e-5)
    np.testing.assert_allclose(levels[-1], coarse, atol=1e-5)


def test_a_flat_image_has_nothing_but_its_last_level():
    levels = laplacian_levels(np.full((1, 33, 64, 1), 7.0))
    np.testing.assert_allclose(levels[0], 0, atol=1e-5)
    np.testing.assert_allclose(levels[1], 7, rtol=1e-6)


def test_patches_are_windows_of_their_images():
    places = np.arange(3 * 20 * 9, dtype=np.float32).reshape(3, 20, 9, 1)
    found = laplacian_patches(KEY, places, 300)
    patches = found.levels["20 × 9"]
    assert patches.shape == (300, 7, 7, 1) and found.images == [3]
    corner = patches[:, 0, 0, 0]
    window = 9 * np.arange(7)[:, None] + np.arange(7)
    np.testing.assert_array_equal(patches[..., 0], corner[:, None, None] + window)
    image, top, left = (x.astype(int) for x in (corner // 180, corner % 180 // 9, corner % 9))
    np.testing.assert_array_equal(np.bincount(image), [100, 100, 100])
    assert {*top} == {*range(14)} and {*left} == {0, 1, 2}


def test_distance_is_that_of_sorted_projections():
    a, b = RNG.normal(size=(2, 50, 7, 7, 3)) * [1, 2, 3] + 5
    found = sliced_wasserstein_of_patches(
        KEY, Patches(np.array([4, 6]), {"x": a}), Patches(np.array([9]), {"x": b}), directions=40
    )
    drawn = jax.random.normal(jax.random.fold_in(KEY, 0), (40, 147))
    flat = [((x - x.mean((0, 1, 2))) / x.std((0, 1, 2))).reshape(50, -1) for x in (a, b)]
    unit = [np.asarray(d, float) / np.linalg.norm(d) for d in drawn]
    expected = np.mean([scipy.stats.wasserstein_distance(flat[0] @ d, flat[1] @ d) for d in unit])
    assert found.value == pytest.approx(1000 * expected, rel=1e-5)
    assert found[1:] == ({"x": found.value}, 10, 9, 50)


def test_what_it_sees_and_what_it_does_not():
    def distance(a, b):
        return metrics.sliced_wasserstein_distance(KEY, a, b, patches=3000, directions=64).value

    digits, others = MNIST[:300], MNIST[300:700]
    floor = distance(digits, others)
    assert distance(digits, others / np.float32(127.5) - 1) == pytest.approx(floor, rel=0.01)
    noise = RNG.integers(0, 256, digits.shape).astype(np.uint8)
    soft = scipy.ndimage.gaussian_filter(digits, (0, 1, 1, 0))
    assert 3 * floor < distance(digits, soft) < distance(digits, noise)
    found = metrics.sliced_wasserstein_distance(KEY, digits[:5], others[:3], directions=2)
    assert found[2:] == (5, 3, 384) and [*found.levels] == ["28 × 28"]


@pytest.mark.parametrize(
    ("real", "fake", "told"),
    [
        ((3, 20, 20, 3), (3, 20, 20, 1), "(3, 20, 20, 1)"),
        ((3, 20, 6, 3), (3, 20, 6, 3), ">= 7"),
        ((20, 20, 3), (20, 20, 3), "[n, H, W, C]"),
    ],
)
def test_images_that_do_not_fit_are_refused(real, fake, told):
    def call():
        return metrics.sliced_wasserstein_distance(KEY, np.zeros(real), np.zeros(fake))

    assert told in argument_refusal(call)


def test_images_that_are_not_finite_are_refused():
    images = np.full((2, 8, 8, 1), np.nan)

    def call():
        return metrics.sliced_wasserstein_distance(KEY, images, images)

    assert "not finite" in argument_refusal(call)


def test_digit_features_are_the_last_layers_inputs():
    params, x = digit_classifier.load(), MNIST[:70].astype(np.float32) / 127.5 - 1
    found = digit_classifier.features(params, x)
    assert found.shape == (70, 64) and float(found.min()) == 0
    scores = found @ params["dense2_kernel"] + params["dense2_bias"][None]
    np.testing.assert_allclose(scores, digit_classifier.scores(params, x), atol=1e-4)


def test_digit_frechet_distance():
    a, b = MNIST[:600], MNIST[600:1200]
    near = metrics.digit_frechet_distance(a, b)
    assert near[1:] == (600, 600)
    params = digit_classifier.load()
    by_hand = [digit_classifier.features(params, x / np.float32(127.5) - 1) for x in (a, b)]
    assert near.value == pytest.approx(metrics.fid(*by_hand).value, rel=1e-6)
    ones = np.repeat(a[:1], 600, axis=0)
    assert metrics.digit_frechet_distance(a, ones).value > 10 * near.value
    grey = [np.repeat(x, 3, axis=-1) for x in (a, b)]
    assert metrics.digit_frechet_distance(*grey).value == pytest.approx(near.value, rel=1e-6)
    stacked = [np.concatenate([x[:200], x[200:400], x[400:]], axis=-1) for x in (a, b)]
    assert metrics.digit_frechet_distance(*stacked).value > near.value
    assert "28, 28" in refusal(lambda: metrics.digit_frechet_distance(a[:, :20], b))
