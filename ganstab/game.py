"""A game out of two players, terms and a prior.

The game knows no technique by name: it lets the generator move, lets the discriminator score, and
adds up the terms.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ganstab._checks import one_score_each
from ganstab._precision import wide
from ganstab.terms import Term, name
from ganstab.types import Aux, Batch, Carry, Game, Pair, Player, PriorFn, Round, Verdict

__all__ = ["make_game"]


def make_game(
    players: Pair,
    *terms: Term,
    prior: PriorFn,
    joint: bool = False,
    conditional: bool = False,
) -> Game:
    """The game in which each player's loss is the sum of its entries of the terms.

    Args:
      players: the generator, whose `apply` maps `z[B, …]` to samples shaped as the data, and the
        discriminator, whose `apply` maps samples to scores `[B]` or `[B, 1]`, or to a `Verdict`.
      *terms: functions `Round -> Pair` of scalars, at least one.
      prior: `(key, n) -> z[n, …]`, the generator's input.
      joint: whether real and fake pass through the discriminator as one batch, so that its batch
        norm sees one set of statistics, or one after the other. Without batch statistics both
        give the same game. One after the other they share a key: what it draws of noise or dropout
        is the same at one place of either batch, and in `Round.score`.
      conditional: whether the generator is given the pair `(z, batch.label)` in place of `z`.

    Raises:
      ValueError: without a term, or, at trace time, when samples, scores or a term's losses have
        the wrong shape, or a conditional game's batch has no label.
    """
    if not terms:
        raise ValueError("make_game needs at least one term, e.g. terms.score_loss(loss)")
    judge_both = _judge_joint if joint else _judge_apart

    def play(gen_params, carry: Carry, batch: Batch, key):
        prior_key, gen_key, _, _ = jax.random.split(key, 4)
        z = prior(prior_key, batch.real.shape[0])
        if conditional and batch.label is None:
            raise ValueError("a conditional game needs batches with a label, got label=None")
        x = (z, batch.label) if conditional else z
        fake, gen_state = players.gen.apply(gen_params, carry.state.gen, x, gen_key)
        if fake.shape != batch.real.shape:
            raise ValueError(
                f"the generator makes samples of shape {fake.shape}, the data have "
                f"{batch.real.shape}"
            )
        return fake, gen_state

    def judge(params: Pair, carry: Carry, batch: Batch, fake, key):
        _, _, disc_key, term_key = jax.random.split(key, 4)

        def verdict(x, state=carry.state.disc):
            return _verdict(players.disc, params.disc, state, x, disc_key)

        of_real, of_fake, state = judge_both(verdict, batch.real, fake)
        round = Round(
            params, batch.real, fake, of_real.score, of_fake.score,
            score=lambda x: verdict(x)[0].score, key=term_key, label=batch.label,
            real_features=of_real.features, fake_features=of_fake.features,
            real_class_logits=of_real.class_logits, fake_class_logits=of_fake.class_logits,
            mixes=players.disc.mixes, step=carry.step,
        )  # fmt: skip
        keyed = [round._replace(key=jax.random.fold_in(term_key, i)) for i in range(len(terms))]
        parts = [_scalars(term, term(seen)) for term, seen in zip(terms, keyed, strict=True)]
        losses = Pair(*(sum(part) for part in zip(*parts, strict=True)))
        metrics = {**_named(terms, parts), **_mean_scores(of_real.score, of_fake.score)}
        return losses, Aux(Pair(carry.state.gen, state), metrics)

    return Game(play, judge)


def _verdict(disc: Player, params, state, x: jax.Array, key) -> tuple[Verdict, Any]:
    said, state = disc.apply(params, state, x, key)
    verdict = said if isinstance(said, Verdict) else Verdict(said)
    return verdict._replace(score=one_score_each(verdict.score, x, "the discriminator")), state


def _scalars(term: Term, part: Pair) -> Pair:
    shapes = [jnp.shape(loss) for loss in part]
    if shapes != [(), ()]:
        raise ValueError(
            f"a term must give each player one number, shapes () and (), but {name(term)} gave "
            f"{shapes[0]} (gen) and {shapes[1]} (disc)"
        )
    return part


def _judge_joint(verdict: Callable, real: jax.Array, fake: jax.Array):
    both, state = verdict(jnp.concatenate([real, fake]))
    n = real.shape[0]
    of_real, of_fake = (
        jax.tree.map(lambda leaf, part=part: leaf[part], both)
        for part in (slice(None, n), slice(n, None))
    )
    return of_real, of_fake, state


def _judge_apart(verdict: Callable, real: jax.Array, fake: jax.Array):
    of_real, state = verdict(real)
    of_fake, state = verdict(fake, state)
    return of_real, of_fake, state


def _named(terms: tuple[Term, ...], parts: list[Pair]) -> dict[str, jax.Array]:
    """Each term's share of each player's loss; a name that comes again gets its place's number."""
    metrics: dict[str, jax.Array] = {}
    for place, (term, part) in enumerate(zip(terms, parts, strict=True)):
        label = name(term) if f"gen/{name(term)}" not in metrics else f"{name(term)}_{place}"
        metrics |= {f"gen/{label}": part.gen, f"disc/{label}": part.disc}
    return metrics


def _mean_scores(real_score: jax.Array, fake_score: jax.Array) -> dict[str, jax.Array]:
    real, fake = (jnp.mean(wide(score)) for score in (real_score, fake_score))
    return {"disc/real_score": real, "disc/fake_score": fake}
