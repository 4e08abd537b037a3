"""The training step of a model in ganstab, as `unroll.py` times it: jitted, and donated."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import weights
from contestant import POOL, Contestant
from models import BETAS, LATENT, MODELS

from ganstab import losses, optimizers, steps, surrogates, terms
from ganstab.game import make_game
from ganstab.networks import unrolled_gan
from ganstab.players import from_nnx
from ganstab.types import Batch, Pair

PAIRS: dict[str, Callable[[], Pair]] = {
    "stacked_mnist": unrolled_gan.stacked_mnist,
    "cifar10": unrolled_gan.cifar10,
    "colored_mnist": functools.partial(unrolled_gan.colored_mnist, 0.25),
    "mixture": unrolled_gan.mixture,
    "rnn_mnist": unrolled_gan.rnn_mnist,
}


def normal(key: jax.Array, count: int) -> jax.Array:
    """The paper's prior."""
    return jax.random.normal(key, (count, LATENT))


def setup(name: str, unroll: int, prior=normal):
    """The players, their optimizers and the game that is trained."""
    model = MODELS[name]
    players = Pair(*map(from_nnx, PAIRS[name]()))
    txs = Pair(*(optimizers.adam(rate, *BETAS) for rate in model.rates))
    loss = losses.minimax if model.minimax else losses.non_saturating
    plain = make_game(players, terms.score_loss(loss), prior=prior, joint=True)
    return players, txs, surrogates.unrolled(plain, txs.disc, unroll)


def shapes(model: str) -> dict[str, tuple[int, ...]]:
    """Of every parameter, `player/layer/…`: kernels [h, w, in, out], or dense [in, out]."""
    players, *_ = setup(model, 0)
    params = Pair(*(jax.eval_shape(player.init, jax.random.key(0))[0] for player in players))
    return {name: leaf.shape for name, leaf in _named(params)}


def race(model: str, unroll: int, batch: int) -> Contestant:
    """The training step on random data, compiled and ready to be timed."""
    players, txs, game = setup(model, unroll)
    state = steps.init(players, txs, jax.random.key(0))
    shape = POOL, 2, batch, *MODELS[model].sample
    pool = Batch(jax.random.uniform(jax.random.key(1), shape, minval=-1.0))
    step, calls = steps.alternating(game, txs), MODELS[model].calls

    def several(state, first):
        def one(state, i):
            batches = jax.tree.map(lambda leaf: leaf[i % POOL], pool)
            return step(state, batches)[0], None

        return jax.lax.scan(one, state, first + jnp.arange(calls))[0]

    def alone(state, batches):
        return step(state, batches)[0]

    batches = [jax.tree.map(lambda leaf, i=i: leaf[i], pool) for i in range(POOL)]
    call, given = (alone, batches) if calls == 1 else (several, list(range(POOL)))
    compiled = jax.jit(call, donate_argnums=0).lower(state, given[0]).compile()
    parts = state.params.disc, state.carry.opt.disc, state.carry.state.disc
    disc_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(parts))

    def run(count: int) -> None:
        nonlocal state
        for i in range(count // calls):
            state = compiled(state, given[i % POOL])
        jax.block_until_ready(state)

    memory = compiled.memory_analysis()
    return Contestant(run, memory.temp_size_in_bytes if memory else None, disc_bytes)


def trajectory(model: str, unroll: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The generator's last gradient and all parameters after the given batches, in float64.

    Args:
      model: its name.
      unroll: K.
      inputs: parameters by name as `weights.initial` makes them, `real` [n, 2, B, …] and `z`
        [B, 256], the prior of every update.

    Returns:
      Arrays named and laid out as the peers have them.
    """
    jax.config.update("jax_enable_x64", True)
    players, txs, game = setup(model, unroll, prior=lambda key, count: jnp.asarray(inputs["z"]))
    state = jax.tree.map(_double, steps.init(players, txs, jax.random.key(0)))
    state = state._replace(params=_given(state.params, inputs))
    step = jax.jit(steps.alternating(game, txs))
    for real in inputs["real"]:
        before, (state, _) = state, step(state, Batch(jnp.asarray(real)))
    first = Batch(jnp.asarray(inputs["real"][-1, 0]))

    def gen_loss(gen_params):
        params = before.params._replace(gen=gen_params)
        return game(params, before.carry, first, before.key)[0].gen

    gradient = jax.jit(jax.grad(gen_loss))(before.params.gen)
    found = {"gradient": gradient, "gen": state.params.gen, "disc": state.params.disc}
    return weights.to_peer({name: np.asarray(leaf) for name, leaf in _named(found)})


def _double(leaf: jax.Array) -> jax.Array:
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _given(params: Pair, inputs: dict[str, np.ndarray]) -> Pair:
    """The given parameters in the place of the initial ones."""

    def place(path, leaf):
        value = jnp.asarray(inputs[_name(path)])
        assert value.shape == leaf.shape, _name(path)
        return value

    return jax.tree_util.tree_map_with_path(place, params)


def _named(tree) -> list[tuple[str, jax.Array]]:
    return [(_name(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def _name(path) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
