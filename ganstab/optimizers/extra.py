"""Updates of optimizers that need more than gradients: the loss, and functions of it."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import optax

__all__ = ["links", "update_with"]


def update_with(
    tx: optax.GradientTransformation,
    grads: Any,
    opt: Any,
    params: Any,
    *,
    value: jax.Array,
    value_fn: Callable[[Any], jax.Array],
) -> tuple[Any, Any]:
    """`tx.update`, which is given what optax's own transforms ask for beside gradients.

    These are `value`, `grad` and `value_fn` (Polyak steps, `reduce_on_plateau`, line searches),
    `grad_fn` (`optax.contrib.sam`) and `obj_fn` (`optax.contrib.sophia`).

    Args:
      tx: an optax transform.
      grads: of the loss, at `params`.
      opt: the state of `tx`.
      params: a pytree.
      value: the loss at `params`.
      value_fn: the loss, `params -> scalar`.

    Returns:
      `(updates, opt)`.

    Raises:
      ValueError: naming `tx`, where it asks for something else.
    """

    def loss(at, *, obj_fn=None, grad_fn=None):
        # A line search refuses what is given to it unless the loss takes it.
        del obj_fn, grad_fn
        return value_fn(at)

    extra = {
        "value": value, "grad": grads, "value_fn": loss, "obj_fn": loss,
        "grad_fn": lambda at, _: jax.grad(loss)(at),
    }  # fmt: skip
    taken = inspect.signature(tx.update).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        # Not all of optax's transforms take what they do not know.
        extra = {name: given for name, given in extra.items() if name in taken}
    try:
        return tx.update(grads, opt, params, **extra)
    except (AttributeError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"the update of {' + '.join(links(tx.update)) or 'an optimizer'} failed "
            f"({type(error).__name__}: {reason}); it is given gradients, state, parameters, and "
            "by name value, grad, value_fn, grad_fn and obj_fn"
        ) from error


def links(update: Callable) -> Iterator[str]:
    """The transforms that a chain is made of, by the names of the functions that made them."""
    maker = update.__qualname__.split(".")[0]
    if maker not in ("chain", "with_extra_args_support"):
        yield f"{update.__module__.split('.')[0]}.{maker.lstrip('_')}"
        return
    for cell in update.__closure__ or ():
        held = cell.cell_contents
        for inner in held if isinstance(held, tuple | list) else [held]:
            link = getattr(inner, "update", inner)
            name = getattr(link, "__qualname__", "").split(".")[-1]
            if callable(link) and name.startswith("update"):
                yield from links(link)
