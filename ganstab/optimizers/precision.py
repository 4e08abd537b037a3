"""Transforms whose arithmetic and memory are in float32 where the parameters are not."""

import functools

import optax

from ganstab._precision import cast_like, wide

__all__ = ["in_float32"]


def in_float32(
    tx: optax.GradientTransformation, *, keep: bool = True
) -> optax.GradientTransformationExtraArgs:
    """`tx` on gradients and parameters in float32 at least, with a state that begins in that type.

    A state that was begun in half precision, as another transform may have, stays in it.

    Args:
      tx: any transform.
      keep: whether the updates come back in the gradients' types, or in `tx`'s own.
    """
    tx = optax.with_extra_args_support(tx)

    def init(params):
        return tx.init(wide(params))

    @functools.wraps(tx.update)
    def update(updates, state, params=None, **extra):
        found, new = tx.update(wide(updates), wide(state), wide(params), **extra)
        return cast_like(found, updates) if keep else found, cast_like(new, state)

    return optax.GradientTransformationExtraArgs(init, update)
