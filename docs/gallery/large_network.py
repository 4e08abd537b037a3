"""A random slice of a large GAN shows next to nothing of its motion.

Left and middle: the field on two random planes through the biases of a GAN, and the shadow of the
flow from the origin to time 30 (red). Right: the share of the squared speed in the first plane.

Setting: a GAN in one dimension at its first parameters, two hidden layers of 100 tanh units with
orthogonal kernels in either network, 100 samples.

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section
"Speculation on an Extension to Large Networks", which names neither activation nor initialisation.

What to see: as in the essay there are streams that run off, and here a line at which they seem to
rest. But the real flow hardly moves in the slice, and where the slice seems to rest it does not.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from docs.gallery.common import normal
from ganstab import Batch, Carry, Game, Pair, dynamics, losses, plots, terms
from ganstab.game import make_game
from ganstab.networks.mlp import Discriminator, Generator
from ganstab.players import from_nnx

HIDDEN, SAMPLES, REACH = (100, 100), 100, 20.0


def large_gan(seed: int) -> tuple[Game, Pair, dict]:
    """The game, its first parameters, and what it is evaluated with."""
    options: dict[str, Any] = {"gain": 1.0, "activation": jnp.tanh}
    players = Pair(
        from_nnx(lambda rngs: Generator(1, HIDDEN, 1, **options, rngs=rngs)),
        from_nnx(lambda rngs: Discriminator(1, HIDDEN, scale=1.0, **options, rngs=rngs)),
    )
    keys = jax.random.split(jax.random.key(seed), 4)
    made = [player.init(key) for player, key in zip(players, keys, strict=False)]
    params, state = (Pair(*parts) for parts in zip(*made, strict=True))
    game = make_game(players, terms.score_loss(losses.minimax), prior=normal)
    batch = Batch(normal(keys[2], SAMPLES))
    return game, params, {"carry": Carry(state, Pair((), ())), "batch": batch, "key": keys[3]}


def draw(seed: int = 0) -> Figure:
    game, params, at = large_gan(seed)
    planes = [
        dynamics.random_plane(params, key, lambda path: path.endswith("['bias']"))
        for key in jax.random.split(jax.random.key(seed + 1), 2)
    ]
    places = jnp.linspace(-REACH, REACH, 24)
    cut = jax.jit(lambda plane: dynamics.cut(game, plane, places, places, **at))
    cuts = [cut(plane) for plane in planes]
    advance = dynamics.flow(game, 0.2, **at)
    run = jax.jit(lambda params: dynamics.orbit(advance, params, 150))(params)
    figure, axes = plots.panels(1, 3)
    names = ("first direction in bias space", "second direction")
    titles = ("one random slice", "another")
    for axis, seen, plane, title in zip(axes[0], cuts, planes, titles, strict=False):
        shadow = np.asarray(dynamics.project(plane, run))
        plots.vector_field(axis, seen, trajectories=[shadow], title=title, names=names)
    plots.landscape(
        axes[0, 2], cuts[0], np.log10(cuts[0].shown), names=names, title="what the first shows",
        label="log10 of its share of the squared speed",
    )  # fmt: skip
    return figure
