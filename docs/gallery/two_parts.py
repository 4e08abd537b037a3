"""A field taken apart: one part descends, the other turns.

The exact field of the two biases, a potential part ∇φ of it, and the rest.

Setting: g(z) = z + b_g, d(x) = exp(−(x + b_d)²), data and latents N(0, 1); φ = −(b_g² + b_d²) / 2.

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section
"Speculation on an Extension to Large Networks", which proposes v = ∇φ and a part without
divergence. The field's divergence is −2 everywhere, so that this φ will do.

What to see: following ∇φ alone leads straight to the fixed point. But a harmonic function may be
moved between the parts, so that the split is a choice; the Dirac-GAN has no ∇φ at all.
"""

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from docs.gallery.one_parameter import BIASES, field, runs
from ganstab import dynamics, games, plots

GAME = games.bias_gan(games.gaussian())


def parts() -> tuple[dynamics.Slice, dynamics.Slice, dynamics.Slice]:
    """The field, ∇φ, and what is left."""
    plane = field(GAME)
    downhill = -jnp.stack(jnp.meshgrid(plane.a, plane.b), axis=-1)
    rest = plane.velocity - downhill
    return plane, plane._replace(velocity=downhill), plane._replace(velocity=rest)


def draw(_seed: int = 0) -> Figure:
    start = (2.5, -1.0)
    trajectories = (runs(GAME, [start], 0.02, 600), [np.linspace(start, (0, 0), 50)], ())
    titles = ("the field", "∇φ, φ = −(b_g² + b_d²) / 2", "what is left: no divergence")
    figure, axes = plots.panels(1, 3)
    for axis, part, drawn, title in zip(axes[0], parts(), trajectories, titles, strict=True):
        plots.vector_field(axis, part, trajectories=drawn, title=title, names=BIASES)
    return figure
