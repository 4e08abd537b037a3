"""Players out of networks: a Flax module becomes two pure functions.

What trains and what does not (batch statistics, power-iteration vectors, variables of one's own)
become plain nested dicts of arrays. Random streams (dropout) are no state: each call sets them anew
from its key. What a call adds to a module (`sow`) lasts for that call. `from_linen` is in
`ganstab.players.linen_modules`.
"""

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from ganstab._arrays import owned
from ganstab.players.kernels import nnx_kernels
from ganstab.players.linen_modules import from_linen
from ganstab.players.mixing import batch_norm_at
from ganstab.players.variables import kept
from ganstab.types import Player

__all__ = ["from_linen", "from_nnx"]

_MODES = ("deterministic", "use_running_average")


def from_nnx(build: Callable[[nnx.Rngs], nnx.Module]) -> Player:
    """The player of an NNX module.

    Args:
      build: makes the module, e.g. `lambda rngs: MyGenerator(rngs=rngs)`. The module is called as
        `module(x)`, after `module.train()` or `module.eval()`. A layer that `build` sets to
        `use_running_average=True` or `deterministic=True` stays so in training.

    Returns:
      A player whose params (every `nnx.Param`) and state (all other variables and arrays that the
      module has when it is built) are nested dicts. It declares in `mixes` every `nnx.BatchNorm`
      that takes the batch's own statistics. Variables that a call adds are dropped after it, those
      of `sow` among them. Floating-point numbers stay in the types that they have at the start.

    Raises:
      ValueError: `build` is a module and not a function, or makes no NNX module; or, at trace time,
        where a call adds a parameter, or changes a variable's shape, or the kind of its numbers.
    """
    if isinstance(build, nnx.Module | linen.Module):
        raise ValueError(
            f"from_nnx takes a function that makes the module, such as "
            f"lambda rngs: {type(build).__name__}(…, rngs=rngs), not a module{_of_linen(build)}"
        )
    noted: list[Any] = []

    def begun(key):
        module = build(nnx.Rngs(key))
        if not isinstance(module, nnx.Module):
            raise ValueError(
                f"from_nnx takes a function that makes an NNX module, but it made a "
                f"{type(module).__name__}{_of_linen(module)}"
            )
        nnx.pop(module, _sown)
        _keep_arrays(module)
        graphdef, *variables = _split(module)
        noted[:] = graphdef, tuple(_mixing(module)), tuple(nnx_kernels(module))
        return variables

    params, streams, state = jax.eval_shape(begun, jax.random.key(0))
    graphdef, mixes, kernels = noted

    def init(key):
        params, _, state = begun(key)
        return owned((nnx.to_pure_dict(params), nnx.to_pure_dict(state)))

    # Under jit of its own, a network is traced once for all the places where a game calls it.
    @functools.partial(jax.jit, static_argnames="train")
    def apply(own, held, x, key, *, train=True):
        variables = _filled(params, own), _seeded(streams, key), _filled(state, held)
        # Without the copy the module would share variables with the caller's trace, which a scan
        # refuses.
        module = nnx.merge(graphdef, *variables, copy=True)
        _set_mode(module, train)
        output = module(x)
        _, made, _, after = _split(module)
        _check_no_new(params, made)
        return output, _carried(state, after, held)

    return Player(init, apply, mixes, kernels)


def _of_linen(module: Any) -> str:
    return ": for a module of Linen there is from_linen" if isinstance(module, linen.Module) else ""


def _sown(path: tuple, value: Any) -> bool:
    """Whether a variable is the tuple that `sow` appends to."""
    return isinstance(value, nnx.Intermediate) and isinstance(value.get_value(), tuple)


def _keep_arrays(module: nnx.Module) -> None:
    """Arrays that are plain attributes as variables; Flax takes traced ones for settings."""
    for _, part in nnx.iter_graph(module):
        if isinstance(part, nnx.Pytree):
            for name, value in list(vars(part).items()):
                if isinstance(value, jax.core.Tracer):
                    setattr(part, name, nnx.data(value))


def _split(module: nnx.Module):
    return nnx.split(module, nnx.Param, nnx.RngState, ...)


def _mixing(module: nnx.Module) -> Iterator[str]:
    for path, part in nnx.iter_modules(module):
        if isinstance(part, nnx.BatchNorm) and not part.use_running_average:
            yield batch_norm_at(path)


def _filled(abstract: nnx.State, values: dict) -> nnx.State:
    def full(path, leaf):
        value = functools.reduce(operator.getitem, path, values)
        return leaf.replace(value) if isinstance(leaf, nnx.Variable) else value

    flat = nnx.to_flat_state(abstract)
    return nnx.from_flat_state([(path, full(path, leaf)) for path, leaf in flat])


def _seeded(abstract: nnx.State, key: jax.Array) -> nnx.State:
    """Every random stream's key folded from this call's key, every counter at 0."""
    leaves, structure = jax.tree.flatten(abstract)
    fresh = [
        _keys(jax.random.fold_in(key, place), leaf.shape)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else jnp.zeros(leaf.shape, leaf.dtype)
        for place, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, fresh)


def _keys(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """A key for each of the layers that `nnx.vmap` has stacked, or the key itself."""
    return jax.random.split(key, shape) if shape else key


def _set_mode(module: nnx.Module, train: bool) -> None:
    """Training or evaluation, but for what the module was built never to train."""
    on_purpose = [
        (part, mode)
        for _, part in nnx.iter_modules(module)
        for mode in _MODES
        if getattr(part, mode, None) is True
    ]
    module.train() if train else module.eval()
    for part, mode in on_purpose:
        setattr(part, mode, True)


def _check_no_new(abstract: nnx.State, params: nnx.State) -> None:
    known = {path for path, _ in nnx.to_flat_state(abstract)}
    for path, _ in nnx.to_flat_state(params):
        if path not in known:
            raise ValueError(
                f"the call of a module made a parameter, {'.'.join(map(str, path))}, which cannot "
                "be trained: make it where the module is built"
            )


def _carried(abstract: nnx.State, after: nnx.State, before: dict) -> dict:
    """What the variables hold that the module was built with."""
    held = dict(nnx.to_flat_state(after))
    known = [(path, held[path]) for path, _ in nnx.to_flat_state(abstract)]
    return kept(nnx.to_pure_dict(nnx.from_flat_state(known)), before)
