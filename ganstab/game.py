"""A game out of two players, terms and a prior.

The game knows no technique by name: it lets the generator move, lets the discriminator score, and
adds up the terms.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ganstab.terms import Term, name
from ganstab.types import Aux, Batch, Carry, Game, Pair, Player, Round


def make_game(players: Pair, *terms: Term, prior: Callable, joint: bool = False) -> Game:
    """The game in which each player's loss is the sum of its entries of the terms.

    Args:
      players: the generator, whose `apply` maps `z[B, …]` to samples shaped as the data, and the
        discriminator, whose `apply` maps samples to scores `[B]` or `[B, 1]`.
      *terms: functions `Round -> Pair` of scalars, at least one.
      prior: `(key, n) -> z[n, …]`, the generator's input.
      joint: whether real and fake pass through the discriminator as one batch, so that its batch
        norm sees one set of statistics, or one after the other. Without batch statistics both
        give the same game.

    Raises:
      ValueError: without a term, or, at trace time, when samples or scores have the wrong shape.
    """
    if not terms:
        raise ValueError("make_game needs at least one term, e.g. terms.score_loss(losses.hinge)")
    score_both = _score_joint if joint else _score_apart

    def play(gen_params, carry: Carry, batch: Batch, key):
        prior_key, gen_key, _, _ = jax.random.split(key, 4)
        z = prior(prior_key, batch.real.shape[0])
        fake, gen_state = players.gen.apply(gen_params, carry.state.gen, z, gen_key)
        if fake.shape != batch.real.shape:
            raise ValueError(
                f"the generator makes samples of shape {fake.shape}, the data have "
                f"{batch.real.shape}"
            )
        return fake, gen_state

    def judge(params: Pair, carry: Carry, batch: Batch, fake, key):
        _, _, disc_key, term_key = jax.random.split(key, 4)

        def score(x, state=carry.state.disc):
            return _score(players.disc, params.disc, state, x, disc_key)

        real_score, fake_score, state = score_both(score, batch.real, fake)
        round = Round(
            params, batch.real, fake, real_score, fake_score,
            score=lambda x: score(x)[0], key=term_key, label=batch.label,
        )  # fmt: skip
        keyed = [round._replace(key=jax.random.fold_in(term_key, i)) for i in range(len(terms))]
        parts = [term(seen) for term, seen in zip(terms, keyed, strict=True)]
        losses = Pair(*(sum(part) for part in zip(*parts, strict=True)))
        metrics = {**_named(terms, parts), **_mean_scores(real_score, fake_score)}
        return losses, Aux(Pair(carry.state.gen, state), metrics)

    return Game(play, judge)


def _score(disc: Player, params, state, x: jax.Array, key):
    score, state = disc.apply(params, state, x, key)
    if score.shape not in ((x.shape[0],), (x.shape[0], 1)):
        raise ValueError(
            f"the discriminator must give one score a sample, shape {(x.shape[0],)} or "
            f"{(x.shape[0], 1)}, but gave {score.shape}"
        )
    return score.reshape(x.shape[0]), state


def _score_joint(score: Callable, real: jax.Array, fake: jax.Array):
    both, state = score(jnp.concatenate([real, fake]))
    return both[: real.shape[0]], both[real.shape[0] :], state


def _score_apart(score: Callable, real: jax.Array, fake: jax.Array):
    real_score, state = score(real)
    fake_score, state = score(fake, state)
    return real_score, fake_score, state


def _named(terms: tuple[Term, ...], parts: list[Pair]) -> dict[str, jax.Array]:
    """Each term's share of each player's loss; a name that comes again gets its place's number."""
    metrics: dict[str, jax.Array] = {}
    for place, (term, part) in enumerate(zip(terms, parts, strict=True)):
        label = name(term) if f"gen/{name(term)}" not in metrics else f"{name(term)}_{place}"
        metrics |= {f"gen/{label}": part.gen, f"disc/{label}": part.disc}
    return metrics


def _mean_scores(real_score: jax.Array, fake_score: jax.Array) -> dict[str, jax.Array]:
    return {"disc/real_score": jnp.mean(real_score), "disc/fake_score": jnp.mean(fake_score)}
