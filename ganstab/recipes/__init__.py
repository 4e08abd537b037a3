"""Recipes: published ways to train a GAN, everything but the networks and the data.

`recipes.NAME(**hyperparameters)` is a `Recipe` with the published values as defaults, and
`recipe.build(players, prior)` what trains two networks.

| recipe | technique | source |
| --- | --- | --- |
| `dcgan` | non-saturating loss, Adam with β₁ = 0.5 | Radford et al. 2016, arXiv:1511.06434 |
| `lsgan` | least squares | Mao et al. 2017, arXiv:1611.04076 |
| `sngan` | hinge loss, spectral norm | Miyato et al. 2018, arXiv:1802.05957 |
| `pacgan` | m samples a score | Lin et al. 2018, arXiv:1712.04086 |
| `wgan` | Wasserstein loss, clipped weights | Arjovsky et al. 2017, arXiv:1701.07875 |
| `wgan_gp` | Wasserstein loss, slope 1 in between | Gulrajani et al. 2017, arXiv:1704.00028 |
| `dragan` | slope 1 around the data | Kodali et al. 2017, arXiv:1705.07215 |
| `r1` | slope 0 at the data | Mescheder et al. 2018, arXiv:1801.04406 |
| `r3gan` | relativistic pairs, slope 0 at both kinds | Huang et al. 2024, arXiv:2501.05441 |
| `unrolled` | K discriminator updates looked ahead | Metz et al. 2017, arXiv:1611.02163 |
| `consensus` | + ½γ‖ξ‖² for both players | Mescheder et al. 2017, arXiv:1705.10461 |
| `gradient_norm` | + η‖∇_ψ L_D‖² for the generator | Nagarajan & Kolter 2017, arXiv:1706.04156 |
"""

import types
from collections.abc import Callable, Mapping

from ganstab.errors import InputError
from ganstab.recipes.constrained import dragan, r1, r3gan, wgan, wgan_gp
from ganstab.recipes.plain import dcgan, lsgan, pacgan, sngan
from ganstab.recipes.recipe import Recipe, Trainable
from ganstab.recipes.surrogates import consensus, gradient_norm, unrolled


class _Known(dict):
    def __missing__(self, name: str):
        raise InputError(f"there is no recipe {name!r}; there are {', '.join(self)}")


by_name: Mapping[str, Callable[..., Recipe]] = types.MappingProxyType(
    _Known(
        (make.__name__, make)
        for make in (
            dcgan, lsgan, sngan, pacgan, wgan, wgan_gp, dragan, r1, r3gan, unrolled, consensus,
            gradient_norm,
        )
    )
)  # fmt: skip
"""The recipes by name, for a command line; another name raises InputError."""

__all__ = [
    "Recipe",
    "Trainable",
    "by_name",
    "consensus",
    "dcgan",
    "dragan",
    "gradient_norm",
    "lsgan",
    "pacgan",
    "r1",
    "r3gan",
    "sngan",
    "unrolled",
    "wgan",
    "wgan_gp",
]
