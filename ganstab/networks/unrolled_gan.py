"""The pairs of networks of Metz et al. 2017 (arXiv:1611.02163), one function an experiment.

Each returns, for either player, what `players.from_nnx` takes, `(rngs) -> module`:

    players = Pair(*map(from_nnx, unrolled_gan.cifar10()))

What the paper leaves open is filled as in PacGAN's implementation of its stacked-MNIST experiment
(Lin et al. 2018, arXiv:1712.04086): noise of length 256, kernels of 3 × 3, leak 0.3.
"""

from ganstab.networks import convolutional, mlp, recurrent
from ganstab.networks._builder import builder
from ganstab.networks.convolution import Convolutions
from ganstab.networks.convolutional import scaled
from ganstab.types import Pair

__all__ = ["cifar10", "colored_mnist", "mixture", "rnn_mnist", "stacked_mnist"]


def mixture() -> Pair:
    """Appendix A, mixture of Gaussians: two fully connected networks, of points [n, 2]."""
    return Pair(builder(mlp.Generator), builder(mlp.Discriminator))


def rnn_mnist(
    *,
    disc_first_norm: bool = True,
    init_stddev: float = 0.05,
    convolutions: Convolutions | None = None,
) -> Pair:
    """Appendix C, MNIST column by column: an LSTM against convolutions to 16, 32 and 32 channels.

    Args:
      disc_first_norm: whether the discriminator's first layer has batch norm, as all others.
      init_stddev: standard deviation of the discriminator's initial kernels; the paper's Xavier
        initialisation is the generator's.
      convolutions: None for the ones that suit the backend and the width.
    """
    disc = builder(
        convolutional.Discriminator, channels=(16, 32, 32), width=1, in_channels=1,
        first_norm=disc_first_norm, init_stddev=init_stddev, convolutions=convolutions,
    )  # fmt: skip
    return Pair(builder(recurrent.Generator), disc)


def stacked_mnist(
    disc_width: float = 0.25,
    *,
    disc_norm: bool = True,
    disc_first_norm: bool = True,
    init_stddev: float = 0.05,
    convolutions: Convolutions | None = None,
) -> Pair:
    """Appendix E, images [n, 28, 28, 3]: channels 64, 32, 16, 8 against 8X, 16X, 32X.

    Args:
      disc_width: X; 1/4 and 1/2 are the paper's.
      disc_norm: whether the discriminator has batch norm, as in the paper.
      disc_first_norm: whether its first layer has batch norm too.
      init_stddev: standard deviation of every initial kernel.
      convolutions: None for the ones that suit the backend and the width.
    """
    shared = {"init_stddev": init_stddev, "convolutions": convolutions}
    return Pair(
        builder(convolutional.Generator, **shared),
        builder(
            convolutional.Discriminator,
            width=disc_width,
            norm=disc_norm,
            first_norm=disc_first_norm,
            **shared,
        ),
    )


def cifar10(
    width: float = 1.0,
    side: int = 32,
    *,
    disc_first_norm: bool = True,
    init_stddev: float = 0.05,
    convolutions: Convolutions | None = None,
) -> Pair:
    """Appendix D, images [n, 32, 32, 3]: channels 512, 256, 128, 64 against 64, 128, 256.

    Args:
      width: factor of all these.
      side: of the images. Each transposed convolution doubles it, or makes one pixel less.
      disc_first_norm: whether the discriminator's first layer has batch norm, as all others.
      init_stddev: standard deviation of every initial kernel.
      convolutions: None for the ones that suit the backend and the width.

    Raises:
      ValueError: if the width does not make whole numbers of the channels.
    """
    channels = scaled((512, 256, 128, 64), width, "width")
    sizes = [-(-side // factor) for factor in (8, 4, 2, 1)]
    shared = {"init_stddev": init_stddev, "convolutions": convolutions}
    return Pair(
        builder(convolutional.Generator, channels=channels, sizes=sizes, **shared),
        builder(
            convolutional.Discriminator,
            width=1,
            channels=channels[:0:-1],
            side=side,
            first_norm=disc_first_norm,
            **shared,
        ),
    )


def colored_mnist(
    width: float = 1.0,
    *,
    disc_first_norm: bool = True,
    init_stddev: float = 0.05,
    convolutions: Convolutions | None = None,
) -> Pair:
    """Appendix F, images [n, 28, 28, 3]: the pair of CIFAR-10, all channels times `width`.

    Args:
      width: X; 1/4, 1/2 and 1 are the paper's.
      disc_first_norm: whether the discriminator's first layer has batch norm, as all others.
      init_stddev: standard deviation of every initial kernel.
      convolutions: None for the ones that suit the backend and the width.

    Raises:
      ValueError: if the width does not make whole numbers of the channels.
    """
    return cifar10(
        width,
        side=28,
        disc_first_norm=disc_first_norm,
        init_stddev=init_stddev,
        convolutions=convolutions,
    )
