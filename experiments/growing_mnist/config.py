"""The settings of `experiments.growing_mnist`."""

import dataclasses
import functools

from experiments.growing_mnist import lapgan, networks
from ganstab.training import ImageConfig, View, option
from ganstab.training.samples import SAMPLES, SHOWN, draw_square

METHODS = {"progressive": "progressive growing", "lapgan": "LapGAN"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GrowingMnist(ImageConfig):
    """The settings of one run."""

    num_steps: int = 2000
    eval_every: int = 200
    checkpoint_every: int = 200
    method: str = option("progressive", "How images grow.", choices=tuple(METHODS))
    width: int = option(16, "Channels at 28 pixels.", lower=1, upper=1024)
    stage_steps: int = option(
        400,
        "Steps for which progressive growing fades a resolution in, and for which it then trains "
        "it; with --method=progressive.",
        lower=1,
        upper=10**8,
    )
    samples: int = option(2048, "Samples of an evaluation.", lower=SHOWN, upper=10**6)

    def run_name(self) -> str:
        """The run's name, made of the method, the width and the seed."""
        return f"growing_mnist_{self.method}_width{self.width}_seed{self.seed}"

    def views(self) -> list[View]:
        """A row for each level of the pyramid, the finest first: a table shows the first one."""
        if self.method != "lapgan":
            return []
        return [
            View(
                functools.partial(_draw, lapgan.name_of(side)),
                f"{side} × {side}",
                is_of_images=True,
            )
            for side in reversed(networks.SIDES)
        ]


def _draw(name: str, axis, arrays, reference) -> None:
    draw_square(axis, {SAMPLES: arrays[name]}, reference)
