"""How far ahead a generator has to look on a ring of Gaussians, and at which learning rate.

Each field is a GAN trained for 3,000 steps on eight Gaussians on a circle. Of the last half of 20
evaluations, it converges if each finds nine tenths of the modes, rotates if only all of them
together do, and has collapsed otherwise; white fields have no samples at the data yet.

Setting: latents of 16 numbers, both networks two hidden layers of 64, batches of 128, Adam with the
same rate for both players, `recipes.unrolled`. A sample is at a mode within 0.3 of it; modes are
1.5 apart. One seed. Each row is one compiled program.

Source: Metz et al. 2017 (arXiv:1611.02163), whose Figure 2 has K = 0 and 10 at a rate of 1e-4; the
grid is ours, and networks and training are smaller and shorter.

What to see: for each K, at which rates the modes are covered, visited in turn, or lost.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from ganstab import Batch, Pair, data, dynamics, plots, recipes
from ganstab.networks import mlp
from ganstab.players import from_nnx
from ganstab.style import panels, styled

RATES = np.geomspace(1e-4, 1e-2, 9)
AHEAD = (0, 1, 2, 5, 10)
STEPS, EVALUATIONS, BATCH, SAMPLES, LATENT = 3000, 20, 128, 512, 16
NEAR = 0.3


def players() -> Pair:
    """Two hidden layers of 64 each."""
    return Pair(
        from_nnx(lambda rngs: mlp.Generator(LATENT, (64, 64), rngs=rngs)),
        from_nnx(lambda rngs: mlp.Discriminator(2, (64, 64), rngs=rngs)),
    )


def run(rate: Any, ahead: int, seed: int = 0, steps: int = STEPS) -> tuple[jax.Array, jax.Array]:
    """The share of samples at each mode `[T, 8]`, and their mean distance from 0 `[T]`."""
    recipe = recipes.unrolled(ahead, gen_learning_rate=rate, disc_learning_rate=rate)
    trained = recipe.build(players(), LATENT)
    init, feed, latents = jax.random.split(jax.random.key(seed), 3)
    z = jax.random.normal(latents, (SAMPLES, LATENT))

    def move(state: Any, step: jax.Array) -> tuple[Any, None]:
        keys = jax.random.split(jax.random.fold_in(feed, step), 2)
        batch = Batch(real=jax.vmap(lambda key: data.ring(key, BATCH))(keys))
        return trained.step(state, batch)[0], None

    def evaluate(state: Any, start: jax.Array) -> tuple[Any, Any]:
        count = steps // EVALUATIONS
        state, _ = jax.lax.scan(move, state, start * count + jnp.arange(count))
        points, _ = trained.players.gen.apply(
            state.params.gen, state.carry.state.gen, z, jax.random.key(0), train=False
        )
        distance = jnp.linalg.norm(points[:, None] - data.ring_modes()[None], axis=-1)
        near = jnp.mean(distance <= NEAR, axis=0)
        return state, (near, jnp.mean(jnp.linalg.norm(points, axis=-1)))

    return jax.lax.scan(evaluate, trained.init(init), jnp.arange(EVALUATIONS))[1]


@styled
def draw(seed: int = 0) -> Figure:
    diagram = dynamics.phase_diagram(
        lambda rate, ahead: run(rate, ahead, seed), RATES, AHEAD, dynamics.by_coverage, static=True
    )
    figure, axes = panels(1, 1, width=4.6, height=2.9)
    # K is drawn by its place: its values are neither evenly spaced nor geometric.
    shown = dynamics.PhaseDiagram(RATES, np.arange(len(AHEAD)), diagram.outcomes, diagram.found)
    plots.phase_diagram(
        axes[0, 0], shown, names=("learning rate of both players", "K, updates looked ahead"),
        title="Eight Gaussians, unrolled GAN",
    )  # fmt: skip
    axes[0, 0].set_yticks(range(len(AHEAD)), [str(ahead) for ahead in AHEAD])
    return figure
