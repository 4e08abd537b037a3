"""Augmentations against a reading of each image alone, and the wrappers that show them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, quick

from ganstab import Player, players
from ganstab.players import color, cutout, mirror, translation

KEY = jax.random.key(3)
B, H, W, C = 400, 8, 12, 3
X = np.asarray(arrays(1, B, H, W, C))


def look(augmentation):
    return np.asarray(quick(augmentation)(X, KEY))


def test_color_is_brightness_then_saturation_then_contrast():
    """Each image's three numbers are found from it; they have the law that they should."""
    got = look(color)
    # What changes all channels alike changes neither saturation's nor contrast's differences.
    centred = X - X.mean(-1, keepdims=True)
    gain = (got - got.mean(-1, keepdims=True)).reshape(B, -1).std(1) / centred.reshape(B, -1).std(1)
    grey, got_grey = X.mean(-1).reshape(B, -1), got.mean(-1).reshape(B, -1)
    contrast = got_grey.std(1) / grey.std(1)
    saturation, brightness = gain / contrast, got_grey.mean(1) - grey.mean(1)
    rebuilt = X + brightness[:, None, None, None]
    mean = rebuilt.mean(-1, keepdims=True)
    rebuilt = mean + (rebuilt - mean) * saturation[:, None, None, None]
    mean = rebuilt.mean((1, 2, 3), keepdims=True)
    rebuilt = mean + (rebuilt - mean) * contrast[:, None, None, None]
    np.testing.assert_allclose(got, rebuilt, atol=2e-4)
    for drawn, low, high in ((brightness, -0.5, 0.5), (saturation, 0, 2), (contrast, 0.5, 1.5)):
        quantiles = np.quantile(drawn, [0, 0.25, 0.5, 0.75, 1])
        np.testing.assert_allclose(quantiles, np.linspace(low, high, 5), atol=0.2 * (high - low))


def shifted(image, down, right):
    out = np.zeros_like(image)
    height, width = image.shape[:2]
    out[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
        max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
    ]
    return out


def test_translation_moves_whole_pixels_and_leaves_zeros():
    found = set()
    for image, got in zip(X, look(translation), strict=True):
        moves = [
            (i, j) for i in range(-1, 2) for j in range(-2, 3)
        ]  # an eighth of 8 and 12, rounded
        found |= {move for move in moves if np.array_equal(got, shifted(image, *move))}
        assert any(np.array_equal(got, shifted(image, *move)) for move in moves)
    assert len(found) == 15


def test_cutout_is_a_rectangle_of_half_the_size_at_any_place():
    got = look(cutout)
    hole = np.all(got == 0, -1)
    np.testing.assert_array_equal(got[~hole], X[~hole])
    rows, columns = hole.any(2), hole.any(1)
    np.testing.assert_array_equal(hole, rows[:, :, None] & columns[:, None, :])
    assert (rows.sum(1).min(), rows.sum(1).max()) == (2, 4)
    assert (columns.sum(1).min(), columns.sum(1).max()) == (3, 6)
    assert hole.any(0).all() and not hole.all(0).any()
    for lines in (rows, columns):  # each in one piece
        assert np.all(np.abs(np.diff(np.pad(lines, ((0, 0), (1, 1))).astype(int))).sum(1) == 2)


def test_mirror_turns_half_of_the_images():
    turned = np.all(look(mirror) == X[:, :, ::-1], (1, 2, 3))
    np.testing.assert_array_equal(look(mirror)[~turned], X[~turned])
    assert 0.4 < turned.mean() < 0.6


def mirror_player():
    """A player that answers with what it is shown."""
    return Player(lambda key: ((), ()), lambda params, state, x, key, *, train=True: (x, state))


def twice(x, key):
    return 2 * x


@pytest.mark.parametrize(("probability", "share"), [(None, 1), (0.0, 0), (0.3, 0.3), (1.0, 1)])
def test_each_augmentation_comes_with_its_probability(probability, share):
    player = players.augmented(mirror_player(), (twice, twice), probability)
    got, _ = quick(player.apply)((), (), X, KEY)
    times = np.round(np.asarray(got / X).mean((1, 2, 3)))
    expected = [(1 - share) ** 2, 2 * share * (1 - share), share**2]
    np.testing.assert_allclose([np.mean(times == k) for k in (1, 2, 4)], expected, atol=0.08)
    clean, _ = player.apply((), (), X, KEY, train=False)
    np.testing.assert_array_equal(clean, X)


@pytest.mark.parametrize("augmentation", [color, translation, cutout, mirror])
def test_gradients_pass_through(augmentation, x64):
    """What is linear in x has the derivative of its own difference quotient."""
    x, v, w = (jnp.asarray(arrays(i, 2, 6, 6, 3), float) for i in range(3))

    def value(x):
        return jnp.sum(w * augmentation(x, KEY))

    @quick
    def look(x):
        second = jax.grad(lambda x: jnp.sum(jax.grad(lambda x: value(x) ** 2)(x) * v))(x)
        return value(x + v) - value(x), jax.grad(value)(x), second

    rise, slope, second = look(x)
    np.testing.assert_allclose(jnp.sum(slope * v), rise, rtol=1e-9)
    np.testing.assert_allclose(second, 2 * jnp.sum(slope * v) * slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_the_adaptive_probability_is_the_one_that_the_parameters_have(p):
    """Data and samples that are shown with one key are augmented alike."""
    player = players.adaptively_augmented(mirror_player(), (twice, twice))
    params, state = player.init(KEY)
    assert params == (((), 0, 0))
    params = params._replace(augment_probability=p)
    fixed = players.augmented(mirror_player(), (twice, twice), p)
    apply = quick(player.apply, static_argnames="train")
    np.testing.assert_array_equal(
        apply(params, state, X, KEY)[0], quick(fixed.apply)((), (), X, KEY)[0]
    )
    np.testing.assert_array_equal(apply(params, state, X, KEY, train=False)[0], X)


def test_a_probability_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match=r"probability must be from 0 to 1, got 1\.5"):
        players.augmented(mirror_player(), probability=1.5)


@pytest.mark.parametrize("shape", [(4,), (4, 5), (4, 8, 8)])
@pytest.mark.parametrize("augmentation", [color, translation, cutout, mirror])
def test_samples_that_are_no_images_are_not_augmented(augmentation, shape):
    with pytest.raises(ValueError) as error:
        augmentation(jnp.ones(shape), jax.random.key(0))
    asked = f"{augmentation.__name__} takes images [B, H, W, C]"
    assert str(error.value) == f"{asked}, got samples of shape {shape}"


def test_colors_of_bytes_are_not_changed():
    with pytest.raises(ValueError, match="color takes images in floating point, got uint8"):
        color(jnp.ones((2, 4, 4, 3), jnp.uint8), jax.random.key(0))
