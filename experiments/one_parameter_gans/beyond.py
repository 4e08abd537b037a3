"""The essay's two looks ahead: slices of a large GAN, and following only half of the field."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.one_parameter_gans import closed_forms
from experiments.one_parameter_gans.planes import BIASES, NOTHING, at, followed, whole
from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from ganstab import Batch, Carry, Pair, dynamics, games, losses, plots, terms
from ganstab.game import make_game
from ganstab.networks.mlp import Discriminator, Generator
from ganstab.players import from_nnx
from ganstab.types import Game

HIDDEN, SAMPLES, REACH = (100, 100), 100, 20.0


def large_network(seed: int) -> Exhibit:
    """A random slice of a large GAN shows next to nothing of its motion."""
    game, at_start = large_gan(seed)
    keys = jax.random.split(jax.random.key(seed + 1), 2)
    planes = [
        dynamics.random_plane(at_start["params"], key, lambda path: path.endswith("['bias']"))
        for key in keys
    ]
    rest = {name: value for name, value in at_start.items() if name != "params"}
    places = jnp.linspace(-REACH, REACH, 24)
    make = jax.jit(lambda plane: dynamics.cut(game, plane, places, places, **rest))
    cuts = [make(plane) for plane in planes]
    advance = dynamics.flow(game, 0.2, **rest)
    run = jax.jit(lambda params: dynamics.orbit(advance, params, 150))(at_start["params"])
    figure, axes = plots.panels(1, 3)
    names = ("first direction in bias space", "second direction")
    for axis, seen, plane, title in zip(
        axes[0], cuts, planes, ("one random slice", "another"), strict=False
    ):
        shadow = np.asarray(dynamics.project(plane, run))
        plots.vector_field(axis, seen, trajectories=[shadow], title=title, names=names)
    plots.landscape(
        axes[0, 2], cuts[0], np.log10(cuts[0].shown), names=names, title="what the first shows",
        label="log10 of its share of the squared speed",
    )  # fmt: skip
    caption = (
        "Two random planes through the biases of a GAN in one dimension with two hidden layers of "
        "100 in both networks (tanh, orthogonal kernels; the essay names neither), with 100 "
        "samples, at its first parameters. As in the essay there are streams that run off, and "
        "here a line at which they seem to rest. But a slice shows next to nothing of the motion, "
        "right: the real flow from the origin (the red dots, to time 30) hardly moves in it, and "
        "where it seems to rest it does not."
    )
    return Exhibit(figure, caption, _slice_findings(cuts, planes[0], run))


def large_gan(seed: int) -> tuple[Game, dict]:
    """The essay's large GAN, and where and with what it is played."""
    players = Pair(
        from_nnx(lambda rngs: Generator(1, HIDDEN, 1, gain=1.0, activation=jnp.tanh, rngs=rngs)),
        from_nnx(
            lambda rngs: Discriminator(
                1, HIDDEN, scale=1.0, gain=1.0, activation=jnp.tanh, rngs=rngs
            )
        ),
    )
    keys = jax.random.split(jax.random.key(seed), 4)
    made = [player.init(key) for player, key in zip(players, keys, strict=False)]
    params, state = (Pair(*parts) for parts in zip(*made, strict=True))
    game = make_game(
        players,
        terms.score_loss(losses.minimax),
        prior=lambda key, n: jax.random.normal(key, (n, 1)),
    )
    real = jax.random.normal(keys[2], (SAMPLES, 1))
    carry = Carry(state, Pair((), ()))
    return game, {"params": params, "carry": carry, "batch": Batch(real), "key": keys[3]}


def two_parts() -> Exhibit:
    """A field taken apart: one part descends, the other turns."""
    game = games.bias_gan(games.gaussian())
    plane = whole(game)
    x, y = jnp.meshgrid(plane.a, plane.b)
    downhill = -jnp.stack([x, y], axis=-1)
    rest = plane._replace(velocity=plane.velocity - downhill)
    start = (2.5, -1.0)
    direct = np.linspace(start, (0, 0), 50)
    figure, axes = plots.panels(1, 3)
    shown = (
        (plane, followed(game, [start], 0.02, 600), "the field"),
        (plane._replace(velocity=downhill), [direct], "∇φ, φ = −(b_g² + b_d²) / 2"),
        (rest, (), "what is left: no divergence"),
    )
    for axis, (part, runs, title) in zip(axes[0], shown, strict=True):
        plots.vector_field(axis, part, trajectories=runs, title=title, names=BIASES)
    caption = (
        "The essay's last idea, for the Gaussian game of biases: v = ∇φ + a part without "
        "divergence. The field's divergence is −2 everywhere, so φ = −(b_g² + b_d²) / 2 will do, "
        "and following it alone leads straight to the fixed point. But a harmonic function may be "
        "moved from one part to the other, so the split is a choice; and for the Dirac-GAN "
        "nothing is left of ∇φ."
    )
    return Exhibit(figure, caption, _part_findings(game, rest))


def divergence(part: dynamics.Slice) -> np.ndarray:
    """Of the field drawn, by central differences, without the border."""
    a, b = np.asarray(part.a), np.asarray(part.b)
    across = np.gradient(np.asarray(part.velocity[..., 0]), a, axis=1)
    along = np.gradient(np.asarray(part.velocity[..., 1]), b, axis=0)
    return (across + along)[1:-1, 1:-1]


def _part_findings(game: Game, rest: dynamics.Slice) -> tuple:
    a = closed_forms.curvature(1.0)
    parts, dirac = (
        dynamics.helmholtz(own, at(0, 0), key=None, **NOTHING) for own in (game, games.dirac())
    )
    symmetric = np.stack([parts.symmetric(axis) for axis in jnp.eye(2)])
    turning = np.stack([parts.antisymmetric(axis) for axis in jnp.eye(2)], axis=1)
    share = 2 * a**2 / (2 * a**2 + a**2 + (a - 2) ** 2)
    return (
        checked("divergence left, mean over the plane", np.abs(divergence(rest)).mean(),
                expected=0.0, tolerance=0.01, source="closed form: div v = −2",
                reading="by differences on the grid of the picture"),
        checked("S at (0, 0), generator", symmetric[0, 0], expected=-a, tolerance=1e-6,
                source="closed form: S = diag(−a, a − 2)", reading="the generator's own rate"),
        checked("S at (0, 0), discriminator", symmetric[1, 1], expected=a - 2, tolerance=1e-6,
                source="the same", reading="both below 0: following S alone converges"),
        checked("A at (0, 0)", turning[1, 0], expected=a, tolerance=1e-6, source="closed form: a",
                reading="how fast it turns"),
        checked("share of rotation at (0, 0)", float(parts.rotation), expected=share,
                tolerance=1e-6, source="closed form: ‖A‖² / ‖J‖²", reading="the most of it turns"),
        checked("share of rotation, Dirac-GAN", float(dirac.rotation), expected=1.0, tolerance=1e-6,
                source="closed form: S = 0", reading="following ∇φ alone would freeze it"),
    )  # fmt: skip


def _slice_findings(cuts: list, plane: dynamics.Plane, run: Pair) -> tuple:
    """What a slice shows of a run, and of the speed all over it."""
    sizes = jax.tree.map(lambda leaf: leaf[0].size, run)
    count = sum(jax.tree.leaves(sizes))
    ends = jax.tree.map(lambda leaf: leaf[-1] - leaf[0], run)
    length = np.sqrt(sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(ends)))
    seen = float(np.linalg.norm(dynamics.project(plane, run)[-1]))
    inside = np.linalg.norm(cuts[0].velocity, axis=-1)
    slowest = np.unravel_index(np.argmin(inside), inside.shape)
    whole_speed = inside / np.sqrt(cuts[0].shown)
    return (
        checked(f"share of squared speed in the plane, of {count:,} parameters",
                float(np.median(cuts[0].shown)), reading="the median over the first slice"),
        checked("how far the run from the origin goes, all directions", float(length),
                reading="to time 30"),
        checked("how much of that the first slice shows", seen / length,
                reading="what seems to run off in a slice may be on its way elsewhere"),
        checked("slowest point of the first slice, speed in it", float(inside[slowest]),
                reading="it looks like a place to rest"),
        checked("the same, speed in all directions", float(whole_speed[slowest]),
                reading="it is none"),
    )  # fmt: skip
