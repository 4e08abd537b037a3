"""What acts on a fault: the technique, why, what it costs, what was measured, and how to try it."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ganstab.doctor.run import Record

__all__ = ["COLLAPSE", "REMEDIES", "Remedy", "advice"]


ALL_RECIPES = "experiments.stacked_mnist", "ganstab.image_gan"
"""Modules whose settings have every recipe of `ganstab.recipes`."""
OWN = "experiments.", "ganstab."
"""Modules that are programs of this project."""
PAPER = "paper"
"""The recipe that leaves the choice to the other settings."""
Flags = Callable[[Mapping[str, Any]], tuple[str, ...]]


class Remedy(NamedTuple):
    """A technique that acts on some fault."""

    words: str
    """How it is written, and why it acts, with its closed form; a sentence or two."""
    in_use: Callable[[Record], str]
    """What a run has of it already, e.g. "K = 5 unrolled steps"; empty if nothing."""
    evidence: str = ""
    """What was measured, a result of `results/README.md`."""
    flags: Flags = lambda settings: ()
    """The flags with which a program of these settings takes it; none if it does not."""
    step_time: float | None = None
    """Processor time of a step in steps of the plain GAN, where both networks have two hidden
    layers of 64 and a batch 64 samples (`results/benchmarks/remedies.json`)."""


def advice(record: Record, *names: str) -> str:
    """What to do of these techniques, in their order: paragraphs, the first a command to copy.

    A technique that the run uses already is not advised again.
    """
    known = {name: REMEDIES[name].in_use(record) for name in names}
    used = list(filter(None, known.values()))
    left = [REMEDIES[name] for name, words in known.items() if not words]
    commands = (_command(record, remedy.flags(record.settings)) for remedy in left)
    command = next(filter(None, commands), "")
    told = [f"To try: `{command}`"] if command else []
    told += [" ".join(filter(None, (each.words, each.evidence, _cost(each)))) for each in left]
    told += [f"In use already: {', '.join(used)}."] if used else []
    return "\n\n".join(told)


def _cost(remedy: Remedy) -> str:
    if remedy.step_time is None:
        return ""
    return f"A step of small networks takes {remedy.step_time} times the plain GAN's."


def _command(record: Record, flags: tuple[str, ...]) -> str:
    """The run's own command with other flags, in a folder of its own; empty without either.

    A folder may come from elsewhere: no other program is named than those of this project.
    """
    try:
        words = shlex.split((record.result or {}).get("command") or "")
    except ValueError:
        return ""
    if words[1:2] == ["-m"] and words[2:] and words[2].startswith(OWN):
        start, words = ["python", "-m", words[2]], words[3:]
    elif words[:2] == ["ganstab", "train"]:
        start, words = words[:2], words[2:]
    else:
        return ""
    taken = {flag.partition("=")[0] for flag in flags} | {"--workdir"}
    kept = [word for word in words if word.partition("=")[0] not in taken]
    return shlex.join([*start, *kept, *flags]) if flags else ""


def _unrolled(record: Record) -> str:
    return _setting(record, "unroll_steps", 0, "K = {} unrolled steps") or _recipe(
        record, "unrolled"
    )


def _packed(record: Record) -> str:
    return _setting(record, "pack", 1, "packs of {} samples") or _recipe(record, "pacgan")


def _setting(record: Record, name: str, plain: int, words: str) -> str:
    """The words, where the setting is more than of a plain GAN, and no recipe decides instead."""
    value = record.settings.get(name)
    decides = record.settings.get("recipe") in (None, PAPER)
    return words.format(value) if decides and isinstance(value, int) and value > plain else ""


def _recipe(record: Record, *names: str) -> str:
    name = record.settings.get("recipe")
    return f"the recipe {name}" if name in names else ""


def _term(*names: str) -> Callable[[Record], str]:
    """Whether one of these terms is among the run's metrics."""

    def in_use(record: Record) -> str:
        known = {name.partition("/")[2] for name in record.names()}
        return next((f"`{name}`" for name in names if name in known), "")

    return in_use


def _with_recipe(name: str) -> Flags:
    """The recipe, where the program has all of them."""

    def flags(settings: Mapping[str, Any]) -> tuple[str, ...]:
        module = str(settings.get("config_class", "")).partition(":")[0]
        return (f"--recipe={name}",) if module.startswith(ALL_RECIPES) else ()

    return flags


def _with(flag: str, value: int, recipe: str) -> Flags:
    """The flag where the program has it and no recipe decides, or else the recipe."""

    def flags(settings: Mapping[str, Any]) -> tuple[str, ...]:
        if flag in settings and settings.get("recipe") in (None, PAPER):
            return (f"--{flag}={value}",)
        return _with_recipe(recipe)(settings)

    return flags


def _with_setting(flag: str, is_now: Any, value: str) -> Flags:
    """The flag where the program's setting is this and no recipe decides."""

    def flags(settings: Mapping[str, Any]) -> tuple[str, ...]:
        decides = settings.get("recipe") in (None, PAPER)
        return (f"--{flag}={value}",) if decides and settings.get(flag) == is_now else ()

    return flags


def _one_batch(record: Record) -> str:
    return "one batch of both kinds" if record.settings.get("disc_batch") == "joint" else ""


REMEDIES = {
    "unrolled": Remedy(
        "`surrogates.unrolled(game, tx, K)`: the generator is scored by the discriminator as it "
        "will be after K updates, which has by then marked down a mode that everything went to; "
        "linearised, it adds −Kηω² to the real parts of eigenvalues ±iω, η the discriminator's "
        "learning rate.",
        _unrolled,
        "Measured on stacked MNIST at width 1/4, five seeds each: 82 ± 55 of 1,000 modes for "
        "K = 0, 384 ± 148 for K = 5, 742 ± 54 for K = 10; on two CPUs a step took 2.2 and 1.5 "
        "times as long with K = 5, and 4.1 and 2.3 times with K = 10.",
        _with("unroll_steps", 5, "unrolled"),
    ),
    "packed": Remedy(
        "`players.packed(disc, m)` or `networks.MinibatchDiscrimination` show the discriminator "
        "several samples at once, so that samples which are all alike are told at a glance.",
        _packed,
        "Measured on the ring of eight Gaussians, three seeds: packs cover all modes where the "
        "plain GAN covers none.",
        _with("pack", 2, "pacgan"),
        step_time=1.3,
    ),
    "r3gan": Remedy(
        "`recipes.r3gan`: scores are compared in pairs (`losses.relativistic_paired`), so that a "
        "mode without samples is missed by the pairs of its data, and R1 and R2 bound the slopes.",
        lambda record: _recipe(record, "r3gan"),
        "Measured on stacked MNIST with ordinary networks, three seeds: 1,000 of 1,000 modes in "
        "each, two seeds of the plain GAN 865 and 100.",
        _with_recipe("r3gan"),
        step_time=1.5,
    ),
    "consensus": Remedy(
        "`surrogates.consensus` of weight γ adds −γω² to the real parts of eigenvalues ±iω.",
        lambda record: _recipe(record, "consensus"),
        "",
        _with_recipe("consensus"),
        step_time=3.2,
    ),
    "wider": Remedy(
        "A wider discriminator sees modes that a narrow one cannot tell apart.", lambda record: ""
    ),
    "instance_noise": Remedy(
        "`players.instance_noise` on both players' inputs makes data and samples overlap, and adds "
        "f″σ² < 0 to the real parts (−σ²/4 in the Dirac-GAN).",
        lambda record: "instance noise" if record.settings.get("instance_noise") else "",
        step_time=1.1,
    ),
    "r1": Remedy(
        "`terms.disc_penalty(w, penalties.r1)` bounds the slope where the data are, and adds −w to "
        "the real parts.",
        _term("r1", "r1_r2"),
        "Measured on the ring of eight Gaussians over nine pairs of learning rates, five seeds "
        "each: 47 ± 2 % of the runs of `recipes.r1` end well, whose samples are of a running "
        "average; 31 ± 4 % of the plain GAN's with that average, and none without.",
        _with_recipe("r1"),
        step_time=1.2,
    ),
    "non_saturating": Remedy(
        "With minimax, `losses.non_saturating` gives the generator 1 − D(G(z)) of the score's "
        "gradient in place of D(G(z)).",
        _term("non_saturating"),
    ),
    "wgan_gp": Remedy(
        "`losses.wasserstein` with `penalties.wgan_gp` gives it all of the score's gradient.",
        _term("wgan_gp"),
        "",
        _with_recipe("wgan_gp"),
        step_time=4.0,
    ),
    "first_norm": Remedy(
        "Take batch norm out of the discriminator's first layer (`disc_first_norm=False` of "
        "`networks.unrolled_gan`), or all of it (`networks.image_pair` has none there).",
        lambda record: "",
        "Measured on stacked MNIST, real and generated as two batches, one seed: without it in "
        "that one layer the plain GAN covers 741 of 1,000 modes and K = 5 covers 753; with it, on "
        "grey samples, 12 and 37.",
        _with_setting("disc_first_norm", True, "false"),
    ),
    "joint": Remedy(
        "`make_game(…, joint=True)`, or `joint=True` in a recipe: real and generated samples pass "
        "as one batch, so that one set of statistics leaves the difference between them.",
        _one_batch,
        "",
        _with_setting("disc_batch", "separate", "joint"),
    ),
    "augmented": Remedy(
        "`players.augmented` shows the discriminator changed copies of data and samples alike, so "
        "that it never sees the same datum twice.",
        lambda record: "augmentation" if record.settings.get("augment") == "fixed" else "",
    ),
    "adaptive_augmentation": Remedy(
        "`terms.adaptive_augmentation` with `players.adaptively_augmented` does so as often as it "
        "takes to keep E sign(D(x)) at 0.6.",
        _term("adaptive_augmentation"),
        "Measured on 500 images of CIFAR-10, three seeds, 3,000 steps: the sliced Wasserstein "
        "distance ends at 15.6 ± 1.1, and at 22.1 ± 1.0 with `--augment=fixed`.",
        lambda settings: (
            ("--augment=adaptive",) if settings.get("augment") in ("none", "fixed") else ()
        ),
        step_time=1.3,
    ),
    "lecam": Remedy(
        "`terms.lecam` holds the scores of data near those that samples had, and the other way "
        "round.",
        _term("lecam"),
        step_time=1.0,
    ),
    "faster_disc": Remedy(
        "More updates of the discriminator a step (`n_disc` of `steps.alternating` and of recipes) "
        "or a larger learning rate of its own bring it nearer to its best answer.",
        lambda record: "",
        step_time=3.1,
    ),
}
"""By name."""
COLLAPSE = "unrolled", "packed", "r3gan", "wider"
"""What acts on lost modes."""
