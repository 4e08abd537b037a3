"""Seven pairs of networks, each trained in four ways: which way trains them all?

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), section 5.2, Figure 2 and
appendix E. The first pair is DCGAN's. Each other pair changes it: a generator of constant width
without batch norm, a perceptron as the generator, no norm anywhere, gated units, tanh, or ResNets
of 101 layers. The paper reports that with one set of hyperparameters only WGAN-GP trained all of
them; the plain GAN (DCGAN's loss and rates), LSGAN and weight clipping each failed on some.

    python -m experiments.seven_architectures --pair=tanh --recipe=wgan_gp
    python -m experiments.seven_architectures --data=FOLDER --size=64
    python -m experiments.seven_architectures --table=figure_2 --seeds=1  # all 28, in one picture
    python -m experiments.seven_architectures --smoke                     # a try, in a minute

The paper trains on LSUN bedrooms; the settings of its authors' code are --size=64 --width=64
--batch_size=64 --num_steps=200000. The defaults are chosen for two CPU cores: MNIST with a border
at 32 × 32, a quarter of the width, and few steps. The paper shows samples and gives no numbers.
Here samples are scored too, where there is a classifier of the data's own classes or
--inception=FILE.

With 64 × 64 pixels the layers, kernels and initial weights are those of the authors' code, see
`ganstab.networks.wgan_gp`. With 32 pixels all networks halve the image once less, and the blocks of
the ResNets are spread over four resolutions, so that the layers are 101 again. Rates are those of
appendix E, and WGAN-GP has layer norm where the others have batch norm. RMSProp, LSGAN's too, has
PyTorch's decay of 0.99, not the 0.9 of that code. Of the table only the first pair is measured, one
seed each way.
"""

import dataclasses
import functools
import pathlib

import matplotlib
import optax

from experiments import scored_images
from ganstab import Pair, recipes, style
from ganstab.networks.norms import batch_norm, layer_norm
from ganstab.networks.wgan_gp import LATENT, SEVEN, seven_pairs
from ganstab.players import from_nnx
from ganstab.reporting import Picture
from ganstab.reporting.formatting import format_number
from ganstab.reporting.writing import write_atomic
from ganstab.tables import Cell, Runs, Table
from ganstab.training import Experiment, option
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.run_folder import read_result
from ganstab.training.samples import draw_square, read_samples

_RMSPROP = optax.rmsprop(1e-4, decay=0.99, eps=1e-8, eps_in_sqrt=False)
RECIPES = {
    "dcgan": recipes.dcgan(),
    "lsgan": dataclasses.replace(recipes.lsgan(), txs=Pair(_RMSPROP, _RMSPROP)),
    "wgan": recipes.wgan(),
    "wgan_gp": recipes.wgan_gp(b1=0.5),
}
NAMES = {"dcgan": "DCGAN", "lsgan": "LSGAN", "wgan": "WGAN (clipping)", "wgan_gp": "WGAN-GP"}
SMOKE = {"samples": 64, "batch_size": 4, "width": 2, "critic_updates": 1}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SevenArchitectures(scored_images.ScoredImages):
    """The settings of one pair, trained one way."""

    num_steps: int = 2000
    batch_size: int = 32
    eval_every: int = 500
    checkpoint_every: int = 250
    pair: str = option(
        "dcgan",
        f"The networks: {'; '.join(f'{name}, {words}' for name, words in SEVEN.items())}.",
        choices=tuple(SEVEN),
    )
    recipe: str = option("wgan_gp", "How they are trained.", choices=tuple(RECIPES))
    width: int = option(
        16,
        "Channels at half of the image's side, 64 in the authors' code; others are multiples.",
        lower=1,
        upper=2**10,
    )

    def run_name(self) -> str:
        """The run's name, made of the pair, the recipe, the width and the seed."""
        return f"seven_architectures_{self.pair}_{self.recipe}_width{self.width}_seed{self.seed}"


def build(config: SevenArchitectures) -> Experiment:
    """One pair, trained one way."""
    recipe = RECIPES[config.recipe]
    pairs = seven_pairs(
        config.size,
        config.channels or 1,
        width=config.width,
        disc_norm=layer_norm if config.recipe == "wgan_gp" else batch_norm,
    )
    return Experiment(
        title=f"{SEVEN[config.pair]}, {NAMES[config.recipe]}, width {config.width}",
        description=prose(__doc__),
        players=Pair(*map(from_nnx, pairs[config.pair])),
        recipe=dataclasses.replace(recipe, n_disc=config.critic_updates or recipe.n_disc),
        prior=LATENT,
        evaluation=functools.partial(scored_images.evaluation, config, LATENT),
        **config.parts(),
    )


def picture(runs: Runs, folder: pathlib.Path) -> list[Picture]:
    """For the table's report, Figure 2: samples of every pair and recipe, of the first seed."""
    path = folder / "figure_2.png"
    with matplotlib.rc_context(style.PAPER):
        figure, axes = style.panels(len(SEVEN), len(NAMES), width=1.4, height=1.5)
        for axis in axes.ravel():
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        for line, words in zip(axes[:, 0], SEVEN.values(), strict=True):
            line.set_ylabel(words.replace(", ", ",\n").replace(" a ", " a\n"))
        for axis, words in zip(axes[0], NAMES.values(), strict=True):
            axis.set_title(words, loc="center")
        for cell, seeds in runs:
            axis = axes[
                [*SEVEN].index(cell.settings["pair"]), [*NAMES].index(cell.settings["recipe"])
            ]
            run = seeds[min(seeds)]
            if kept := read_samples(run, most=2):
                draw_square(axis, kept[max(kept)], {})
            score = read_result(run).get("results", {}).get("score", {}).get("mean")
            axis.set_xlabel("" if score is None else f"score {format_number(score)}")
        write_atomic(path, style.png(figure))
    return [Picture(path, "The last samples of each pair and way, of the first seed.")]


TABLES = {
    "figure_2": Table(
        "Seven pairs of networks, trained in four ways",
        "Figure 2 of the paper, in which WGAN-GP alone trains all seven pairs.",
        [
            Cell(f"{pair}_{recipe}", row, column, {"pair": pair, "recipe": recipe})
            for pair, row in SEVEN.items()
            for recipe, column in NAMES.items()
        ],
        corner="networks",
        pictures=picture,
    )
}

if __name__ == "__main__":
    main(build, SevenArchitectures, tables=TABLES, smoke=SMOKE)
