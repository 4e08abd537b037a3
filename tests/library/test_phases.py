"""Phase diagrams: outcomes of runs whose end is known, and grids that train in pieces."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.collections import QuadMesh

from ganstab import Carry, Pair, TrainState, dynamics, games, plots, steps
from ganstab.dynamics import Outcome, phases

STEPS = 400


def radii(growth, angle=0.0, steps=STEPS):
    """Distances of a spiral, whose orbit may be an ellipse."""
    t = np.arange(steps)
    return growth**t * (1 + 0.3 * np.cos(angle * t))


@pytest.mark.parametrize(
    ("distances", "outcome"),
    [
        (radii(0.999), "CONVERGES"),
        (radii(0.9), "CONVERGES"),
        (np.maximum(radii(0.5), 1e-7), "CONVERGES"),  # at the end of what float32 tells
        (radii(1.0), "ROTATES"),
        (radii(1.0, 0.7), "ROTATES"),
        (np.minimum(radii(1.1), 5.0), "ROTATES"),  # a limit cycle, since long
        (radii(1.001), "DIVERGES"),
        (np.where(np.arange(STEPS) > 390, np.nan, 1.0), "DIVERGES"),
        (np.where(np.arange(STEPS) > 20, np.inf, 1.0), "DIVERGES"),
    ],
)
def test_a_distance_that_falls_stays_or_grows(distances, outcome):
    both = np.stack([distances, radii(1.0)])[None]
    found = dynamics.by_distance(both)
    assert found.tolist() == [[Outcome[outcome], Outcome.ROTATES]]


def seen(*modes, good=1.0):
    """Shares of the samples at ten modes, the same at each of these modes."""
    shares = np.zeros(10)
    shares[list(modes)] = good / len(modes)
    return shares


@pytest.mark.parametrize(
    ("counts", "distance", "outcome"),
    [
        ([seen(0), seen(0), seen(*range(9)), seen(*range(10))], 2.0, "CONVERGES"),
        ([seen(*range(10))] * 2 + [seen(0, 1, 2), seen(0, 1, 2)], 2.0, "COLLAPSES"),
        ([seen(0)] * 2 + [seen(0, 1, 2, 3, 4), seen(5, 6, 7, 8)], 2.0, "ROTATES"),
        ([seen(*range(10))] * 2 + [seen(0, good=0.05)] * 2, 2.0, "UNFINISHED"),
        ([seen(*range(10))] * 4, 11.0, "DIVERGES"),
        ([seen(*range(10))] * 4, np.nan, "DIVERGES"),
    ],
)
def test_modes_that_are_covered_visited_or_missed(counts, distance, outcome):
    found = np.stack([counts, counts])[None], np.full((1, 2, 4), distance)
    assert dynamics.by_coverage(found).tolist() == [[Outcome[outcome]] * 2]


def spiral(weight, rate):
    """Distances along simultaneous steps of the damped bilinear game, whose modulus is known."""
    game = games.adversarial_balance(decay=weight)
    txs = Pair(optax.sgd(rate), optax.sgd(rate))
    advance = dynamics.training(steps.simultaneous(game, txs))
    params = Pair(jnp.array([1.0, 0.0]), jnp.zeros(2))
    opt = Pair(txs.gen.init(params.gen), txs.disc.init(params.disc))
    start = TrainState(params, Carry(Pair((), ()), opt), jnp.int32(0), jax.random.key(0))
    path = dynamics.orbit(advance, start, STEPS).params
    return jnp.sqrt(jnp.sum(path.gen**2 + path.disc**2, axis=-1))


def modulus(weight, rate):
    matrix = np.eye(2) + rate * np.array([[0.0, 1.0], [-1.0, -weight]])
    return np.max(np.abs(np.linalg.eigvals(matrix)))


WEIGHTS, RATES = np.array([0.0, 0.3, 0.8, 1.5, 4.0]), np.array([0.02, 0.1, 0.5, 1.0])


def test_the_grid_is_where_a_steps_spectral_radius_is_below_one():
    found = dynamics.phase_diagram(spiral, WEIGHTS, RATES, dynamics.by_distance)
    assert found.found.shape == (4, 5, STEPS + 1) and found.outcomes.shape == (4, 5)
    exact = np.array([[modulus(weight, rate) for weight in WEIGHTS] for rate in RATES])
    expected = np.where(exact < 1, Outcome.CONVERGES, Outcome.DIVERGES)
    clear = np.abs(np.log(exact)) * STEPS > 0.2
    assert clear.sum() > 15
    np.testing.assert_array_equal(found.outcomes[clear], expected[clear])
    assert found.share() == np.mean(found.outcomes == Outcome.CONVERGES)


def test_pieces_and_rows_are_the_whole(monkeypatch):
    whole = dynamics.phase_diagram(spiral, WEIGHTS, RATES, dynamics.by_distance)
    needed = 4 * 20 * (STEPS + 1)  # the distances alone
    pieces = dynamics.phase_diagram(spiral, WEIGHTS, RATES, dynamics.by_distance, at_once=7)
    rows = dynamics.phase_diagram(spiral, WEIGHTS, RATES, dynamics.by_distance, static=True)
    monkeypatch.setattr(phases, "_free", lambda: needed)
    sizes, compiled = [], phases._compile
    monkeypatch.setattr(
        phases, "_compile", lambda *of: (sizes.append(of[-1]), compiled(*of))[1]
    )  # fmt: skip
    small = dynamics.phase_diagram(spiral, WEIGHTS, RATES, dynamics.by_distance)
    assert sizes[0] == 20 and 1 <= sizes[1] < 20
    for other in (pieces, rows, small):
        np.testing.assert_allclose(other.found, whole.found, rtol=1e-4)
    monkeypatch.setattr(phases, "_free", lambda: 10)
    with pytest.raises(ValueError, match=r"1 of the 20 points need .* MiB are free"):
        dynamics.phase_diagram(spiral, WEIGHTS, RATES, dynamics.by_distance)


def test_what_decides_the_program_is_handed_over_as_it_is():
    def run(a, b):
        return a * jnp.ones(b["steps"])

    judged = []

    def judge(found):
        judged.append(found.shape)
        return np.zeros(found.shape[:2], int)

    found = dynamics.phase_diagram(run, [1.0, 2.0], [{"steps": 3}] * 2, judge, static=True)
    assert judged == [(2, 2, 3)] and found.second[0] == {"steps": 3}


@pytest.mark.parametrize(("first", "second"), [([], [1.0]), ([1.0], []), ([[1.0]], [1.0])])
def test_a_grid_without_points_is_refused(first, second):
    with pytest.raises(ValueError, match="at least one value each"):
        dynamics.phase_diagram(spiral, first, second, dynamics.by_distance)
    with pytest.raises(ValueError, match="at_once is 0"):
        dynamics.phase_diagram(spiral, [1.0], [1.0], dynamics.by_distance, at_once=0)
    with pytest.raises(ValueError, match="at least 8"):
        dynamics.by_distance(np.ones(7))
    with pytest.raises(ValueError, match="tolerance of 1"):
        dynamics.by_distance(np.ones(8), tolerance=1)


def test_the_picture_has_a_field_a_run_and_the_theorys_line():
    weights, rates = np.linspace(0, 2, 5), np.geomspace(0.01, 1, 3)
    outcomes = np.arange(15).reshape(3, 5) % 3
    diagram = dynamics.PhaseDiagram(weights, rates, outcomes, jax.numpy.zeros((3, 5)))
    _, axes = plots.panels()
    axis = axes[0, 0]
    plots.phase_diagram(axis, diagram, radius=lambda a, b: a + b, names=("γ", "h"), title="R1")
    (fields,) = [c for c in axis.collections if isinstance(c, QuadMesh)]
    np.testing.assert_array_equal(fields.get_array().reshape(3, 5), outcomes)
    corners = fields.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25])
    np.testing.assert_allclose(corners[:, 0, 1], 10 ** np.array([-2.5, -1.5, -0.5, 0.5]))
    assert (axis.get_xscale(), axis.get_yscale()) == ("linear", "log")
    line = next(c for c in axis.collections if not isinstance(c, QuadMesh))
    points = np.concatenate([path.vertices for path in line.get_paths()])
    np.testing.assert_allclose(points.sum(axis=1), 1.0, atol=0.02)
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names == ["converges", "rotates", "collapses", "theory, ρ = 1"]
