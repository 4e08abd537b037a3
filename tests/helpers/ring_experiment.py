"""README's experiment with small networks, as somebody outside of the package writes it."""

import dataclasses

import jax

from ganstab import Pair, data, losses, metrics, recipes, training
from ganstab.networks import mlp
from ganstab.players import from_nnx
from ganstab.tables import Cell, Claim, Table
from ganstab.training import Evaluation, Measure, cli, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ring(training.RunConfig):
    num_steps: int = 4
    eval_every: int = 2
    batch_size: int = 16
    unroll_steps: int = option(1, "K, discriminator updates looked ahead.", lower=0)


def prior(key, n):
    return jax.random.normal(key, (n, 8))


def evaluation(gen):
    sample = training.make_sampler(gen, prior, samples=64, measure=lambda points: points)

    def evaluate(state, key):
        _, points = sample(state, key)
        found = metrics.mixture_coverage(points, data.ring_modes(), sigma=0.02)
        return Evaluation({"modes": found.modes}, {"samples": points}, found.counts)

    return evaluate


def ring(config: Ring) -> training.Experiment:
    gen = from_nnx(lambda rngs: mlp.Generator(8, (16,), rngs=rngs))
    disc = from_nnx(lambda rngs: mlp.Discriminator(2, (16,), rngs=rngs))
    return training.Experiment(
        players=Pair(gen, disc),
        recipe=recipes.unrolled(config.unroll_steps, loss=losses.hinge),
        prior=prior,
        data=data.ring,
        evaluation=evaluation,
        measures=(Measure("modes", "modes covered, of 8", short="modes", ideal=8),),
    )


CELLS = [Cell(f"K{k}", "hinge", f"K = {k}", {"unroll_steps": k}) for k in (0, 1)]
CLAIM = Claim("K = 1 covers more modes than K = 0", "modes", "K1", "above", "K0")
TABLES = {"steps": Table("A ring", "Does looking ahead help?", CELLS, claims=[CLAIM])}

if __name__ == "__main__":
    cli.main(ring, Ring, tables=TABLES, smoke={"num_steps": 2})
