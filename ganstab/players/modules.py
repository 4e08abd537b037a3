"""Players out of networks: a Flax module becomes two pure functions.

What trains and what does not (batch statistics, power-iteration vectors) become plain nested dicts
of arrays. Random streams (dropout) are no state: each call sets them anew from its key.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from ganstab.types import Player

__all__ = ["from_linen", "from_nnx"]


def from_nnx(build: Callable[[nnx.Rngs], nnx.Module]) -> Player:
    """The player of an NNX module.

    Args:
      build: makes the module, e.g. `lambda rngs: MyGenerator(rngs=rngs)`. The module is called as
        `module(x)`, after `module.train()` or `module.eval()`.

    Returns:
      A player whose params (every `nnx.Param`) and state (all else) are nested dicts, and which
      declares every `nnx.BatchNorm` in `mixes`.
    """
    abstract = nnx.eval_shape(lambda: build(nnx.Rngs(0)))
    graphdef, *kinds = _split(abstract)
    mixes = tuple(
        _batch_norm_at(path)
        for path, part in nnx.iter_graph(abstract)
        if isinstance(part, nnx.BatchNorm)
    )
    abstract_params, abstract_streams, abstract_state = kinds

    def init(key):
        _, params, _, state = _split(build(nnx.Rngs(key)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    # Under jit of its own, a network is traced once for all the places where a game calls it.
    @functools.partial(jax.jit, static_argnames="train")
    def apply(params, state, x, key, *, train=True):
        variables = (
            _filled(abstract_params, params),
            _seeded(abstract_streams, key),
            _filled(abstract_state, state),
        )
        # Without the copy the module would share variables with the caller's trace, which a scan
        # refuses.
        module = nnx.merge(graphdef, *variables, copy=True)
        module.train() if train else module.eval()
        output = module(x)
        return output, nnx.to_pure_dict(_split(module)[3])

    return Player(init, apply, mixes)


def _split(module: nnx.Module):
    return nnx.split(module, nnx.Param, nnx.RngState, ...)


def _filled(abstract: nnx.State, values: dict) -> nnx.State:
    variables = jax.tree.map(lambda leaf: leaf, abstract)
    nnx.replace_by_pure_dict(variables, values)
    return variables


def _seeded(abstract: nnx.State, key: jax.Array) -> nnx.State:
    """Every random stream's key folded from this call's key, every counter at 0."""
    leaves, structure = jax.tree.flatten(abstract)
    fresh = [
        jax.random.fold_in(key, place)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else jnp.zeros(leaf.shape, leaf.dtype)
        for place, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, fresh)


def from_linen(
    module: linen.Module,
    example: Any,
    *,
    call: Callable[[Any, Any, bool], Any] = lambda module, x, train: module(x, train=train),
) -> Player:
    """The player of a Linen module.

    Args:
      module: the module.
      example: an input, or a `jax.ShapeDtypeStruct` of one, from which Linen infers the shapes of
        its parameters.
      call: `(module, x, train) -> output`, for a module whose `__call__` takes no `train`:
        `call=lambda module, x, train: module(x)`.

    Returns:
      A player whose params are the collection `"params"` and whose state is all others, and which
      declares in `mixes` every module with a collection `"batch_stats"`, Linen's batch norm.
    """
    example = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), example)

    def init(key):
        variables = linen.init(lambda bound, x: call(bound, x, True), module)(_rngs(key), example)
        state = {name: value for name, value in variables.items() if name != "params"}
        return variables.get("params", {}), state

    def apply(params, state, x, key, *, train=True):
        run = linen.apply(
            lambda bound, x: call(bound, x, train), module, mutable=list(state) if train else False
        )
        output = run({"params": params, **state}, x, rngs=_rngs(key))
        return output if train else (output, state)

    _, state = jax.eval_shape(init, jax.random.key(0))
    return Player(init, apply, _with_batch_statistics(state))


def _with_batch_statistics(state: dict) -> tuple[str, ...]:
    leaves = jax.tree_util.tree_leaves_with_path(state.get("batch_stats", {}))
    paths = (tuple(entry.key for entry in path[:-1]) for path, _ in leaves)
    return tuple(_batch_norm_at(path) for path in dict.fromkeys(paths))


def _batch_norm_at(path: tuple) -> str:
    return f"{'.'.join(map(str, path)) or 'the network'} (BatchNorm)"


def _rngs(key: jax.Array) -> dict[str, jax.Array]:
    return {name: jax.random.fold_in(key, i) for i, name in enumerate(("params", "dropout"))}
