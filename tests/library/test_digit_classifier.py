import functools
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from experiments import classifiers
from experiments import train_digit_classifier as training
from ganstab import digit_classifier as classifier
from ganstab.data import Images, load_mnist, to_unit_range
from ganstab.errors import InputError


@pytest.fixture(scope="module")
def params():
    return classifier.load()


@pytest.fixture(scope="module")
def untrained():
    return jax.jit(classifier.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def digits():
    return load_mnist("test")


def test_shipped_accuracy_on_all_test_images(params, digits):
    assert len(digits.label) == 10_000
    share = classifiers.accuracy(training.TASK, params, digits)
    recorded = json.loads(classifier.WEIGHTS.with_suffix(".json").read_text())["test_accuracy"]
    assert share >= 0.993
    # Another machine's rounding may turn an image that lies on a border, not more.
    assert share == pytest.approx(recorded, abs=2.1e-4)


def test_shipped_weights_are_small_and_float32_once_loaded(params):
    assert classifier.WEIGHTS.stat().st_size < 1_000_000
    assert {x.dtype for x in params.values()} == {jnp.dtype("float32")}
    assert {name: x.shape for name, x in params.items()} == classifier.LAYOUT


def other_weights():
    return {
        name: np.linspace(-2, 3, int(np.prod(shape)), dtype=np.float32).reshape(shape)
        for name, shape in classifier.LAYOUT.items()
    }


def reference_scores(params, image):
    """The same network on XLA's convolutions, images [n, h, w, c], in float64."""
    with jax.enable_x64(True):
        params = {name: jnp.asarray(np.asarray(x), jnp.float64) for name, x in params.items()}
        x = jnp.asarray(np.asarray(image), jnp.float64)
        for layer, stride, pad in (("conv1", 2, 2), ("conv2", 2, 1), ("conv3", 1, 0)):
            x = lax.conv_general_dilated(
                x,
                params[f"{layer}_kernel"],
                (stride, stride),
                [(pad, pad), (pad, pad)],
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            x = jnp.maximum(x + params[f"{layer}_bias"][None, None, None], 0)
        x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        x = jnp.maximum(x @ params["dense1_kernel"] + params["dense1_bias"][None], 0)
        return np.asarray(x @ params["dense2_kernel"] + params["dense2_bias"][None])


def test_scores_agree_with_xla_convolutions(params, digits):
    image = to_unit_range(digits.image[:5])
    expected = reference_scores(params, image)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(jax.jit(classifier.scores)(params, image), expected, atol=1e-3)


@pytest.mark.parametrize("n", [0, 70])
def test_chunks_change_nothing(params, digits, n):
    image = to_unit_range(digits.image[:n])
    found = classifier.classify(params, image)
    assert (found.shape, found.dtype) == ((n,), jnp.int32)
    if n:
        expected = np.argmax(jax.jit(classifier.scores)(params, image), axis=-1)
        np.testing.assert_array_equal(found, expected)


def test_stacked_digits_read_hundreds_tens_ones(params, digits):
    planes = to_unit_range(digits.image[:210]).reshape(3, 70, 28, 28)
    a, b, c = (np.asarray(classifier.classify(params, plane[..., None])) for plane in planes)
    assert not np.array_equal(a, c)
    found = classifier.classify_stacked(params, planes.transpose(1, 2, 3, 0))
    np.testing.assert_array_equal(found, 100 * a + 10 * b + c)


def test_wrong_shapes_are_named(params):
    with pytest.raises(InputError, match=r"\[2, 28, 28, 3\]; \[n, 28, 28, 1\]"):
        classifier.classify(params, jnp.zeros((2, 28, 28, 3)))
    with pytest.raises(InputError, match=r"\[2, 32, 32, 3\]; \[n, 28, 28, 3\]"):
        classifier.classify_stacked(params, jnp.zeros((2, 32, 32, 3)))


def test_save_and_load_round_trip(tmp_path):
    saved = other_weights()
    classifier.save(tmp_path / "w.npz", saved, {"seed": 3})
    loaded = classifier.load(tmp_path / "w.npz")
    for name, x in saved.items():
        np.testing.assert_array_equal(loaded[name], x.astype(np.float16).astype(np.float32))
    assert json.loads((tmp_path / "w.json").read_text())["seed"] == 3


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none/w\.npz cannot be written: No such file"):
        classifier.save(tmp_path / "none" / "w.npz", other_weights(), {})
    with pytest.raises(InputError, match=r"none is not a folder"):
        classifiers.check_destination(tmp_path / "none" / "w.npz")
    with pytest.raises(InputError, match=r"w\.json does not end in \.npz"):
        classifiers.check_destination(tmp_path / "w.json")
    (tmp_path / "a file").write_text("")
    with pytest.raises(InputError, match=r"a file is not a folder"):
        classifiers.check_destination(tmp_path / "a file" / "w.npz")
    (tmp_path / "w.json").mkdir()
    with pytest.raises(InputError, match=r"w\.json is not a file"):
        classifiers.check_destination(tmp_path / "w.npz")
    (tmp_path / "w.json").rmdir()
    classifiers.check_destination(tmp_path / "w.npz")


def test_a_flipped_byte_is_refused_with_both_digests(tmp_path):
    path = tmp_path / "w.npz"
    classifier.save(path, other_weights(), {})
    recorded = json.loads(path.with_suffix(".json").read_text())["sha256"]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        classifier.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert recorded in message
    assert classifier._digest(bytes(data)) in message
    assert recorded != classifier._digest(bytes(data))


def archive(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"no archive", "no archive of plain arrays"),
        (b"", "no archive of plain arrays"),
        (archive(conv1_bias=np.array([{}], object)), "no archive of plain arrays"),
        (archive(conv1_bias=np.zeros(24, np.float16)), "float16 arrays of shapes"),
    ],
)
def test_other_contents_are_refused_though_the_digest_fits(tmp_path, data, named):
    path = tmp_path / "w.npz"
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps({"sha256": classifier._digest(data)}))
    with pytest.raises(InputError, match=named):
        classifier.load(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*w\.npz: No such file"):
        classifier.load(tmp_path / "w.npz")
    (tmp_path / "w.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot read .*w\.json: No such file"):
        classifier.load(tmp_path / "w.npz")


@pytest.mark.parametrize(("text", "named"), [("{", "is damaged"), ("{}", "sha256")])
def test_a_broken_record_is_named(tmp_path, text, named):
    (tmp_path / "w.npz").write_bytes(b"")
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(InputError, match=named):
        classifier.load(tmp_path / "w.npz")


distort = jax.jit(jax.vmap(training.distort, (0, 0, None)))


def test_no_distortion_is_the_identity(digits):
    image = to_unit_range(digits.image[:70])
    keys = jax.random.split(jax.random.key(0), 70)
    still = distort(image, keys, training.Distortion(0.0, 0.0, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(still, image, atol=1e-4)


def test_distortions_move_a_digit_and_keep_it_one(params, digits):
    image, label = to_unit_range(digits.image[:70]), digits.label[:70]
    keys = jax.random.split(jax.random.key(1), 70)
    moved = np.asarray(distort(image, keys, training.Distortion()))
    assert moved.min() >= -1 - 1e-5
    assert moved.max() <= 1 + 1e-5
    assert np.median(np.abs(moved - np.asarray(image)).mean(axis=(1, 2, 3))) > 0.05
    assert np.mean(np.asarray(classifier.classify(params, moved)) == label) > 0.9


def test_init_is_he_normal_and_zero(untrained):
    assert {name: x.shape for name, x in untrained.items()} == classifier.LAYOUT
    assert not np.any(untrained["conv2_bias"])
    for name, fan_in in (("conv3_kernel", 3 * 3 * 32), ("dense1_kernel", 1600)):
        assert float(untrained[name].std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)


def test_updates_learn_a_batch(untrained, digits):
    few = Images(jnp.asarray(digits.image[:32]), jnp.asarray(digits.label[:32]))
    tx = optax.adam(2e-3)
    state = untrained, tx.init(untrained)
    update = functools.partial(classifiers.update, training.TASK, tx, few)
    step = jax.jit(lambda state, key: update(state, (jnp.arange(32), key)))
    losses = []
    for key in jax.random.split(jax.random.key(3), 40):
        state, value = step(state, key)
        losses.append(float(value))
    assert losses[0] > 1.5
    assert losses[-1] < 0.6 * losses[0]
