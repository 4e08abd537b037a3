"""The settings of one critic, and the recipe that they make."""

import dataclasses
import functools
from typing import Any

from experiments.critic_surfaces import pictures, toys
from ganstab import recipes
from ganstab.training import RunConfig, View, option

__all__ = ["CriticSurfaces"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriticSurfaces(RunConfig):
    """The settings of one critic."""

    num_steps: int = 2000
    batch_size: int = 256
    eval_every: int = 200
    log_every: int = 50
    dataset: str = option("ring", "8 Gaussians, 25, or a Swiss roll.", choices=tuple(toys.TOYS))
    recipe: str = option(
        "wgan_gp", "A gradient penalty, or clipped weights.", choices=("wgan_gp", "wgan")
    )
    generator: str = option(
        "fixed",
        "fixed: the data plus noise N(0, I), not trained; trained: a network like the critic.",
        choices=("fixed", "trained"),
    )
    depth: int = option(3, "Hidden layers of a network.", lower=1, upper=200)
    width: int = option(128, "Units of a hidden layer.", lower=1, upper=2**14)
    penalty_weight: float = option(0.1, "λ, of the penalty; 10 in the paper.", lower=0.0, upper=1e6)
    clip: float = option(0.01, "c: weights are clipped to [−c, c].", lower=1e-9, upper=1e6)
    learning_rate: float | None = option(
        None,
        "Of both players. Default: the recipe's, 1e-4 with a penalty, 5e-5 with clipping.",
        lower=0.0,
        upper=1e6,
    )
    critic_updates: int = option(5, "Critic updates a step.", lower=1, upper=1000)
    samples: int = option(512, "Points of the data at an evaluation.", lower=1, upper=10**6)

    def run_name(self) -> str:
        """The run's name, made of the data, the recipe, the generator and the seed."""
        return f"critic_{self.dataset}_{self.recipe}_{self.generator}_seed{self.seed}"

    def unused(self) -> list[str]:
        """The number of the other recipe."""
        return ["clip"] if self.recipe == "wgan_gp" else ["penalty_weight"]

    def views(self) -> tuple[View, ...]:
        """The critic's values, its gradients and its weights."""
        surface = functools.partial(pictures.surface, samples=self.generator == "trained")
        return (
            View(surface, "values"),
            View(pictures.norms, "log₁₀ of gradients"),
            View(pictures.weights, "weights"),
        )

    def whole_recipe(self) -> recipes.Recipe:
        """The recipe with these numbers, whose generator is shown the data too."""
        more: dict[str, Any] = {"n_disc": self.critic_updates}
        if self.learning_rate is not None:
            more["learning_rate"] = self.learning_rate
        if self.recipe == "wgan":
            recipe = recipes.wgan(clip=self.clip, **more)
        else:
            recipe = recipes.wgan_gp(weight=self.penalty_weight, b1=0.5, **more)
        return dataclasses.replace(recipe, conditional="gen")
