"""Which parameters spectral norm divides, and as which matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, quick
from flax import linen, nnx

from ganstab import Player, players

KEY = jax.random.key(0)


class Every(nnx.Module):
    """A layer of each kind; nothing is called."""

    def __init__(self, *, rngs):
        self.attend = nnx.MultiHeadAttention(2, 6, qkv_features=4, decode=False, rngs=rngs)
        self.conv = nnx.Conv(4, 8, (3, 2), feature_group_count=4, rngs=rngs)
        self.pointwise = nnx.Conv(4, 8, 1, rngs=rngs)
        self.table = nnx.Embed(5, 3, rngs=rngs)
        self.cell = nnx.OptimizedLSTMCell(3, 4, rngs=rngs)
        self.norm = nnx.LayerNorm(4, rngs=rngs)
        self.pixel_bias = nnx.Param(jnp.ones((4, 4, 2)))
        self.weights = nnx.Param(arrays(1, 3, 4))
        self.stacked = _stack(rngs)


@nnx.split_rngs(splits=3)
@nnx.vmap
def _stack(rngs):
    return nnx.LinearGeneral((2, 3), (4, 5), axis=(-2, -1), rngs=rngs)


class Joined(linen.Module):
    """Layers of Linen whose parameters' shapes do not tell what they are."""

    @linen.compact
    def __call__(self, x):
        x = linen.DenseGeneral((2, 3), name="heads")(x)
        x = linen.LayerNorm(reduction_axes=-1, feature_axes=(-2, -1), name="norm")(x)
        x = linen.DenseGeneral(4, axis=(-2, -1), name="back")(x)
        return linen.scan(
            Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3
        )(name="layers")(x, None)[0]  # fmt: skip


class Layer(linen.Module):
    """One layer of a scan."""

    @linen.compact
    def __call__(self, x, _):
        return linen.Dense(4, name="dense")(x), None


def in_nnx():
    return players.from_nnx(lambda rngs: Every(rngs=rngs))


def in_linen():
    return players.from_linen(Joined(), jnp.zeros((1, 4)), call=lambda module, x, train: module(x))


MATRICES = {
    "attend.query.kernel": (6, 4), "attend.key.kernel": (6, 4), "attend.value.kernel": (6, 4),
    "attend.out.kernel": (4, 6), "conv.kernel": (6, 8), "pointwise.kernel": (4, 8),
    "table.embedding": (5, 3), "cell.dense_i.kernel": (3, 16), "cell.dense_h.kernel": (4, 16),
    "weights": (3, 4), "stacked.kernel": (3, 6, 20),
    "heads.kernel": (4, 6), "back.kernel": (6, 4), "layers.dense.kernel": (3, 4, 4),
}  # fmt: skip


@pytest.mark.parametrize("make", [in_nnx, in_linen])
def test_kernels_are_divided_as_their_layers_use_them_and_all_else_is_left(make):
    shown = Player(make().init, lambda params, state, x, key, *, train=True: (params, state))
    player = players.spectral_norm(shown._replace(kernels=make().kernels), steps=2)
    params, state = player.init(KEY)
    params = jax.tree.map(lambda leaf: leaf + 0.5, params)
    walk = quick(
        lambda state: jax.lax.scan(
            lambda s, _: (player.apply(params, s, None, KEY)[1], 0), state, None, length=60
        )[0]
    )
    got, _ = player.apply(params, walk(state), None, KEY)
    named = {
        jax.tree_util.keystr(path, simple=True, separator="."): (leaf, after)
        for (path, leaf), after in zip(
            jax.tree_util.tree_leaves_with_path(params), jax.tree.leaves(got), strict=True
        )
    }
    divided = {name for name, (leaf, after) in named.items() if not np.array_equal(leaf, after)}
    assert divided == MATRICES.keys() & named.keys()
    for name in divided:
        before, after = (np.reshape(leaf, MATRICES[name]) for leaf in named[name])
        sigma = np.linalg.norm(before, 2, axis=(-2, -1), keepdims=True)
        np.testing.assert_allclose(after, before / sigma, rtol=1e-4, atol=1e-6)


def test_an_attention_bias_moves_the_score_by_its_own_size():
    class Critic(nnx.Module):
        def __init__(self, *, rngs):
            self.attend = nnx.MultiHeadAttention(2, 4, decode=False, rngs=rngs)

        def __call__(self, x):
            return self.attend(x).sum((1, 2))

    player = players.spectral_norm(players.from_nnx(lambda rngs: Critic(rngs=rngs)))
    params, state = player.init(KEY)
    x = arrays(2, 1, 3, 4)

    def score(size):
        params["attend"]["value"]["bias"] = jnp.full((2, 2), size)
        return float(player.apply(params, state, x, KEY)[0][0])

    assert abs(score(1e-3) - score(0.0)) < 0.05


def test_an_ensembles_kernels_and_a_multipliers_net_are_known_too():
    one = players.from_nnx(lambda rngs: nnx.LinearGeneral(3, (2, 2), rngs=rngs))
    for player, shape in ((players.ensemble(one, 2), (2, 4)), (players.multiplied(one), (4,))):
        _, state = players.spectral_norm(player).init(KEY)
        assert [u.shape for u in state.vectors] == [shape]


def test_the_kernels_can_be_chosen():
    params = {"a": arrays(3, 3, 2), "scales": arrays(4, 3, 2), "b": {"c": arrays(5, 2, 2)}}
    shown = Player(
        lambda key: (params, ()), lambda params, state, x, key, *, train=True: (params, state)
    )

    def divided(**options):
        player = players.spectral_norm(shown, **options)
        got, _ = player.apply(*player.init(KEY), None, KEY)
        return [
            not np.array_equal(a, b)
            for a, b in zip(*map(jax.tree.leaves, (params, got)), strict=True)
        ]

    assert divided() == [True, True, False]
    assert divided(is_kernel=lambda name, leaf: name in ("scales", "b.c")) == [False, True, True]
