"""Images and samplers: a batch is a function of its key, in memory or from disk."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import refusal
from tiny_images import BYTES, IMAGES, LABELS

from ganstab.data import (
    RandomAccess,
    augmentation_key,
    colored_digits,
    colorize,
    draw,
    fetch_batch,
    make_images,
    single_images,
    stacked_digits,
    to_unit_range,
)

KEY = jax.random.key(7)


def test_make_images_takes_a_users_arrays_and_checks_them():
    assert make_images(BYTES[..., 0]).image.shape == (23, 28, 28, 1)
    assert not make_images(BYTES).label.any()
    assert "float64" in refusal(lambda: make_images(BYTES / 255))
    assert "[23, 28]" in refusal(lambda: make_images(BYTES[..., 0, 0]))
    assert "[22]" in refusal(lambda: make_images(BYTES, LABELS[:-1]))
    assert "float64" in refusal(lambda: make_images(BYTES, LABELS / 1.0))


def test_bytes_become_minus_one_to_one():
    x = to_unit_range(jnp.array([0, 51, 255], jnp.uint8))
    assert x.dtype == jnp.float32
    np.testing.assert_allclose(x, [-1, -0.6, 1], atol=1e-6)


def records(images):
    return RandomAccess([{"image": i, "label": k} for i, k in zip(*images, strict=True)])


SAMPLERS = [single_images, stacked_digits, colored_digits]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_resident_and_fetched_batches_are_the_same_function_of_the_key(sampler):
    resident = jax.device_put(IMAGES)
    eager = draw(sampler, resident, KEY, 12)
    jitted = jax.jit(partial(draw, sampler, n=12))(resident, key=KEY)
    fetched = fetch_batch(sampler, records(IMAGES), KEY, 12)
    other = draw(sampler, resident, jax.random.key(8), 12)
    for a, b, c, d in zip(eager, jitted, fetched, other, strict=True):
        assert a.dtype == b.dtype == c.dtype and a.shape == c.shape
        np.testing.assert_array_equal(a, c)
        np.testing.assert_allclose(a, b, atol=1e-6)
        assert not np.array_equal(a, d)


def test_single_images_are_the_images_of_its_indices():
    index = single_images.indices(KEY, 12, 23)
    assert index.shape == (12,) and index.dtype == jnp.int32
    batch = draw(single_images, jax.device_put(IMAGES), KEY, 12)
    np.testing.assert_allclose(batch.real, BYTES[index] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(batch.label, LABELS[index])


def test_stacked_digits_put_one_digit_in_a_channel():
    index = stacked_digits.indices(KEY, 12, 23)
    assert index.shape == (12, 3) and index.dtype == jnp.int32
    batch = draw(stacked_digits, jax.device_put(IMAGES), KEY, 12)
    assert batch.real.shape == (12, 28, 28, 3) and batch.label.dtype == jnp.int32
    for channel in range(3):
        expected = BYTES[index[:, channel], :, :, 0] / 127.5 - 1
        np.testing.assert_allclose(batch.real[..., channel], expected, atol=1e-6)
    a, b, c = LABELS[np.asarray(index)].T
    np.testing.assert_array_equal(batch.label, 100 * a + 10 * b + c)


def test_a_colored_digit_is_its_color_on_black():
    digit = jnp.array([0.0, 0.25, 1.0]).reshape(1, 1, 3, 1)
    color = jnp.array([[0.8, -0.4, 0.0]])
    found = colorize(digit, color)[0, 0]
    expected = [[-1, -1, -1], [0.2 - 0.75, -0.1 - 0.75, -0.75], [0.8, -0.4, 0.0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_colored_digits_have_normal_colors_and_noise_within_bounds():
    strokes = make_images(np.full((2000, 6, 6, 1), 128, np.uint8), np.arange(2000) % 10)
    batch = jax.jit(partial(draw, colored_digits, n=2000))(jax.device_put(strokes), key=KEY)
    index = colored_digits.indices(KEY, 2000, 2000)
    np.testing.assert_array_equal(batch.label, np.asarray(index) % 10)
    assert batch.real.shape == (2000, 6, 6, 3) and batch.real.dtype == jnp.float32
    # Half strokes: I C + I − 1 is about (C − 1) / 2, whose noise is clipped at −1 for some colours.
    pixels, color = np.asarray(batch.real), colors(2000)
    assert pixels.min() == -1 and abs(color.mean()) < 4 * 0.5 / 6000**0.5
    assert color.std() == pytest.approx(0.5, rel=4 / 12000**0.5)
    assert abs(np.corrcoef(color.T) - np.eye(3)).max() < 4 / 2000**0.5
    clear = np.all(abs(color) < 0.4, axis=1)  # at least 1.5 deviations from the clip
    residual = (pixels - np.asarray(colorize(jnp.full((2000, 6, 6, 1), 128 / 255), color)))[clear]
    assert residual.std() == pytest.approx(0.2, rel=0.05)
    # The noise is independent over pixels and channels.
    values = residual.reshape(len(residual), -1)
    assert abs(np.corrcoef(values.T) - np.eye(108)).max() < 5.5 / len(values) ** 0.5


def colors(n):
    """The colours that KEY gives n digits, drawn as documented."""
    key, _ = jax.random.split(augmentation_key(KEY))
    return 0.5 * np.asarray(jax.random.normal(key, (n, 3)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_indices_are_uniform_over_the_population(sampler):
    count = np.bincount(np.ravel(sampler.indices(KEY, 5000, 5000)) // 500, minlength=10)
    assert len(count) == 10
    expected = count.sum() / 10
    assert ((count - expected) ** 2 / expected).sum() < 27.9  # 0.1 % point of chi² with 9 d.o.f.


def test_samplers_refuse_what_they_cannot_draw():
    resident = jax.device_put(IMAGES)
    for n in (0, 24):
        message = refusal(lambda n=n: draw(single_images, resident, KEY, n))
        assert "23 images" in message and str(n) in message
        assert message == refusal(lambda n=n: fetch_batch(single_images, records(IMAGES), KEY, n))
    colour = jax.device_put(make_images(np.zeros((9, 8, 8, 3), np.uint8)))
    for sampler in (stacked_digits, colored_digits):
        assert "greyscale" in refusal(lambda sampler=sampler: draw(sampler, colour, KEY, 4))


def test_random_access_refuses_indices_outside_and_records_without_images():
    source = records(IMAGES)
    for wanted in ([-1], [0, 23], []):
        assert "0 … 22" in refusal(lambda wanted=wanted: source.fetch(np.array(wanted)))
    assert "picture" in refusal(lambda: RandomAccess([{"picture": 1}]).fetch(np.array([0])))
