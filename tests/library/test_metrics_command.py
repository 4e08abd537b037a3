"""The command `ganstab metrics`: two sets of images from disk to numbers."""

import json
import pathlib
import re

import jax
import numpy as np
import pytest
from common import argument_refusal, refusal
from PIL import Image

from ganstab import data, metrics
from ganstab.__main__ import main
from ganstab.metrics import __main__ as command
from ganstab.metrics import evaluation
from ganstab.metrics.inception_weights import Inception

MNIST = data.load_mnist("test").image
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (24, 16, 20, 3)).astype(np.uint8)
CLASSES = np.linspace(-1, 1, 16 * 20 * 3 * 12).reshape(-1, 12)


def network(depths):
    """A linear stand-in for the Inception network, which only sees full batches."""

    def features(images):
        assert len(images) == evaluation.BATCH and images.dtype == np.uint8
        x = images.reshape(len(images), -1) / 255 - 0.5
        return {depth: x @ (CLASSES if "log" in depth else CLASSES[:, ::4]) for depth in depths}

    return Inception(features, "digest")


def write_folder(folder, images):
    for i, image in enumerate(images):
        file = folder / f"{i % 2}" / f"{i:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(file)
    return folder


@pytest.fixture
def places(tmp_path):
    real = write_folder(tmp_path / "real", COLOURS[:14])
    np.savez(tmp_path / "fake.npz", label=np.arange(10), x=COLOURS[14:])
    return str(real), str(tmp_path / "fake.npz")


@pytest.fixture
def with_network(monkeypatch):
    monkeypatch.setattr(command, "load_inception", lambda path, depths: network(depths))


def printed(capsys, *arguments):
    assert main(["metrics", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments):
    """The one line of a command that cannot be carried out."""
    try:
        status = main(["metrics", *map(str, arguments)])
    except SystemExit as end:
        status = end.code
    told = capsys.readouterr()
    assert (status, told.out) == (2, "") and told.err.count("\n") == 1
    assert told.err.startswith("error: ")
    return told.err


def test_without_weights_it_gives_what_needs_none_and_says_how_to_get_fid(capsys, places):
    told = printed(capsys, *places)
    assert "sliced Wasserstein" in told and "n = 14 real, 10 fake" in told
    assert "For FID" in told and "--inception=FILE" in told
    found = json.loads(printed(capsys, *places, "--json", "--seed=3"))
    assert found.keys() == {"swd"} and found["swd"]["patches"] == 1280
    assert found == json.loads(printed(capsys, *places, "--json", "--seed=3"))
    assert found != json.loads(printed(capsys, *places, "--json"))


def test_with_weights_it_gives_all_metrics_of_the_features(capsys, places, with_network):
    found = json.loads(printed(capsys, *places, "--json", "--inception=x"))
    real, fake = ((np.sort(x.reshape(len(x), -1), axis=0)) for x in (COLOURS[:14], COLOURS[14:]))
    assert found.keys() == evaluation.METRICS.keys() - {"digits"}
    in_order = np.concatenate([COLOURS[0:14:2], COLOURS[1:14:2]])  # a folder's sub-folders in turn
    real, fake = (
        (x.reshape(len(x), -1) / 255 - 0.5) @ CLASSES[:, ::4] for x in (in_order, COLOURS[14:])
    )
    assert found["fid"]["value"] == pytest.approx(metrics.fid(real, fake).value, rel=1e-4)
    near = metrics.precision_recall(real, fake)
    assert found["precision_recall"] == pytest.approx(near._asdict())
    assert found["is"]["n_fake"] == 10 and "n_real" not in found["is"]
    assert found["kid"]["subset_size"] == 5
    told = printed(capsys, *places, "--metrics=fid,is", "--inception=x")
    assert told.splitlines()[0].startswith("FID  ") and "fewer than 10,000" in told
    assert len(told.splitlines()) == 3


def test_a_reference_is_made_once_and_belongs_to_its_images(
    capsys, places, with_network, tmp_path, monkeypatch
):
    seen = []
    gather = evaluation._gather

    def counted(key, source, wanted, *others):
        seen.append((source.name, wanted))
        return gather(key, source, wanted, *others)

    monkeypatch.setattr(evaluation, "_gather", counted)
    asked = [
        *places,
        "--inception=x",
        "--json",
        "--metrics=fid",
        f"--reference={tmp_path / 'r.npz'}",
    ]
    first, second = json.loads(printed(capsys, *asked)), json.loads(printed(capsys, *asked))
    assert first == second == json.loads(printed(capsys, *asked[:-1]))
    assert [wanted for _, wanted in seen] == [
        {"2048"}, {"2048"}, set(), {"2048"}, {"2048"}, {"2048"}
    ]  # fmt: skip
    assert "other images" in refused(capsys, places[1], *asked[1:])


def test_digits_in_folders_and_in_arrays(capsys, tmp_path):
    folder = write_folder(tmp_path / "real", MNIST[:80])
    np.save(tmp_path / "fake.npy", MNIST[100:200, ..., 0] / np.float32(127.5) - 1)
    found = json.loads(
        printed(capsys, str(folder), str(tmp_path / "fake.npy"), "--metrics=digits,swd", "--json")
    )
    expected = metrics.digit_frechet_distance(MNIST[:80], MNIST[100:200])
    assert found["digits"] == pytest.approx(expected._asdict(), rel=1e-5)
    assert found["swd"]["n_real"] == 80


def test_batches_do_not_change_what_is_found(monkeypatch):
    sources = [metrics.array_source(name, COLOURS) for name in ("a", "b")]
    names = ["fid", "precision_recall"]
    key = jax.random.key(0)
    inception = Inception(lambda x: {"2048": x.reshape(len(x), -1)[:, :4] / 255.0}, "")
    whole = metrics.evaluate(key, *sources, names, inception=inception)
    monkeypatch.setattr(evaluation, "BATCH", 7)
    steps = []
    parts = metrics.evaluate(key, *sources, names, inception=inception, advance=steps.append)
    assert parts["fid"] == pytest.approx(whole["fid"]) and steps == [7, 7, 7, 3] * 2
    assert parts["precision_recall"] == whole["precision_recall"]


def test_unknown_names_and_a_missing_network_are_refused_from_python():
    source = metrics.array_source("a", COLOURS)
    for names, told in (["all"], "some of fid"), ([], "some of"), (["kid"], "need the Inception"):

        def call(names=names):
            return metrics.evaluate(jax.random.key(0), source, source, names)

        assert told in argument_refusal(call)


FILES = {
    "one.npy": COLOURS[:1],
    "empty.npy": COLOURS[:0],
    "size.npy": RNG.integers(0, 256, (9, 20, 16, 3)).astype(np.uint8),
    "shape.npy": COLOURS.reshape(24, -1),
    "whole.npy": COLOURS.astype(np.int64),
    "bytes.npy": COLOURS.astype(np.float32),
    "unit.npy": COLOURS / np.float32(255),
    "nan.npy": np.full((4, 16, 20, 3), np.nan),
    "three.npy": COLOURS[:3],
}
BAD = {
    "one.npy": "1 image; 2 or more",
    "empty.npy": "no images; 2 or more",
    "size.npy": "size.npy of 16 × 20; both must have one size",
    "shape.npy": "[24, 960]",
    "whole.npy": "int64",
    "bytes.npy": "numbers from 0 to 255",
    "unit.npy": "none below 0",
    "nan.npy": "numbers from nan",
    "none": "no such folder",
    "archive.zip": "a file of another kind; the folder of a run",
    "no.npz": "No such file",
    "pickle.npy": "not an array",
    "text.npz": "not an array",
    "two.npz": "2 arrays of images, of 3 arrays",
    "no_images": "no images; files ending in .bmp",
    "one_image": "1 image; 2 or more",
    "sizes": "all images must have one size",
    "damaged": "not a readable image",
}


@pytest.mark.parametrize("name", BAD)
def test_unusable_images_get_one_line(capsys, tmp_path, places, name):
    for file, array in FILES.items():
        np.save(tmp_path / file, array)
    np.save(tmp_path / "pickle.npy", np.array([{}, 1], object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "archive.zip").write_text("text")
    np.savez(tmp_path / "two.npz", a=COLOURS, b=COLOURS, c=np.arange(3))
    (tmp_path / "no_images").mkdir()
    (tmp_path / "no_images" / "a.txt").write_text("text")
    write_folder(tmp_path / "one_image", COLOURS[:1])
    write_folder(tmp_path / "sizes", [*COLOURS[:3], COLOURS[3, :9]])
    (write_folder(tmp_path / "damaged", COLOURS[:4]) / "0" / "002.png").write_text("text")
    line = refused(capsys, places[0], tmp_path / name)
    assert BAD[name] in line and name in line


def test_too_few_images_for_a_metric_are_said_before_the_work(capsys, tmp_path, with_network):
    np.save(tmp_path / "three.npy", COLOURS[:3])
    asked = [tmp_path / "three.npy"] * 2 + ["--inception=x"]
    assert "precision, recall needs 4 or more" in refused(
        capsys, *asked, "--metrics=precision_recall"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--metrics=fid"], "--inception=FILE"),
        (["--metrics=fidd"], "fidd: some of fid,kid"),
        (["--metrics="], "some of fid,kid"),
        (["--inception="], "--inception: empty: name a file"),
        (["--reference="], "--reference: empty: name a file"),
        (["--seed=-1"], "-1: from 0 to 4294967295 is expected"),
        ([f"--seed={2**32}"], "from 0 to 4294967295 is expected"),
        (["--reference=x.npz"], "--reference keeps statistics for FID"),
        (["--inception=none.pth"], "cannot read none.pth"),
        (["--metrics=digits"], "digits needs images of 28 × 28 pixels"),
    ],
)
def test_unusable_options_get_one_line(capsys, places, options, told):
    assert told in refused(capsys, *places, *options)


def test_weights_are_converted_by_the_command(capsys, tmp_path, monkeypatch):
    read = {"fc.bias": np.zeros(3, np.float32)}
    monkeypatch.setattr(command, "read_weights", lambda path: read)
    assert printed(capsys, "convert", "in.pb", str(tmp_path / "out.npz")).endswith(
        "out.npz: 1 tensors, 3 numbers\n"
    )
    assert "SHA-256" not in refusal(lambda: metrics.load_inception(tmp_path / "out.npz"))
    assert "ends in .npz" in refused(capsys, "convert", "in.pb", tmp_path / "out.bin")
    assert "required: OUT" in refused(capsys, "convert", "in.pb")
    absent = tmp_path / "absent" / "out.npz"
    assert "cannot write" in refused(capsys, "convert", "in.pb", absent)


def test_a_generators_samples_are_drawn_batch_by_batch():
    def batches(size):
        for i in range(0, 20, size):
            drawn = jax.random.uniform(jax.random.key(i), (min(size, 20 - i), 16, 20, 3))
            yield 2 * drawn - 1

    samples = metrics.ImageSource("samples", 20, (16, 20, 3), batches)
    data = metrics.array_source("data", COLOURS)
    found = metrics.evaluate(jax.random.key(0), data, samples, ["swd"])
    assert (found["swd"].n_real, found["swd"].n_fake) == (24, 20)


def test_python_blocks_of_the_page_run(monkeypatch, tmp_path):
    """With a stand-in for the network, digits for photos, and a tenth of the samples."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "metrics.md").read_text()

    def features(images):
        x = np.asarray(images, np.float32).reshape(len(images), -1)[:, ::64]
        return {"2048": x, "logits_unbiased": x}

    monkeypatch.setattr(metrics, "load_inception", lambda path, depths: Inception(features, "d"))
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "data" / "test", MNIST[:40])
    names = {
        "images": MNIST[:200],
        "samples": MNIST[200:500],
        "generate": lambda key, n: jax.random.uniform(key, (n, 28, 28, 1)),
    }
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(block.replace("10_000", "1_000"), "metrics.md", "exec"), names)
    assert names["found"].keys() == {"fid", "kid", "is", "swd"}
    assert names["found"]["fid"][1:] == (40, 1000)
