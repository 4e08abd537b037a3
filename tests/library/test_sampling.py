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


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.array([0, 2**32 + 1]), "not 4294967297"),
        (np.array([0, 2**31]), "not 2147483648"),
        (np.array([0, 2**64 - 1], np.uint64), "not 18446744073709551615"),
        (np.array([-2, 0]), "not -2"),
        (np.array([-(2**40), 0]), "not -1099511627776"),
        (np.array([2**80, 0]), "not object"),
        (np.array([0, 1.0]), "not float64"),
        (np.array([True, False]), "not bool"),
        (np.array(["1", "2"]), "not <U1"),
        (np.array([None, 1]), "not object"),
        (np.array([[0], [1]]), "[2, 1]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_label_that_is_no_class_is_refused_by_its_value_or_kind(label, words):
    message = refusal(lambda: make_images(BYTES[:2], label))
    assert "label must be" in message and words in message
    fetched = [{"image": image, "label": of} for image, of in zip(BYTES, label, strict=False)]
    message = refusal(lambda: RandomAccess(fetched, "mine").fetch(np.arange(2)))
    assert message.startswith("mine: ") and "label" in message


def test_labels_of_any_integer_type_and_none_at_all_are_kept():
    for dtype in (np.uint8, np.int16, np.uint64, np.int64):
        assert make_images(BYTES[:2], np.array([0, 127], dtype)).label.tolist() == [0, 127]
    label = make_images(BYTES[:2], np.array([-1, 2**31 - 1])).label
    assert label.dtype == np.int32 and label.tolist() == [-1, 2**31 - 1]


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


@pytest.mark.parametrize("other", [-1, 10, 26])
def test_a_stack_with_a_label_that_is_no_digit_has_no_label(other):
    labels = np.where(LABELS == 9, other, LABELS)
    batch = draw(stacked_digits, jax.device_put(make_images(BYTES, labels)), KEY, 40)
    drawn = labels[np.asarray(stacked_digits.indices(KEY, 40, 23))]
    unlabelled = (drawn == other).any(axis=1)
    assert 0 < unlabelled.sum() < 40
    np.testing.assert_array_equal(batch.label, np.where(unlabelled, -1, drawn @ [100, 10, 1]))


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
    for n in (0, -3):
        for call in (partial(draw, images=resident), partial(fetch_batch, source=records(IMAGES))):
            with pytest.raises(ValueError, match=f"n, the batch size, .* not {n}"):
                call(single_images, key=KEY, n=n)
    colour = jax.device_put(make_images(np.zeros((9, 8, 8, 3), np.uint8)))
    for sampler in (stacked_digits, colored_digits):
        assert "greyscale" in refusal(lambda sampler=sampler: draw(sampler, colour, KEY, 4))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_may_be_larger_than_the_population(sampler):
    batch = draw(sampler, jax.device_put(IMAGES), KEY, 100)
    fetched = fetch_batch(sampler, records(IMAGES), KEY, 100)
    assert len(batch.real) == 100
    np.testing.assert_array_equal(batch.real, fetched.real)
    one = draw(sampler, jax.device_put(make_images(BYTES[:1])), KEY, 2)
    assert one.real.shape[0] == 2


def test_random_access_refuses_indices_outside_and_records_without_images():
    source = records(IMAGES)
    for wanted in ([-1], [0, 23], []):
        with pytest.raises(ValueError, match="0 … 22"):
            source.fetch(np.array(wanted))
    assert "picture" in refusal(lambda: RandomAccess([{"picture": 1}]).fetch(np.array([0])))
