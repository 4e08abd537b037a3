"""Eigenvalues of the Dirac-GAN as a technique's weight is turned up.

Each panel has the eigenvalues of the field's Jacobian at the equilibrium, by automatic
differentiation of the whole technique; crosses are the closed form. Left of the vertical axis
training comes in. Weight 0 is the plain GAN, ±½i. The best response is that of a GAN with R1.

Setting: data at 0, samples at θ, critic ψx; weights from 0 (of the best response from ¼) to the end
of the colour bar. Instance noise is a mean over 32,768 samples, parameter noise one over 4,096.

Source: Mescheder et al. 2018 (arXiv:1801.04406) for R1, R2, instance noise and consensus, Roth et
al. 2017 (arXiv:1705.09367), Nagarajan & Kolter 2017 (NK17, arXiv:1706.04156), Metz et al. 2017
(arXiv:1611.02163) and Balduzzi et al. 2018 (arXiv:1802.05642); the other closed forms are ours.

What to see: a star marks the critical weight, where two eigenvalues meet. There the equilibrium is
reached fastest; more weight slows one of them down. K unrolled steps of size η act as NK17's
gradient norm of weight Kη, a first-order unroll as half of that. Consensus and the symplectic
adjustment have no critical weight. Parameter noise only slows the rotation.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.gallery import dirac
from docs.gallery.common import pair, quick
from docs.gallery.dirac import TECHNIQUES, Technique
from ganstab import dynamics, plots
from ganstab.style import VERMILION, panels, styled

SAMPLES = 1 << 15


def jacobians(technique: Technique, weights: Any) -> np.ndarray:
    """The field's Jacobian at (0, 0) for each of the weights: `[W, 2, 2]`."""
    at = dirac.place(SAMPLES if technique.noisy else 1, technique.noisy)

    def one(weight):
        return dynamics.jacobian(technique.game(weight), pair(0.0, 0.0), **at)

    return np.asarray(quick(lambda weights: jax.lax.map(one, weights))(jnp.asarray(weights)))


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(3, 4, width=2.6, height=2.3)
    for axis, (name, technique) in zip(axes.flat, TECHNIQUES.items(), strict=True):
        weights = np.linspace(technique.first, technique.last, 61)
        found = np.linalg.eigvals(jacobians(technique, weights))
        plots.eigenvalue_path(axis, weights, found, title=name, label=technique.symbol)
        axis.set_xlim(left=min(axis.get_xlim()[0], -1.45))
        axis.set_ylim(-0.6, 0.6)
        _closed_form(axis, technique)
    return figure


def _closed_form(axis: Axes, technique: Technique) -> None:
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
