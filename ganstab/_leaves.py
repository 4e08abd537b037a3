"""How the leaves of a state are kept in a checkpoint, and given back as they were asked for."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ganstab.errors import InputError

_KINDS = (jnp.bool_, jnp.integer, jnp.floating, jnp.complexfloating)


def named(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by name.

    Raises:
      ValueError: where two have one name.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    found = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
    if len(found) < len(leaves):
        raise ValueError("two leaves of the state have one name, e.g. {'a.b': x, 'a': {'b': y}}")
    return found


def stored(name: str, leaf: Any) -> jax.Array | np.ndarray:
    """A leaf as an array of numbers: a random key's data, a Python number in 64 bits.

    Bytes are in this machine's order, also where those of a NumPy array are not.

    Raises:
      ValueError: for a leaf of another kind, or an array that was donated.
    """
    if isinstance(leaf, jax.Array):
        if leaf.is_deleted():
            raise ValueError(f"{name} is deleted, as a donated array is: save what came of it")
        return jax.random.key_data(leaf) if _is_key(leaf) else leaf
    array = np.asarray(leaf)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in _KINDS):
        raise ValueError(f"{name} is {leaf!r:.60}; a state has arrays of numbers and random keys")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def wanted(name: str, leaf: Any) -> jax.ShapeDtypeStruct | np.ndarray:
    """What `stored` makes of a leaf like this one, which may be abstract, or donated by now."""
    if not isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        return np.asarray(stored(name, leaf))
    place = leaf.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    shape = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    data = jax.eval_shape(jax.random.key_data, shape) if _is_key(leaf) else shape
    return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=place)


def given_back(array: jax.Array | np.ndarray, leaf: Any) -> Any:
    """What `stored` has kept, as the kind of leaf that is asked for.

    Raises:
      InputError: where that is an integer which cannot hold it.
    """
    if is_python(leaf):
        return type(leaf)(array.item())
    if isinstance(leaf, np.generic):
        return array[()]
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=leaf.dtype)
    if isinstance(leaf, np.ndarray):
        return np.asarray(array)
    if array.dtype != leaf.dtype:
        array = _cast(np.asarray(array), leaf.dtype)
    return array if isinstance(array, jax.Array) else jax.device_put(array, leaf.sharding)


def _cast(number: np.ndarray, dtype: Any) -> np.ndarray:
    cast = number.astype(dtype)
    if jnp.issubdtype(dtype, jnp.integer) and cast != number:
        raise InputError(f"the checkpoint has the number {number}, which {dtype} cannot hold")
    return cast


def is_python(leaf: Any) -> bool:
    """Whether a leaf is a number of Python's own."""
    return isinstance(leaf, bool | int | float | complex) and not isinstance(leaf, np.generic)


def is_weak(leaf: Any) -> bool:
    """Whether a leaf is a number without a precision of its own, Python's or traced from such."""
    return is_python(leaf) or (jnp.shape(leaf) == () and getattr(leaf, "weak_type", False))


def same_kind(one: Any, other: Any) -> bool:
    """Whether two dtypes are both whole numbers, both floating-point numbers, and so on."""
    return any(jnp.issubdtype(one, kind) and jnp.issubdtype(other, kind) for kind in _KINDS)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
