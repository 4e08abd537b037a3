"""The stacked-MNIST training step in ganstab, as `unroll.py` times it: one jitted call a step."""

import jax
import jax.numpy as jnp
import numpy as np
import weights
from contestant import POOL, Contestant

from ganstab import losses, optimizers, steps, surrogates, terms
from ganstab.game import make_game
from ganstab.networks import stacked_mnist
from ganstab.players import from_nnx
from ganstab.types import Batch, Pair

LATENT = 256


def normal(key: jax.Array, count: int) -> jax.Array:
    """The paper's prior."""
    return jax.random.normal(key, (count, LATENT))


def setup(unroll: int, prior=normal):
    """The players, their optimizers and the game that is trained."""
    players = Pair(
        from_nnx(lambda rngs: stacked_mnist.Generator(rngs=rngs)),
        from_nnx(lambda rngs: stacked_mnist.Discriminator(rngs=rngs)),
    )
    txs = Pair(optimizers.adam(1e-4, b1=0.5), optimizers.adam(2e-4, b1=0.5))
    plain = make_game(players, terms.score_loss(losses.non_saturating), prior=prior, joint=True)
    return players, txs, surrogates.unrolled(plain, txs.disc, unroll)


def race(unroll: int, batch: int) -> Contestant:
    """The training step on random data, compiled and ready to be timed."""
    players, txs, game = setup(unroll)
    state = steps.init(players, txs, jax.random.key(0))
    pool = [
        Batch(jax.random.uniform(key, (2, batch, 28, 28, 3), minval=-1.0))
        for key in jax.random.split(jax.random.key(1), POOL)
    ]
    step = jax.jit(steps.alternating(game, txs), donate_argnums=0)
    compiled = step.lower(state, pool[0]).compile()
    parts = state.params.disc, state.carry.opt.disc, state.carry.state.disc
    disc_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(parts))

    def run(count: int) -> None:
        nonlocal state
        for i in range(count):
            state, _ = compiled(state, pool[i % POOL])
        jax.block_until_ready(state)

    memory = compiled.memory_analysis()
    return Contestant(run, memory.temp_size_in_bytes if memory else None, disc_bytes)


def trajectory(unroll: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The generator's last gradient and all parameters after the given batches, in float64.

    Args:
      unroll: K.
      inputs: parameters by name as `weights.initial` makes them, `real` [n, 2, B, 28, 28, 3] and
        `z` [B, 256], the prior of every update.

    Returns:
      Arrays named and laid out as the peers have them.
    """
    jax.config.update("jax_enable_x64", True)
    players, txs, game = setup(unroll, prior=lambda key, count: jnp.asarray(inputs["z"]))
    state = jax.tree.map(_double, steps.init(players, txs, jax.random.key(0)))
    state = state._replace(params=_given(state.params, inputs))
    step = jax.jit(steps.alternating(game, txs))
    for real in inputs["real"]:
        before, (state, _) = state, step(state, Batch(jnp.asarray(real)))
    first = Batch(jnp.asarray(inputs["real"][-1, 0]))

    def gen_loss(gen_params):
        params = before.params._replace(gen=gen_params)
        return game(params, before.carry, first, before.key)[0].gen

    gradient = _named("gradient", jax.jit(jax.grad(gen_loss))(before.params.gen))
    found = gradient | _named("gen", state.params.gen) | _named("disc", state.params.disc)
    return weights.to_peer(found)


def _double(leaf: jax.Array) -> jax.Array:
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _given(params: Pair, inputs: dict[str, np.ndarray]) -> Pair:
    """The given parameters in the place of the initial ones."""

    def place(path, leaf):
        value = jnp.asarray(inputs[_name(path)])
        assert value.shape == leaf.shape, _name(path)
        return value

    return jax.tree_util.tree_map_with_path(place, params)


def _named(owner: str, params) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {f"{owner}/{_name(path)}": np.asarray(leaf) for path, leaf in leaves}


def _name(path) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
