"""A character-level language model: a GAN that writes lines of 32 characters, without sampling.

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), section 5.5 and Table 4.
The generator consists of residual blocks along the line and gives a softmax over the characters at
each place. The critic sees this softmax as it is, and the lines of the text as one-hot vectors. A
sample takes the most likely character at each place. The paper reports that it was "unable to
produce comparable results" with the loss of the standard GAN.

    python -m experiments.character_language_model --recipe=wgan_gp
    python -m experiments.character_language_model --text=FILE --width=512 --num_steps=200000
    python -m experiments.character_language_model --table=table_4 --seeds=3  # three recipes
    python -m experiments.character_language_model --smoke                    # a try, in a minute

The paper shows samples and gives no numbers. This program measures what its authors' code does: the
Jensen-Shannon divergence, in bits, of the n-grams of 640 samples from those of the whole text, for
n = 1 to 4. Padding counts as a character. Where many lines of the text are short, a model that
writes one short line again and again is close to the text in its 4-grams, most of which are
padding; so the share of different lines among the samples is measured too. The value called
"perfect" is what as many lines of the text have, held out from it.

Networks, batch size, Adam, λ = 10 and 10 critic updates a step are those of the authors' code. That
code has a width of 512 and takes 200,000 steps; the defaults here are smaller, for CPUs. The
padding is a character of its own; in that code it is the back-tick. Weight clipping and the plain
GAN train the same networks, with the numbers of `ganstab.recipes`.

The paper's text, the Billion Word corpus, is not part of this package. Without --text the program
reads the help on Python's language, the module pydoc_data.topics, which every Python has: some
9,000 lines of technical English. The lines differ between versions of Python, so compare numbers of
one version only.
"""

import dataclasses
import functools
import hashlib
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from ganstab import Pair, data, metrics, recipes
from ganstab.errors import InputError
from ganstab.networks import text
from ganstab.players import from_nnx
from ganstab.tables import Cell, Claim, Table
from ganstab.training import Evaluation, Experiment, Measure, RunConfig, option
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.run_folder import local_folder
from ganstab.training.samples import SHOWN, make_sampler
from ganstab.types import Player, TrainState

LATENT = 128
ORDERS = (1, 2, 3, 4)
RECIPES = {
    "wgan_gp": recipes.wgan_gp(b1=0.5, n_disc=10),
    "wgan": recipes.wgan(),
    "dcgan": recipes.dcgan(),
}
NAMES = {"wgan_gp": "gradient penalty", "wgan": "weight clipping", "dcgan": "plain GAN"}
TABLES = {
    "table_4": Table(
        "A character-level language model",
        "How far the n-grams of 640 lines that a GAN writes are from those of its text, by the way "
        "it is trained.",
        [Cell(name, words, "text", {"recipe": name}) for name, words in NAMES.items()],
        claims=[
            Claim(
                f"The gradient penalty's {n}-grams are closer to the text's than {words}'s",
                f"js{n}", "wgan_gp", "below", name,
            )
            for name, words in (("wgan", "weight clipping"), ("dcgan", "the plain GAN"))
            for n in (1, 4)
        ],
    )
}  # fmt: skip
SMOKE = {"samples": 64, "batch_size": 8, "width": 8, "critic_updates": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CharacterLanguageModel(RunConfig):
    """The settings of one model."""

    num_steps: int = 2000
    eval_every: int = 100
    checkpoint_every: int = 100
    recipe: str = option("wgan_gp", "How it is trained.", choices=tuple(RECIPES))
    critic_updates: int | None = option(
        None,
        "Critic updates a step. Default: the recipe's, which is 10 for wgan_gp, 5 for wgan and 1 "
        "for dcgan, the plain GAN.",
        lower=1,
        upper=1000,
    )
    width: int = option(
        32, "Channels of both networks; 512 in the authors' code.", lower=1, upper=2**13
    )
    samples: int = option(640, "Lines written at an evaluation.", lower=1, upper=10**7)
    text: str | None = option(
        None,
        "UTF-8 file whose lines are the text, cut or padded to 32 characters. Default: Python's "
        "help on its language.",
        decides=False,
    )
    text_lines: str | None = option(None, "A hash of the lines of the text.", flag=False)

    def run_name(self) -> str:
        """The run's name, made of the recipe, the width and the seed."""
        return f"character_language_model_{self.recipe}_width{self.width}_seed{self.seed}"

    def fingerprinted(self) -> Self:
        """With `text_lines` filled in; raises InputError where the text cannot be used."""
        digest = hashlib.sha256("\n".join(self.load_lines()).encode())
        return self.replace(text_lines=digest.hexdigest()[:16])

    def load_lines(self) -> list[str]:
        """The lines of the text; raises InputError where there are too few, or none."""
        if self.text is None:
            lines = data.python_help()
        else:
            lines = data.read_lines(local_folder(self.text, "--text", "file"))
        if len(lines) < max(self.batch_size, 2):
            raise InputError(
                f"the text has {len(lines)} of the {max(self.batch_size, 2)} lines that "
                f"--batch_size={self.batch_size} needs: name a longer one with --text=FILE"
            )
        return lines


def evaluation(lines: data.Lines, config: CharacterLanguageModel, gen: Player):
    """Writes lines from the same latents every time, and compares their n-grams with the text's."""

    def characters(samples: jax.Array) -> jax.Array:
        return jnp.argmax(samples, axis=-1).astype(jnp.uint16)

    sample = make_sampler(gen, LATENT, samples=config.samples, measure=characters)

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        _, code = sample(state, key)
        numbers = {f"js{n}": metrics.ngram_js(lines.code, code, n) for n in ORDERS}
        numbers["distinct"] = distinct(code)
        shown = code[:SHOWN]
        written = data.decode_lines(shown, lines.characters)
        return Evaluation({"samples": len(code), **numbers}, {"samples": shown}, lines=written)

    return evaluate


def distinct(code: np.ndarray) -> float:
    """How many different lines there are, per cent of all: a model that has collapsed has few."""
    return 100 * len(np.unique(code, axis=0)) / len(code)


def build(config: CharacterLanguageModel) -> Experiment:
    """One model."""
    lines = data.encode_lines(config.load_lines())
    size, recipe = len(lines.characters), RECIPES[config.recipe]
    players = Pair(
        from_nnx(lambda rngs: text.Generator(size, config.width, latent=LATENT, rngs=rngs)),
        from_nnx(lambda rngs: text.Critic(size, config.width, rngs=rngs)),
    )
    measures = tuple(
        Measure(f"js{n}", f"JS divergence of the {n}-grams, bits", f"JS{n}", "lower",
                metrics.ngram_js_floor(lines.code, n, config.samples))
        for n in ORDERS
    )  # fmt: skip
    held_out = np.random.default_rng(0).permutation(lines.code)[: config.samples]
    different = Measure(
        "distinct", "different lines among the samples, %", "different %", ideal=distinct(held_out)
    )
    return Experiment(
        title=f"Lines of text, {NAMES[config.recipe]}, width {config.width}",
        description=prose(__doc__),
        players=players,
        recipe=dataclasses.replace(recipe, n_disc=config.critic_updates or recipe.n_disc),
        prior=LATENT,
        data=data.Images(lines.code, np.zeros(len(lines.code), np.int32)),
        sampler=data.one_hot_lines(size),
        evaluation=functools.partial(evaluation, lines, config),
        measures=(*measures, different),
        notes=(f"{len(lines.code):,} lines of {size} characters",),
    )


if __name__ == "__main__":
    main(build, CharacterLanguageModel, tables=TABLES, smoke=SMOKE)
