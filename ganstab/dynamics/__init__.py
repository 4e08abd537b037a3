"""The dynamics of a game: its field, and what the field's derivative says about training.

The field is the direction in which the players move, `v = (−∇_θ L_G, −∇_ψ L_D)`, and its Jacobian
`J = ∂v/∂(θ, ψ)` decides what happens near a point: its symmetric part attracts or repels, its
antisymmetric part rotates, and its eigenvalues are the rates of both.

| module | what it answers |
| --- | --- |
| `derivatives` | how a field changes along a direction, `stop_gradient` notwithstanding |
| `fields` | where the players go from here: `field`, and its dense `jacobian` |
| `eigenvalues` | rates of growth and rotation at any size: `spectrum`, `step_spectrum` |
| `decomposition` | how much of it is rotation: `helmholtz` |
| `orbits` | where they end up: `flow`, `training`, `orbit` |
| `chaos` | whether two runs that start alike stay alike: `lyapunov` |
| `equilibria` | where the players are at rest, and whether that is stable: `fixed_points` |
| `phases` | where on a grid of two hyperparameters they converge: `phase_diagram` |
| `slices` | what a plane through the parameters of a large network looks like |

Everything takes any `Game`, a closed-form one (carry of empty tuples, batch and key `None`) or one
of networks, at `params` with the game's `carry`, `batch` and `key`.
"""

from ganstab.dynamics.chaos import Lyapunov, lyapunov
from ganstab.dynamics.decomposition import Helmholtz, helmholtz
from ganstab.dynamics.derivatives import central, exact, through_stops
from ganstab.dynamics.eigenvalues import Spectrum, spectrum, step_spectrum
from ganstab.dynamics.equilibria import FixedPoint, fixed_points, stability
from ganstab.dynamics.fields import field, flat, jacobian
from ganstab.dynamics.orbits import flow, orbit, training
from ganstab.dynamics.phases import (
    Outcome,
    PhaseDiagram,
    by_coverage,
    by_distance,
    phase_diagram,
)
from ganstab.dynamics.slices import Plane, Slice, cut, parameter_plane, project, random_plane

__all__ = [
    "FixedPoint",
    "Helmholtz",
    "Lyapunov",
    "Outcome",
    "PhaseDiagram",
    "Plane",
    "Slice",
    "Spectrum",
    "by_coverage",
    "by_distance",
    "central",
    "cut",
    "exact",
    "field",
    "fixed_points",
    "flat",
    "flow",
    "helmholtz",
    "jacobian",
    "lyapunov",
    "orbit",
    "parameter_plane",
    "phase_diagram",
    "project",
    "random_plane",
    "spectrum",
    "stability",
    "step_spectrum",
    "through_stops",
    "training",
]
