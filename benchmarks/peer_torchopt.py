"""The stacked-MNIST training step in TorchOpt, for `unroll.py` to race against.

TorchOpt as its guides use it: a MetaAdam on the module, whose state and the module's are extracted
before the unroll and recovered after it. Networks and losses are those of `peers`.
"""

import numpy as np
import peers
import torch
import torchopt
from contestant import Contestant
from peers import BETAS, DISC_RATE, EPSILON, GEN_RATE, Discriminator, Generator, disc_loss, gen_loss
from torch import Tensor


class MetaOptimized:
    """TorchOpt: the discriminator's live optimizer is the MetaAdam that is unrolled."""

    def __init__(self, gen: Generator, disc: Discriminator, steps: int):
        self.gen, self.disc, self.steps = gen, disc, steps
        self.tx = torchopt.Adam(gen.parameters(), GEN_RATE, BETAS, EPSILON)
        self.disc_tx = torchopt.MetaAdam(disc, DISC_RATE, BETAS, EPSILON)

    def step(self, reals: Tensor, zs: Tensor) -> None:
        """As `peers.HandWritten.step`."""
        both = torch.cat([reals[0], self.gen(zs[0])])
        if self.steps:
            module = torchopt.extract_state_dict(self.disc, by="reference", detach_buffers=True)
            moments = torchopt.extract_state_dict(self.disc_tx, by="reference")
        for _ in range(self.steps):
            self.disc_tx.step(disc_loss(self.disc(both)))
        self.tx.zero_grad()
        gen_loss(self.disc(both)).backward(inputs=list(self.gen.parameters()))
        self.tx.step()
        if self.steps:
            torchopt.recover_state_dict(self.disc, module)
            torchopt.recover_state_dict(self.disc_tx, moments)
        with torch.no_grad():
            both = torch.cat([reals[1], self.gen(zs[1])])
        self.disc_tx.step(disc_loss(self.disc(both)))
        torchopt.stop_gradient(self.disc)
        torchopt.stop_gradient(self.disc_tx)

    def disc_params(self) -> dict[str, Tensor]:
        """The live discriminator."""
        return dict(self.disc.named_parameters())


def race(steps: int, batch: int) -> Contestant:
    """As `peers.race`."""
    return peers.race(steps, batch, MetaOptimized)


def trajectory(steps: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As `peers.trajectory`."""
    return peers.trajectory(steps, inputs, MetaOptimized)
