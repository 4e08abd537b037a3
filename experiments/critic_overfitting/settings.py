"""The settings of one curve, and the recipe that they make."""

import dataclasses
import functools
from collections.abc import Callable

from experiments.critic_overfitting import tables
from ganstab import recipes
from ganstab.training import ImageConfig, option

__all__ = ["CriticOverfitting"]

RECIPES: dict[str, Callable[..., recipes.Recipe]] = {
    "wgan_gp": functools.partial(recipes.wgan_gp, b1=0.5),
    "wgan": recipes.wgan,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriticOverfitting(ImageConfig):
    """The settings of one curve of Figure 5b."""

    num_steps: int = 2000
    eval_every: int = 100
    recipe: str = option("wgan_gp", "How it is trained.", choices=tuple(RECIPES))
    images: int = option(tables.FEW, "Training images.", lower=1, upper=10**7)
    samples: int = option(
        1000,
        "Images of each kind that an evaluation scores; so many are kept out of training.",
        lower=1,
        upper=10**6,
    )
    learning_rate: float | None = option(
        None,
        "Of both players. Default: the recipe's, 1e-4 with a penalty, 5e-5 with clipping.",
        lower=0.0,
        upper=1e6,
    )
    width: int = option(8, "Channels at the images' own resolution.", lower=1, upper=2**10)

    def whole_recipe(self) -> recipes.Recipe:
        """The recipe with these numbers."""
        rate = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        return RECIPES[self.recipe](**rate)

    def run_name(self) -> str:
        """The run's name, made of the recipe, the number of images and the seed."""
        return f"critic_overfitting_{self.recipe}_images{self.images}_seed{self.seed}"
