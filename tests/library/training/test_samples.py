"""Samples of a run: drawn from the generator, kept in files, and shown as pictures."""

import io

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest
from common import argument_refusal, plain_pair, prior
from matplotlib.figure import Figure
from short_runs import empty_state, telling_mode

from ganstab import Player
from ganstab.training import View, samples

IMAGES = np.random.default_rng(0).uniform(-1.2, 1.2, (5, 4, 6, 3)).astype(np.float32)
POINTS = np.random.default_rng(1).normal(size=(30, 2)).astype(np.float32)
KEY = jax.random.key(3)


def echo(params, state, z, key, *, train=True):
    return z, state


def test_the_sampler_shows_64_and_measures_all_in_parts():
    gen = Player(lambda key: ((), ()), echo)
    sample = samples.make_sampler(gen, prior, samples=150, measure=lambda x: x, at_once=70)
    shown, found = sample(empty_state(), KEY)
    expected = np.concatenate([prior(key, 70) for key in jax.random.split(KEY, 3)])
    assert isinstance(shown, np.ndarray) and isinstance(found, np.ndarray)
    np.testing.assert_allclose(shown, expected[:64], rtol=1e-6)
    np.testing.assert_allclose(found, expected[:150], rtol=1e-6)
    few, nothing = samples.make_sampler(gen, prior, samples=5)(empty_state(), KEY)
    assert few.shape == (5, 3) and nothing == ()


def test_the_same_latents_whatever_the_state():
    gen = plain_pair().gen
    sample = samples.make_sampler(gen, prior, samples=8)
    state = empty_state()
    params, _ = gen.init(KEY)
    for factor in (1.0, 2.0):
        scaled = jax.tree.map(lambda x, by=factor: by * x, params)
        shown, _ = sample(state._replace(params=state.params._replace(gen=scaled)), KEY)
        expected, _ = gen.apply(scaled, (), prior(jax.random.split(KEY, 1)[0], 8), None)
        np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("train", [False, True])
def test_batch_norm_has_the_statistics_that_are_asked_for(train):
    sample = samples.make_sampler(telling_mode(2), prior, samples=4, train=train)
    assert (sample(empty_state(), KEY)[0] == train).all()


def test_arrays_come_back_and_images_as_bytes(tmp_path):
    for step, arrays in ((0, {"samples": IMAGES}), (20, {"samples": POINTS, "loss": np.ones(2)})):
        samples.write_samples(tmp_path, step, arrays)
    samples.write_samples(tmp_path, None, {"samples": POINTS})
    found = samples.read_samples(tmp_path)
    assert sorted(found) == [0, 20] and sorted(samples.read_samples(tmp_path, 19)) == [0]
    expected = np.rint((IMAGES.clip(-1, 1) + 1) * 127.5)
    assert found[0]["samples"].dtype == np.uint8
    np.testing.assert_array_equal(found[0]["samples"], expected)
    np.testing.assert_array_equal(found[20]["samples"], POINTS)
    np.testing.assert_array_equal(found[20]["loss"], np.ones(2))
    np.testing.assert_array_equal(samples.read_reference(tmp_path)["samples"], POINTS)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 torn",
        npz(samples=POINTS)[:-40],
        npz(other=POINTS),
        npz(samples=np.float32(1)),
        npz(samples=np.array([{}])),
    ],
)
def test_a_damaged_file_is_left_out(tmp_path, content):
    assert samples.read_reference(tmp_path) == {}
    for step in (10, 20):
        samples.write_samples(tmp_path, step, {"samples": POINTS})
    samples.sample_path(tmp_path, 10).write_bytes(content)
    assert list(samples.read_samples(tmp_path)) == [20]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_tile_has_every_pixel_on_white(channels):
    picture = samples.tile(IMAGES[..., :channels], columns=3, scale=2)
    assert picture.shape == (2 * 10 - 2, 3 * 14 - 2, 3) and picture.dtype == np.uint8
    fifth = picture[10:18:2, 14:26:2]
    expected = np.broadcast_to((IMAGES[4, ..., :channels].clip(-1, 1) + 1) / 2, fifth.shape)
    np.testing.assert_allclose(fifth / 255, expected, atol=1 / 250)
    np.testing.assert_array_equal(picture[11:19:2, 15:27:2], fifth)
    assert (picture[8:10] == 255).all() and (picture[10:, 28:] == 255).all()
    assert (samples.tile(np.full((1, 2, 2, 1), np.nan), 1, 1) == 0).all()


@pytest.mark.parametrize("shape", [(4, 28, 28), (4, 28, 28, 2), (0, 28, 28, 1)])
def test_a_tile_refuses_other_shapes(shape):
    told = argument_refusal(lambda: samples.tile(np.zeros(shape), 2, 1))
    assert told == f"images must be [n > 0, H, W, 1 or 3], not {list(shape)}"


def test_a_picture_of_images_is_their_tile(tmp_path):
    samples.draw_samples({"samples": IMAGES}, [], {}, tmp_path / "grid.png")
    picture = np.rint(matplotlib.image.imread(tmp_path / "grid.png")[..., :3] * 255)
    np.testing.assert_array_equal(picture, samples.tile(IMAGES, 8, 2))


def test_what_a_program_says_nothing_of_is_drawn_by_its_shape(tmp_path):
    counts = {(5, 4, 6, 3): 1, (30, 2): 1, (30, 3): 0, (5, 4, 6, 2): 0}
    for shape, count in counts.items():
        arrays = {"samples": jnp.ones(shape)}
        views = samples.views_of(arrays)
        assert len(views) == count
        for view in views:
            axis = Figure().add_subplot()
            view.draw(axis, arrays, {})
            assert axis.images or axis.collections
        path = tmp_path / f"{len(shape)}_{shape[-1]}.png"
        samples.draw_samples(arrays, (), {}, path)
        assert path.exists() == bool(count)


def test_over_training_shows_the_steps_that_all_rows_have(tmp_path):
    seen = []
    view = View(lambda axis, arrays, reference: seen.append((arrays["at"], bool(reference))))
    rows = [("all", {s: {"at": s} for s in range(20)}, view),
            ("even", {s: {"at": s} for s in range(0, 20, 2)}, view)]  # fmt: skip
    assert samples.over_training(rows, {"at": -1}, tmp_path / "rows.png", most=4)
    assert seen == [(at, True) for _ in rows for at in (0, 6, 12, 18, -1)]
    assert matplotlib.image.imread(tmp_path / "rows.png").shape[1] == 5 * 256
    seen.clear()
    odd = ("odd", {1: {"at": 1}}, view)
    for none in ([], [*rows, odd]):
        assert not samples.over_training(none, {}, tmp_path / "none.png")
    assert not seen and not (tmp_path / "none.png").exists()
    assert samples.spread([5, 3, 1]) == [1, 3, 5] and samples.spread(range(9), 2) == [0, 8]


def test_labels_of_rows_of_images_are_no_longer_than_a_row_is_high():
    images = {step: {"samples": np.zeros((25, 8, 8, 1), np.uint8)} for step in (0, 1)}
    view, figure = View(samples.draw_square, is_of_images=True), Figure(figsize=(4, 3), dpi=100)
    label = "decay_steps = 1000000, seed = 0"
    samples.draw_rows(figure, [(label, images, view), ("plain", images, view)], [0, 1], {})
    axes = [axis for axis in figure.axes if axis.get_ylabel()]
    assert axes[0].get_ylabel().split() == label.replace(",", "").split()
    lines = axes[0].get_ylabel().split("\n")
    assert len(lines) == 3 and max(map(len, lines)) <= 14 and axes[1].get_ylabel() == "plain"
