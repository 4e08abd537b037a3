"""What holds functions can be hashed, compared, weakly referred to, and given to jax."""

import dataclasses
import functools

import chex
import jax
import pytest
from common import arrays, assert_equal, batch, plain_pair, prior, scalar_carry

from ganstab import Pair, games, losses, terms
from ganstab.game import make_game
from ganstab.types import opponent_of

KEY = jax.random.key(0)


def test_a_game_is_a_function_that_jit_takes_and_traces_once():
    game = make_game(plain_pair(), terms.score_loss(losses.hinge), prior=prior)
    game = dataclasses.replace(game, judge=chex.assert_max_traces(game.judge, n=1))
    at = Pair(*(player.init(KEY)[0] for player in plain_pair()))
    first = jax.jit(game)(at, scalar_carry(), batch(1, 4), KEY)
    assert_equal(jax.jit(game)(at, scalar_carry(), batch(1, 4), KEY), first)


def test_a_game_is_a_static_argument():
    @functools.partial(jax.jit, static_argnames="game")
    @chex.assert_max_traces(n=1)
    def losses_of(game, params):
        return game(params, scalar_carry(), None, None)[0]

    game, at = games.bilinear(), Pair(arrays(1, 2), arrays(2, 2))
    assert_equal(losses_of(game, at), losses_of(dataclasses.replace(game), at))


def test_a_players_functions_are_functions_that_jit_takes():
    gen = plain_pair().gen
    params, state = jax.jit(gen.init)(KEY)
    output, _ = jax.jit(gen.apply)(params, state, arrays(1, 4, 3), KEY)
    assert output.shape == (4, 2)


def test_the_same_functions_make_the_same_game():
    game, player = games.dirac(), plain_pair().gen
    assert game == dataclasses.replace(game) and hash(game) == hash(dataclasses.replace(game))
    assert game != games.dirac()
    assert player._replace(mixes=("norm",)).mixes == ("norm",)
    assert game._replace(play=game.play) == game
    with pytest.raises(dataclasses.FrozenInstanceError):
        game.play = None


def test_the_two_names_of_players():
    assert (opponent_of("gen"), opponent_of("disc")) == ("disc", "gen")
    assert (Pair(1, 2).of("gen"), Pair(1, 2).of("disc")) == (1, 2)
    with pytest.raises(ValueError, match=r"\('gen', 'disc'\), got 'critic'"):
        opponent_of("critic")
