"""Terms against a discriminator that learns its data by heart; public in `ganstab.terms`."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

from ganstab._checks import check_number
from ganstab._precision import wide
from ganstab._steered import steered
from ganstab.players.anchors import Anchored
from ganstab.players.augmentation import AdaptivelyAugmented, Augmentation, mirror, translation
from ganstab.players.extension import extension_of
from ganstab.terms.parts import Term, times
from ganstab.types import Pair, Round

__all__ = [
    "adaptive_augmentation",
    "balanced_consistency",
    "lecam",
    "sign_of_pairs",
    "sign_of_real",
]


def lecam(weight: optax.ScalarOrSchedule = 0.3, *, one_sided: bool = False) -> Term:
    """LeCam regularisation: scores stay near where the other kind's were (Tseng et al. 2021).

    With the running means α_R and α_F of the critic's scores of data and of generated samples,

        disc: `weight · (E (D(x) − α_F)² + E (D(G(z)) − α_R)²)`      gen: 0

    arXiv:2104.03310, section 3. The means are parameters of the critic,
    `ganstab.players.anchored`, and their gradient in this loss is that of
    `½(α_R − E D(x))² + ½(α_F − E D(G(z)))²` with the scores held, so that
    `ganstab.optimizers.anchor_averages(tx, decay)` makes them exponential moving averages. They are
    those before the update. The critic's gradient takes them as constants.

    The authors' code takes the parts `relu(D(x) − α_F)²` and `relu(α_R − D(G(z)))²`, and begins
    after 1,000 updates: `one_sided=True` and a schedule such as
    `lambda step: jnp.where(step < 1000, 0.0, 0.3)`. Means that begin at 0 need some 1 / (1 − decay)
    updates to be means of scores; until then the term holds the scores near 0.

    Args:
      weight: λ, or an optax schedule of it over training steps. 0.3 is that of the authors' scripts
        for BigGAN on a fifth of CIFAR-10, with the hinge loss; it suits scores near 1.
      one_sided: whether scores of data below α_F, and of samples above α_R, are free.

    Raises:
      ValueError: at trace time, when the discriminator has no anchors.
    """

    def lecam(round: Round) -> Pair:
        own = extension_of(round.params.disc, Anchored, "anchored")
        anchors = wide((own.real_anchor, own.fake_anchor))
        real, fake = wide((round.real_score, round.fake_score))

        def penalty(anchors: tuple) -> jax.Array:
            over, under = real - anchors[1], anchors[0] - fake
            if one_sided:
                over, under = jax.nn.relu(over), jax.nn.relu(under)
            return times(weight, jnp.mean(over**2) + jnp.mean(under**2), round)

        value, slope = jax.value_and_grad(penalty)(anchors)
        towards = (anchors[0] - jnp.mean(real), anchors[1] - jnp.mean(fake))
        moved = steered(anchors, optax.tree.sub(towards, slope))
        return Pair(gen=jnp.zeros_like(value), disc=value + moved)

    return lecam


def balanced_consistency(
    real_weight: optax.ScalarOrSchedule = 10.0,
    fake_weight: optax.ScalarOrSchedule = 10.0,
    *,
    augmentations: Sequence[Augmentation] = (mirror, translation),
) -> Term:
    """bCR: the discriminator scores a sample and its augmentation alike (Zhao et al. 2020).

        disc: `λ_real · E (D(x) − D(T(x)))² + λ_fake · E (D(G(z)) − D(T(G(z))))²`      gen: 0

    arXiv:2002.04724, algorithm 1; weights of 10 and T of flips and shifts of a few pixels are the
    paper's. The gradient runs through both scores of each difference. With `fake_weight=0` it is
    the consistency regularisation of Zhang et al. 2020 (arXiv:1910.12027), which shows the
    generator's artefacts of T as its samples' own. The discriminator sees two batches more.

    Args:
      real_weight: λ_real, or an optax schedule of it over training steps.
      fake_weight: λ_fake, likewise.
      augmentations: T, functions `(samples[B, …], key) -> samples`, applied in this order; those of
        `ganstab.players` take images [B, H, W, C].
    """

    def changed(x: jax.Array, key: jax.Array) -> jax.Array:
        for i, augmentation in enumerate(augmentations):
            x = augmentation(x, jax.random.fold_in(key, i))
        return x

    def balanced_consistency(round: Round) -> Pair:
        real_key, fake_key = jax.random.split(round.key)

        def part(weight, x, score, key):
            gap = wide(score) - wide(round.score(changed(x, key)))
            return times(weight, jnp.mean(gap**2), round)

        value = part(real_weight, round.real, round.real_score, real_key)
        value += part(fake_weight, round.fake, round.fake_score, fake_key)
        return Pair(gen=jnp.zeros_like(value), disc=value)

    return balanced_consistency


def sign_of_real(real_score: jax.Array, fake_score: jax.Array) -> jax.Array:
    """`r_t = E sign(D(x))`, from −1 to 1 (Karras et al. 2020, arXiv:2006.06676, eq. 1).

    It rises towards 1 as the discriminator tells its data from all else. It needs a critic that is
    trained to be above 0 on data and below 0 on samples: by `losses.minimax`, `non_saturating` or
    `hinge`.
    """
    del fake_score
    return jnp.mean(jnp.sign(real_score))


def sign_of_pairs(real_score: jax.Array, fake_score: jax.Array) -> jax.Array:
    """`E sign(D(x) − D(G(z)))`, from −1 to 1: how much more often data win than samples do.

    For relativistic and Wasserstein losses, which see differences of scores alone: a constant that
    is added to all scores changes neither them nor this, while it makes E sign(D(x)) any number
    from −1 to 1. The difference is the logit of `losses.relativistic_paired`, so this is r_t of
    what that loss classifies; code that is built on R3GAN's reports it in that place. It equals
    2·AUC − 1, for AUC the chance that a datum's score is above a sample's. Pairs are those at one
    place of the batch, which in a conditional game have one label.

    Between data and samples whose scores are normal with one variance and means opposite in sign,
    it is larger than r_t: 0.77 where that is 0.6.
    """
    return jnp.mean(jnp.sign(real_score - fake_score))


def adaptive_augmentation(
    target: float = 0.6, statistic: Callable[[jax.Array, jax.Array], jax.Array] = sign_of_real
) -> Term:
    """More augmentation while the discriminator overfits, less while it does not: ADA.

    Karras et al. 2020 (arXiv:2006.06676, section 3). The probability p of augmentation and the
    running mean r̄ of a statistic r of overfitting are parameters of the discriminator,
    `ganstab.players.adaptively_augmented`. This term is 0, and its gradients in them are
    `target − r̄` and `r̄ − r`; `ganstab.optimizers.augmentation_steps` moves p by the sign of the
    first. Scores are those of augmented images, as in the paper. Both numbers are among a step's
    metrics, as `disc/parameter/augment_probability` and `disc/parameter/overfitting`.

    For losses whose critic has no zero of its own, relativistic or Wasserstein, take
    `statistic=terms.sign_of_pairs`.

    Args:
      target: r above which p rises, from −1 to 1; 0.6 in the paper.
      statistic: `(real_score, fake_score) -> r`, a scalar that grows with overfitting.

    Raises:
      ValueError: for another target, or, at trace time, when the discriminator is not
        `adaptively_augmented`.
    """
    check_number("target", target, lambda value: -1 <= value <= 1, "from -1 to 1")

    def adaptive_augmentation(round: Round) -> Pair:
        own = extension_of(round.params.disc, AdaptivelyAugmented, "adaptively_augmented")
        numbers = wide((own.augment_probability, own.overfitting))
        found = statistic(*wide((round.real_score, round.fake_score)))
        moved = steered(numbers, (target - numbers[1], numbers[1] - found))
        return Pair(gen=jnp.zeros_like(moved), disc=moved)

    return adaptive_augmentation
