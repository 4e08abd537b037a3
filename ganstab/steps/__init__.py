"""Training steps: pure functions of a training state and its batches.

A step is `(train_state, batches) -> (train_state, metrics)`; the caller jits, donates, shards,
scans or vmaps it. All randomness is folded from the state's key and step number, so any step can be
replayed alone. Metrics are scalars: each player's loss and gradient norm, and the game's own
metrics of that player (its terms), from the evaluation in which that player moved.

| step | updates |
| --- | --- |
| `alternating` | some of the generator, then some of the discriminator |
| `simultaneous` | one of both players, from the same point |
| `extragradient` | one of both players, with the gradients found one step ahead |
| `balanced` | as `alternating`, but a metric decides how many |
| `lookahead` | those of another step; every few steps both players go back |

`init` makes the state before step 0. A step of one's own is made of `move` or `move_both`, between
`numbered` and `after`.
"""

from ganstab.steps.alternating import alternating, check_counts, check_stacked, simultaneous
from ganstab.steps.balanced import balanced
from ganstab.steps.extragradient import extragradient
from ganstab.steps.lookahead import lookahead
from ganstab.steps.update import Step, after, init, move, move_both, numbered

__all__ = [
    "Step",
    "after",
    "alternating",
    "balanced",
    "check_counts",
    "check_stacked",
    "extragradient",
    "init",
    "lookahead",
    "move",
    "move_both",
    "numbered",
    "simultaneous",
]
