"""What `images.py` races: size in pixels and width of each pair of `ganstab.networks.images`."""

LATENT = 64
MODELS = {
    "convolutional": (32, 16),
    "r3gan": (32, 32),
    "sngan": (32, 32),
    "wgan_gp": (32, 32),
}
