"""The ladder of remedies: what is measured, that it goes on where it was killed, and its figure."""

import json
import math
import pathlib

import jax
import numpy as np
import pytest
from matplotlib.text import Text

from benchmarks.remedies import cost, ladder, tasks
from benchmarks.remedies.figure import figure
from benchmarks.remedies.table import of_rounds, share, table
from benchmarks.remedies.techniques import PLAIN, TECHNIQUES
from ganstab import Pair
from ganstab.doctor.remedies import REMEDIES, advice
from ganstab.doctor.run import Record
from ganstab.dynamics import Outcome
from ganstab.errors import InputError

SHORT = {"seeds": 2, "steps": 400, "looks": 100, "rates": (0.4,), "ratios": (1.0,)}
TINY = {
    "bilinear": tasks.TASKS["bilinear"]._replace(**SHORT),
    "ring": tasks.TASKS["ring"]._replace(
        seeds=2, steps=4, looks=2, samples=16, rates=(1e-3, 2e-3), ratios=(1.0,)
    ),
}


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_fits_networks_and_games(name):
    technique = TECHNIQUES[name]
    for task in ("dirac", "bilinear", "ring"):
        if task in technique.absent:
            continue
        own, count = tasks.TASKS[task].built(technique, Pair(0.1, 0.2), jax.random.key(0))
        state = jax.eval_shape(own.init, jax.random.key(0))
        assert count >= 2 and len(state.params) == 2


@pytest.mark.parametrize("gamma, name", [(0.0, PLAIN), (1.0, "r1")])
@pytest.mark.parametrize("ratio", [1.0, 4.0])
def test_a_step_of_the_dirac_gan_multiplies_as_in_closed_form(gamma, name, ratio):
    h = 0.5
    (found,) = tasks.radii(tasks.TASKS["dirac"], TECHNIQUES[name], [(h, ratio)], steps=4)
    moves_gen = np.array([[1.0, h * ratio / 2], [0.0, 1.0]])
    moves_disc = np.array([[1.0, 0.0], [-h / 2, 1 - h * gamma]])
    expected = max(abs(np.linalg.eigvals(moves_disc @ moves_gen)))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_bilinear_game_turns_and_r1_brings_it_to_rest():
    plain, damped = (ladder.measured(TINY, "bilinear", name) for name in (PLAIN, "r1_r2"))
    assert (np.array(plain["outcomes"]) == Outcome.ROTATES).all()
    assert (np.array(damped["outcomes"]) == Outcome.CONVERGES).all()
    assert plain["radius"][0] == pytest.approx(1.0, abs=1e-4) and damped["radius"][0] < 0.95


def test_a_grid_of_rings_trains_as_one_program():
    entry = ladder.measured(TINY, "ring", PLAIN)
    assert np.shape(entry["outcomes"]) == np.shape(entry["kl"]) == (2, 2)
    assert (entry["modes"] <= 8).all() and (entry["kl"] <= math.log(8) + 1e-6).all()


def covered(modes, share, distance=2.0):
    """Four evaluations of samples at so many of eight modes."""
    near = np.zeros((4, 8))
    near[:, :modes] = share / modes
    return near, np.full(4, distance)


def test_a_run_ends_well_at_all_modes_with_most_samples():
    runs = [covered(8, 0.9), covered(8, 0.3), covered(2, 0.9), covered(8, 0.9, np.nan)]
    found = tuple(np.stack(leaves) for leaves in zip(*runs, strict=True))
    expected = [Outcome.CONVERGES, Outcome.UNFINISHED, Outcome.COLLAPSES, Outcome.DIVERGES]
    assert tasks.well_covered(found).tolist() == expected
    numbers = tasks.of_modes(found)
    assert numbers["modes"].tolist() == [8, 8, 2, 8]
    np.testing.assert_allclose(numbers["kl"][:3], [0, 0, math.log(4)], atol=1e-12)
    np.testing.assert_allclose(numbers["high_quality"], [90, 30, 90, 90])


def test_a_step_costs_more_with_a_penalty():
    tiny = cost.SETTINGS["cost_ring"]._replace(shape=(8, 2), steps=2, rounds=3)
    entry = cost.cost(tiny, "r1_r2")
    assert len(entry["time"]) == len(entry["processor_time"]) == 3
    assert entry["ms"] > 0 and entry["memory"] > 1


def test_a_killed_ladder_goes_on_with_what_is_missing(tmp_path):
    path, asked = tmp_path / "found.json", []

    def measure(tasks, part, name):
        asked.append((part, name))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"outcomes": np.array([[Outcome.CONVERGES]])}

    def fill(names=(PLAIN, "hinge", "r1"), own=TINY):
        return ladder.fill(path, own, ("bilinear",), names, measure)

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert list(json.loads(path.read_text())["rows"]["bilinear"]) == [PLAIN]
    found = fill()
    assert asked == [("bilinear", PLAIN), ("bilinear", "r1"), ("bilinear", "r1")]
    entry = found["rows"]["bilinear"]["r1"]
    assert entry["outcomes"] == [[0]] and found["runs"][entry["run"]]["command"]
    assert fill() == json.loads(path.read_text()) and len(asked) == 3
    with pytest.raises(InputError, match="other settings"):
        fill(own={"bilinear": TINY["bilinear"]._replace(seeds=3)})
    path.write_text("{}")
    with pytest.raises(InputError, match="not of this program"):
        fill()


def made_up():
    """Two techniques: one that ends well in half of the runs, one in all but one."""
    runs = {
        PLAIN: [[0, 0], [3, 2]],
        "unrolled": [[0, 0], [0, 3]],
    }
    ring = {
        name: {"outcomes": outcomes, "modes": [[8, 8], [1, 2]], "kl": [[0.1, 0.3], [2.0, 2.0]]}
        for name, outcomes in runs.items()
    }
    costs = {
        name: {"processor_time": [0.9 * ratio, ratio, 1.2 * ratio], "memory": ratio**0.5}
        for name, ratio in ((PLAIN, 1.0), ("unrolled", 4.0))
    }
    return {"ring": ring, "cost_ring": costs}


def test_the_table_has_costs_shares_and_stacked_digits(tmp_path):
    measures = {"modes": {"values": [900.0, 1000.0]}, "kl": {"values": [0.2, 0.4]}}
    cells = {"unrolled": {"measures": measures, "diverged": {"2": 9}}}
    (tmp_path / "remedies").mkdir()
    (tmp_path / "remedies/result.json").write_text(json.dumps({"cells": cells}))
    head, _, plain, unrolled = table(made_up(), tmp_path).splitlines()
    row = dict(zip(head.split(" | "), unrolled.split(" | "), strict=True))
    assert row["time, memory: points"] == "4.00, 2.00"
    assert row["ring: well, lost, diverged, %"] == "75 ± 25, 0, 25"
    assert row["modes, KL at best"] == "8.0, 0.200"
    assert unrolled.endswith("633 ± 318, 0.30 (3) |")
    assert "50 ± 0, 25, 25" in plain and plain.startswith("| dcgan: the plain GAN |")
    assert table({}, tmp_path / "none").count("\n") == 2


def test_the_figure_shows_cost_stability_and_their_spread(tmp_path):
    drawn = figure(made_up(), tmp_path)
    (axis,) = drawn.axes
    assert {text.get_text() for text in axis.texts} == {PLAIN, "unrolled"}
    found = {tuple(np.ravel(bars[0].get_xydata())) for bars in axis.containers}
    assert found == {(1.0, 50.0), (4.0, 75.0)}
    boxes = [Text.get_window_extent(text) for text in axis.texts]
    assert not boxes[0].overlaps(boxes[1])


def test_a_technique_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        ladder.main(["--only", "magic"])
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.count("\n") == 1 and "magic" in said


def test_table_and_picture_are_made_of_the_file_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ladder.distributed, "use_compilation_cache", lambda folder: None)
    found = {"settings": ladder.settings(tasks.TASKS), "runs": [], "rows": made_up()}
    (tmp_path / "found.json").write_text(ladder.to_json(found))
    picture = tmp_path / "new/picture.png"
    places = [f"--out={tmp_path / 'found.json'}", f"--figure={picture}", f"--stacked={tmp_path}"]
    assert ladder.main(["--parts", *places]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "found.md").read_text() in capsys.readouterr().out


def test_the_doctor_tells_what_the_ladder_measured():
    file = pathlib.Path(ladder.__file__).parents[2] / "results/benchmarks/remedies.json"
    rows = json.loads(file.read_text())["rows"]
    names = {"packed": "pacgan", "adaptive_augmentation": "ada", "faster_disc": "five_updates"}
    told = {name: known.step_time for name, known in REMEDIES.items() if known.step_time}
    for name, time in told.items():
        measured = of_rounds(rows["cost_ring"][names.get(name, name)]["processor_time"])
        assert time == pytest.approx(measured.middle, abs=0.05), name
    for name in ("r1", "averaged"):
        well = share(rows["ring"][name], Outcome.CONVERGES)
        assert f"{well.middle:.0f} ± {well.low:.0f} %" in REMEDIES["r1"].evidence
    assert share(rows["ring"][PLAIN], Outcome.CONVERGES).middle == 0
    assert "A step of small networks takes 1.2 times" in advice(Record(), "r1")
