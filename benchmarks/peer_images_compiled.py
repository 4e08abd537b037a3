"""The training steps of `images.py` with WGAN-GP's loss, in PyTorch through `torch.compile`."""

import peer_images
from contestant import Contestant


def race(model: str, unroll: int, batch: int) -> Contestant:
    """The training step on random data; its first call compiles."""
    return peer_images.race(model, unroll, batch, compiles=True)
