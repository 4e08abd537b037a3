"""The stacked-MNIST training step in PyTorch alone, for `unroll.py` to race against.

It trains the pair of `ganstab.networks.stacked_mnist`, with images held mirrored in height and
width: TensorFlow's SAME padding then becomes the `padding=1` that PyTorch computes without a copy.

`HandWritten` is what a careful user writes: the discriminator's 585 parameters and their Adam state
as flat vectors, so that an update is ten operations and not ten for each parameter array.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from contestant import POOL, Contestant
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import leaky_relu, softplus

LATENT, GEN_RATE, DISC_RATE, BETAS, EPSILON = 256, 1e-4, 2e-4, (0.5, 0.999), 1e-8


class Generator(nn.Module):
    """z [n, 256] -> mirrored images [n, 3, 28, 28], sides 4, 7, 14, 28."""

    def __init__(self):
        super().__init__()
        stages = ((64, 32, 0), (32, 16, 1), (16, 8, 1))
        self.dense = nn.Linear(LATENT, 4 * 4 * 64)
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=extra)
            for a, b, extra in stages
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(c, momentum=0.01) for c in (64, 32, 16, 8))
        self.to_image = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Z to images."""
        x = torch.relu(self.norms[0](self.dense(z).view(-1, 64, 4, 4)))
        for conv, norm in zip(self.convs, list(self.norms)[1:], strict=True):
            x = torch.relu(norm(conv(x)))
        return torch.tanh(self.to_image(x))


class Discriminator(nn.Module):
    """Mirrored images [n, 3, 28, 28] -> scores [n]."""

    def __init__(self):
        super().__init__()
        stages = ((3, 2), (2, 4), (4, 8))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in stages)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b, momentum=0.01) for _, b in stages)
        self.dense = nn.Linear(4 * 4 * 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images to scores."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = leaky_relu(norm(conv(x)), 0.3)
        return self.dense(x.flatten(1))[:, 0]


def gen_loss(scores: Tensor) -> Tensor:
    """−log D(G(z)), from the scores of real and fake as one batch, fake behind."""
    return softplus(-scores.chunk(2)[1]).mean()


def disc_loss(scores: Tensor) -> Tensor:
    """−log D(x) − log(1 − D(G(z)))."""
    real, fake = scores.chunk(2)
    return softplus(-real).mean() + softplus(fake).mean()


class Moments(NamedTuple):
    """Adam's state over one flat vector of parameters."""

    mean: Tensor
    square: Tensor
    steps: int


def adam(params: Tensor, grad: Tensor, state: Moments) -> tuple[Tensor, Moments]:
    """One Adam step out of place, with a finite derivative where the second moment is zero."""
    count = state.steps + 1
    mean = torch.lerp(grad, state.mean, BETAS[0])
    square = torch.lerp(grad * grad, state.square, BETAS[1])
    zero = square == 0
    root = torch.where(zero, 0, torch.sqrt(torch.where(zero, 1, square / (1 - BETAS[1] ** count))))
    params = params - DISC_RATE / (1 - BETAS[0] ** count) * mean / (root + EPSILON)
    return params, Moments(mean, square, count)


class HandWritten:
    """PyTorch alone, the discriminator a flat vector."""

    def __init__(self, gen: Generator, disc: Discriminator, steps: int):
        self.gen, self.disc, self.steps = gen, disc, steps
        self.names = [name for name, _ in disc.named_parameters()]
        self.shapes = [p.shape for p in disc.parameters()]
        self.flat = nn.utils.parameters_to_vector(disc.parameters()).detach()
        self.moments = Moments(torch.zeros_like(self.flat), torch.zeros_like(self.flat), 0)
        self.tx = torch.optim.Adam(gen.parameters(), GEN_RATE, BETAS, EPSILON, fused=True)

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """The flat vector as the module's parameters."""
        parts = flat.split([shape.numel() for shape in self.shapes])
        named = zip(self.names, self.shapes, parts, strict=True)
        return {name: part.view(shape) for name, shape, part in named}

    def advance(self, flat: Tensor, moments: Moments, both: Tensor, buffers: dict, graph: bool):
        """One update of the discriminator, in the graph or out of it."""
        loss = disc_loss(functional_call(self.disc, (self.named(flat), buffers), (both,)))
        (grad,) = torch.autograd.grad(loss, flat, create_graph=graph)
        with torch.set_grad_enabled(graph):
            return adam(flat, grad, moments)

    def step(self, reals: Tensor, zs: Tensor) -> None:
        """One update of each, the generator on the first batch; reals [2, B, …], zs [2, B, 256]."""
        both = torch.cat([reals[0], self.gen(zs[0])])
        ahead, moments = self.flat.detach().requires_grad_(), self.moments
        # The unroll's batch statistics are its own: the live running means stay as they are.
        scratch = {name: buffer.clone() for name, buffer in self.disc.named_buffers()}
        for _ in range(self.steps):
            ahead, moments = self.advance(ahead, moments, both, scratch, graph=True)
        self.tx.zero_grad()
        scores = functional_call(self.disc, (self.named(ahead), scratch), (both,))
        gen_loss(scores).backward(inputs=list(self.gen.parameters()))
        self.tx.step()
        with torch.no_grad():
            both = torch.cat([reals[1], self.gen(zs[1])])
        flat, live = self.flat.requires_grad_(), dict(self.disc.named_buffers())
        flat, self.moments = self.advance(flat, self.moments, both, live, graph=False)
        self.flat = flat.detach()

    def disc_params(self) -> dict[str, Tensor]:
        """The live discriminator."""
        return self.named(self.flat)


def race(steps: int, batch: int, build: Callable = HandWritten) -> Contestant:
    """The training step on random data, ready to be timed."""
    torch.manual_seed(0)
    model = build(Generator(), Discriminator(), steps)
    pool = [torch.rand(2, batch, 3, 28, 28) * 2 - 1 for _ in range(POOL)]

    def run(count: int) -> None:
        for i in range(count):
            model.step(pool[i % POOL], torch.randn(2, batch, LATENT))

    return Contestant(run)


def trajectory(
    steps: int, inputs: dict[str, np.ndarray], build: Callable = HandWritten
) -> dict[str, np.ndarray]:
    """The generator's last gradient and all parameters after the given batches, in float64.

    Args:
      steps: K.
      inputs: parameters by name as `weights.initial` makes them for PyTorch, `real`
        [n, 2, B, 3, 28, 28] and `z` [B, 256], the prior of every update.
      build: the contestant's class.
    """
    torch.set_default_dtype(torch.float64)
    modules: dict[str, nn.Module] = {"gen": Generator(), "disc": Discriminator()}
    with torch.no_grad():
        for player, module in modules.items():
            for name, param in module.named_parameters():
                param.copy_(torch.from_numpy(inputs[f"{player}/{name}"]))
    model = build(modules["gen"], modules["disc"], steps)
    z = torch.from_numpy(inputs["z"])
    for real in torch.from_numpy(inputs["real"]):
        model.step(real, torch.stack([z, z]))
    gen = dict(modules["gen"].named_parameters())
    found = {f"gradient/{name}": param.grad for name, param in gen.items()}
    found |= {f"gen/{name}": param for name, param in gen.items()}
    found |= {f"disc/{name}": param for name, param in model.disc_params().items()}
    return {name: value.detach().numpy() for name, value in found.items()}
