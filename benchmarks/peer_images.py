"""The training steps of `images.py` in eager PyTorch, as its users write them.

Networks are those of `ganstab.networks.images` at 32 × 32, layer by layer.
"""

import itertools
import math

import torch
from contestant import POOL, Contestant
from image_models import LATENT, MODELS, WGAN_GP
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, interpolate, softplus
from torch.nn.utils.parametrizations import spectral_norm

LEAKY = nn.LeakyReLU(0.2)


class Unflatten(nn.Module):
    """[n, c · 4 · 4] -> [n, c, 4, 4]."""

    def forward(self, x: Tensor) -> Tensor:
        """Features as an image."""
        return x.view(len(x), -1, 4, 4)


def convolutional(w: int) -> tuple[nn.Module, nn.Module]:
    """Transposed convolutions against convolutions."""
    widths = [8 * w, 4 * w, 2 * w, w]
    gen = [nn.Linear(LATENT, 16 * widths[0]), Unflatten(), nn.BatchNorm2d(widths[0]), LEAKY]
    for a, b in itertools.pairwise(widths):
        gen += [nn.ConvTranspose2d(a, b, 3, 2, 1, 1), nn.BatchNorm2d(b), LEAKY]
    gen += [nn.Conv2d(w, 3, 3, padding=1), nn.Tanh()]
    disc: list[nn.Module] = []
    for a, b in itertools.pairwise([3, 2 * w, 4 * w, 8 * w]):
        disc += [nn.Conv2d(a, b, 3, 2, 1), LEAKY]
    disc += [nn.Flatten(), nn.Linear(16 * 8 * w, 1)]
    return nn.Sequential(*gen), nn.Sequential(*disc)


class Up(nn.Module):
    """A pre-activation block that doubles the side."""

    def __init__(self, w: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(w, w, 3, padding=1) for _ in range(2))
        self.past = nn.Conv2d(w, w, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, w, s, s] -> [n, w, 2s, 2s]."""
        y = self.convs[0](interpolate(torch.relu(self.norms[0](x)), scale_factor=2))
        y = self.convs[1](torch.relu(self.norms[1](y)))
        return y + interpolate(self.past(x), scale_factor=2)


class Down(nn.Module):
    """A pre-activation block that halves the side or keeps it."""

    def __init__(self, cin: int, cout: int, *, first: bool = False, halves: bool = False):
        super().__init__()
        self.first, self.halves = first, halves
        hidden = cout if first else cin
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in ((cin, hidden), (hidden, cout))
        )
        self.past = nn.Conv2d(cin, cout, 1) if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The block."""
        y = self.convs[1](torch.relu(self.convs[0](x if self.first else torch.relu(x))))
        if not self.halves:
            return y + x
        return avg_pool2d(y, 2) + self.past(avg_pool2d(x, 2))


class Pooled(nn.Module):
    """ReLU, and the sum or mean over all pixels."""

    def __init__(self, mean: bool):
        super().__init__()
        self.mean = mean

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c]."""
        x = torch.relu(x)
        return x.mean((2, 3)) if self.mean else x.sum((2, 3))


def residual(w: int, mean: bool) -> tuple[nn.Module, nn.Module]:
    """The pair of CIFAR-10 of Gulrajani et al. and of Miyato et al."""
    gen = nn.Sequential(
        nn.Linear(LATENT, 16 * w), Unflatten(), *(Up(w) for _ in range(3)),
        nn.BatchNorm2d(w), nn.ReLU(), nn.Conv2d(w, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    disc = nn.Sequential(
        Down(3, w, first=True, halves=True), Down(w, w, halves=True), Down(w, w), Down(w, w),
        Pooled(mean), nn.Linear(w, 1),
    )  # fmt: skip
    return gen, disc


class Bottleneck(nn.Module):
    """R3GAN's block."""

    def __init__(self, w: int):
        super().__init__()
        wide = 2 * w
        self.body = nn.Sequential(
            nn.Conv2d(w, wide, 1), LEAKY,
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide // math.gcd(wide, 16)), LEAKY,
            nn.Conv2d(wide, w, 1, bias=False),
        )  # fmt: skip
        nn.init.zeros_(self.body[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        """The block."""
        return x + self.body(x)


class Bilinear(nn.Module):
    """Twice or half the side."""

    def __init__(self, w: int, up: bool):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        kernel = torch.outer(taps, taps) * (4 if up else 1)
        self.register_buffer("kernel", kernel.expand(w, 1, 4, 4).contiguous())
        self.apply_ = conv_transpose2d if up else conv2d

    def forward(self, x: Tensor) -> Tensor:
        """Every channel by itself."""
        return self.apply_(x, self.kernel, stride=2, padding=1, groups=x.shape[1])


class Basis(nn.Module):
    """A learnt 4 × 4 image a channel, or the sum over the pixels that it weighs."""

    def __init__(self, w: int, spreads: bool):
        super().__init__()
        self.basis = nn.Parameter(torch.randn(w, 4, 4) / (1 if spreads else 4))
        self.spreads = spreads

    def forward(self, x: Tensor) -> Tensor:
        """[n, w] -> [n, w, 4, 4], or back."""
        return x[..., None, None] * self.basis if self.spreads else (x * self.basis).sum((2, 3))


def r3gan(w: int) -> tuple[nn.Module, nn.Module]:
    """The pair of CIFAR-10, of constant width."""

    def stages(up: bool):
        for stage in range(4):
            yield from [Bilinear(w, up)] if stage else []
            yield from (Bottleneck(w) for _ in range(2))

    gen = nn.Sequential(
        nn.Linear(LATENT, w, bias=False), Basis(w, True), *stages(True),
        nn.Conv2d(w, 3, 1, bias=False),
    )  # fmt: skip
    disc = nn.Sequential(
        nn.Conv2d(3, w, 1, bias=False), *stages(False), Basis(w, False), nn.Linear(w, 1, bias=False)
    )
    return gen, disc


def dcgan(w: int) -> tuple[nn.Module, nn.Module]:
    """DCGAN's pair with kernels of 5, whose critic has no batch norm."""
    widths = [4 * w, 2 * w, w]
    gen = [nn.Linear(LATENT, 16 * widths[0]), Unflatten(), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for a, b in itertools.pairwise(widths):
        gen += [nn.ConvTranspose2d(a, b, 5, 2, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
    gen += [nn.ConvTranspose2d(w, 3, 5, 2, 2, 1), nn.Tanh()]
    disc: list[nn.Module] = []
    for a, b in itertools.pairwise([3, w, 2 * w, 4 * w]):
        disc += [nn.Conv2d(a, b, 5, 2, 2), LEAKY]
    disc += [nn.Flatten(), nn.Linear(16 * 4 * w, 1)]
    return nn.Sequential(*gen), nn.Sequential(*disc)


OTHERS = {"convolutional": convolutional, "dcgan": dcgan, "r3gan": r3gan}
"""The pairs that are not residual ones of WGAN-GP or SNGAN."""


def pair(model: str, width: int) -> tuple[nn.Module, nn.Module]:
    """The model's generator and discriminator."""
    if model in OTHERS:
        return OTHERS[model](width)
    gen, disc = residual(width, mean=model == "wgan_gp")
    if model == "sngan":
        for layer in list(disc.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                spectral_norm(layer)
    return gen, disc


def slope(scores: Tensor, x: Tensor) -> Tensor:
    """Squared length of the gradient of each sample's score."""
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3))


def disc_loss(model: str, disc: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss with its penalties."""
    if model == "sngan":
        return torch.relu(1 - disc(real)).mean() + torch.relu(1 + disc(fake)).mean()
    if model in WGAN_GP:
        share = torch.rand(len(real), 1, 1, 1)
        between = torch.lerp(real, fake, share).requires_grad_()
        penalty = (slope(disc(between), between).sqrt() - 1).square().mean()
        return disc(fake).mean() - disc(real).mean() + 10 * penalty
    real, fake = (x.detach().requires_grad_() for x in (real, fake))
    of_real, of_fake = disc(real), disc(fake)
    penalties = slope(of_real, real).mean() + slope(of_fake, fake).mean()
    return softplus(of_fake - of_real).mean() + 0.5 * penalties


def gen_loss(model: str, disc: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """The generator's loss."""
    if model in ("sngan", *WGAN_GP):
        return -disc(fake).mean()
    return softplus(disc(real) - disc(fake)).mean()


def disc_gradient(
    model: str, disc: nn.Module, params: dict[str, Tensor], real: Tensor, fake: Tensor
) -> dict[str, Tensor]:
    """The gradient of `disc_loss` without `backward`, as `torch.compile` takes it."""

    def loss(params: dict[str, Tensor]) -> Tensor:
        def score(x: Tensor) -> Tensor:
            return functional_call(disc, params, (x,))

        share = torch.rand(len(real), 1, 1, 1)
        gradient = torch.func.grad(lambda x: score(x).sum())(torch.lerp(real, fake, share))
        penalty = (gradient.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
        return score(fake).mean() - score(real).mean() + 10 * penalty

    assert model in WGAN_GP
    return torch.func.grad(loss)(params)


def race(model: str, unroll: int, batch: int, compiles: bool = False) -> Contestant:
    """The training step on random data, ready to be timed."""
    assert unroll == 0
    torch.manual_seed(0)
    size, width = MODELS[model]
    gen, disc = pair(model, width)
    gen_tx, disc_tx = (
        torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.9), fused=True) for net in (gen, disc)
    )
    pool = [torch.rand(2, batch, 3, size, size) * 2 - 1 for _ in range(POOL)]
    params = dict(disc.named_parameters())
    compiled = torch.compile if compiles else lambda function: function

    @compiled
    def loss_of_gen(real: Tensor, noise: Tensor) -> Tensor:
        return gen_loss(model, disc, real, gen(noise))

    @compiled
    def samples(noise: Tensor) -> Tensor:
        with torch.no_grad():
            return gen(noise)

    @compiled
    def gradient_of_disc(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return disc_gradient(model, disc, params, real, fake)

    def step(reals: Tensor) -> None:
        gen_tx.zero_grad()
        loss = loss_of_gen(reals[0], torch.randn(batch, LATENT))
        loss.backward(inputs=list(gen.parameters()))
        gen_tx.step()
        disc_tx.zero_grad()
        fake = samples(torch.randn(batch, LATENT))
        if compiles:
            for name, gradient in gradient_of_disc(reals[1], fake).items():
                params[name].grad = gradient
        else:
            disc_loss(model, disc, reals[1], fake).backward()
        disc_tx.step()

    def run(count: int) -> None:
        for i in range(count):
            step(pool[i % POOL])

    return Contestant(run)
