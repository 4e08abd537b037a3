"""Prepared TensorFlow Datasets, read by index without TensorFlow."""

import io
import json
import sys

import numpy as np
import pytest
from common import refusal
from tiny_images import BYTES, IMAGES, assert_same_images

from ganstab.data import Images, load_tfds


def png(array):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(array.squeeze()).save(file, "PNG")
    return io.BytesIO(file.getvalue())


def prepare_tfds(folder, images, shape, labelled=True, name="tiny_digits", version="1.0.0"):
    """A dataset on disk as TFDS itself writes it, in shards of 9 array_record entries."""
    import tensorflow_datasets as tfds

    features = {"image": tfds.features.Image(shape=shape)}
    if labelled:
        features["label"] = tfds.features.ClassLabel(num_classes=10)
    place = folder / name / version
    place.mkdir(parents=True)
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=version, data_dir=str(place), module_name="tests"
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
    assert_same_images(source.fetch(order), Images(IMAGES.image[order], IMAGES.label[order]))
    assert len(load_tfds("tiny_digits:1.0.0", "train[:8]", prepared)) == 8
    # Already prepared, so nothing is downloaded and TensorFlow is not asked for.
    assert len(load_tfds("tiny_digits", "train", prepared, download=True)) == 23
    assert "tensorflow" not in sys.modules


def test_tfds_without_labels_or_with_colour(tmp_path):
    colour = np.random.default_rng(2).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    prepare_tfds(tmp_path, colour, (5, 6, 3), labelled=False)
    got = load_tfds("tiny_digits", "train", tmp_path).fetch(np.arange(4))
    assert_same_images(got, Images(colour, np.zeros(4)))


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
    assert "pip install tensorflow-cpu" in message
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
