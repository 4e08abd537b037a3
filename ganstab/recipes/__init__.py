"""Recipes: published ways to train a GAN, everything but the networks and the data."""

from ganstab.recipes.looking_ahead import unrolled
from ganstab.recipes.recipe import Recipe, Trainable

__all__ = ["Recipe", "Trainable", "unrolled"]
