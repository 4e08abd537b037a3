"""Surrogates, Game → Game: the same game, replayed at other parameters.

| surrogate | the generator's loss | the discriminator's loss |
| --- | --- | --- |
| `unrolled` | after K updates of the discriminator | as it was |
| `best_response` | at the end of them, K → ∞ | as it was |
| `consensus` | + γ·½‖ξ‖² | + γ·½‖ξ‖² |
| `gradient_norm` | + η‖∇_ψ L_D‖² | as it was |
| `symplectic_adjustment` | its gradient + λAᵀξ | its gradient + λAᵀξ |
| `competitive_gradient` | its gradient at the other's answer | its gradient at the other's answer |
| `smoothed` | mean under parameter noise | mean under parameter noise |
| `snapshot_ensemble` | mean over past discriminators | as it was |

A surrogate is a game like any other, so they wrap each other: `unrolled(consensus(game, γ), tx, K)`
looks ahead at a discriminator that seeks consensus, `consensus(unrolled(game, tx, K), γ)` seeks
consensus on the unrolled losses.
"""

from ganstab.surrogates.averages import smoothed, snapshot_ensemble
from ganstab.surrogates.competitive import competitive_gradient
from ganstab.surrogates.gradients import consensus, gradient_norm, symplectic_adjustment
from ganstab.surrogates.implicit import best_response
from ganstab.surrogates.unrolling import unrolled

__all__ = [
    "best_response",
    "competitive_gradient",
    "consensus",
    "gradient_norm",
    "smoothed",
    "snapshot_ensemble",
    "symplectic_adjustment",
    "unrolled",
]
