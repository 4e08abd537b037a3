"""The training step of a model in TorchOpt, for `unroll.py` to race against.

TorchOpt as its guides use it: a MetaAdam on the module, whose state and the module's are extracted
before the unroll and recovered after it. Networks and losses are those of `peers`.
"""

import numpy as np
import peers
import torch
import torchopt
from contestant import Contestant
from models import BETAS, EPSILON, Model
from peers import disc_loss, discriminator, gen_loss, generator, trained
from torch import Tensor


class MetaOptimized:
    """TorchOpt: the discriminator's live optimizer is the MetaAdam that is unrolled."""

    def __init__(self, model: Model, unroll: int):
        self.model, self.unroll = model, unroll
        self.gen, self.disc = generator(model), discriminator(model)
        self.tx = torchopt.Adam(trained(self.gen).values(), model.rates[0], BETAS, EPSILON)
        self.restart()

    def restart(self) -> None:
        """Takes over the discriminator's parameters as they are, with Adam at its beginning."""
        # Without eps_root the derivative is NaN where a gradient is zero, as behind a dead unit.
        self.disc_tx = torchopt.MetaAdam(
            self.disc, self.model.rates[1], BETAS, EPSILON, eps_root=1e-30
        )

    def step(self, reals: Tensor, zs: Tensor) -> None:
        """As `peers.HandWritten.step`."""
        both = torch.cat([reals[0], self.gen(zs[0])])
        if self.unroll:
            module = torchopt.extract_state_dict(self.disc, by="reference", detach_buffers=True)
            moments = torchopt.extract_state_dict(self.disc_tx, by="reference")
        for _ in range(self.unroll):
            self.disc_tx.step(disc_loss(self.disc(both)))
        self.tx.zero_grad()
        loss = gen_loss(self.disc(both), self.model.minimax)
        loss.backward(inputs=list(trained(self.gen).values()))
        self.tx.step()
        if self.unroll:
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


def race(model: str, unroll: int, batch: int) -> Contestant:
    """As `peers.race`."""
    return peers.race(model, unroll, batch, MetaOptimized)


def trajectory(model: str, unroll: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As `peers.trajectory`."""
    return peers.trajectory(model, unroll, inputs, MetaOptimized)
