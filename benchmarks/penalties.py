"""Training steps of r3gan with the penalties in each form, beside R1 and R2 as two terms.

    python -m benchmarks.penalties

The networks are those of `experiments.stacked_mnist.remedies`, for images of 28 × 28 × 3, with a
batch of 64 and penalties at every step. The forms take turns, and CPU seconds are counted beside
the wall's, so that the ratios hold on a machine that others use as well. Compiling takes a minute a
row.
"""

import argparse
import dataclasses
import time

import jax
import numpy as np

from experiments.stacked_mnist import remedies
from ganstab import Batch, penalties, recipes, terms

ROUNDS, STEPS = 10, 4
EXACT, NEAR = (penalties.r1, penalties.r2), (penalties.approximate_r1, penalties.approximate_r2)
FORMS = {
    "r1, r2": (EXACT, False),
    "r1, r2; joint": (EXACT, True),
    "r1_r2": ((penalties.r1_r2,), False),
    "r1_r2; joint": ((penalties.r1_r2,), True),
    "approximate r1, r2": (NEAR, False),
    "r1": (EXACT[:1], False),
    "approximate r1": (NEAR[:1], False),
}


def compiled(forms, joint, data):
    """The recipe's step with these penalties, and its first state."""
    plain = recipes.r3gan()
    penalised = [terms.disc_penalty(0.1, penalty) for penalty in forms]
    recipe = dataclasses.replace(plain, terms=(plain.terms[0], *penalised), joint=joint)
    built = recipe.build(remedies.players("r3gan"), remedies.LATENT)
    state = built.init(jax.random.key(0))
    return jax.jit(built.step).lower(state, data).compile(), state


def seconds(step, state, data):
    """CPU seconds and the wall's, of one step."""
    jax.block_until_ready(step(state, data))
    start = time.process_time(), time.perf_counter()
    for _ in range(STEPS):
        found = step(state, data)
    jax.block_until_ready(found)
    return (time.process_time() - start[0]) / STEPS, (time.perf_counter() - start[1]) / STEPS


def main():
    """Prints the table."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    data = Batch(jax.random.normal(jax.random.key(1), (2, 64, 28, 28, 3)))
    made = {name: compiled(*form, data) for name, form in FORMS.items()}
    found: dict[str, list] = {name: [] for name in FORMS}
    for _ in range(ROUNDS):
        for name, (step, state) in made.items():
            found[name].append(seconds(step, state, data))
    first = np.array(found["r1, r2"])
    print("| penalties | CPU ms a step | ratio, CPU | ratio, wall |\n| --- | --- | --- | --- |")
    for name, rows in found.items():
        cpu, wall = np.median(np.array(rows) / first, axis=0)
        print(f"| {name} | {1000 * np.median(rows, axis=0)[0]:.0f} | {cpu:.2f} | {wall:.2f} |")


if __name__ == "__main__":
    main()
