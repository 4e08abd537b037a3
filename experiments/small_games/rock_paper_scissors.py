"""Rock, paper, scissors: best replies that cycle, and weights that run away."""

import math

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games.balance import LECTURE
from experiments.small_games.moves import NOTHING, run, sgd
from ganstab import Pair, dynamics, games, steps
from ganstab.style import BLUE, INK, VERMILION, panels, styled

H = 0.05
START = Pair(np.log([0.4, 0.3, 0.3]), np.log([0.3, 0.4, 0.3]))
RULES = {"simultaneous": (steps.simultaneous, 20_000), "alternating": (steps.alternating, 20_000)}
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])


def play(logits: np.ndarray) -> np.ndarray:
    """The mixed strategy of logits `[…, 3]`."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def divergence(found: Pair) -> np.ndarray:
    """`KL(uniform ‖ x) + KL(uniform ‖ y)` along a run, in nats."""
    means = (np.mean(own, axis=-1) for own in found)
    tops = (np.log(np.sum(np.exp(own), axis=-1)) for own in found)
    return sum(tops) - sum(means) - 2 * math.log(3)


@styled
def weights() -> Exhibit:
    """Rock, paper, scissors learnt by multiplicative weights."""
    figure, axes = panels(1, 3, width=3.0, height=2.8)
    game = games.rock_paper_scissors(replicator=True)
    distances = {}
    for axis, (name, (make, count)) in zip(axes[0], RULES.items(), strict=False):
        found = run(make(game, sgd(H)), sgd(H), START, count)
        distances[name] = divergence(found)
        simplex(axis, f"{name}: player A")
        x, y = (play(found.gen[::5]) @ CORNERS).T
        axis.scatter(x, y, c=np.arange(len(x)), cmap="cividis_r", s=0.4, rasterized=True)
        axis.plot(x[0], y[0], "o", color=VERMILION, markersize=5, markeredgecolor="white")
    for (name, values), colour in zip(distances.items(), (VERMILION, BLUE), strict=True):
        axes[0, 2].semilogy(values, color=colour, label=name)
    slow = distances["simultaneous"][0] * (1 + H**2 / 3) ** np.arange(6000)
    axes[0, 2].semilogy(slow, "--", color=INK, linewidth=0.9, label="(1 + h²/3)ᵗ")
    axes[0, 2].set(title="KL from uniform play", xlabel="step", ylabel="nats, both players")
    axes[0, 2].legend(loc="lower right")
    caption = (
        "Both players reweight rock, paper and scissors by what each would have won "
        "(multiplicative weights, h = 0.05, 20,000 steps; dot: start; dark: late). The only "
        "equilibrium is uniform play, in the middle. Moving at once, the players spiral out until "
        "they play one thing at a time; moving in turn, they circle for ever. Neither arrives. "
        "Dashed: the growth of small distances."
    )
    return Exhibit(figure, caption, (*slip_findings(), *weight_findings(distances)))


def slip_findings() -> tuple[dict, ...]:
    """The lecture's example: B plays (0.4, 0.3, 0.3), and A should answer paper."""
    other = np.log([0.4, 0.3, 0.3])
    game = games.rock_paper_scissors(replicator=True)
    at = Pair(jnp.zeros(3), jnp.asarray(other))
    payoffs = np.asarray(dynamics.field(game, at, **NOTHING).gen)
    rock, _, scissors = play(other)
    slide = f"{LECTURE}, slide “Rock, Paper, Scissors”"
    best = ("rock", "paper", "scissors")[int(np.argmax(payoffs))]
    return (
        checked(
            "best reply to (0.4, 0.3, 0.3)", best, reading="as the slide says", source=slide
        ),
        checked(
            "what paper earns there, wins minus defeats", float(payoffs[1]),
            expected=float(rock - scissors), tolerance=1e-12,
            reading="A wins 0.4, B wins 0.3, a draw 0.3; the slide's “B wins with 0.4” has the "
            "players exchanged", source=slide,
        ),
        checked(
            "length of the cycle of best replies, in moves", _cycle(), expected=6, tolerance=0,
            reading="players who answer each other in turn never settle, as the slide says",
            source=slide,
        ),
    )  # fmt: skip


def _cycle() -> int:
    """Moves until two players who answer in turn are where they were."""
    game = games.rock_paper_scissors(replicator=True)
    # One certain move as logits: so far apart that the others are never played.
    certain = 50.0 * np.eye(3)
    hands = [0, 0]
    seen: list[tuple] = []
    while (state := (*hands, len(seen) % 2)) not in seen:
        seen.append(state)
        mover = len(seen) % 2
        at = Pair(*(jnp.asarray(certain[hand]) for hand in hands))
        hands[mover] = int(np.argmax(dynamics.field(game, at, **NOTHING)[mover]))
    return len(seen) - seen.index(state)


def weight_findings(distances: dict[str, np.ndarray]) -> tuple[dict, ...]:
    """Growth of simultaneous weights, and that of weights in turn."""
    found, in_turn = distances["simultaneous"], distances["alternating"]
    early = float(np.log(found[400] / found[0]) / 400)
    source = "the game's linear part at uniform play has eigenvalues ±i/√3"
    moments = (0, 1000, 5000, 20_000)
    return (
        checked(
            "growth exponent of the KL per simultaneous step, first 400", early,
            expected=math.log(1 + H**2 / 3), tolerance=0.1 * math.log(1 + H**2 / 3),
            reading="ln(1 + h²/3): away from uniform play", source=source,
        ),
        checked(
            "KL at 0, 1,000, 5,000 and 20,000 simultaneous steps",
            ", ".join(f"{found[i]:.3g}" for i in moments), reading="nats, without bound",
        ),
        checked(
            "change of the KL along alternating steps, over the first",
            float(np.ptp(in_turn) / in_turn[0]), expected=0.0, tolerance=0.1,
            reading="they neither leave nor arrive", source=source,
        ),
    )  # fmt: skip


def simplex(axis: Axes, title: str) -> None:
    """A triangle of mixed strategies, uniform play in the middle."""
    edge = np.concatenate([CORNERS, CORNERS[:1]])
    axis.plot(*edge.T, color=INK, linewidth=0.9)
    axis.plot(*CORNERS.mean(axis=0), "+", color=INK, markersize=7)
    for name, (x, y), (dx, dy) in zip(
        ("rock", "paper", "scissors"),
        CORNERS,
        ((-0.02, -0.08), (0.02, -0.08), (0, 0.03)),
        strict=True,
    ):
        axis.text(x + dx, y + dy, name, ha="center", fontsize=7.5)
    axis.set(title=title, xlim=(-0.1, 1.1), ylim=(-0.12, 0.98), aspect="equal")
    axis.axis("off")
