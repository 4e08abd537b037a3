"""What is tried: every technique as a change of a recipe. The next one is one row of `TECHNIQUES`.

A recipe keeps its published numbers, but for its learning rates, which the ladder varies, and for
weights and averages that suit points in the plane and thousands of steps. All others are
`recipes.dcgan`, the plain GAN, with one thing changed. In closed-form games gradient descent takes
the place of a recipe's optimizers, and weights are near those at which the Dirac-GAN's eigenvalues
meet (docs/gallery/dirac.py).
"""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import optax

from ganstab import Game, Pair, losses, optimizers, penalties, players, recipes, steps, terms
from ganstab import surrogates as sur
from ganstab.recipes import Recipe

PLAIN = "dcgan"
Numbers = Mapping[str, Any]
NONE: Numbers = types.MappingProxyType({})
NO_NETWORK = ("dirac", "bilinear")
"""Tasks whose critic is one number: there is no network to change."""
OWN_LOSS = ("bilinear",)
"""Tasks that are defined by their loss, where another loss has no row."""


def same(thing: Any) -> Any:
    """Itself, where a function may change something."""
    return thing


class Technique(NamedTuple):
    """A way to train, whatever the networks and the learning rates."""

    words: str
    recipe: Callable[..., Recipe] = recipes.dcgan
    """`(learning_rate=, **numbers) -> Recipe`."""
    change: Callable[[Recipe], Recipe] = same
    """What is done to the recipe when its optimizers are in place."""
    numbers: Numbers = NONE
    in_games: Numbers = NONE
    """Numbers that are others in closed-form games."""
    absent: tuple[str, ...] = ()
    """Tasks without a row."""
    packs: int = 1
    """Samples that the discriminator sees side by side."""
    compares: bool = False
    """Whether the discriminator has minibatch discrimination."""

    def at(self, rates: Pair, *, game: bool = False) -> Recipe:
        """The recipe at these learning rates; in a closed-form game by gradient descent."""
        numbers = {**self.numbers, **(self.in_games if game else NONE)}
        gen, disc = (self.recipe(learning_rate=rate, **numbers) for rate in rates)
        txs = Pair(*map(optax.sgd, rates)) if game else Pair(gen.txs.gen, disc.txs.disc)
        return self.change(dataclasses.replace(disc, txs=txs))


def changed(**fields: Any) -> Callable[[Recipe], Recipe]:
    """These fields of the recipe are others."""
    return lambda recipe: dataclasses.replace(recipe, **fields)


def loss(fn: Callable) -> Callable[[Recipe], Recipe]:
    """Another adversarial loss, of `ganstab.losses`."""
    return changed(terms=(terms.score_loss(fn),))


def together(make: Callable = steps.simultaneous) -> Callable[[Recipe], Recipe]:
    """Both players move at once, on one batch, by `make(game, txs)`."""

    def make_step(game: Game, txs: Pair) -> Callable:
        step = make(game, txs)
        return lambda state, batches: step(state, jax.tree.map(lambda leaf: leaf[0], batches))

    return changed(make_step=make_step)


def optimized(gen: Callable, disc: Callable) -> Callable[[Recipe], Recipe]:
    """Optimizers made of the recipe's."""
    return lambda recipe: dataclasses.replace(
        recipe, txs=Pair(gen(recipe.txs.gen), disc(recipe.txs.disc))
    )


def both(wrap: Callable) -> Callable[[Recipe], Recipe]:
    """Both players' optimizers made of the recipe's."""
    return optimized(wrap, wrap)


def looks_ahead(recipe: Recipe) -> Recipe:
    """What replays the discriminator's updates takes its own optimizer."""
    wraps: tuple[Any, ...] = recipe.surrogates
    ahead = (functools.partial(wrap, tx=recipe.txs.disc) for wrap in wraps)
    return dataclasses.replace(recipe, surrogates=tuple(ahead))


def wrapped(gen: Callable = same, disc: Callable = same, term: Any = None) -> Callable:
    """Wrapped players, with one more term."""
    more = () if term is None else (term,)
    return lambda recipe: dataclasses.replace(
        recipe, wrappers=Pair(gen, disc), terms=(*recipe.terms, *more)
    )


def in_turn(*changes: Callable[[Recipe], Recipe]) -> Callable[[Recipe], Recipe]:
    """One change after another."""
    return lambda recipe: functools.reduce(lambda made, change: change(made), changes, recipe)


def penalised(*kinds: Callable, every: int = 1) -> Callable[..., Recipe]:
    """The plain GAN with penalties of a weight, every so many steps."""

    def recipe(*, weight: float, learning_rate: Any) -> Recipe:
        plain = recipes.dcgan(learning_rate=learning_rate)
        more = (terms.lazy(terms.disc_penalty(weight, kind), every) for kind in kinds)
        return dataclasses.replace(plain, terms=(*plain.terms, *more))

    return recipe


def surrogate(wrap: Callable[..., Game]) -> Callable[..., Recipe]:
    """The plain GAN with its game wrapped by `wrap(game, **numbers)`."""

    def recipe(*, learning_rate: Any, **numbers: Any) -> Recipe:
        plain = recipes.dcgan(learning_rate=learning_rate)
        return dataclasses.replace(plain, surrogates=(functools.partial(wrap, **numbers),))

    return recipe


def competitive(*, learning_rate: Any) -> Recipe:
    """Competitive gradients for the discriminator's learning rate.

    The default solver decomposes matrices; under `vmap` a batch of them can hang, see `tasks`.
    """
    solve = functools.partial(jax.scipy.sparse.linalg.bicgstab, maxiter=3)
    wrap = functools.partial(sur.competitive_gradient, rate=learning_rate, solve=solve)
    return surrogate(wrap)(learning_rate=learning_rate)


def unrolled(*, learning_rate: Any, **numbers: Any) -> Recipe:
    """`recipes.unrolled` at one learning rate."""
    return recipes.unrolled(
        gen_learning_rate=learning_rate, disc_learning_rate=learning_rate, **numbers
    )


def moved(x: jax.Array, key: jax.Array) -> jax.Array:
    """An augmentation: points are shifted by N(0, 0.1²), images by whole pixels."""
    if x.ndim == 4:
        return players.translation(x, key)
    return x + 0.1 * jax.random.normal(key, x.shape)


def balanced(game: Game, txs: Pair) -> Callable:
    """Up to five discriminator updates a step, as long as the discriminator's loss is above 1."""
    again = Pair(lambda metrics: False, lambda metrics: metrics["disc/loss"] > 1.0)
    return steps.balanced(game, txs, again, n_disc=5)


GAMMA, GAMMA_IN_GAMES = {"gamma": 0.03}, {"gamma": 1.0}
HALF, HALF_IN_GAMES = {"weight": 0.015}, {"weight": 0.5}
CLIPPED = optimized(same, lambda tx: optax.chain(tx, optimizers.clip_weights(0.01)))
"""After the recipe's own clipping it changes nothing; after gradient descent it is the only one."""
AVERAGE = 0.99
"""Decay of running averages. With 0.999 the initial network would weigh 5 % after 3,000 steps."""
FOLLOWED = optax.linear_schedule(1.0, 0.5, 1000)
NOISE = optax.linear_schedule(0.5, 0.0, 4000)

RECIPES = {
    "dcgan": Technique("the plain GAN"),
    "lsgan": Technique("least squares", recipes.lsgan, absent=NO_NETWORK),
    "sngan": Technique("hinge, spectral norm, 5 D", recipes.sngan, absent=NO_NETWORK),
    "pacgan": Technique("packs of 2, 2 G", recipes.pacgan, packs=2, absent=NO_NETWORK),
    "wgan": Technique("clipped at 0.01, 5 D", recipes.wgan, CLIPPED),
    "wgan_gp": Technique("λ = 0.1, 5 D", recipes.wgan_gp, numbers={"weight": 0.1, "b1": 0.5}),
    "dragan": Technique("λ = 10", recipes.dragan),
    "r1": Technique("γ = 0.03", recipes.r1, same, {**GAMMA, "ema_decay": AVERAGE}, GAMMA_IN_GAMES),
    "r3gan": Technique("γ = 0.03", recipes.r3gan, same, GAMMA, GAMMA_IN_GAMES, OWN_LOSS),
    "unrolled": Technique("K = 5", unrolled, looks_ahead),
    "consensus": Technique("γ = 10, in games 1", recipes.consensus, in_games={"weight": 1.0}),
    "gradient_norm": Technique("η = 0.5", recipes.gradient_norm),
}
MORE = {
    "minimax": Technique("loss", change=loss(losses.minimax), absent=OWN_LOSS),
    "hinge": Technique("loss", change=loss(losses.hinge), absent=OWN_LOSS),
    "relativistic": Technique(
        "loss, of averages", change=loss(losses.relativistic_average), absent=OWN_LOSS
    ),
    "label_smoothing": Technique(
        "0.1", absent=OWN_LOSS,
        change=loss(functools.partial(losses.non_saturating, label_smoothing=0.1)),
    ),
    "top_k": Technique(
        "1 to ½ in 1,000 steps", absent=OWN_LOSS,
        change=changed(terms=(terms.top_k(losses.non_saturating, FOLLOWED),)),
    ),
    "fisher": Technique(
        "ρ = 1e-6", absent=OWN_LOSS,
        change=in_turn(
            changed(terms=()), wrapped(disc=players.multiplied, term=terms.fisher()),
            optimized(same, lambda tx: optimizers.multiplier_ascent(tx, 1e-6)),
        ),
    ),
    "simultaneous": Technique("updates of both at once", change=together()),
    "five_updates": Technique("of D a step", change=changed(n_disc=5)),
    "balanced": Technique("up to 5 D, by its loss", change=changed(n_disc=5, make_step=balanced)),
    "extragradient": Technique("at once", change=together(steps.extragradient)),
    "optimistic": Technique(
        "at once", change=in_turn(together(), both(optimizers.optimistic))
    ),
    "lookahead": Technique(
        "half-way back every 5",
        change=in_turn(
            both(lambda tx: optax.chain(tx, optimizers.slow_weights())),
            changed(make_step=lambda game, txs: steps.lookahead(steps.alternating(game, txs))),
        ),
    ),
    "historical_averaging": Technique(
        "λ = 0.1",
        change=both(lambda tx: optax.chain(optimizers.historical_averaging(0.1), tx)),
    ),
    "averaged": Technique(
        "generator, 0.99", change=wrapped(functools.partial(players.averaged, decay=AVERAGE))
    ),
    "competitive": Technique("3 iterations a solve, at once", competitive, together()),
    "symplectic": Technique(
        "λ = 1, at once", surrogate(sur.symplectic_adjustment), together(), {"weight": 1.0}
    ),
    "unrolled_1": Technique("K = 1", unrolled, looks_ahead, {"steps": 1}),
    "unrolled_10": Technique("K = 10", unrolled, looks_ahead, {"steps": 10}),
    "unrolled_first_order": Technique("K = 5, first order", unrolled, looks_ahead,
                                 {"second_order": False}),
    "best_response": Technique(
        "5 updates, δ = 1", surrogate(sur.best_response), looks_ahead,
        {"steps": 5, "damping": 1.0,
         "solve": functools.partial(jax.scipy.sparse.linalg.cg, maxiter=5)},
    ),
    "past_discs": Technique(
        "the last 5", surrogate(sur.snapshot_ensemble),
        optimized(same, lambda tx: optax.chain(tx, optimizers.snapshots(5))),
    ),
    "parameter_noise": Technique(
        "σ = 0.01, in games 1; 4 samples", surrogate(sur.smoothed),
        numbers={"stddev": 0.01, "samples": 4}, in_games={"stddev": 1.0},
    ),
    "r1_r2": Technique(
        "½γ = 0.015", penalised(penalties.r1, penalties.r2), same, HALF, HALF_IN_GAMES
    ),
    "lazy_r1": Technique(
        "every 4", penalised(penalties.r1, every=4), same, HALF, HALF_IN_GAMES
    ),
    "approximate_r1": Technique(
        "½γ = 0.015", penalised(penalties.approximate_r1), same, HALF, HALF_IN_GAMES
    ),
    "js_regularizer": Technique(
        "½γ = 0.015", penalised(penalties.js_regularizer), same, HALF, HALF_IN_GAMES
    ),
    "instance_noise": Technique(
        "σ from ½ to 0 in 2,000 steps",
        change=wrapped(disc=functools.partial(players.instance_noise, stddev=NOISE)),
    ),
    "spectral_norm": Technique(
        "", change=wrapped(disc=players.spectral_norm), absent=NO_NETWORK
    ),
    "minibatch_discrimination": Technique(
        "16 kernels", compares=True, absent=(*NO_NETWORK, "stacked")
    ),
    "lecam": Technique(
        "λ = 0.3",
        change=in_turn(
            wrapped(disc=players.anchored, term=terms.lecam()),
            optimized(same, optimizers.anchor_averages),
        ),
    ),
    "balanced_consistency": Technique(
        "λ = 10", change=wrapped(term=terms.balanced_consistency(augmentations=(moved,)))
    ),
    "ada": Technique(
        "20,000 samples",
        change=in_turn(
            wrapped(
                disc=functools.partial(players.adaptively_augmented, augmentations=(moved,)),
                term=terms.adaptive_augmentation(),
            ),
            optimized(
                same, lambda tx: optimizers.augmentation_steps(tx, 64, images=20_000)
            ),
        ),
    ),
}  # fmt: skip
TECHNIQUES = {**RECIPES, **MORE}
