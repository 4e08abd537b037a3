"""Parameters beside a player's network: a multiplier, running means, a probability.

A `NamedTuple` whose first field is `net` names them. A term reads them from `round.params` and
gives each a gradient; `ganstab.optimizers.extended` trains them apart from the network. They are a
part of the training state, so they are saved, sharded and mapped as the network is, and a game
shows each among its metrics.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp

from ganstab._arrays import nodes_of
from ganstab.types import Player

__all__ = ["extended", "extension_of"]


def extended(player: Player, kind: type[Any], **start: float) -> Player:
    """The same player with more parameters, which its output does not depend on.

        class Paced(NamedTuple):
            net: Any
            pace: Any

        player = extended(player, Paced, pace=0.0)
        tx = optimizers.extended(tx, Paced, pace=optax.sgd(0.01))

    Players may be extended several times, each time with another kind. Games report each number as
    the metric of its name, `disc/parameter/pace`.

    Args:
      player: any player; its parameters become `kind.net`.
      kind: a `NamedTuple` of `net` and the new parameters.
      **start: each of these at the start, a scalar.

    Raises:
      ValueError: where `start` does not name the fields of `kind`, or the player has one of these
        already.
    """
    if kind._fields[:1] != ("net",) or {*kind._fields[1:]} != {*start}:
        raise ValueError(
            f"{kind.__name__} must have the fields net, {', '.join(start)}, got "
            f"{', '.join(kind._fields)}"
        )
    taken = {*start}.intersection(name for known in player.extensions for name in known._fields)
    if taken:
        raise ValueError(f"the player has a parameter {min(taken)} beside its network already")

    def init(key):
        params, state = player.init(key)
        own = {name: jnp.asarray(value, float) for name, value in start.items()}
        return kind(net=params, **own), state

    def apply(params, state, x, key, *, train=True):
        return player.apply(params.net, state, x, key, train=train)

    kernels = tuple(kernel._replace(name=f"net.{kernel.name}") for kernel in player.kernels)
    extensions = (kind, *player.extensions)
    return dataclasses.replace(
        player, init=init, apply=apply, kernels=kernels, extensions=extensions
    )


def extension_of(params: Any, kind: type[Any], wrapper: str = "extended") -> Any:
    """The `kind` among a player's parameters.

    Args:
      params: of a player, in other wrappers or not.
      kind: as `extended` was given it.
      wrapper: of `ganstab.players`, which an error names.

    Raises:
      ValueError: where there is none, or more than one.
    """
    found = nodes_of(params, kind)
    if len(found) != 1:
        raise ValueError(
            f"the parameters must hold one {kind.__name__}, but hold {len(found)}: wrap the player "
            f"in ganstab.players.{wrapper}, once"
        )
    return found[0]
