"""A game out of two players, terms and a prior.

The game knows no technique by name: it lets the generator move, lets the discriminator score, and
adds up the terms.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax
import jax.numpy as jnp

from ganstab._checks import check_function, check_players, scores_of
from ganstab._metric_names import PARAMETER, free_name
from ganstab._micro_batches import in_micro_batches
from ganstab._placement import apart, blocks, joined
from ganstab._precision import wide
from ganstab.players.extension import extension_of
from ganstab.players.mixing import is_batch_norm
from ganstab.priors import as_prior
from ganstab.terms import Term, name
from ganstab.types import (
    PLAYERS,
    Aux,
    Batch,
    Carry,
    Game,
    MicroBatches,
    Pair,
    Player,
    PriorFn,
    Round,
    Verdict,
)

__all__ = ["Conditional", "make_game"]

Conditional = bool | Literal["gen", "both"]
"""Who is given the batch's labels: nobody (`False`), the generator (`"gen"` or `True`), or both."""


def make_game(
    players: Pair,
    *terms: Term,
    prior: PriorFn | int,
    joint: bool = False,
    conditional: Conditional = False,
    accumulate: int = 1,
) -> Game:
    """The game in which each player's loss is the sum of its entries of the terms.

    Args:
      players: the generator, whose `apply` maps `z[B, …]` to samples shaped as the data, and the
        discriminator, whose `apply` maps samples to scores `[B, …]`, or to a `Verdict`. Scores
        `[B, 1]` are taken as `[B]`; several a sample, such as a PatchGAN's `[B, h, w, 1]`, reach
        the terms as they are.
      *terms: functions `Round -> Pair` of scalars, at least one. A name that an earlier term or
        the step itself has among the metrics, such as `loss`, gets its term's place behind it.
      prior: `(key, n) -> z[n, …]`, the generator's input, or d for a standard normal `z[n, d]`.
      joint: whether real and fake pass through the discriminator as one batch, so that its batch
        norm sees one set of statistics, or one after the other. Without batch statistics both
        give the same game. As one batch, where `ganstab.training` splits it over several devices,
        data and samples lie on each side by side, and not all data first, unless the discriminator
        mixes samples otherwise than by batch norm; what it draws of noise or dropout for a place
        is then another sample's than on one device. One after the other they share a key: what it
        draws of noise or dropout is the same at one place of either batch, and in `Round.score`.
      conditional: `"gen"` or `True` gives the generator the pair `(z, batch.label)` in place of
        `z`; `"both"` gives the discriminator pairs too, `(x, batch.label)`: sample i is made, and
        judged, under the label of datum i. Penalties take gradients in x alone, and a point
        between datum i and sample i is judged under the label of both.
      accumulate: n, in how many parts of equal size the players see a batch, one after the other.
        The game stays that of the whole batch: the terms see all scores at once, so losses,
        penalties, their draws and their gradients are the same for every n, while the memory for
        activations is that of a part, and each part is computed a second time for its gradient.
        What depends on the batch inside a player (batch norm, minibatch discrimination, a pack)
        sees a part; running statistics are means over the parts; dropout and instance noise have
        the same law, but draw for each part. A step's own `accumulate` takes the place of this.

    Raises:
      ValueError: without a term or for one that is no function, for another `conditional` or
        `accumulate`, or, at trace time, when samples, scores or a term's losses have the wrong
        shape, a conditional game's batch has no label for each sample, or `accumulate` does not
        divide a batch.
    """
    if not terms:
        raise ValueError("make_game needs at least one term, e.g. terms.score_loss(loss)")
    for place, term in enumerate(terms):
        check_function(f"term {place}", term, "terms.score_loss(losses.hinge)")
    if conditional not in (False, True, "gen", "both"):
        raise ValueError(f"conditional must be False, 'gen' or 'both', got {conditional!r}")
    check_players(players)
    draw, own_parts = as_prior(prior), MicroBatches(accumulate)
    # Whoever sees more of a batch than its mean and variance, a pack for one, is shown it in order.
    in_blocks = all(map(is_batch_norm, players.disc.mixes))
    judge_both = functools.partial(_judge_joint, in_blocks) if joint else _judge_apart

    def play(gen_params, carry: Carry, batch: Batch, key):
        if not hasattr(batch, "label"):
            raise ValueError(f"the batch must be a ganstab.Batch, got {type(batch).__name__}")
        prior_key, gen_key, _, _ = jax.random.split(key, 4)
        z = draw(prior_key, batch.real.shape[0])
        x = (z, _label(batch)) if conditional else z

        def move(state, x, key):
            with _blamed("generator", x):
                return players.gen.apply(gen_params, state, x, key)

        count = (carry.accumulate or own_parts).count
        fake, gen_state = in_micro_batches(move, count, carry.state.gen, x, gen_key)
        if fake.shape != batch.real.shape:
            raise ValueError(
                f"the generator makes samples of shape {fake.shape}, the data have "
                f"{batch.real.shape}"
            )
        return fake, gen_state

    def judge(params: Pair, carry: Carry, batch: Batch, fake, key):
        _, _, disc_key, term_key = jax.random.split(key, 4)
        label = _label(batch) if conditional == "both" else None
        count = (carry.accumulate or own_parts).count

        def verdict(state, x, key):
            return _verdict(players.disc, params.disc, state, x, key)

        def both(state, kinds, key):
            return judge_both(lambda state, x: verdict(state, x, key), state, *kinds)

        def score(x, label=label):
            label = jax.tree.map(lambda leaf: _repeated(leaf, x.shape[0]), label)
            parts = 1 if x.shape[0] % count else count
            return in_micro_batches(verdict, parts, carry.state.disc, (x, label), disc_key)[0].score

        kinds = batch.real, fake, label
        (of_real, of_fake), state = in_micro_batches(both, count, carry.state.disc, kinds, disc_key)
        round = Round(
            params, batch.real, fake, of_real.score, of_fake.score,
            score=score, key=term_key, label=batch.label,
            real_features=of_real.features, fake_features=of_fake.features,
            real_class_logits=of_real.class_logits, fake_class_logits=of_fake.class_logits,
            mixes=players.disc.mixes, step=carry.step,
        )  # fmt: skip
        keyed = [round._replace(key=jax.random.fold_in(term_key, i)) for i in range(len(terms))]
        parts = [_scalars(term, term(seen)) for term, seen in zip(terms, keyed, strict=True)]
        losses = Pair(*(sum(part) for part in zip(*parts, strict=True)))
        metrics = _named(terms, parts) | _numbers_beside(players, params)
        metrics |= _mean_scores(of_real.score, of_fake.score)
        scores = Pair(of_fake.score, of_real.score)
        return losses, Aux(Pair(carry.state.gen, state), metrics, scores)

    return Game(play, judge)


def _label(batch: Batch) -> jax.Array:
    """The labels, one for each of the data.

    Raises:
      ValueError: at trace time, where there are none, or another number of them.
    """
    if batch.label is None:
        raise ValueError("a conditional game needs batches with a label, got label=None")
    n = batch.real.shape[0]
    for leaf in jax.tree.leaves(batch.label):
        if jnp.shape(leaf)[:1] != (n,):
            raise ValueError(f"a batch of {n} needs {n} labels, got shape {jnp.shape(leaf)}")
    return batch.label


def _repeated(label: jax.Array, n: int) -> jax.Array:
    """The labels once more for each further batch that the n samples are."""
    times, rest = divmod(n, label.shape[0])
    return label if rest or times < 2 else jnp.concatenate([label] * times)


def _verdict(disc: Player, params, state, x: tuple, key) -> tuple[Verdict, Any]:
    """What the discriminator says of samples and their labels; it is not shown labels of None."""
    samples, label = x
    given = samples if label is None else x
    with _blamed("discriminator", given):
        said, state = disc.apply(params, state, given, key)
    verdict = said if isinstance(said, Verdict) else Verdict(said)
    return verdict._replace(score=scores_of(verdict.score, samples, "the discriminator")), state


@contextlib.contextmanager
def _blamed(player: str, given: Any) -> Iterator[None]:
    """Notes at an error of a player's network which player it was, and what it was given."""
    try:
        yield
    except Exception as error:
        shapes = jax.tree.map(jnp.shape, given)
        note = f"This is an error of the {player}'s network, which was given inputs of {shapes}."
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise


def _scalars(term: Term, part: Any) -> Pair:
    """A term's entries, one number for each player."""
    numbers = list(part) if isinstance(part, tuple) else [part]
    if len(numbers) != 2 or not jax.tree_util.all_leaves(numbers):
        got = jax.tree.map(jnp.shape, part)
        raise ValueError(f"a term must give a Pair of numbers, but {name(term)} gave shapes {got}")
    shapes = [jnp.shape(loss) for loss in numbers]
    if shapes != [(), ()]:
        raise ValueError(
            f"a term must give each player one number, shapes () and (), but {name(term)} gave "
            f"{shapes[0]} (gen) and {shapes[1]} (disc)"
        )
    return Pair(*numbers)


def _judge_joint(
    in_blocks: bool, verdict: Callable, state, real: jax.Array, fake: jax.Array, label
):
    count = blocks(len(real)) if in_blocks else 1
    twice = jax.tree.map(lambda leaf: joined(leaf, leaf, count), label)
    both, state = verdict(state, (joined(real, fake, count), twice))
    leaves, tree = jax.tree.flatten(both)
    of_each = zip(*(apart(leaf, count) for leaf in leaves), strict=True)
    of_real, of_fake = (jax.tree.unflatten(tree, of) for of in of_each)
    return (of_real, of_fake), state


def _judge_apart(verdict: Callable, state, real: jax.Array, fake: jax.Array, label):
    of_real, state = verdict(state, (real, label))
    of_fake, state = verdict(state, (fake, label))
    return (of_real, of_fake), state


def _named(terms: tuple[Term, ...], parts: list[Pair]) -> dict[str, jax.Array]:
    """Each term's share of each player's loss; a name that is taken gets its place's number."""
    taken: dict[str, jax.Array] = {}
    for place, (term, part) in enumerate(zip(terms, parts, strict=True)):
        label = free_name(name(term), place, taken)
        taken |= {f"{player}/{label}": part.of(player) for player in PLAYERS}
    return taken


def _numbers_beside(players: Pair, params: Pair) -> dict[str, jax.Array]:
    """What the players have been extended with, by the names of the fields."""
    return {
        f"{player}/{PARAMETER}{field}": jnp.mean(wide(value))
        for player in PLAYERS
        for kind in players.of(player).extensions
        for field, value in extension_of(params.of(player), kind)._asdict().items()
        if field != "net"
    }


def _mean_scores(real_score: jax.Array, fake_score: jax.Array) -> dict[str, jax.Array]:
    real, fake = (jnp.mean(wide(score)) for score in (real_score, fake_score))
    return {"disc/real_score": real, "disc/fake_score": fake}
