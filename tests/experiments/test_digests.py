"""Short runs of every program end with the parameters that they have always ended with.

`digests.json` has what the programs computed before their present form, in four steps on one
device: bit for bit on the same processor with the same jax, elsewhere to rounding. A program that
is to compute something else needs a new entry there, and a word in CHANGELOG.
"""

import json
import pathlib
import platform
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image
from program import ROOT, environment

KNOWN = json.loads(pathlib.Path(__file__).with_name("digests.json").read_text())
SHORT = {"num_steps": 4, "eval_every": 4, "checkpoint_every": 4, "log_every": 2}
QUICK = "mixture_pack", "stacked_mnist_K0"


def machine():
    """What the bits depend on."""
    info = pathlib.Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    names = ("model name", "cpu family", "model")
    found = [re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE) for name in names]
    name, family, model = (each[1] if each else platform.machine() for each in found)
    return {"jax": jax.__version__, "processor": f"{name}, family {family}, model {model}"}


@pytest.fixture
def images(tmp_path):
    """A folder of 80 images of noise in two classes."""
    draw = np.random.default_rng(0)
    for name in [f"{c}/{i:02d}.png" for c in "ab" for i in range(40)]:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return tmp_path / "images"


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
     for name in KNOWN["variants"]],
)  # fmt: skip
def test_a_short_run_ends_as_it_always_has(name, tmp_path, images):
    variant, run = KNOWN["variants"][name], tmp_path / "run"
    flags = {**SHORT, **variant["flags"], "workdir": run, "compilation_cache": ""}
    if variant["program"] == "cifar10_reconstruction":
        flags["data_dir"] = images
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{variant['program']}",
         *(f"--{flag}={value}" for flag, value in flags.items())],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((run / "result.json").read_text())
    row = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {key: row[key] for key in variant["row"]} == pytest.approx(variant["row"], rel=1e-3)
    means = {key: entry["mean"] for key, entry in result["results"].items()}
    assert means.keys() == variant["results"].keys()
    if machine() == KNOWN["machine"]:
        assert result["params_digest"] == variant["params_digest"]
        assert means == variant["results"]
