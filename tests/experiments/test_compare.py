"""An experiment from outside of the package, trained and looked at; pictures of several runs."""

import io
import json
import re
import shutil

import matplotlib.image
import numpy as np
import pytest
import ring_experiment
from common import names, refusal
from program import ROOT, environment
from ring_experiment import CELLS, TABLES, Ring, ring
from short_runs import drawn

from experiments.colored_mnist import ColoredMnist
from experiments.rnn_mnist import RnnMnist
from experiments.stacked_mnist import StackedMnist
from ganstab import tables, training
from ganstab.__main__ import main as ganstab
from ganstab.training import compare as comparison
from ganstab.training import restore, samples, train
from ganstab.training.compare import compare, labels
from ganstab.training.measures import Measure, measured
from ganstab.training.run_folder import write_config

PIXELS = 200  # an inch
HERE = ring_experiment.__file__.rpartition("/")[0]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The folder of the table, with one run for each of its two cells."""
    folder = tmp_path_factory.mktemp("ring") / "table"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(HERE)
        for name, value in environment().items():
            patch.setenv(name, value)
        status = tables.sweep(
            TABLES["steps"], Ring(), experiment="ring_experiment:ring", folder=folder,
            seeds=range(1), jobs=1, arguments=["--compilation_cache="],
        )  # fmt: skip
    assert status == 0, [log.read_text() for log in folder.rglob("*.log")]
    return folder


@pytest.fixture(scope="module")
def runs(table):
    """The folders of its two runs."""
    return [table / "cells" / cell.name / "seed0" for cell in CELLS]


def test_its_table_has_cells_claims_and_pictures(table):
    result = json.loads((table / "result.json").read_text())
    assert (result["status"], result["done"], result["runs"]) == ("finished", 2, 2)
    assert result["evaluated_at_steps"] == [4] and result["title"] == "A ring"
    assert {name: cell["settings"] for name, cell in result["cells"].items()} == {
        cell.name: cell.settings for cell in CELLS
    }
    measured = [cell["measures"]["modes"] for cell in result["cells"].values()]
    assert [(m["n"], m["ideal"], m["label"]) for m in measured] == [
        (1, 8, "modes covered, of 8")
    ] * 2
    assert [claim["verdict"] for claim in result["claims"]] == ["too few seeds to say"]
    page = (table / "report.html").read_text()
    assert "K = 1 covers more modes than K = 0" in page and "data:image/png;base64," in page


def test_it_is_trained_as_a_value_and_its_run_is_whole(tmp_path, runs):
    """A run of a table is the run of its settings."""
    done = train(ring, Ring(unroll_steps=0), tmp_path / "run", stream=io.StringIO())
    assert done.status == "finished" and done.exit_status == 0
    digests = [json.loads((run / "result.json").read_text())["params_digest"] for run in runs]
    assert len(set(digests)) == 2 and done.result["results"]["modes"]["ideal"] == 8
    for folder in (tmp_path / "run", *runs):
        assert {"training.png", "curves.png", "modes.png", "samples_000000002.png"} <= drawn(folder)
        kept = samples.read_samples(folder)
        assert list(kept) == [0, 2, 4] and kept[4]["samples"].shape == (64, 2)
        config = json.loads((folder / "config.json").read_text())
        assert config["experiment"] == "ring_experiment:ring" and config["batch_size"] == 16


def test_the_doctor_reads_its_log_and_asks_before_it_runs_its_code(
    tmp_path, runs, capsys, monkeypatch
):
    run = shutil.copytree(runs[1], tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert ganstab(["doctor", str(run), "--log_only"]) == 0
    assert (run / "doctor" / "report.html").exists() and "report: " in capsys.readouterr().out
    assert ganstab(["doctor", str(run)]) == 0
    said = capsys.readouterr()
    assert "--experiment=ring_experiment:" in said.err and "Motion" not in said.out
    named = ["--experiment=ring_experiment:ring", "--eigenvalues=1"]
    assert ganstab(["doctor", str(run), *named]) == 0
    assert "Motion" in capsys.readouterr().out


def test_its_runs_are_compared(tmp_path, runs, capsys):
    out = tmp_path / "out.png"
    assert ganstab(["compare", *map(str, runs), f"--out={out}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["K = 0", "K = 1", "picture"]
    assert "modes covered, of 8: " in said[0]
    assert shape(out) == (round((2.2 + 2 * 1.36) * PIXELS), round(6.7 * PIXELS))


def test_the_readme_has_an_experiment_of_this_shape(tmp_path):
    """Its Python is an experiment as it stands: it trains, and its table has the settings."""
    text = (ROOT / "experiments" / "README.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert sum(map(bool, block.splitlines())) <= 40
    (tmp_path / "hinge_ring.py").write_text(block)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        import hinge_ring

    assert vars(hinge_ring).keys() >= {"HingeRing", "hinge_ring", "TABLES"}
    for cell in hinge_ring.TABLES["steps"].cells:
        hinge_ring.HingeRing(**cell.settings)
    config = hinge_ring.HingeRing(num_steps=2, eval_every=2, batch_size=16, unroll_steps=1)
    done = train(hinge_ring.hinge_ring, config, tmp_path / "run", stream=io.StringIO())
    assert done.status == "finished" and done.result["results"]["modes"]["ideal"] == 8


def shape(picture):
    return matplotlib.image.imread(picture).shape[:2]


def written(folder, config, steps=(5,), arrays=None, reference=None):
    """A run's folder, as far as it is compared."""
    folder.mkdir()
    write_config(folder, config)
    for step in steps:
        shown = {"samples": np.zeros((9, 28, 28, 1), np.float32)}
        samples.write_samples(folder, step, {**shown, **(arrays or {})})
    if reference:
        samples.write_samples(folder, None, reference)
    return folder


def test_runs_are_named_by_the_settings_in_which_they_differ():
    first, second = {"unroll_steps": 0, "seed": 1, "num_steps": 9}, {"unroll_steps": 5, "seed": 1}
    assert labels([first, second]) == ["K = 0", "K = 5"]
    assert labels([first, {**second, "seed": 2, "a later setting": 3}]) == [
        "K = 0, seed = 1", "K = 5, seed = 2",
    ]  # fmt: skip
    assert labels([first, {**second, "seed": 2}], but={"seed"}) == ["K = 0", "K = 5"]
    assert labels([first, first]) == ["K = 0", "K = 0"] and labels([{}, {}]) == ["", ""]


def test_a_label_leaves_out_what_a_run_does_not_use():
    paper, other = StackedMnist(unroll_steps=0), StackedMnist(recipe="r3gan")
    found = labels([vars(paper), vars(other)], unused=[paper.unused(), other.unused()])
    assert found == ["K = 0, recipe = paper", "recipe = r3gan"]


def test_rows_have_the_steps_in_common_and_the_data(tmp_path):
    """Samples that are grey at the two common steps, and black data."""
    grey, black = ({"samples": np.full((30, 28, 28, 1), shade)} for shade in (0.0, -1.0))
    runs = [
        written(tmp_path / f"{k}", RnnMnist(unroll_steps=k), steps, grey, black)
        for k, steps in ((20, (0, 5, 9)), (0, (0, 5)))
    ]
    compare(runs, tmp_path / "out.png")
    picture = matplotlib.image.imread(tmp_path / "out.png")[..., 0]
    assert picture.shape == (round((0.1 + 2 * 1.36) * PIXELS), round(6.7 * PIXELS))
    share = {shade: np.mean(np.abs(picture - shade) < 0.01) for shade in (0.0, 0.5)}
    assert 0.1 < share[0.0] == pytest.approx(share[0.5] / 2, rel=0.03)


def test_colours_are_compared_beside_the_datas(tmp_path):
    rng = np.random.default_rng(0)
    found = {"samples": np.ones((25, 28, 28, 3)), "colors": rng.normal(0, 0.3, (50, 3))}
    runs = [
        written(tmp_path / f"{k}", ColoredMnist(unroll_steps=k), (0, 5), found, found)
        for k in (10, 0)
    ]
    compare(runs, tmp_path / "out.png")
    with_data = matplotlib.image.imread(tmp_path / "out.png")
    (runs[0] / samples.DATA).unlink()
    compare(runs, tmp_path / "without.png")
    assert not np.array_equal(with_data, matplotlib.image.imread(tmp_path / "without.png"))


def test_a_papers_value_is_drawn_where_it_is_of_all_runs(tmp_path, monkeypatch):
    """The paper has another value for each K, so that neither is a level of the picture."""

    def measure(value):
        known = training.Published(value, None, "a paper")
        return training.Measure("kl", "KL", ideal=0.5, published=known)

    def shown(*values):
        folders = [tmp_path / f"{len(values)} {place} {v}" for place, v in enumerate(values)]
        for folder, value in zip(folders, values, strict=True):
            written(folder, RnnMnist())
            results = {"kl": measured([1.0], measure(value))}
            result = {"status": "finished", "step": 5, "num_steps": 5, "results": results}
            (folder / "result.json").write_text(json.dumps(result))
        compare(folders, tmp_path / "out.png")
        return seen.pop()

    seen = []
    monkeypatch.setattr(comparison, "measure_curve", lambda axis, m, *_, **__: seen.append(m))
    assert shown(2.0, 2.0).published.value == 2.0
    other = shown(2.0, 3.0, 3.0)
    assert other.published is None and other.ideal == 0.5


def test_runs_that_nothing_can_show_together_are_refused(tmp_path):
    first, second = RnnMnist(unroll_steps=0), RnnMnist(unroll_steps=5)
    run = written(tmp_path / "a", first)
    colored = written(tmp_path / "b", ColoredMnist())
    later = written(tmp_path / "c", second, steps=(7,))
    (tmp_path / "d").mkdir()
    out = tmp_path / "out.png"

    def message(*chosen, to=out):
        return refusal(lambda: compare(chosen, to))

    assert "two runs or more" in message(run)
    assert "ColoredMnist" in message(run, colored) and "RnnMnist" in message(run, colored)
    assert "no run's folder" in message(run, tmp_path / "d")
    assert "no samples at a step in common" in message(run, later)
    assert "--out=" in message(run, later, to=tmp_path / "out.json")
    assert not out.exists() and names(tmp_path) == ["a", "b", "c", "d"]


class Own(RnnMnist):
    def compare_runs(self, runs, path):
        path.write_text("a picture")
        return [f"{label}: {folder.name}, {config.unroll_steps}" for label, folder, config in runs]


def test_a_program_may_have_a_comparison_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(restore, "TRUSTED", (*restore.TRUSTED, __name__))
    runs = [written(tmp_path / f"{k}", Own(unroll_steps=k)) for k in (5, 0)]
    assert compare(runs, tmp_path / "out.png") == ["K = 5: 5, 5", "K = 0: 0, 0"]
    assert (tmp_path / "out.png").read_text() == "a picture"


def test_runs_of_a_program_that_is_not_here_are_compared_by_what_they_wrote(tmp_path):
    runs = [written(tmp_path / f"{k}", RnnMnist(unroll_steps=k)) for k in (5, 0)]
    entry = measured([2.0], Measure("modes", "modes covered"))
    result = {"status": "finished", "step": 5, "num_steps": 5, "results": {"modes": entry}}
    for run in runs:
        known = json.loads((run / "config.json").read_text())
        known["config_class"] = "experiments.gone:Config"
        (run / "config.json").write_text(json.dumps(known))
        (run / "result.json").write_text(json.dumps(result))
    assert compare(runs, tmp_path / "out.png") == [
        "K = 5: modes covered: 2",
        "K = 0: modes covered: 2",
    ]
    assert shape(tmp_path / "out.png") == (round((2.2 + 2 * 1.36) * PIXELS), round(6.7 * PIXELS))
