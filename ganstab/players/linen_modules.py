"""Players out of Linen modules."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import errors, linen, traverse_util

from ganstab._arrays import owned
from ganstab.players.kernels import linen_kernel
from ganstab.players.mixing import batch_norm_at, samples_meet
from ganstab.players.variables import kept
from ganstab.types import Kernel, Player

__all__ = ["from_linen"]

# What Linen keeps for those who look into a call; without them `perturb` does nothing.
_LOOKS = ("intermediates", "perturbations")
_STATE = linen.DenyList(("params", *_LOOKS))


def from_linen(
    module: linen.Module,
    example: Any,
    *,
    call: Callable[[Any, Any, bool], Any] = lambda module, x, train: module(x, train=train),
    rngs: Sequence[str] = (),
) -> Player:
    """The player of a Linen module.

    Args:
      module: the module.
      example: an input `[B, …]`, or a `jax.ShapeDtypeStruct` of one, from which Linen infers the
        shapes of its parameters.
      call: `(module, x, train) -> output`, for a module whose `__call__` takes no `train`:
        `call=lambda module, x, train: module(x)`.
      rngs: names of the module's random streams beside `"params"` and `"dropout"`.

    Returns:
      A player whose params are the collection `"params"` and whose state is all others, but for
      variables that grow with each call, those of `sow`, and the zeros of `perturb`. It declares in
      `mixes` every `linen.BatchNorm` that takes the batch's own statistics. A network with
      variables of another kind is tried on random numbers, and declared if a sample reaches
      another's output.

    Raises:
      ValueError: `module` is no Linen module; or, at trace time, where a call changes a variable's
        shape, as one of the batch's shape does if the example has another number of samples, or
        the kind of its numbers.
    """
    if not isinstance(module, linen.Module):
        got = module.__name__ if isinstance(module, type) else type(module).__name__
        raise ValueError(
            f"from_linen takes a module of Linen, such as MyGenerator(), got {got}; for one of NNX "
            "there is from_nnx"
        )
    example = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), example)
    streams = ("params", "dropout", *rngs)

    def keys(key):
        return {name: jax.random.fold_in(key, place) for place, name in enumerate(streams)}

    def begun(key):
        start = linen.init(lambda bound, x: call(bound, x, True), module, linen.DenyList(_LOOKS))
        variables = start(keys(key), example)
        state = dict(variables)
        return state.pop("params", {}), state

    def called(params, state, x, key, train: bool, mutable=_STATE):
        run = linen.apply(lambda bound, x: call(bound, x, train), module, mutable=mutable)
        return run({"params": params, **state}, x, rngs=keys(key))

    layers = _Layers()
    key = jax.random.key(0)
    with linen.intercept_methods(layers.note):
        params, state = jax.eval_shape(begun, key)
    lasting = _lasting(lambda own, held: called(own, held, example, key, True)[1], params, state)
    state = _only(lasting, state)

    def init(key):
        own, held = begun(key)
        return owned((own, _only(lasting, held)))

    def apply(own, held, x, key, *, train=True):
        if not train:
            # What writes to its variables in evaluation too (a cache, a counter) goes on below.
            with contextlib.suppress(errors.ModifyScopeVariableError):
                return called(own, held, x, key, False, mutable=False), held
        output, after = called(own, held, x, key, train)
        return output, kept(_only(lasting, after), held)

    mixes = tuple(dict.fromkeys(layers.norms))
    if not mixes and layers.know_not(state) and samples_meet(apply, params, state, example):
        mixes = ("the network",)
    return Player(init, apply, mixes, tuple(dict.fromkeys(layers.kernels)))


class _Layers:
    """What is known of the layers of Flax that a call runs through."""

    def __init__(self):
        self.norms: list[str] = []
        self.kernels: list[Kernel] = []
        self.owners: set[tuple[str, ...]] = set()

    def note(self, call, args, kwargs, context):
        """For `linen.intercept_methods`."""
        layer = context.module
        if context.method_name == "__call__":
            self.kernels += linen_kernel(layer)
            if isinstance(layer, linen.BatchNorm | linen.SpectralNorm):
                self.owners.add(layer.path)
            if isinstance(layer, linen.BatchNorm) and not _is_fixed(layer, *args, **kwargs):
                self.norms.append(batch_norm_at(layer.path))
        return call(*args, **kwargs)

    def know_not(self, state: dict) -> bool:
        """Whether a variable is none of these layers'."""
        return not all(path[1:-1] in self.owners for path in _flat(state))


def _is_fixed(layer: linen.BatchNorm, x, use_running_average=None, **_) -> bool:
    return bool(layer.use_running_average if use_running_average is None else use_running_average)


def _lasting(call: Callable, params: dict, state: dict) -> frozenset[tuple[str, ...]]:
    """The paths of the variables that have the same structure and shapes after a call."""
    try:
        after = jax.eval_shape(call, params, state)
    except Exception:
        # Decoding with a cache takes an input of another shape than its initialisation.
        after = state
    was, now = (
        {path: jax.tree.map(jnp.shape, value) for path, value in _flat(variables).items()}
        for variables in (state, after)
    )
    return frozenset(path for path, shape in was.items() if now.get(path) == shape)


def _only(paths: frozenset[tuple[str, ...]], state: dict) -> dict:
    kept = {path: value for path, value in _flat(state).items() if path in paths}
    return traverse_util.unflatten_dict(kept)


def _flat(state: dict) -> dict[tuple[str, ...], Any]:
    return traverse_util.flatten_dict(state)
