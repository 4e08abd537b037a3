"""Data: files in and out, samplers, toys; every refusal is one line that names its cause."""

import gzip
import io
import json
import struct
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganstab.data import (
    WGAN_GP_GRID_SCALE,
    WGAN_GP_RING_SCALE,
    Images,
    RandomAccess,
    draw,
    embed,
    fetch_batch,
    grid,
    grid_modes,
    load_idx,
    load_mnist,
    load_tfds,
    make_images,
    mnist,
    ring,
    ring_modes,
    single_images,
    stacked_digits,
    swiss_roll,
    to_unit_range,
)
from ganstab.data.packing import pack, unpack
from ganstab.errors import InputError

KEY = jax.random.key(7)
BYTES = np.random.default_rng(0).integers(0, 256, (23, 28, 28, 1), dtype=np.uint8)
LABELS = np.arange(23) % 10
IMAGES = make_images(BYTES, LABELS)


def refusal(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


# MNIST


def test_mnist_is_whole_and_its_published_self():
    train, test = load_mnist("train"), load_mnist("test")
    assert train.image.shape == (60_000, 28, 28, 1) and train.image.dtype == np.uint8
    assert test.image.shape == (10_000, 28, 28, 1) and test.label.dtype == np.int32
    # The published class counts and first labels, and the mean and deviation commonly quoted.
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(train.label).tolist() == counts
    assert train.label[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert test.label[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    assert train.image.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert train.image.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_mnist_refuses_damage_absence_and_other_splits(tmp_path):
    name = mnist.file_name("test")
    data = bytearray((mnist.FOLDER / name).read_bytes())
    assert name in refusal(lambda: load_mnist("test", tmp_path))
    (tmp_path / name).write_bytes(data[:-100])
    assert name in refusal(lambda: load_mnist("test", tmp_path))
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    assert name in refusal(lambda: load_mnist("test", tmp_path))
    assert "train, test" in refusal(lambda: load_mnist("validation"))


def test_mnist_digest_catches_a_well_formed_file_of_other_images(tmp_path):
    image, label = load_mnist("test")
    image = image[..., 0].copy()
    image[5, 14, 14] ^= 1
    (tmp_path / mnist.file_name("test")).write_bytes(quick_pack(image, label))
    assert "SHA-256" in refusal(lambda: load_mnist("test", tmp_path))


def quick_pack(image, label):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganstab.data.packing._FILTERS", [{"id": 0x21, "preset": 0}])
        return pack(image, label)


@pytest.mark.parametrize("shape", [(23, 28, 28), (1, 3, 5), (6, 1, 9)])
def test_packing_returns_what_it_was_given(shape):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, shape, dtype=np.uint8) * rng.integers(0, 2, shape, dtype=np.uint8)
    label = rng.integers(0, 256, shape[0])
    image_back, label_back = unpack(pack(image, label), shape)
    np.testing.assert_array_equal(image_back, image)
    np.testing.assert_array_equal(label_back, label)


def test_embed_writes_what_load_mnist_reads(tmp_path, monkeypatch):
    write_idx(tmp_path)
    assert "not MNIST" in refusal(lambda: embed.embed(tmp_path, tmp_path, "train"))
    monkeypatch.setitem(mnist.DIGESTS, "train", mnist.digest(BYTES, LABELS))
    monkeypatch.setitem(mnist.SHAPES, "train", BYTES.shape[:3])
    embed.embed(tmp_path, tmp_path, "train")
    assert_same(load_mnist("train", tmp_path), IMAGES)
    assert embed.main([]) == 2 and embed.main([str(tmp_path / "none")]) == 2


# IDX


def idx_bytes(array, magic=None):
    header = struct.pack(f">{1 + array.ndim}I", magic or 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder, prefix="train", mark="-", end="", image=BYTES[..., 0], label=LABELS):
    wrap = gzip.compress if end else bytes
    for stem, rank, array in (("images", 3, image), ("labels", 1, label)):
        file = folder / f"{prefix}-{stem}{mark}idx{rank}-ubyte{end}"
        file.write_bytes(wrap(idx_bytes(array)))


def assert_same(got: Images, expected: Images):
    assert got.image.dtype == np.uint8 and got.label.dtype == np.int32
    np.testing.assert_array_equal(got.image, expected.image)
    np.testing.assert_array_equal(got.label, expected.label)


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_idx_reads_every_spelling(tmp_path, mark, end, split, prefix):
    write_idx(tmp_path, prefix, mark, end)
    assert_same(load_idx(tmp_path, split), IMAGES)


IMAGE_FILE, LABEL_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (IMAGE_FILE, idx_bytes(BYTES[..., 0])[:-5], ["truncated", "18027", "18032"]),
        (IMAGE_FILE, idx_bytes(BYTES[..., 0]) + b"x", ["too long", "18033", "18032"]),
        (IMAGE_FILE, b"\0\0\x08", ["truncated", "3 bytes", "16"]),
        (IMAGE_FILE, idx_bytes(BYTES[..., 0], 0x801), ["magic", "0x00000801", "0x00000803"]),
        (IMAGE_FILE, idx_bytes(BYTES[:0, ..., 0]), ["0, 28, 28"]),
        (LABEL_FILE, idx_bytes(LABELS[:-1]), ["22 labels", "23 expected"]),
    ],
    ids=["short", "long", "no header", "magic", "empty", "count"],
)
def test_idx_refuses_a_wrong_file_by_name(tmp_path, name, data, words):
    write_idx(tmp_path)
    (tmp_path / name).write_bytes(data)
    message = refusal(lambda: load_idx(tmp_path, "train"))
    assert all(word in message for word in [name, *words]), message


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: b"plain text",
        lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:],
    ],
)
def test_idx_refuses_a_damaged_gzip_file(tmp_path, damage):
    write_idx(tmp_path, end=".gz")
    file = tmp_path / f"{IMAGE_FILE}.gz"
    file.write_bytes(damage(file.read_bytes()))
    assert f"{IMAGE_FILE}.gz: damaged gzip" in refusal(lambda: load_idx(tmp_path, "train"))


def test_idx_refuses_absence(tmp_path):
    assert "not a folder" in refusal(lambda: load_idx(tmp_path / "none", "train"))
    assert IMAGE_FILE in refusal(lambda: load_idx(tmp_path, "train"))
    write_idx(tmp_path)
    (tmp_path / LABEL_FILE).unlink()
    assert LABEL_FILE in refusal(lambda: load_idx(tmp_path, "train"))
    assert "train, test" in refusal(lambda: load_idx(tmp_path, "valid"))


# TensorFlow Datasets


def png(array):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(array.squeeze()).save(file, "PNG")
    return io.BytesIO(file.getvalue())


def prepare_tfds(folder, images, shape, labelled=True, name="tiny_digits"):
    """A dataset on disk as TFDS itself writes it, in shards of 9 array_record entries."""
    import tensorflow_datasets as tfds

    features = {"image": tfds.features.Image(shape=shape)}
    if labelled:
        features["label"] = tfds.features.ClassLabel(num_classes=10)
    place = folder / name / "1.0.0"
    place.mkdir(parents=True)
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version="1.0.0", data_dir=str(place), module_name="tests"
    )
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    writer = tfds.core.SequentialWriter(info, 9, file_format="array_record")
    writer.initialize_splits(["train"])
    examples = [{"image": png(x), "label": i % 10} for i, x in enumerate(images)]
    writer.add_examples({"train": [{k: e[k] for k in features} for e in examples]})
    writer.close_all()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    prepare_tfds(folder, BYTES, (28, 28, 1))
    return folder


def test_tfds_reads_by_index_without_tensorflow(prepared):
    source = load_tfds("tiny_digits", "train", prepared)
    assert len(source) == 23
    order = np.array([22, 0, 9, 9, 5])
    assert_same(source.fetch(order), Images(IMAGES.image[order], IMAGES.label[order]))
    assert len(load_tfds("tiny_digits:1.0.0", "train[:8]", prepared)) == 8
    # Already prepared, so nothing is downloaded and TensorFlow is not asked for.
    assert len(load_tfds("tiny_digits", "train", prepared, download=True)) == 23
    assert "tensorflow" not in sys.modules


def test_tfds_without_labels_or_with_colour(tmp_path):
    colour = np.random.default_rng(2).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    prepare_tfds(tmp_path, colour, (5, 6, 3), labelled=False)
    got = load_tfds("tiny_digits", "train", tmp_path).fetch(np.arange(4))
    assert_same(got, Images(colour, np.zeros(4)))


def test_tfds_refuses_images_of_two_shapes(tmp_path):
    two = [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)]
    prepare_tfds(tmp_path, two, (None, None, 1))
    source = load_tfds("tiny_digits", "train", tmp_path)
    message = refusal(lambda: source.fetch(np.array([0, 1])))
    assert "one shape" in message and "tiny_digits" in message and "(4, 5, 1)" in message


def test_tfds_says_what_is_wrong_and_what_to_do(prepared, tmp_path, monkeypatch):
    message = refusal(lambda: load_tfds("mnst", "train", tmp_path))
    assert "unknown" in message and "mnist" in message and str(tmp_path) in message
    message = refusal(lambda: load_tfds("mnist", "train", tmp_path))
    assert "not prepared" in message and "download=True" in message
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        message = refusal(lambda: load_tfds("mnist", "train", tmp_path, download=True))
    assert "pip install 'ganstab[tfds]'" in message
    assert "train" in refusal(lambda: load_tfds("tiny_digits", "tset", prepared))
    assert "a b" in refusal(lambda: load_tfds("a b", "train", prepared))
    assert "'image'" in refusal(lambda: load_tfds("hf_text", "train", text_dataset(tmp_path)))


def text_dataset(folder):
    prepare_tfds(folder, BYTES[:1], (28, 28, 1), name="hf_text")
    file = folder / "hf_text" / "1.0.0" / "features.json"
    stated = json.loads(file.read_text())
    stated["featuresDict"]["features"]["picture"] = stated["featuresDict"]["features"].pop("image")
    file.write_text(json.dumps(stated))
    return folder


# Images and samplers


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


@pytest.mark.parametrize("sampler", [single_images, stacked_digits])
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


@pytest.mark.parametrize("sampler", [single_images, stacked_digits])
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
    assert "greyscale" in refusal(lambda: draw(stacked_digits, colour, KEY, 4))


def test_random_access_refuses_indices_outside_and_records_without_images():
    source = records(IMAGES)
    for wanted in ([-1], [0, 23], []):
        assert "0 … 22" in refusal(lambda wanted=wanted: source.fetch(np.array(wanted)))
    assert "picture" in refusal(lambda: RandomAccess([{"picture": 1}]).fetch(np.array([0])))


# Toys


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
    assert "n must" in refusal(lambda: toy(KEY, 0))
    assert "stddev" in refusal(lambda: toy(KEY, 5, stddev=-1))
    assert "scale" in refusal(lambda: toy(KEY, 5, scale=0))
