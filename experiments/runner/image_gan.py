"""What the programs that train a GAN on images share: flags, players, training, sampling."""

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags
from jax.sharding import Mesh

from experiments.runner import devices, gan_flags
from ganstab import Pair, steps
from ganstab.game import make_game
from ganstab.players import from_nnx
from ganstab.types import Game, Player, TrainState

LATENT = 256
"""Length of z, of all the unrolled GAN's generators of images."""
EVALUATION_BATCH = 512
SHOWN = 64

FLAGS = flags.FLAGS


def define_flags(*, samples: int, gen_norm: bool = True, disc_batch: str = "joint") -> None:
    """Defines them with an experiment's own defaults.

    Args:
      samples: drawn at an evaluation.
      disc_batch: whether real and generated images share the discriminator's batch statistics.
      gen_norm: whether the mode of the generator's batch norm at evaluation is a choice.
    """
    flags.DEFINE_enum(
        "disc_batch",
        disc_batch,
        ["joint", "separate"],
        "Whether real and generated images pass through the discriminator's batch norm as one "
        "batch.",
    )
    flags.DEFINE_bool(
        "disc_first_norm",
        True,
        "Batch norm in the discriminator's first layer too, which with --disc_batch=separate hides "
        "the images' contrast from it.",
    )
    flags.DEFINE_integer("samples", samples, "Samples drawn at an evaluation.", lower_bound=1)
    if gen_norm:
        flags.DEFINE_enum(
            "bn_mode",
            "running",
            ["running", "batch"],
            "The generator's batch norm at evaluation: running averages, or the statistics of each "
            f"evaluation batch of {EVALUATION_BATCH}, the habit of the reference implementations.",
        )
    flags.DEFINE_float(
        "init_stddev", 0.05, "Standard deviation of initial weights.", lower_bound=0.0
    )
    for flag in FLAGS.flags_by_module_dict()[__name__]:
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def network_settings() -> dict[str, Any]:
    """The flags' settings of a pair of networks, by the names that `unrolled_gan` has for them."""
    return {"init_stddev": FLAGS.init_stddev, "disc_first_norm": FLAGS.disc_first_norm}


class Trained(NamedTuple):
    """What is trained: the parts of an `Experiment` that follow from the networks."""

    players: Pair
    txs: Pair
    state: TrainState
    """Before step 0, on the mesh."""
    game: Game


def prepare(modules: Pair, key: jax.Array, mesh: Mesh) -> Trained:
    """The flags' game of a pair of networks: score loss, unrolled K steps of the disc's own Adam.

    Args:
      modules: for either player `(rngs) -> module`, the generator's of z [n, 256].
      key: of the initial parameters.
      mesh: the devices.
    """
    players, txs = Pair(*map(from_nnx, modules)), gan_flags.adam()

    def prior(key, n):
        return devices.split(mesh, jax.random.normal(key, (n, LATENT)))

    joint = FLAGS.disc_batch == "joint"
    game = make_game(players, gan_flags.score(), prior=prior, joint=joint)
    state = devices.on_all(mesh, functools.partial(steps.init, players, txs), key)
    return Trained(players, txs, state, gan_flags.unrolled(game, txs.disc))


def make_sampler(
    gen: Player, key: jax.Array, measure: Callable[[jax.Array], Any]
) -> Callable[[TrainState], tuple[np.ndarray, Any]]:
    """`state -> (images, found)`: at most 64 samples, and what is measured on each of them all.

    The latents are the same at every evaluation.

    Args:
      gen: takes z [n, 256].
      key: of the latents.
      measure: `images [n, H, W, C] -> leaves [n, …]`, inside jit; the only thing kept of all
        `--samples` images.
    """
    size = min(EVALUATION_BATCH, FLAGS.samples)
    batches = -(-FLAGS.samples // size)

    @jax.jit
    def draw(state: TrainState, key: jax.Array):
        def one(key):
            z = jax.random.normal(key, (size, LATENT))
            train = "bn_mode" in FLAGS and FLAGS.bn_mode == "batch"
            fake, _ = gen.apply(state.params.gen, state.carry.state.gen, z, key, train=train)
            return fake[:SHOWN], measure(fake)

        shown, found = jax.lax.map(one, jax.random.split(key, batches))
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[: FLAGS.samples], found)
        return shown[0], flat

    def sample(state: TrainState) -> tuple[np.ndarray, Any]:
        return jax.tree.map(lambda x: np.asarray(x.addressable_data(0)), draw(state, key))

    return sample
