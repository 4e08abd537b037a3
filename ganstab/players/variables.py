"""What the call of a module of Flax may do to the variables that its player carries."""

from typing import Any

import jax
import jax.numpy as jnp

from ganstab._precision import cast_like

__all__ = ["kept"]


def kept(after: dict, before: dict) -> dict:
    """The variables after a call, floating-point numbers in the types that they had before it.

    Raises:
      ValueError: where a variable has another shape after the call, or numbers of another kind.
    """
    was, now = _leaves(before), _leaves(after)
    for name in sorted(was.keys() | now.keys()):
        one, other = was.get(name), now.get(name)
        if _shape_and_kind(one) != _shape_and_kind(other):
            raise ValueError(
                f"the call of a module changed its variable {name} from {_described(one)} to "
                f"{_described(other)}, but a player's state keeps its shapes and dtypes"
            )
    # Which containers held them before is no matter: `()` is a state without variables too.
    return cast_like(after, jax.tree.unflatten(jax.tree.structure(after), map(was.get, now)))


def _leaves(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _shape_and_kind(leaf: Any) -> tuple | None:
    if leaf is None:
        return None
    dtype = jnp.result_type(leaf)
    return jnp.shape(leaf), jnp.floating if jnp.issubdtype(dtype, jnp.floating) else dtype


def _described(leaf: Any) -> str | None:
    return leaf if leaf is None else f"{jnp.result_type(leaf).name}{list(jnp.shape(leaf))}"
