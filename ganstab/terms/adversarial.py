"""Losses, penalties, features and other heads as terms; public in `ganstab.terms`."""

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ganstab._checks import check_function, check_number
from ganstab._precision import wide
from ganstab.players.extension import extension_of
from ganstab.players.multiplier import Multiplied
from ganstab.terms.parts import Term, given, now, step_of, times
from ganstab.types import Pair, PlayerName, Round, opponent_of

__all__ = [
    "auxiliary_classifier",
    "disc_penalty",
    "drift",
    "feature_matching",
    "fisher",
    "lazy",
    "name",
    "only",
    "pull_away",
    "score_loss",
    "top_k",
]


def name(term: Callable) -> str:
    """What metrics call a term: its function's name, seen through `jax.jit` and `partial`."""
    term = inspect.unwrap(term)
    while isinstance(term, functools.partial):
        term = inspect.unwrap(term.func)
    named = isinstance(term, types.FunctionType | types.MethodType)
    return term.__name__ if named else type(term).__name__


def score_loss(
    loss: Callable[[jax.Array, jax.Array], Pair], *, weight: optax.ScalarOrSchedule = 1.0
) -> Term:
    """The term of an adversarial loss `(real_score, fake_score) -> Pair`.

    Args:
      loss: one of `ganstab.losses`.
      weight: of both players' entries, or an optax schedule of it over training steps.

    Raises:
      ValueError: the loss is no function.
    """
    check_function("loss", loss, "losses.hinge")

    def term(round: Round) -> Pair:
        losses = loss(round.real_score, round.fake_score)
        return Pair(*(times(weight, x, round) for x in losses))

    term.__name__ = name(loss)
    return term


def top_k(loss: Callable[[jax.Array, jax.Array], Pair], share: optax.ScalarOrSchedule) -> Term:
    """The generator learns from the k best-scored of its B samples alone.

    gen: the mean of its loss over the k samples of the highest scores; disc: its loss on all.
    Sinha et al. 2020 (arXiv:2002.06224, section 3). There k begins at B and falls by a factor of
    0.99 an epoch to B/2:

        optax.exponential_decay(1.0, steps_an_epoch, 0.99, staircase=True, end_value=0.5)

    k may change from step to step without another compilation. Of samples of equal score the
    earlier ones are taken. Several scores a sample are ranked by their mean. The scores of
    `losses.ebgan` are low where samples are good, so it is not meant.

    Args:
      loss: of `ganstab.losses`, whose generator's loss is a mean over samples or pairs of them;
        that of `relativistic_average` is not.
      share: k/B in (0, 1], or an optax schedule of it over training steps; k is rounded, and at
        least 1.

    Raises:
      ValueError: for a share out of its range, for a loss that is no mean over samples (unless
        traced numbers in it hide that), or, at trace time, for a schedule outside a training step.
    """
    if not callable(share):
        check_number("share", share, lambda value: 0 < value <= 1, "in (0, 1]")
    gen_losses = jax.vmap(lambda real, fake: loss(real[None], fake[None]).gen)
    with jax.ensure_compile_time_eval():
        scores = jnp.array([0.0, 1.0]), jnp.array([2.0, -1.0])
        is_mean = jnp.isclose(loss(*scores).gen, jnp.mean(gen_losses(*scores)), atol=1e-3)
    if not isinstance(is_mean, jax.core.Tracer) and not is_mean:
        raise ValueError(f"top_k needs a loss that is a mean over samples; {name(loss)} is not")

    def term(round: Round) -> Pair:
        scores = round.fake_score
        n = scores.shape[0]
        order = jnp.argsort(-jnp.mean(wide(scores).reshape(n, -1), axis=1))
        rank = jnp.zeros(n, jnp.int32).at[order].set(jnp.arange(n, dtype=jnp.int32))
        k = jnp.maximum(jnp.round(now(share, round) * n), 1)
        best = jnp.mean(gen_losses(round.real_score, scores), where=rank < k)
        return Pair(gen=best, disc=loss(round.real_score, scores).disc)

    term.__name__ = name(loss)
    return term


def disc_penalty(
    weight: optax.ScalarOrSchedule, penalty: Callable, *, allow_mixing: bool = False
) -> Term:
    """`weight · penalty(score, real, fake, key)` in the discriminator's loss, 0 in the generator's.

    Args:
      weight: λ of the papers, or an optax schedule of it over training steps; R1, R2 and the
        Jensen-Shannon regulariser are published as γ/2.
      penalty: one of `ganstab.penalties`, or `functools.partial` of one.
      allow_mixing: take a critic in which samples reach each other's scores (batch norm, packing)
        all the same. The gradient of a sample is then that of all scores in it, which no paper
        bounds.

    Raises:
      ValueError: the penalty is no function; or, at trace time, when the critic mixes samples
        (`Player.mixes`), or for a schedule outside a training step.
    """
    check_function("penalty", penalty, "penalties.r1")

    def term(round: Round) -> Pair:
        if round.mixes and not allow_mixing:
            raise ValueError(
                f"{name(penalty)} needs each sample's score to be its own, but the critic mixes "
                f"the samples of a batch in {', '.join(round.mixes)}: use layer norm "
                "(flax.nnx.LayerNorm) or no norm there, or allow it with allow_mixing=True"
            )
        value = penalty(round.score, round.real, round.fake, round.key)
        return Pair(gen=jnp.zeros_like(value), disc=times(weight, value, round))

    term.__name__ = name(penalty)
    return term


def lazy(term: Term, every: int) -> Term:
    """`every` times the term at each `every`-th training step, from step 0 on, and 0 in between.

    The lazy regularization of Karras et al. 2020 (StyleGAN2, arXiv:1912.04958, section 3.1), for
    costly penalties: in the mean over steps the term counts as much, and in between it is not
    computed. All updates of one step see the same number. Where steps of different numbers are
    mapped as one (`jax.vmap` over training states), it is computed for all of them.

    Args:
      term: as a rule a `disc_penalty`.
      every: n, at least 1; 1 is the term itself.

    Raises:
      ValueError: for an n below 1, or, at trace time, outside a training step.
    """
    check_number("every", every, lambda n: n == int(n) >= 1, "a whole number, 1 or more")
    if every == 1:
        return term

    def at_times(round: Round) -> Pair:
        def due() -> Pair:
            return Pair(*(every * part for part in term(round)))

        def not_due() -> Pair:
            return jax.tree.map(lambda part: jnp.zeros(part.shape, part.dtype), jax.eval_shape(due))

        return jax.lax.cond(step_of(round, "lazy") % every == 0, due, not_due)

    at_times.__name__ = name(term)
    return at_times


def only(player: PlayerName, term: Term) -> Term:
    """The term in one player's loss (`"gen"` or `"disc"`), 0 in the other's.

    `only("disc", score_loss(…))` beside `feature_matching()` is a generator that is trained on
    features alone.
    """
    other = opponent_of(player)

    def one_sided(round: Round) -> Pair:
        both = term(round)
        return both._replace(**{other: jnp.zeros_like(both.of(player))})

    one_sided.__name__ = name(term)
    return one_sided


def feature_matching(weight: optax.ScalarOrSchedule = 1.0, *, zero_sum: bool = False) -> Term:
    """Match the mean of the critic's features (Salimans et al. 2016, arXiv:1606.03498, §3.1).

    gen: `weight · mean_k (E f_k(x) − E f_k(G(z)))²`, a mean over the features as in the authors'
    code (the paper's squared norm is a sum); disc: 0, as there, so that another term must train it.

    Args:
      weight: of the term, or an optax schedule of it over training steps.
      zero_sum: the discriminator maximises the same number.

    Raises:
      ValueError: at trace time, when the discriminator gives no `Verdict.features`.
    """

    def feature_matching(round: Round) -> Pair:
        real, fake = given("features", round.real_features, round.fake_features)
        gap = jnp.mean(real, axis=0) - jnp.mean(fake, axis=0)
        value = times(weight, jnp.mean(gap**2), round)
        return Pair(gen=value, disc=-value if zero_sum else jnp.zeros_like(value))

    return feature_matching


def pull_away(weight: optax.ScalarOrSchedule = 0.1) -> Term:
    """EBGAN's pulling-away term on generated samples' features (arXiv:1609.03126, §2.4).

    gen: `weight · 1/(N(N−1)) · Σ_{i≠j} cos²(S_i, S_j)`; disc: 0. A sample whose features are all
    zero has no direction and counts as orthogonal to all others.

    Raises:
      ValueError: at trace time, without `Verdict.features` or with fewer than two samples.
    """

    def pull_away(round: Round) -> Pair:
        features = given("features", round.fake_features)[0]
        n = features.shape[0]
        if n < 2:
            raise ValueError(f"pull_away compares samples and needs 2 or more, got {n}")
        features = features.reshape(n, -1)
        square = jnp.sum(features**2, axis=-1, keepdims=True)
        units = features / jnp.sqrt(jnp.where(square == 0, 1.0, square))
        cosines = (units @ units.T) * (1 - jnp.eye(n, dtype=units.dtype))
        value = times(weight, jnp.sum(cosines**2), round) / (n * (n - 1))
        return Pair(gen=value, disc=jnp.zeros_like(value))

    return pull_away


def auxiliary_classifier(
    disc_weight: optax.ScalarOrSchedule = 1.0,
    gen_weight: optax.ScalarOrSchedule = 0.1,
    *,
    on_fake: bool = False,
) -> Term:
    """AC-GAN's class losses on the batch's labels (Odena et al. 2017, arXiv:1610.09585, eq. 3).

    disc: `disc_weight · E CE(c, C(x))`; gen: `gen_weight · E CE(c, C(G(z, c)))`, CE the cross
    entropy of `Verdict.class_logits`. Weights and the critic on real data only are those of
    Gulrajani et al. 2017's CIFAR-10 code. The generator sees the label in a game made with
    `conditional="gen"`. A sample with the label −1 has none and is left out of the means; any other
    label outside 0 … classes − 1 makes the loss NaN, since a traced value cannot raise.

    Args:
      disc_weight: of the discriminator's part, or an optax schedule of it over training steps.
      gen_weight: of the generator's part, likewise.
      on_fake: whether the discriminator classifies generated samples too, as in Odena et al.

    Raises:
      ValueError: at trace time, without class logits or without labels, or with labels that are no
        whole numbers [B], such as one-hot vectors.
    """

    def auxiliary_classifier(round: Round) -> Pair:
        if round.label is None:
            raise ValueError("auxiliary_classifier needs batches with a label, got label=None")
        logits = given("class_logits", round.real_class_logits, round.fake_class_logits)
        label = _one_class_each(round.label, logits[0].shape[0])
        real, fake = (_class_loss(of, label) for of in logits)
        own = real + fake if on_fake else real
        return Pair(gen=times(gen_weight, fake, round), disc=times(disc_weight, own, round))

    return auxiliary_classifier


def _one_class_each(label: Any, n: int) -> jax.Array:
    """The label, if it is a whole number for each of n samples."""
    parts = [jnp.asarray(leaf) for leaf in jax.tree.leaves(label)]
    if [part.shape for part in parts] != [(n,)] or jnp.issubdtype(parts[0].dtype, jnp.inexact):
        got = " and ".join(f"{part.dtype} {part.shape}" for part in parts)
        raise ValueError(
            f"auxiliary_classifier needs a whole number a sample as label, shape {(n,)}, got {got}"
        )
    return parts[0]


def _class_loss(logits: jax.Array, label: jax.Array) -> jax.Array:
    """Mean cross-entropy over the samples whose label is not −1; 0 if there are none."""
    label = label.astype(jnp.promote_types(label.dtype, jnp.int32))  # no unsigned −1
    known = label != -1
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(known, label, 0))
    loss = jnp.where((label < -1) | (label >= logits.shape[-1]), jnp.nan, jnp.where(known, loss, 0))
    return jnp.mean(loss, where=known | ~jnp.any(known))


def fisher(rho: float = 1e-6) -> Term:
    """Fisher GAN's augmented Lagrangian (Mroueh & Sercu 2017, arXiv:1705.09675).

    With `Ω = ½ E D(x)² + ½ E D(G(z))²` and the discriminator's multiplier λ,

        disc: `−(E D(x) − E D(G(z)) + λ(1 − Ω) − ρ/2 · (1 − Ω)²)`      gen: `−E D(G(z))`

    λ comes from `ganstab.players.multiplied` and *ascends* the discriminator's loss, by
    `ganstab.optimizers.multiplier_ascent(tx, rho)`.

    Args:
      rho: ρ, weight of the quadratic part.

    Raises:
      ValueError: at trace time, when the discriminator has no multiplier.
    """

    def fisher(round: Round) -> Pair:
        multiplier = extension_of(round.params.disc, Multiplied, "multiplied").multiplier
        real_score, fake_score = wide((round.real_score, round.fake_score))
        real, fake = jnp.mean(real_score), jnp.mean(fake_score)
        squares = jnp.mean(real_score**2) + jnp.mean(fake_score**2)
        slack = 1 - 0.5 * squares
        value = real - fake + wide(multiplier) * slack - 0.5 * rho * slack**2
        return Pair(gen=-fake, disc=-value)

    return fisher


def drift(weight: optax.ScalarOrSchedule = 1e-3) -> Term:
    """`weight · E D(x)²` in the discriminator's loss, which holds a Wasserstein critic near 0.

    Karras et al. 2018 (arXiv:1710.10196), appendix A.1, with ε = 0.001; on real data only.
    """

    def drift(round: Round) -> Pair:
        value = times(weight, jnp.mean(wide(round.real_score) ** 2), round)
        return Pair(gen=jnp.zeros_like(value), disc=value)

    return drift
