"""What can be said with pen and paper of GANs of one number a player.

All rests on `h(s) = E log(1 − exp(−(wz + s)²))`, z standard normal: what the generator of the
Gaussian game loses at `s = W_d b_g + b_d`, for `w = W_d W_g`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import zeta


def curvature(w: float) -> float:
    """`a(w) = h″(0) = 2 Σ_k (1 + 2kw²)^(−3/2)`, k from 1.

    Each power in the series of the logarithm is a Gaussian integral; their sum is a zeta function.
    """
    return 2 * (2 * w**2) ** -1.5 * float(zeta(1.5, 1 + 1 / (2 * w**2)))


def bias_slopes(w: float, average: bool = False) -> np.ndarray:
    """The Jacobian of the Gaussian game of biases at its fixed point (0, 0), for W_g = 1, W_d = w.

    Args:
      w: the discriminator's weight.
      average: whether its loss is the mean of its two terms, or their sum.
    """
    a, share = curvature(w), 0.5 if average else 1.0
    return np.array([[-(w**2) * a, -w * a], [share * w * a, share * (a - 2)]])


def bias_rates(w: float, average: bool = False) -> np.ndarray:
    """The eigenvalues of `bias_slopes`, the rightmost first, then the upper one."""
    return in_order(np.linalg.eigvals(bias_slopes(w, average)))


def critical_width(average: bool = False) -> float:
    """The W_d below which the Gaussian game's fixed point is unstable: the Jacobian's trace is 0.

    Its determinant is positive for every W_d.
    """
    return root_of(lambda w: np.trace(bias_slopes(w, average)))


def root_of(fn: Callable[[float], float], low: float = 0.3, high: float = 1.0) -> float:
    """Where fn changes its sign between the two."""
    return float(brentq(fn, low, high, xtol=1e-9))


class Collapse(NamedTuple):
    """Where the continuous game of the Gaussian's weights ends."""

    time: float
    """At which W_g is 0."""
    disc: float
    """W_d at that time."""


def collapse(gen: float, disc: float) -> Collapse:
    """The end of the game of weights from `(W_g, W_d)`.

    In the squares `u = W_g²`, `v = W_d²`, which stay smooth where W_g does not, and with
    `g = uv a(√(uv))`: `u̇ = −2g`, `v̇ = −4v + 2g`. As `u → 0`, `g → 2`: u falls at rate 4 to its end.
    Time and v are integrated over u.
    """

    def over_u(u, state):
        product = max(u * state[1], 1e-12)
        pull = product * curvature(math.sqrt(product))
        return -1 / (2 * pull), (4 * state[1] - 2 * pull) / (2 * pull)

    run = solve_ivp(over_u, (gen**2, 0.0), (0.0, disc**2), rtol=1e-9, atol=1e-12)
    time, square = run.y[:, -1]
    return Collapse(float(time), math.sqrt(square))


def scatter(s: float, stddev: float = 1.0) -> float:
    """The interquartile range of the mean of any number of pulls `2u/(exp(u²) − 1)`, `u = z + s`.

    The tail of one pull is that of `2/u`, whose mean over a sample keeps, as Cauchy's does, one
    width for all sizes of the sample: half of it is `2π` times the density of u at 0.

    Args:
      s: b_g + b_d.
      stddev: of z.
    """
    return 4 * math.pi * math.exp(-((s / stddev) ** 2) / 2) / (math.sqrt(2 * math.pi) * stddev)


def in_order(eigenvalues: np.ndarray) -> np.ndarray:
    """The rightmost first, then the upper one of a pair."""
    return eigenvalues[np.lexsort((-eigenvalues.imag, np.round(-eigenvalues.real, 9)))]
