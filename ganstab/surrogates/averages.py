"""Surrogates whose losses are means: under parameter noise, and over past discriminators."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from ganstab._checks import check_count, check_key
from ganstab._precision import cast_like, wide
from ganstab.optimizers.history import snapshots_in
from ganstab.surrogates.gradients import replayed
from ganstab.types import Carry, Game, Pair, metrics_of

__all__ = ["smoothed", "snapshot_ensemble"]

# Folded into the key for the noise; games split their key into a few, which are its first folds.
_NOISE = 0x6E6F6973


def smoothed(game: Game, stddev: float, samples: int) -> Game:
    """Both losses averaged over Gaussian noise on all parameters of both players.

        L_i(θ, ψ) = 1/S Σ_s L_i(θ + σε_s, ψ + σδ_s),  ε_s, δ_s ~ N(0, I)

    A field blurred with a Gaussian of width σ, by S samples (the blog post "Stability of
    Generative Adversarial Networks" takes 30 and σ = 0.2): what the losses' curvature does on a
    smaller scale is averaged out. Batch and latent numbers are the same in all samples; the noise
    is new in every evaluation. The next state is that of a plain evaluation, which is one more.

    Args:
      game: any game; its generator is replayed.
      stddev: σ.
      samples: S ≥ 1.

    Raises:
      ValueError: for S below 1, or, at trace time, without a key.
    """
    check_count("samples", samples)

    def judge(params: Pair, carry: Carry, batch, fake, key):
        del fake
        check_key(key, "smoothed")
        params = jax.tree.map(jnp.asarray, params)

        def perturbed(noise_key):
            noise = optax.tree.random_like(noise_key, wide(params), jax.random.normal)
            at = optax.tree.add_scale(wide(params), stddev, noise)
            losses, aux = game(cast_like(at, params), carry, batch, key)
            return losses, aux.metrics

        keys = jax.random.split(jax.random.fold_in(key, _NOISE), samples)
        losses, metrics = _mean(jax.vmap(perturbed)(keys))
        _, aux = game(params, carry, batch, key)
        return losses, aux._replace(metrics=metrics)

    return replayed(judge)


def snapshot_ensemble(game: Game) -> Game:
    """The generator answers to all past discriminators that the optimizer keeps.

        gen: 1/n Σ_j L_G(θ, ψ_j)      disc: L_D(θ, ψ)

    Metz et al. 2017 (arXiv:1611.02163, appendix B), who found it no help, and harmful where the
    snapshots are old. The ψ_j are those of `ganstab.optimizers.snapshots(n, every)`, the last link
    of the discriminator's optimizer: `snapshots(n)` keeps the last n discriminators, the present
    one included, and `snapshots(n, m)` takes a new one every m updates. They are read from
    `carry.opt.disc`, so a checkpoint has them, and an unrolled ensemble looks ahead at the
    snapshots that the K updates would take.

    The generator's loss depends on the discriminator's parameters through the snapshots alone. All
    snapshots are run with the state (power-iteration vectors, …) of the present discriminator.

    Args:
      game: any game; its generator plays once, whatever n.

    Raises:
      ValueError: at trace time, where the discriminator's optimizer keeps no snapshots.
    """

    def judge(params: Pair, carry: Carry, batch, fake, key):
        def facing(disc):
            losses, aux = game.judge(params._replace(disc=disc), carry, batch, fake, key)
            return losses.gen, metrics_of(aux, "gen")

        loss, metrics = _mean(jax.vmap(facing)(snapshots_in(carry.opt.disc).past))
        losses, aux = game.judge(params, carry, batch, fake, key)
        return losses._replace(gen=loss), aux._replace(metrics={**aux.metrics, **metrics})

    return dataclasses.replace(game, judge=judge)


def _mean(stacked):
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), stacked)
