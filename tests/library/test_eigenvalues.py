"""Spectra of fields and of training steps, and the share of rotation, against dense answers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays
from known_games import CARRY, NOTHING, dirac_eigenvalues, dirac_with_r1, gan, linear, pair

from ganstab import Pair, TrainState, dynamics, games, steps


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_eigenvalues_of_dirac_with_r1(x64, gamma):
    expected = dirac_eigenvalues(gamma)
    got = dynamics.spectrum(dirac_with_r1(gamma), pair(0.0, 0.0), **NOTHING, count=2)
    # Where they meet, at γ = 1, eigenvalues are as the square root of the matrix' rounding.
    np.testing.assert_allclose(got.values, expected, atol=1e-7 if gamma == 1 else 1e-13)
    assert np.all(got.residuals < 1e-7)


def test_spectrum_is_the_dense_answer_at_each_edge_once(x64):
    game, params, at, whole = gan()
    assert 450 < len(whole) < 550
    dense = np.linalg.eigvals(whole)
    edges = [dense[np.argsort(rank(dense))[::-1][:4]] for rank in (np.abs, np.real)]
    expected = np.unique(np.concatenate(edges).round(9))
    got = dynamics.spectrum(game, params, **at, count=4, which=("LM", "LR"), subspace=120)
    assert 4 < len(expected) == len(got.values)
    np.testing.assert_allclose(np.sort_complex(got.values), np.sort_complex(expected), rtol=1e-6)
    assert np.all(np.diff(got.values.real) <= 0)
    residuals = np.linalg.norm(whole @ got.vectors - got.vectors * got.values, axis=0)
    assert np.all(got.residuals < 1e-6) and np.all(residuals < 1e-6)
    np.testing.assert_allclose(np.linalg.norm(got.vectors, axis=0), 1.0, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.4, 3.9, 4.1])
def test_multipliers_of_alternating_steps_on_the_dirac_gan(x64, rate):
    """1 − α²/2 ± √((1 − α²/2)² − 1) with α = hf′, on the unit circle up to α = 2."""
    txs = Pair(optax.sgd(rate), optax.sgd(rate))
    carry = CARRY._replace(opt=Pair(txs.gen.init(0.0), txs.disc.init(0.0)))
    state = TrainState(pair(0.0, 0.0), carry, jnp.zeros((), jnp.int32), jax.random.key(0))
    step = steps.alternating(games.dirac(), txs)
    got = dynamics.step_spectrum(step, state, None, count=2)
    middle = 1 - (rate / 2) ** 2 / 2
    expected = middle + np.array([1, -1]) * np.sqrt(complex(middle**2 - 1))
    np.testing.assert_allclose(np.sort_complex(got.values), np.sort_complex(expected), atol=1e-9)
    assert np.all(got.residuals < 1e-9)
    assert (np.abs(got.values).max() > 1 + 1e-6) == (rate > 4)


def test_spectrum_refuses_what_it_cannot_do():
    game = linear([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"count must be in \[1, 2\]"):
        dynamics.spectrum(game, pair(0.0, 0.0), **NOTHING, count=3)
    with pytest.raises(ValueError, match="which must be"):
        dynamics.spectrum(game, pair(0.0, 0.0), **NOTHING, count=1, which="XX")


def test_spectrum_says_when_nothing_converges(x64):
    game, params, at, _ = gan()
    with pytest.raises(ValueError, match="none of 2 eigenvalues converged"):
        dynamics.spectrum(
            game, params, **at, count=2, which="LR", tolerance=1e-15, restarts=1, subspace=5
        )


@pytest.mark.parametrize(
    ("game", "share"),
    [
        (games.bilinear(), 1.0),
        (linear([[-1, 2], [2, 3]]), 0.0),
        (linear([[-3, 2], [-2, 4]]), 8 / 33),
        (dirac_with_r1(0.5), 2 * 0.25 / (2 * 0.25 + 0.25)),
    ],
    ids=["bilinear", "potential", "both", "dirac with r1"],
)
def test_share_of_rotation(x64, game, share):
    parts = dynamics.helmholtz(game, pair(0.0, 0.0), **NOTHING)
    np.testing.assert_allclose(parts.rotation, share, atol=1e-12)
    whole = dynamics.jacobian(game, pair(0.0, 0.0), **NOTHING)
    x = jnp.array([0.4, -1.1])
    np.testing.assert_allclose(parts.symmetric(x), (whole + whole.T) @ x / 2, atol=1e-12)
    np.testing.assert_allclose(parts.antisymmetric(x), (whole - whole.T) @ x / 2, atol=1e-12)


def test_share_of_rotation_of_a_network(x64):
    game, params, at, whole = gan()
    exact = np.sum((whole - whole.T) ** 2 / 4) / np.sum(whole**2)
    parts = dynamics.helmholtz(game, params, **at)
    np.testing.assert_allclose(parts.rotation, exact, rtol=0.2)
    x = arrays(2, len(whole))
    np.testing.assert_allclose(parts.antisymmetric(x), (whole - whole.T) @ x / 2, atol=1e-10)
    with pytest.raises(ValueError, match="probes must be 1 or more"):
        dynamics.helmholtz(game, params, **at, probes=0)
