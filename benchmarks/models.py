"""What `unroll.py` can race: the pairs of Metz et al. 2017 as data, built by every contestant.

A contestant imports its own framework only, so a model names layers and sizes and no class of
either. How a kind of layer is built stands once in `peers` and, as `ganstab.networks`, in ours.
"""

from typing import NamedTuple


class Conv(NamedTuple):
    """A convolutional network.

    Attributes:
        channels: of each stage.
        sides: of the image at each stage; a discriminator's begin with the image itself.
    """

    channels: tuple[int, ...]
    sides: tuple[int, ...]


class Dense(NamedTuple):
    """A fully connected network, ReLU between its layers; its input is divided by `scale`."""

    features: tuple[int, ...]
    scale: float = 1.0


class Recurrent(NamedTuple):
    """A dense layer and an LSTM of `hidden`, `columns` steps to a column of `height` each."""

    hidden: int
    columns: int
    height: int


class Model(NamedTuple):
    """A pair of networks and how it is trained.

    Attributes:
        gen, disc: the networks.
        sample: shape of a sample, channels last.
        batch: sizes that are raced by default.
        rates: Adam's, of generator and discriminator.
        goals: (peer, K, how many times as fast as it ganstab is meant to be), at the first batch.
        minimax: whether the generator minimises what the discriminator maximises, and not
            -log D(G(z)).
        calls: how many steps ganstab takes a call, as a loop for so small a model does.
    """

    gen: Conv | Dense | Recurrent
    disc: Conv | Dense
    sample: tuple[int, ...]
    batch: tuple[int, ...]
    rates: tuple[float, float]
    goals: tuple[tuple[str, int, float], ...]
    minimax: bool = False
    calls: int = 1


LATENT, BETAS, EPSILON = 256, (0.5, 0.999), 1e-8
AS_FAST = tuple(("pytorch", steps, 1.0) for steps in (0, 5, 10))

MODELS = {
    "stacked_mnist": Model(
        gen=Conv((64, 32, 16, 8), (4, 7, 14, 28)),
        disc=Conv((2, 4, 8), (28, 14, 7, 4)),
        sample=(28, 28, 3), batch=(64, 512), rates=(1e-4, 2e-4),
        goals=(("torchopt", 5, 3.0), ("torchopt", 10, 3.0), ("torchopt", 0, 1.0),
               ("pytorch", 0, 1.0)),
    ),
    "cifar10": Model(
        gen=Conv((512, 256, 128, 64), (4, 8, 16, 32)),
        disc=Conv((64, 128, 256), (32, 16, 8, 4)),
        sample=(32, 32, 3), batch=(64,), rates=(1e-4, 2e-4), goals=AS_FAST,
    ),
    "colored_mnist": Model(  # at width 1/4
        gen=Conv((128, 64, 32, 16), (4, 7, 14, 28)),
        disc=Conv((16, 32, 64), (28, 14, 7, 4)),
        sample=(28, 28, 3), batch=(64,), rates=(1e-4, 2e-4), goals=AS_FAST,
    ),
    "mixture": Model(
        gen=Dense((LATENT, 128, 128, 2)),
        disc=Dense((2, 128, 1), scale=4.0),
        sample=(2,), batch=(512,), rates=(1e-4, 1e-4), goals=AS_FAST, minimax=True, calls=50,
    ),
    "rnn_mnist": Model(
        gen=Recurrent(256, 28, 28),
        disc=Conv((16, 32, 32), (28, 14, 7, 4)),
        sample=(28, 28, 1), batch=(64,), rates=(1e-4, 1e-4), goals=AS_FAST,
    ),
}  # fmt: skip
