"""Curves of a run's numbers: what is drawn, and the levels beside it."""

import itertools

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from ganstab.training import Measure, Published, figures

MODES = Measure("modes", "modes covered", ideal=9, published=Published(236.4, 63.3, "a paper"))
KL = Measure("kl", "KL to uniform", better="lower", ideal=0.0195)
TIME = Measure("seconds", "time", final=True)
HOLES = [{"step": 0}, {"step": 5, "kl": None}, {"step": 10, "kl": 2}, {"step": 20, "kl": 0.5}]


def drawn(measure, **runs):
    axis = Figure().add_subplot()
    figures.measure_curve(axis, measure, runs)
    return axis


def counted(count):
    """A row every 10 steps, and at the end one of a loss that exploded."""
    rows = [{"step": 10 * i, "modes": i, "kl": 7 / (i + 1), "gen/loss": i} for i in range(count)]
    return [*rows, {"step": 10 * count, "gen/loss": None, "disc/loss": 1e30}]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 300])
def test_curves_of_any_length(tmp_path, count):
    """Two measures, losses, gradient norms; none for what is measured after the last step."""
    figures.curves(counted(count), [MODES, KL, TIME], tmp_path / "curves.png")
    assert matplotlib.image.imread(tmp_path / "curves.png").shape == (682, 1210, 4)


def test_a_title_of_two_lines_is_inside_the_picture(tmp_path):
    long = Measure("modes", "a distance of two thousand samples, times a thousand", better="lower")
    figures.curves(counted(3), [long, MODES], tmp_path / "curves.png")
    picture = matplotlib.image.imread(tmp_path / "curves.png")[..., :3]
    assert (picture[:5] == picture[0, 0]).all() and (picture[5:60] != picture[0, 0]).any()


def test_rows_without_the_number_are_left_out():
    steps, values = figures.points([*HOLES, {"step": 30, "kl": float("nan")}], "kl")
    assert steps.tolist() == [10, 20, 30] and values[:2].tolist() == [2, 0.5]
    (line, _), axis = drawn(KL, run=HOLES).lines, drawn(KL, run=HOLES)
    assert line.get_xdata().tolist() == [10, 20] and line.get_ydata().tolist() == [2, 0.5]
    assert axis.get_xlim() == (0, 20) and axis.get_legend() is None
    empty = drawn(KL, run=[])
    assert "nothing measured yet" in [text.get_text() for text in empty.texts]


def test_the_papers_value_and_the_ideal_are_levels():
    axis = drawn(MODES, run=counted(3))
    _, paper, ideal = axis.lines
    assert set(paper.get_ydata()) == {236.4} and set(ideal.get_ydata()) == {9}
    assert [text.get_text() for text in axis.texts] == ["paper 236.4 ± 63.3", "perfect 9"]
    (band,) = axis.patches
    np.testing.assert_allclose(
        band.get_extents().transformed(axis.transData.inverted()).intervaly,
        [236.4 - 63.3, 236.4 + 63.3],
    )


def test_what_is_better_low_is_logarithmic_where_it_can_be():
    assert drawn(KL, run=counted(5)).get_yscale() == "log"
    assert drawn(KL, run=[{"step": 1, "kl": 0.0}]).get_yscale() == "linear"
    assert drawn(MODES, run=counted(5)).get_yscale() == "linear"
    exploded = [{"step": i, "modes": 1.0 if i else 1e9} for i in range(9)]
    assert drawn(MODES, run=exploded).get_yscale() == "symlog"
    assert "(lower is better)" in drawn(KL, run=HOLES).get_title()


def test_of_many_points_the_running_mean_is_drawn_too():
    (few, *_), (many, mean, *_) = (drawn(MODES, run=counted(n)).lines for n in (40, 300))
    assert few.get_marker() == "o" and many.get_marker() == ""
    assert len(many.get_xdata()) == 300 and len(mean.get_xdata()) == 300 - 7 + 1
    np.testing.assert_allclose(mean.get_ydata(), np.arange(294) + 3)
    np.testing.assert_allclose(mean.get_xdata(), 10 * mean.get_ydata())


def test_each_of_several_runs_has_a_colour_and_a_label():
    axis = drawn(KL, one=counted(3), two=counted(4), three=[])
    shown = axis.lines[:2]
    assert [text.get_text() for text in axis.get_legend().texts] == ["one", "two"]
    for a, b in itertools.combinations(shown, 2):
        assert not np.allclose(a.get_color(), b.get_color())
    assert axis.get_xlim() == (0, 40)


def test_the_share_of_each_mode_is_a_picture(tmp_path):
    rows = [{"step": step, "counts": [step, 8 - step]} for step in (0, 4, 8)]
    figures.mode_shares(rows, tmp_path / "modes.png")
    assert matplotlib.image.imread(tmp_path / "modes.png").std() > 0.05
