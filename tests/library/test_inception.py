"""The FID Inception network beside torch-fidelity's, and weights out of files of every kind."""

import json
import pathlib
import pickle
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import weight_files
from common import argument_refusal, refusal

from ganstab.metrics import frozen_graph, inception_weights, torch_file
from ganstab.metrics.inception import DEPTHS, InceptionV3, as_bytes, resize_as_tensorflow_1
from ganstab.metrics.inception_names import graph_name, torch_name

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import inception_golden as golden_cases  # noqa: E402

GOLDEN = json.loads(golden_cases.GOLDEN.read_text())
AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}


@pytest.fixture(scope="module")
def weights():
    return golden_cases.random_weights(inception_weights.layout())


@pytest.fixture(scope="module")
def files(weights, tmp_path_factory):
    """The same weights in a file of every kind, by its suffix."""
    folder = tmp_path_factory.mktemp("weights")
    state = {torch_name(k): x.transpose(AXES[x.ndim]) for k, x in weights.items()}
    state["Conv2d_1a_3x3.bn.num_batches_tracked"] = np.array(0)
    with pytest.MonkeyPatch.context() as patch:
        weight_files.stand_in(patch)
        of_torch = weight_files.tensors_of(state), list(state.values())
        (folder / "new.pth").write_bytes(weight_files.torch_archive(*of_torch))
        (folder / "old.pth").write_bytes(weight_files.torch_stream(*of_torch))
    in_graph = {graph_name(name): x for name, x in weights.items()}
    (folder / "graph.pb").write_bytes(weight_files.graph(in_graph))
    inception_weights.save_weights(folder / "own.npz", weights)
    return folder


def test_the_network_is_that_of_torch_fidelity_at_every_depth(files):
    height, width = 20, 37
    network = inception_weights.load_inception(files / "own.npz", DEPTHS)
    found = network.features(golden_cases.images(height, width))
    for depth in DEPTHS:
        expected = np.array(GOLDEN[f"{depth}_{height}x{width}"])
        np.testing.assert_allclose(
            golden_cases.summary(found[depth]), expected, atol=5e-6 * np.abs(expected).max()
        )


@pytest.mark.parametrize(("height", "width"), [(20, 37), (320, 301)])
def test_images_are_resized_as_by_tensorflow_1(height, width):
    x = golden_cases.images(height, width)
    found = resize_as_tensorflow_1(as_bytes(jnp.asarray(x)), 299)
    expected = GOLDEN[f"resize_{height}x{width}"]
    np.testing.assert_allclose(golden_cases.summary(found), expected, rtol=1e-6)
    # By its formula, in float64: a pixel i reads at i · size / 299.
    i, j = 150, 71
    y, x_ = i * height / 299, j * width / 299
    (a, b), (c, d) = x[0, int(y) : int(y) + 2, int(x_) : int(x_) + 2, 0].astype(float)
    fy, fx = y % 1, x_ % 1
    pixel = (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy
    assert float(found[0, i, j, 0]) == pytest.approx(pixel, rel=1e-4)


def test_floats_are_rounded_to_bytes_and_grey_gets_three_channels():
    x = jnp.array([-1.0, 1.0, 0.0, 1.5, -0.999]).reshape(1, 1, 5, 1)
    np.testing.assert_array_equal(as_bytes(x)[0, 0, :, 2], [0, 255, 128, 255, 0])
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    as_floats = every.astype(np.float32) / 127.5 - 1
    np.testing.assert_array_equal(as_bytes(jnp.asarray(as_floats)), as_bytes(jnp.asarray(every)))


@pytest.mark.parametrize(("shape", "dtype"), [((2, 8, 8, 4), np.uint8), ((2, 8, 8, 3), np.int32)])
def test_other_images_are_refused(shape, dtype):
    assert "images" in argument_refusal(lambda: as_bytes(jnp.zeros(shape, dtype)))


def test_an_unknown_depth_is_refused():
    for depths in ((), ("2048", "1024")):
        with pytest.raises(ValueError, match="depths is"):
            jax.eval_shape(lambda depths=depths: InceptionV3(depths, rngs=None))


@pytest.mark.parametrize("name", ["own.npz", "new.pth", "old.pth", "graph.pb"])
def test_weights_of_every_kind_of_file_are_the_same(files, weights, name):
    found = inception_weights.read_weights(files / name)
    assert found.keys() == weights.keys()
    for key, expected in weights.items():
        np.testing.assert_array_equal(found[key], expected, err_msg=key)


WRONG = {
    "missing": (lambda w: w.pop("fc.bias"), ["fc.bias is missing"]),
    "shape": (
        lambda w: w.update({"fc.kernel": w["fc.kernel"][:, :1000]}),
        ["fc.kernel is [2048, 1000] and not [2048, 1008]"],
    ),
    "not finite": (
        lambda w: w.update({"fc.bias": w["fc.bias"] * np.nan}),
        ["fc.bias holds a number that is not finite"],
    ),
    "too much": (lambda w: w.update({"AuxLogits": w["fc.bias"]}), ["AuxLogits is too much"]),
    "whole numbers": (lambda w: w.update({"fc.bias": np.zeros(1008, int)}), ["fc.bias is int64"]),
    "another network": (lambda w: w.clear(), ["is missing;", "and 469 more faults"]),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_tensors_are_named_in_one_line(weights, tmp_path, fault):
    spoil, told = WRONG[fault]
    wrong = dict(weights)
    spoil(wrong)
    inception_weights.save_weights(tmp_path / "w.npz", wrong)
    line = refusal(lambda: inception_weights.read_weights(tmp_path / "w.npz"))
    assert line.startswith(str(tmp_path / "w.npz")) and all(part in line for part in told), line


def test_a_missing_tensor_has_the_name_of_its_own_file(tmp_path, weights):
    some = {graph_name("fc.bias"): weights["fc.bias"]}
    (tmp_path / "w.pb").write_bytes(weight_files.graph(some))
    line = refusal(lambda: inception_weights.read_weights(tmp_path / "w.pb"))
    assert "conv/batchnorm/beta is missing" in line and "468 more faults" in line


def test_a_changed_file_of_our_own_is_refused(tmp_path, weights):
    path = tmp_path / "w.npz"
    inception_weights.save_weights(path, weights)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["fc.bias"] = arrays["fc.bias"] + 1
    np.savez(path, **arrays)
    assert "SHA-256" in refusal(lambda: inception_weights.read_weights(path))


@pytest.mark.parametrize("name", ["new.pth", "old.pth", "graph.pb", "own.npz"])
def test_a_truncated_file_is_refused(files, tmp_path, name):
    data = (files / name).read_bytes()
    for size in (0, 1, 100, 5000, len(data) - 5):
        (tmp_path / name).write_bytes(data[:size])
        refusal(lambda: inception_weights.read_weights(tmp_path / name))


@pytest.mark.parametrize(
    "data", [b"hello there", b"\x80\x02N.", b"PK\5\6" + bytes(18), b"\x0a\x00"]
)
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "w").write_bytes(data)
    line = refusal(lambda: inception_weights.read_weights(tmp_path / "w"))
    assert "no file of the FID Inception weights" in line


def test_a_missing_file_is_refused(tmp_path):
    assert "cannot read" in refusal(lambda: inception_weights.read_weights(tmp_path / "none.pb"))


class Calls:
    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return pathlib.Path.touch, (self.made,)


@pytest.mark.parametrize("write", [weight_files.torch_archive, weight_files.torch_stream])
def test_a_pickle_that_calls_a_function_is_not_run(write, tmp_path):
    data = write({"fc.bias": Calls(tmp_path / "made")}, [])
    with pytest.raises(ValueError, match="it wants to call"):
        torch_file.read_tensors(data)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("write", [weight_files.torch_archive, weight_files.torch_stream])
def test_tensors_that_are_views(monkeypatch, write):
    weight_files.stand_in(monkeypatch)
    numbers = np.arange(24, dtype=np.float32)
    storage = weight_files.Storage("0", numbers)
    views = {
        "transposed": weight_files.Tensor(storage, 0, (6, 4), (1, 6)),
        "part": weight_files.Tensor(storage, 5, (2, 3), (6, 2)),
        "scalar": weight_files.Tensor(storage, 7, (), ()),
    }
    found = torch_file.read_tensors(write(views, [numbers]))
    np.testing.assert_array_equal(found["transposed"], numbers.reshape(4, 6).T)
    np.testing.assert_array_equal(found["part"], [[5, 7, 9], [11, 13, 15]])
    assert found["scalar"] == 7
    outside = {"beyond": weight_files.Tensor(storage, 20, (6,), (1,))}
    with pytest.raises(ValueError, match=r"(?i)buffer|strides"):
        torch_file.read_tensors(write(outside, [numbers]))


@pytest.mark.parametrize("value", [[1, 2], {"a": 3}, pickle.dumps])
def test_a_torch_file_of_something_else_is_refused(value):
    with pytest.raises(ValueError):
        torch_file.read_tensors(weight_files.torch_archive(value, []))


def test_constants_of_a_graph():
    one = np.arange(6, dtype=np.float32).reshape(2, 3)
    packed = weight_files.field(5, np.float32([1, 2]).tobytes())
    single = weight_files.varint(5 << 3 | 5) + np.float32(7).tobytes()
    data = (
        weight_files.graph({"raw": one})
        + weight_files.constant("packed", np.zeros(4), content=packed)
        + weight_files.constant("filled", np.zeros((2, 2)), content=single)
    )
    found = frozen_graph.read_constants(data)
    assert found.keys() == {"raw", "packed", "filled"}  # and not the shape, of whole numbers
    np.testing.assert_array_equal(found["raw"], one)
    np.testing.assert_array_equal(found["packed"], [1, 2, 2, 2])
    np.testing.assert_array_equal(found["filled"], np.full((2, 2), 7))


@pytest.mark.parametrize("size", [1, 7, 30, 60])
def test_a_graph_that_ends_early_is_refused(size):
    data = weight_files.constant("raw", np.ones(9))
    with pytest.raises(ValueError):
        frozen_graph.read_constants(data[:size])


def test_more_numbers_than_the_shape_has_are_refused():
    content = weight_files.field(4, np.zeros(5, np.float32).tobytes())
    with pytest.raises(ValueError, match=r"shape \[4\] has 5 numbers"):
        frozen_graph.read_constants(weight_files.constant("raw", np.zeros(4), content=content))
