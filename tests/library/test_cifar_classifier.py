"""The classifier of CIFAR-10: its file, its network, its score, and how it is trained."""

import os
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import quick, refusal
from jax import lax

from experiments import classifiers
from experiments import train_cifar_classifier as training
from ganstab import cifar_classifier as classifier
from ganstab import metrics
from ganstab.data import Images
from ganstab.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def params():
    return classifier.load()


def test_the_shipped_file_is_small_and_is_the_one_that_was_measured(params):
    assert classifier.WEIGHTS.stat().st_size < 2_000_000
    assert {name: x.shape for name, x in params.items()} == classifier.LAYOUT
    assert {x.dtype for x in params.values()} == {jnp.dtype("float32")}
    share = classifier.record()["test_accuracy"]
    assert 0.7 < share < 1
    assert metrics.classifier_score_name() == (
        f"classifier score (CIFAR-10, accuracy {100 * share:.1f} %)"
    )


@pytest.mark.slow
@pytest.mark.skipif("CIFAR10" not in os.environ, reason="$CIFAR10 names no folder of the images")
def test_the_recorded_accuracy_is_that_of_all_test_images(params):
    asked = types.SimpleNamespace(data=training.pathlib.Path(os.environ["CIFAR10"]))
    images = training.images(asked, "test")
    assert len(images.label) == 10_000
    share = classifiers.accuracy(training.TASK, params, images)
    # Another machine's rounding may turn an image that lies on a border, not more.
    assert share == pytest.approx(classifier.record()["test_accuracy"], abs=4.1e-4)


def reference_scores(params, image):
    """The same network on XLA's convolutions, images [n, h, w, c], in float64."""
    with jax.enable_x64(True):
        params = {name: jnp.asarray(np.asarray(x), jnp.float64) for name, x in params.items()}

        def conv(layer, x, stride=1):
            y = lax.conv_general_dilated(
                x, params[f"{layer}_kernel"], (stride, stride), "SAME",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )  # fmt: skip
            return jnp.maximum(y + params[f"{layer}_bias"][None, None, None], 0)

        x = conv("conv0", jnp.asarray(image, jnp.float64) / 127.5 - 1)
        for level in (1, 2, 3):
            x = conv(f"down{level}", x, 2)
            x = x + conv(f"second{level}", conv(f"first{level}", x))
        means = x.mean(axis=(1, 2))
        return np.asarray(means @ params["dense_kernel"] + params["dense_bias"][None])


def test_scores_agree_with_xla_convolutions_in_chunks_and_of_bytes_too(params):
    expected = reference_scores(params, IMAGES)
    assert np.abs(expected).max() > 1
    floats = IMAGES.astype(np.float32) / 127.5 - 1
    found = classifier.scores_in_chunks(params, IMAGES)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    few = jax.jit(classifier.scores)(params, floats[:3])
    np.testing.assert_allclose(few, expected[:3], atol=2e-3)
    told = refusal(lambda: classifier.scores_in_chunks(params, jnp.zeros((2, 28, 28, 1))))
    assert "[2, 28, 28, 1]; [n, 32, 32, 3] is expected" in told


def test_the_score_is_the_inception_scores_formula(params):
    logits = np.asarray(classifier.scores_in_chunks(params, IMAGES), np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    parts = [p[:35], p[35:]]
    expected = [np.exp((q * np.log(q / q.mean(0)[None])).sum(1).mean()) for q in parts]
    found = metrics.classifier_score(IMAGES, splits=2)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-6) and found.value > 1.01
    assert found.n_fake == 70
    alike = metrics.classifier_score(np.repeat(IMAGES[:1], 20, axis=0))
    assert alike.value == pytest.approx(1, abs=1e-6)


def test_a_flipped_byte_is_refused(tmp_path, params):
    path = tmp_path / "w.npz"
    classifier.save(path, params, {"seed": 3})
    loaded = classifier.load(path)
    assert all(np.array_equal(loaded[name], x) for name, x in params.items())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "SHA-256" in refusal(lambda: classifier.load(path))


def test_kernels_are_standardised_with_the_gain_of_each_channel():
    raw = training.init(jax.random.key(0))
    gain = jnp.linspace(0.5, 2, 32)
    made = training.standardised(raw | {"first1_gain": gain})
    assert made.keys() == classifier.LAYOUT.keys()
    kernel = np.asarray(made["first1_kernel"]).reshape(-1, 32)
    np.testing.assert_allclose(kernel.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(kernel.std(0), gain * (2 / 288) ** 0.5, rtol=1e-3)
    assert np.array_equal(made["dense_kernel"], raw["dense_kernel"])


def test_images_are_mirrored_and_shifted_and_nothing_else():
    image = jnp.asarray(IMAGES[0], jnp.float32)
    keys = jax.random.split(jax.random.key(0), 40)
    found = np.asarray(quick(jax.vmap(training.mirror_and_shift, (None, 0)))(image, keys))
    padded = [np.pad(x, ((4, 4), (4, 4), (0, 0)), mode="reflect") for x in (image, image[:, ::-1])]
    windows = [
        padded[mirrored][i : i + 32, j : j + 32]
        for mirrored in (0, 1) for i in range(9) for j in range(9)
    ]  # fmt: skip
    places = [next(k for k, w in enumerate(windows) if np.array_equal(w, x)) for x in found]
    assert 10 < sum(place >= 81 for place in places) < 30 and len(set(places)) > 25


def tiny_task():
    """A task of one layer, which compiles at once."""
    network = types.SimpleNamespace(
        scores=lambda params, image: image.reshape(len(image), -1) @ params["w"]
    )
    return classifiers.Task(
        network, lambda key: {"w": jnp.zeros((3072, 10))}, lambda image, key: image, epochs=3
    )


def test_training_learns_and_goes_on_with_the_same_bits(tmp_path):
    label = np.arange(256, dtype=np.int32) % 10
    image = np.broadcast_to(25 * label[:, None, None, None], (256, 32, 32, 3)).astype(np.uint8)
    images, task = Images(image, label), tiny_task()
    whole = classifiers.train(task, images, 3, 0)
    assert classifiers.accuracy(task, whole, images) > classifiers.accuracy(
        task, task.init(jax.random.key(0)), images
    )
    kept = tmp_path / "kept"
    halted = task._replace()
    with pytest.raises(KeyboardInterrupt), stopped_after(2):
        classifiers.train(halted, images, 3, 0, kept)
    other = classifiers.train(task, images, 1, 5, kept)
    again = classifiers.train(task, images, 3, 0, kept)
    assert np.array_equal(whole["w"], again["w"])
    assert np.array_equal(other["w"], classifiers.train(task, images, 1, 5)["w"])


def test_fewer_images_than_a_batch_are_told():
    few = Images(np.zeros((100, 32, 32, 3), np.uint8), np.zeros(100, np.int32))
    with pytest.raises(InputError, match="128 images, and the data have 100"):
        classifiers.train(tiny_task(), few, 1, 0)


def stopped_after(epochs):
    """Interrupts a training once so many epochs are kept."""
    from unittest import mock

    save, seen = classifiers.checkpoint.save, []

    def saved(*arguments, **options):
        save(*arguments, **options)
        seen.append(arguments)
        if len(seen) == epochs:
            raise KeyboardInterrupt

    return mock.patch.object(classifiers.checkpoint, "save", saved)


def test_an_update_of_the_network_lowers_the_loss():
    few = Images(jnp.asarray(IMAGES[:8]), jnp.arange(8))
    tx = optax.adam(2e-3)
    raw = training.init(jax.random.key(0))
    state = raw, tx.init(raw)
    task = training.TASK._replace(change=lambda image, key: image)
    step = jax.jit(
        lambda state, key: classifiers.update(task, tx, few, state, (jnp.arange(8), key))
    )
    losses = []
    for key in jax.random.split(jax.random.key(3), 12):
        state, value = step(state, key)
        losses.append(float(value))
    assert losses[-1] < 0.7 * losses[0]


def test_other_images_are_refused(tmp_path):
    from PIL import Image

    for kind, side in (("cat", 32), ("dog", 32)):
        (tmp_path / "test" / kind).mkdir(parents=True)
        Image.new("RGB", (side, side), (9, 99, 199)).save(tmp_path / "test" / kind / "a.png")
    asked = types.SimpleNamespace(data=tmp_path)
    assert "2 classes of images of 32 × 32" in refusal(lambda: training.images(asked, "test"))
