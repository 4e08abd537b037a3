"""`unrolled`: losses that look ahead through the opponent's own updates.

This is the surrogate of Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017). The
generator's loss is taken not at the discriminator as it is, but at the discriminator after K of its
own updates, and the generator's gradient runs through those updates.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganstab._checks import check_key, check_number
from ganstab._precision import wide
from ganstab.optimizers.extra import update_with
from ganstab.surrogates.probe import check_differentiable
from ganstab.types import Carry, Game, Pair, PlayerName, metrics_of, opponent_of

__all__ = ["start_of", "unrolled"]


def unrolled(
    game: Game,
    tx: optax.GradientTransformation,
    steps: int,
    *,
    player: PlayerName = "disc",
    second_order: bool = True,
    average: bool = False,
    live: bool = True,
    resample: Callable | None = None,
    remat: bool = True,
) -> Game:
    """The game whose generator answers to the discriminator of K updates later.

    With `θ_D⁰ = θ_D` and `θ_D^{k+1} = θ_D^k + tx(−∇ L_D(θ_G, θ_D^k))`, the new losses are

        gen: L_G(θ_G, θ_D^K)      disc: L_D(θ_G, θ_D)

    (Metz et al. eq. 7–11); the discriminator's own update is never unrolled. K = 0 is the game
    itself. The discriminator's state (batch-norm statistics) is updated during the K updates and
    discarded afterwards; `aux.carry_state` comes from an ordinary evaluation.

    Args:
      game: any game; its `play` runs once, whatever K.
      tx: the optimizer that is unrolled, e.g. the discriminator's own. It is differentiated
        through, so its update must have finite derivatives (`ganstab.optimizers.adam`).
      steps: K ≥ 0.
      player: who is looked ahead at, `"disc"`, or `"gen"` for a discriminator that answers to the
        generator of K updates later, which replays the generator too.
      second_order: whether the gradient runs through the updates. `False` is the paper's ablation
        (appendix B): the opponent moves K steps and is then taken as it is.
      average: the mean of the loss after each of the K updates in place of the last.
      live: start `tx` from the opponent's live state `carry.opt`, as the reference implementation
        does, and not from `tx.init`. Where the carry holds no state at all (the empty tuple of a
        closed-form game) there is none to start from, and `tx.init` is used. A game within this
        one that reads `carry.opt` (another live unroll) then sees the state after the K updates;
        with `live=False` it sees the one before them.
      resample: `None` for one minibatch and one key throughout, so that every update sees the same
        samples; or `(key) -> batch`, which draws a new one for each update and for the final loss,
        on which the generator is replayed.
      remat: recompute each update in the backward pass, so that memory grows by one opponent state
        for each of the K steps and not by its activations.

    Returns:
      A game, to be trained with `ganstab.steps` or wrapped again.

    Raises:
      ValueError: for a K below 0, another player, or, at trace time, a live optimizer state that
        is not `tx`'s, no key to resample with, or, with `second_order`, an optimizer whose
        derivative at a gradient of 0 is not finite (`optax.adam`, clipping by norm).
    """
    check_number("steps", steps, lambda n: n == int(n) >= 0, "a whole number, 0 or more")
    answering = opponent_of(player)
    if steps == 0:
        return game
    replays = resample is not None or player == "gen"

    def play(gen_params, carry, batch, key):
        return (None, carry.state.gen) if replays else game.play(gen_params, carry, batch, key)

    def judge(params: Pair, carry: Carry, batch, fake, key):
        if resample is not None:
            check_key(key, "unrolled(resample=…)")
        if second_order:
            check_differentiable(tx, params.of(player))

        def facing(opponent: _Opponent) -> tuple[Pair, Carry]:
            """The players and what they carry, with the opponent as it is then."""
            state = carry.state._replace(**{player: opponent.state})
            opt = carry.opt._replace(**{player: opponent.opt}) if live else carry.opt
            at = params._replace(**{player: opponent.params})
            return at, carry._replace(state=state, opt=opt)

        def evaluate(params, carry, step=None):
            if resample is not None and step is not None:
                # Of its own, so that nothing the batch draws is what the game draws.
                batch_key, game_key = jax.random.split(jax.random.fold_in(key, step))
                return game(params, carry, resample(batch_key), game_key)
            if replays:
                return game(params, carry, batch, key)
            return game.judge(params, carry, batch, fake, key)

        def update(opponent: _Opponent, step):
            return _update(evaluate, facing, tx, opponent, step, player, second_order)

        body = jax.checkpoint(update, prevent_cse=False) if remat else update
        own, opt, state = params.of(player), carry.opt.of(player), carry.state.of(player)
        start = _Opponent(own, start_of(tx, own, opt, live), state)
        last, passed = jax.lax.scan(body, start, jnp.arange(steps))
        final, final_aux = evaluate(*facing(last), steps)
        loss = final.of(answering)
        if average:
            loss = (jnp.sum(wide(passed[1:])) + loss) / steps
        losses, aux = evaluate(params, carry)
        metrics = {**aux.metrics, **metrics_of(final_aux, answering)}
        return losses._replace(**{answering: loss}), aux._replace(metrics=metrics)

    return Game(play, judge)


class _Opponent(NamedTuple):
    """The player that is looked ahead at, somewhere between its first and its K-th update."""

    params: Any
    opt: Any
    state: Any


def _update(evaluate, facing, tx, opponent: _Opponent, step, player: PlayerName, second_order):
    """One update of the opponent, and what the other player's loss was before it."""

    def own_loss(own):
        losses, aux = evaluate(*facing(opponent._replace(params=own)), step)
        seen = losses.of(opponent_of(player)), aux.carry_state.of(player)
        return losses.of(player), seen

    (value, seen), grads = jax.value_and_grad(own_loss, has_aux=True)(opponent.params)
    loss, state = seen
    updates, opt = update_with(
        tx, grads, opponent.opt, opponent.params,
        value=value, value_fn=lambda own: own_loss(own)[0],
    )  # fmt: skip
    moved = (updates, opt, state)
    updates, opt, state = moved if second_order else jax.lax.stop_gradient(moved)
    return _Opponent(optax.apply_updates(opponent.params, updates), opt, state), loss


def start_of(tx: optax.GradientTransformation, params, opt, live: bool):
    """The state from which `tx` looks ahead: the opponent's live one, or where none is, a new one.

    Raises:
      ValueError: if the live state is not `tx`'s.
    """
    nothing_live = type(opt) is tuple and not opt
    if not live or nothing_live:
        return tx.init(params)
    needed, there = (str(jax.tree.structure(s)) for s in (jax.eval_shape(tx.init, params), opt))
    if there != needed:
        raise ValueError(
            "live=True starts tx from the opponent's optimizer state, which is not tx's: "
            f"expected {needed}, got {there}; give the opponent the same optax transform, or "
            "live=False"
        )
    return opt
