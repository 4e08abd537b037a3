"""The study of small games: its findings agree, and would not if a number were off."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import games as program
from experiments.runner import progress, study
from experiments.runner.stopping import StopRequest
from experiments.small_games import balance, dirac, divergences, moves, paths, rates
from experiments.small_games import rock_paper_scissors as rps
from ganstab import Pair, games


def agreements(findings):
    return [finding["agrees"] for finding in findings if finding["agrees"] is not None]


def test_the_balance_circles_its_target(x64):
    found = agreements(balance.balance_findings())
    assert len(found) == 6 and all(found)


def test_slips_of_the_lecture_on_rock_paper_scissors(x64):
    findings = rps.slip_findings()
    assert [finding["found"] for finding in findings] == ["paper", "0.1", "6"]
    assert agreements(findings) == [True, True]


def test_divergence_from_uniform_play_is_that_of_both_players():
    logits = np.log([[0.5, 0.25, 0.25]])
    alone = (np.log(2) + 2 * np.log(4)) / 3 - np.log(3)
    np.testing.assert_allclose(rps.divergence(Pair(logits + 3, 0 * logits)), [alone])
    np.testing.assert_allclose(rps.divergence(Pair(logits, logits - 1)), [2 * alone])


def test_divergences_of_point_masses():
    found = divergences.distances()
    assert all(agreements(divergences.mass_findings(found)))
    of_the_slide = divergences.mass_findings(found._replace(js=2 * found.js))
    assert not any(agreements(of_the_slide)[:2])


def test_players_of_the_dirac_gan_play_its_formula(x64):
    """The paper's critic is high on what is generated, the library's on data."""
    at, mirrored = (
        Pair(jnp.asarray(0.8), jnp.asarray(-1.5)),
        Pair(jnp.asarray(0.8), jnp.asarray(1.5)),
    )
    game, where = dirac.gan(), dirac.place(samples=3)
    found, _ = game(at, where["carry"], where["batch"], where["key"])
    expected, _ = games.dirac()(mirrored, **moves.NOTHING)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    made = [player.init(jax.random.key(0)) for player in games.dirac_players(Pair(2.0, -3.0))]
    assert made == [(2.0, ()), (-3.0, ())]


@pytest.mark.parametrize("name", ["R1 and R2", "Unrolled, K = 5", "Consensus"])
def test_paths_agree_with_the_closed_form_and_only_then(x64, name):
    technique = dirac.PATHS[name]
    weights = np.linspace(technique.first, technique.last, 61)
    found = dirac.jacobians(technique, weights)
    right = agreements(paths.path_findings(name, technique, weights, found))
    assert all(right) and len(right) == (1 if technique.critical is None else 2)
    halved = dirac.TURN + 0.5 * (found - dirac.TURN)
    assert not any(agreements(paths.path_findings(name, technique, weights, halved)))


def test_radii_of_alternating_steps(x64):
    assert agreements(rates.published()) == [True, True]


def test_an_exhibit_is_made(tmp_path):
    (tmp_path / "figures").mkdir()
    one = {"point_masses": program.STUDY.exhibits["point_masses"]}
    made = program.STUDY._replace(exhibits=one)
    study.make(made, tmp_path, {"seed": 0}, progress.Progress(1), StopRequest([]))
    result = json.loads((tmp_path / "result.json").read_text())
    (findings,) = result["results"].values()
    assert result["status"] == "finished" and all(agreements(findings))
    assert (tmp_path / "figures" / "point_masses.png").read_bytes().startswith(b"\x89PNG")
    assert "Two point masses" in (tmp_path / "report.html").read_text()
