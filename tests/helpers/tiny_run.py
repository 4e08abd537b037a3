"""Runs of tiny networks: what tests of `ganstab.training` train, here and in other processes."""

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common import plain_pair, prior

from ganstab import Pair, losses, steps, terms
from ganstab.data import ring
from ganstab.recipes import Recipe
from ganstab.reporting.run_log import read_sound
from ganstab.training import Evaluation, Experiment, Measure, Published, RunConfig, option
from ganstab.training.cli import main
from ganstab.training.samples import make_sampler

MEASURES = (
    Measure("spread", "spread of the samples", "spread", ideal=1.0,
            published=Published(0.9, 0.1, "a paper")),
    Measure("seconds", "time of the search", final=True),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiny(RunConfig):
    num_steps: int = 8
    batch_size: int = 16
    eval_every: int = 4
    checkpoint_every: int = 2
    log_every: int = 2
    rate: float = option(0.05, "Step size of both players.", lower=0.0)
    loss: str = option("wasserstein", "The loss.", choices=("wasserstein", "minimax"))
    samples: int = option(32, "Samples of an evaluation.", lower=1, upper=10**6)
    bad_seed: int | None = option(None, "The seed of which step 4 is not finite.", decides=False)


def build(config: Tiny) -> Experiment:
    """Three latent numbers to the points of a ring."""
    loss = {"wasserstein": losses.wasserstein, "minimax": losses.minimax}[config.loss]
    return Experiment(
        title="A ring",
        description="Points & <rings>.",
        players=plain_pair(),
        recipe=Recipe(
            "tiny",
            "no paper",
            terms=(terms.score_loss(loss),),
            txs=Pair(optax.sgd(config.rate), optax.sgd(2 * config.rate, 0.9)),
            make_step=functools.partial(_step, config.bad_seed),
        ),
        prior=prior,
        data=ring,
        evaluation=functools.partial(_evaluation, config),
        measures=MEASURES,
    )


def program() -> None:
    """A program with these runs."""
    main(build, Tiny, smoke={"samples": 8})


def _evaluation(config, gen):
    sample = make_sampler(gen, prior, samples=config.samples, measure=lambda x: x)

    def evaluate(state, key):
        _, points = sample(state, key)
        counts = np.bincount((points > 0) @ np.array([1, 2]), minlength=4)
        return Evaluation({"spread": float(points.std())}, {"samples": points}, counts)

    return evaluate


def _step(bad_seed, game, txs):
    """The usual one; of one seed, step 4 fails."""
    whole = steps.alternating(game, txs)
    if bad_seed is None:
        return whole
    init_key = jax.random.split(jax.random.key(bad_seed), 3)[0]
    bad = jax.random.key_data(jax.random.split(init_key, 3)[2])

    def step(state, batches):
        moved, metrics = whole(state, batches)
        fails = (state.step == 3) & (jax.random.key_data(state.key) == bad).all()
        bad_loss = jnp.where(fails, jnp.nan, metrics["gen/wasserstein"])
        return moved, metrics | {"gen/wasserstein": bad_loss}

    return step


def rows(folder, name="metrics.jsonl"):
    """A log without its times."""
    return [
        {key: value for key, value in row.items() if key != "wall_time_s"}
        for row in read_sound(folder / name)[0]
    ]


def content(folder):
    """Every file's, to see that nothing was touched."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(*arguments, log, module="ganstab.training") -> subprocess.Popen:
    """`python -m module …` as these tests run, on as many devices; its words go to a file."""
    root = pathlib.Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests" / "helpers")])
    with open(log, "a") as words:
        return subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdout=words, stderr=words, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip


if __name__ == "__main__":
    program()
