"""What `images.py` races: the size in pixels and the width of each pair."""

LATENT = 64
MODELS = {
    "convolutional": (32, 16),
    "r3gan": (32, 32),
    "sngan": (32, 32),
    "wgan_gp": (32, 32),
    "dcgan": (32, 64),
}
WGAN_GP = ("wgan_gp", "dcgan")
"""Those with the Wasserstein loss and its gradient penalty."""
