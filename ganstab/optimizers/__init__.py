"""optax transforms for games.

An unrolled transform is differentiated, so its derivative at a gradient of 0 must be finite. That
of `optax.adam` is not; `adam` here computes the same updates with a finite derivative. The other
transforms are those that optax lacks, or has in pieces. Where in an `optax.chain` each belongs:

| transform | place |
| --- | --- |
| `historical_averaging(weight)` | first: it adds to the gradient |
| `optimistic(tx)` | around the whole optimizer |
| `clip_weights(limit)` | behind the optimizer: it changes the update |
| `extended(tx, kind, …)` | around the transform of a player with parameters beside its network |
| `multiplier_ascent(tx, rate)` | the same, of `players.multiplied` |
| `anchor_averages(tx)` | the same, of `players.anchored` |
| `augmentation_steps(tx, batch_size)` | the same, of `players.adaptively_augmented` |
| `snapshots(count, every)` | last: it notes where the update leads |
| `slow_weights()` | last: `steps.lookahead` moves what it keeps |
"""

from ganstab.optimizers.differentiable import adam
from ganstab.optimizers.extension import (
    anchor_averages,
    augmentation_steps,
    extended,
    multiplier_ascent,
)
from ganstab.optimizers.history import (
    SlowWeights,
    Snapshots,
    historical_averaging,
    slow_weights,
    slow_weights_in,
    snapshots,
    snapshots_in,
)
from ganstab.optimizers.updates import clip_weights, optimistic

__all__ = [
    "SlowWeights",
    "Snapshots",
    "adam",
    "anchor_averages",
    "augmentation_steps",
    "clip_weights",
    "extended",
    "historical_averaging",
    "multiplier_ascent",
    "optimistic",
    "slow_weights",
    "slow_weights_in",
    "snapshots",
    "snapshots_in",
]
