"""The training step of a model in PyTorch as one CUDA graph, for `unroll.py` to race against.

What a user does whose eager step waits for its kernel launches: the whole step of
`peers.HandWritten` is recorded once, on buffers that stay where they are, and replayed.
"""

import numpy as np
import peers
import torch
from contestant import Contestant
from models import BETAS, EPSILON, Model
from torch import Tensor

if peers.DEVICE == "cpu":
    raise ImportError("a CUDA graph wants a GPU: --device gpu")

WARM_UP = 3


class Recorded(peers.HandWritten):
    """`HandWritten`, recorded at its first step."""

    def __init__(self, model: Model, unroll: int):
        super().__init__(model, unroll)
        self.tx = torch.optim.Adam(
            peers.trained(self.gen).values(), model.rates[0], BETAS, EPSILON,
            fused=True, capturable=True,
        )  # fmt: skip

    def restart(self) -> None:
        """As there; the count of updates is on the device, so that a replay counts on."""
        super().restart()
        self.moments = self.moments._replace(steps=torch.zeros((), device=peers.DEVICE))
        self.graph: torch.cuda.CUDAGraph | None = None

    def step(self, reals: Tensor, zs: Tensor) -> None:
        """As there."""
        if self.graph is None:
            self.reals, self.zs = reals.clone(), zs.clone()
            self.graph = self._record()
        self.reals.copy_(reals)
        self.zs.copy_(zs)
        self.graph.replay()

    def _update(self) -> None:
        """A step on the buffers, what it changes written back into them."""
        flat, moments = self.flat, self.moments
        super().step(self.reals, self.zs)
        with torch.no_grad():
            for place, new in zip((flat, *moments), (self.flat, *self.moments), strict=True):
                place.copy_(new)
        self.flat, self.moments = flat, moments

    def _record(self) -> torch.cuda.CUDAGraph:
        """Warms up aside, as CUDA graphs want it, puts everything back, and records."""
        parts = [self.flat, *self.moments, *self.disc.buffers()]
        parts += [*self.gen.parameters(), *self.gen.buffers()]
        before = [part.detach().clone() for part in parts]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._update()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._update()
        with torch.no_grad():
            for part, value in zip(parts, before, strict=True):
                part.copy_(value)
            for state in self.tx.state.values():
                for value in state.values():
                    value.zero_()
        return graph


def race(model: str, unroll: int, batch: int) -> Contestant:
    """As `peers.race`."""
    return peers.race(model, unroll, batch, Recorded)


def trajectory(model: str, unroll: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As `peers.trajectory`."""
    return peers.trajectory(model, unroll, inputs, Recorded)
