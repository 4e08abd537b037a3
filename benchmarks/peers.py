"""The training step of a model in PyTorch alone, for `unroll.py` to race against.

It trains the pairs of `ganstab.networks.unrolled_gan`, with images held mirrored in height and
width: TensorFlow's SAME padding then becomes the `padding=1` that PyTorch computes without a copy.

`HandWritten` is what a careful user writes: the discriminator's parameters and their Adam state as
flat vectors, so that an update is ten operations and not ten for each parameter array.
"""

import itertools
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from contestant import POOL, Contestant
from models import BETAS, EPSILON, LATENT, MODELS, Conv, Dense, Model, Recurrent
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import leaky_relu, softplus

DEVICE = {"cpu": "cpu", "gpu": "cuda"}[os.environ.get("BENCHMARK_DEVICE", "cpu")]
torch.backends.cuda.matmul.allow_tf32 = os.environ.get("BENCHMARK_PRECISION") == "tf32"
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32
torch.backends.cudnn.benchmark = True


class ConvGenerator(nn.Module):
    """z [n, 256] -> mirrored images [n, channels, side, side]."""

    def __init__(self, net: Conv, out: int):
        super().__init__()
        self.start = net.channels[0], net.sides[0], net.sides[0]
        self.dense = nn.Linear(LATENT, net.channels[0] * net.sides[0] ** 2)
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, 2, padding=1, output_padding=1 - side % 2)
            for (a, b), side in zip(itertools.pairwise(net.channels), net.sides[1:], strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(c, momentum=0.01) for c in net.channels)
        self.to_image = nn.Conv2d(net.channels[-1], out, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Z to images."""
        x = torch.relu(self.norms[0](self.dense(z).view(-1, *self.start)))
        for conv, norm in zip(self.convs, list(self.norms)[1:], strict=True):
            x = torch.relu(norm(conv(x)))
        return torch.tanh(self.to_image(x))


class ConvDiscriminator(nn.Module):
    """Mirrored images [n, channels, side, side] -> scores [n]."""

    def __init__(self, net: Conv, inputs: int):
        super().__init__()
        stages = list(itertools.pairwise((inputs, *net.channels)))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in stages)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b, momentum=0.01) for _, b in stages)
        self.dense = nn.Linear(net.channels[-1] * net.sides[-1] ** 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images to scores."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = leaky_relu(norm(conv(x)), 0.3)
        return self.dense(x.flatten(1))[:, 0]


class Perceptron(nn.Module):
    """x [n, features[0]] -> [n, features[-1]], or [n] where that is one."""

    def __init__(self, net: Dense):
        super().__init__()
        self.scale = net.scale
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(net.features))

    def forward(self, x: Tensor) -> Tensor:
        """Through all layers."""
        x = x / self.scale
        for layer in list(self.layers)[:-1]:
            x = torch.relu(layer(x))
        x = self.layers[-1](x)
        return x[:, 0] if x.shape[1] == 1 else x


class ColumnGenerator(nn.Module):
    """z [n, 256] -> mirrored images [n, 1, height, columns], a column a step of an LSTM."""

    def __init__(self, net: Recurrent):
        super().__init__()
        self.columns = net.columns
        self.dense = nn.Linear(LATENT, net.hidden)
        self.lstm = nn.LSTM(1, net.hidden)
        # The model's LSTM has no input and one bias; PyTorch's gets zeros and keeps its other at 0.
        for unused in (self.lstm.weight_ih_l0, self.lstm.bias_ih_l0):
            nn.init.zeros_(unused.requires_grad_(False))
        self.to_column = nn.Linear(net.hidden, net.height)

    def forward(self, z: Tensor) -> Tensor:
        """Z to images."""
        start = torch.relu(self.dense(z))[None]
        outputs, _ = self.lstm(z.new_zeros(self.columns, len(z), 1), (start, start))
        columns = torch.tanh(self.to_column(outputs))
        return columns.permute(1, 2, 0)[:, None].flip(2, 3)


def generator(model: Model) -> nn.Module:
    """The model's generator."""
    if isinstance(model.gen, Conv):
        return ConvGenerator(model.gen, model.sample[-1]).to(DEVICE)
    made = Perceptron(model.gen) if isinstance(model.gen, Dense) else ColumnGenerator(model.gen)
    return made.to(DEVICE)


def discriminator(model: Model) -> nn.Module:
    """The model's discriminator."""
    if isinstance(model.disc, Conv):
        return ConvDiscriminator(model.disc, model.sample[-1]).to(DEVICE)
    return Perceptron(model.disc).to(DEVICE)


def disc_loss(scores: Tensor) -> Tensor:
    """−log D(x) − log(1 − D(G(z)))."""
    real, fake = scores.chunk(2)
    return softplus(-real).mean() + softplus(fake).mean()


def gen_loss(scores: Tensor, minimax: bool) -> Tensor:
    """−log D(G(z)), or with minimax the negated `disc_loss`, from scores [2 B], real ones first.

    A minimax generator minimises log D(x) too, which depends on its samples through the K updates.
    """
    return -disc_loss(scores) if minimax else softplus(-scores.chunk(2)[1]).mean()


def trained(module: nn.Module) -> dict[str, nn.Parameter]:
    """The module's parameters that an optimizer may move."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


class Moments(NamedTuple):
    """Adam's state over one flat vector of parameters."""

    mean: Tensor
    square: Tensor
    steps: int | Tensor


def adam(params: Tensor, grad: Tensor, state: Moments, rate: float) -> tuple[Tensor, Moments]:
    """One Adam step out of place, with a finite derivative where the second moment is zero."""
    count = state.steps + 1
    mean = torch.lerp(grad, state.mean, BETAS[0])
    square = torch.lerp(grad * grad, state.square, BETAS[1])
    zero = square == 0
    root = torch.where(zero, 0, torch.sqrt(torch.where(zero, 1, square / (1 - BETAS[1] ** count))))
    params = params - rate / (1 - BETAS[0] ** count) * mean / (root + EPSILON)
    return params, Moments(mean, square, count)


class HandWritten:
    """PyTorch alone, the discriminator a flat vector."""

    def __init__(self, model: Model, unroll: int):
        self.model, self.unroll = model, unroll
        self.gen, self.disc = gen, disc = generator(model), discriminator(model)
        self.names = [name for name, _ in disc.named_parameters()]
        self.shapes = [p.shape for p in disc.parameters()]
        self.tx = torch.optim.Adam(
            trained(gen).values(), model.rates[0], BETAS, EPSILON, fused=True
        )
        self.restart()

    def restart(self) -> None:
        """Takes over the discriminator's parameters as they are, with Adam at its beginning."""
        self.flat = nn.utils.parameters_to_vector(self.disc.parameters()).detach()
        self.moments = Moments(torch.zeros_like(self.flat), torch.zeros_like(self.flat), 0)

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
            return adam(flat, grad, moments, self.model.rates[1])

    def step(self, reals: Tensor, zs: Tensor) -> None:
        """One update of each, the generator on the first batch; reals [2, B, …], zs [2, B, 256]."""
        both = torch.cat([reals[0], self.gen(zs[0])])
        ahead, moments = self.flat.detach().requires_grad_(), self.moments
        # The unroll's batch statistics are its own: the live running means stay as they are.
        scratch = {name: buffer.clone() for name, buffer in self.disc.named_buffers()}
        for _ in range(self.unroll):
            ahead, moments = self.advance(ahead, moments, both, scratch, graph=True)
        self.tx.zero_grad()
        scores = functional_call(self.disc, (self.named(ahead), scratch), (both,))
        gen_loss(scores, self.model.minimax).backward(inputs=list(trained(self.gen).values()))
        self.tx.step()
        with torch.no_grad():
            both = torch.cat([reals[1], self.gen(zs[1])])
        flat, live = self.flat.requires_grad_(), dict(self.disc.named_buffers())
        flat, self.moments = self.advance(flat, self.moments, both, live, graph=False)
        self.flat = flat.detach()

    def disc_params(self) -> dict[str, Tensor]:
        """The live discriminator."""
        return self.named(self.flat)


def race(model: str, unroll: int, batch: int, build: Callable = HandWritten) -> Contestant:
    """The training step on random data, ready to be timed."""
    torch.manual_seed(0)
    chosen = MODELS[model]
    contestant = build(chosen, unroll)
    *space, channels = chosen.sample
    shape = 2, batch, channels, *space
    pool = [torch.rand(shape, device=DEVICE) * 2 - 1 for _ in range(POOL)]

    def run(count: int) -> None:
        for i in range(count):
            contestant.step(pool[i % POOL], torch.randn(2, batch, LATENT, device=DEVICE))
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    return Contestant(run)


def trajectory(
    model: str, unroll: int, inputs: dict[str, np.ndarray], build: Callable = HandWritten
) -> dict[str, np.ndarray]:
    """The generator's last gradient and all parameters after the given batches, in float64.

    Args:
      model: its name.
      unroll: K.
      inputs: parameters by name as `weights.to_peer` makes them, `real` [n, 2, B, …] likewise and
        `z` [B, 256], the prior of every update.
      build: the contestant's class.
    """
    torch.set_default_dtype(torch.float64)
    contestant = build(MODELS[model], unroll)
    with torch.no_grad():
        for player, module in (("gen", contestant.gen), ("disc", contestant.disc)):
            for name, param in trained(module).items():
                param.copy_(torch.as_tensor(inputs[f"{player}/{name}"], device=DEVICE))
    contestant.restart()
    z = torch.as_tensor(inputs["z"], device=DEVICE)
    for real in torch.as_tensor(inputs["real"], device=DEVICE):
        contestant.step(real, torch.stack([z, z]))
    gen = trained(contestant.gen)
    found = {f"gradient/{name}": param.grad for name, param in gen.items()}
    found |= {f"gen/{name}": param for name, param in gen.items()}
    found |= {f"disc/{name}": param for name, param in contestant.disc_params().items()}
    return {name: value.detach().cpu().numpy() for name, value in found.items()}
