"""Eigenvalues of the Dirac-GAN over the weight of each technique that has one."""

import numpy as np
from matplotlib.axes import Axes

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games import dirac
from experiments.small_games.dirac import PATHS, penalised
from ganstab import dynamics, losses, penalties, plots
from ganstab.style import VERMILION, panels, styled


@styled
def eigenvalues() -> Exhibit:
    """Eigenvalues of the Dirac-GAN as a technique's weight is turned up."""
    figure, axes = panels(3, 4, width=2.6, height=2.3)
    findings: list[dict] = []
    for axis, (name, technique) in zip(axes.flat, PATHS.items(), strict=True):
        weights = np.linspace(technique.first, technique.last, 61)
        found = dirac.jacobians(technique, weights)
        plots.eigenvalue_path(
            axis, weights, np.linalg.eigvals(found), title=name, label=technique.symbol
        )
        axis.set_xlim(left=min(axis.get_xlim()[0], -1.45))
        axis.set_ylim(-0.6, 0.6)
        _closed_form(axis, technique)
        findings += path_findings(name, technique, weights, found)
    caption = (
        "Eigenvalues of the field's Jacobian at the equilibrium, by automatic differentiation of "
        "the whole technique; crosses are the closed form. Left of the axis training comes in. "
        "Weight 0 is the plain GAN, ±½i. A star marks the critical weight, where two eigenvalues "
        "meet: there the equilibrium is reached fastest, and more weight slows one of them down. "
        "K unrolled steps of size η act as NK17's gradient norm of weight Kη, and a first-order "
        "unroll as half of that. Consensus and the symplectic adjustment have no critical weight; "
        "parameter noise only slows the turn. The best response is of a GAN with R1 of weight γ."
    )
    return Exhibit(figure, caption, (*findings, *same_findings()))


def _closed_form(axis: Axes, technique: dirac.Technique) -> None:
    some = np.linspace(technique.first, technique.last, 13)
    values = np.concatenate([np.linalg.eigvals(technique.jacobian(weight)) for weight in some])
    axis.plot(values.real, values.imag, "x", color="black", markersize=4, zorder=7)
    if technique.critical is not None:
        meet = np.linalg.eigvals(technique.jacobian(technique.critical)).mean().real
        axis.plot(meet, 0, "*", color=VERMILION, markersize=11, markeredgecolor="white", zorder=8)
        axis.annotate(
            f"{technique.symbol} = {technique.critical:.3g}", (meet, 0), (-7, 6),
            textcoords="offset points", ha="right", fontsize=7.5, color=VERMILION, zorder=8,
        )  # fmt: skip


def path_findings(
    name: str, technique: dirac.Technique, weights: np.ndarray, found: np.ndarray
) -> list[dict]:
    """The Jacobians against the closed form, and the weight at which eigenvalues meet."""
    expected = np.stack([technique.jacobian(weight) for weight in weights])
    findings = [
        checked(
            f"{name}: largest error of the Jacobian, {technique.symbol} up to {technique.last:.3g}",
            float(np.max(np.abs(found - expected))), expected=0.0, tolerance=technique.tolerance,
            reading=f"a mean over samples, good to {technique.tolerance:.2g}"
            if technique.tolerance > 1e-6 else "", source="closed form",
        )
    ]  # fmt: skip
    if technique.critical is not None:
        findings.append(
            checked(
                f"{name}: critical {technique.symbol}", _meeting(weights, found),
                expected=technique.critical, tolerance=0.02 * technique.critical,
                reading="read off the path", source="closed form",
            )
        )  # fmt: skip
    return findings


def _meeting(weights: np.ndarray, found: np.ndarray) -> float:
    """Where `tr²/4 − det` first passes through 0, by a line between neighbours."""
    gap = np.trace(found, axis1=1, axis2=2) ** 2 / 4 - np.linalg.det(found)
    (passes,) = np.nonzero((gap[:-1] < 0) != (gap[1:] < 0))
    if not len(passes):
        i = int(np.argmin(gap))
        return float(weights[i])
    i = passes[0]
    share = gap[i] / (gap[i] - gap[i + 1])
    return float(weights[i] + share * (weights[i + 1] - weights[i]))


def same_findings() -> list[dict]:
    """Penalties that are one and the same for a linear critic, and the losses' own turn."""
    weights = [0.3, 1.0]
    same = {
        "R2": penalised(penalties.r2),
        "WGAN-GP with target 0": penalised(penalties.wgan_gp, target=0.0),
        "DRAGAN with target 0": penalised(penalties.dragan, target=0.0),
        "NS-GAN and R1": penalised(penalties.r1, losses.non_saturating),
    }
    expected = np.stack([dirac.damped(weight) for weight in weights])
    # By differences: the norm's derivative at a slope of 0 is defined to be 0, and is believed.
    found = {
        name: dirac.jacobians(
            dirac.Technique(game, dirac.damped), weights, derivative=dynamics.central
        )
        for name, game in same.items()
    }
    return [
        checked(
            f"{name}: largest error of the Jacobian, taken for R1's",
            float(np.max(np.abs(slopes - expected))), expected=0.0, tolerance=1e-9,
            reading="the same at the equilibrium", source="closed form",
        )
        for name, slopes in found.items()
    ]  # fmt: skip
