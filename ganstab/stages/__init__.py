"""Multi-stage training: schedules over games, that is lists of stages, each a game of its own.

| module | what it makes stages of |
| --- | --- |
| `schedule` | any games: a `Stage` and its training step |
| `pyramid` | LapGAN: a Laplacian pyramid of conditional games |
| `growing` | progressive growing: a resolution at a time, each faded in over the last |
"""

from ganstab.stages import growing, pyramid
from ganstab.stages.schedule import Stage, alone, on, scheduled

__all__ = ["Stage", "alone", "growing", "on", "pyramid", "scheduled"]
