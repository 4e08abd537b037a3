"""optax transforms for games.

Any optax transform can stand in an unroll. What stands here is what optax lacks, or has in pieces.
Where in an `optax.chain` each belongs:

| transform | place |
| --- | --- |
| `historical_averaging(weight)` | first: it adds to the gradient |
| `optimistic(tx)` | around the whole optimizer |
| `clip_weights(limit)` | behind the optimizer: it changes the update |
| `multiplier_ascent(tx, rate)` | around the transform of a network with a multiplier |
| `snapshots(count, every)` | last: it notes where the update leads |
| `slow_weights()` | last: `steps.lookahead` moves what it keeps |
"""

from ganstab.optimizers.differentiable import adam
from ganstab.optimizers.history import (
    SlowWeights,
    Snapshots,
    historical_averaging,
    slow_weights,
    slow_weights_in,
    snapshots,
    snapshots_in,
)
from ganstab.optimizers.updates import clip_weights, multiplier_ascent, optimistic

__all__ = [
    "SlowWeights",
    "Snapshots",
    "adam",
    "clip_weights",
    "historical_averaging",
    "multiplier_ascent",
    "optimistic",
    "slow_weights",
    "slow_weights_in",
    "snapshots",
    "snapshots_in",
]
