"""Terms, whose sum is a game's losses. A term maps a `Round` to a `Pair` of scalars.

`score_loss` lifts a loss of `ganstab.losses`, `disc_penalty` a penalty of `ganstab.penalties`; a
function of your own from a `Round` to a `Pair` is as good. Terms of half-precision scores and
features are computed in float32, and are float32 scalars. Weights, and the numbers of losses and
penalties, may be traced arrays.
"""

from ganstab.terms.adversarial import (
    auxiliary_classifier,
    disc_penalty,
    drift,
    feature_matching,
    fisher,
    lazy,
    name,
    only,
    pull_away,
    score_loss,
    top_k,
)
from ganstab.terms.overfitting import (
    adaptive_augmentation,
    balanced_consistency,
    lecam,
    sign_of_pairs,
    sign_of_real,
)
from ganstab.terms.parts import Term

__all__ = [
    "Term",
    "adaptive_augmentation",
    "auxiliary_classifier",
    "balanced_consistency",
    "disc_penalty",
    "drift",
    "feature_matching",
    "fisher",
    "lazy",
    "lecam",
    "name",
    "only",
    "pull_away",
    "score_loss",
    "sign_of_pairs",
    "sign_of_real",
    "top_k",
]
