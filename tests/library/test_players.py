"""Players made of NNX and Linen modules: one contract, and equal numbers from equal weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, assert_close, assert_equal, batch, prior, quick
from flax import linen, nnx

from ganstab import Carry, Pair, Player, losses, players, terms
from ganstab.game import make_game

KEY = jax.random.key(0)


class NNXNet(nnx.Module):
    def __init__(self, inputs, outputs, rate=0.5, *, rngs):
        self.hidden = nnx.Linear(inputs, 16, rngs=rngs)
        self.norm = nnx.BatchNorm(16, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.out = nnx.Linear(16, outputs, rngs=rngs)

    def __call__(self, x):
        return self.out(self.dropout(jnp.tanh(self.norm(self.hidden(x)))))


class LinenNet(linen.Module):
    outputs: int
    rate: float = 0.5

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(16, name="hidden")(x)
        x = linen.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x)
        x = linen.Dropout(self.rate, deterministic=not train)(jnp.tanh(x))
        return linen.Dense(self.outputs, name="out")(x)


def from_nnx(inputs=3, outputs=2, rate=0.5):
    return players.from_nnx(lambda rngs: NNXNet(inputs, outputs, rate, rngs=rngs))


def from_linen(inputs=3, outputs=2, rate=0.5):
    example = jax.ShapeDtypeStruct((1, inputs), jnp.float32)
    return players.from_linen(LinenNet(outputs, rate), example)


@pytest.fixture(params=[from_nnx, from_linen], ids=["nnx", "linen"])
def make(request):
    return request.param


def leaf(state, name):
    """The batch norm's `mean` or `var`, wherever the library keeps it."""
    (found,) = [
        value for path, value in jax.tree_util.tree_leaves_with_path(state)
        if name in jax.tree_util.keystr(path)
    ]  # fmt: skip
    return found


def hidden(params, x):
    """In NumPy: what goes into the batch norm."""
    layer = jax.tree.map(np.asarray, params["hidden"])
    return np.asarray(x) @ layer["kernel"] + layer["bias"]


def output(params, x, mean, var):
    """In NumPy: the rest, without dropout, scale 1 and offset 0."""
    layer = jax.tree.map(np.asarray, params["out"])
    return np.tanh((x - mean) / np.sqrt(var + 1e-5)) @ layer["kernel"] + layer["bias"]


def test_params_and_state_are_nested_dicts_of_arrays(make):
    params, state = make().init(KEY)
    assert type(params) is dict and type(state) is dict
    assert {*params} == {"hidden", "norm", "out"}
    assert sum(x.size for x in jax.tree.leaves(params)) == 4 * 16 + 2 * 16 + 17 * 2
    assert sum(x.size for x in jax.tree.leaves(state)) == 2 * 16
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves((params, state)))


def test_init_is_a_function_of_its_key(make):
    player = make()
    assert_equal(player.init(KEY), player.init(KEY))
    kernels = [player.init(jax.random.key(i))[0]["hidden"]["kernel"] for i in (0, 1)]
    assert not np.allclose(*kernels)
    stacked, _ = quick(jax.vmap(player.init))(jnp.stack([jax.random.key(i) for i in (0, 1)]))
    np.testing.assert_allclose(stacked["hidden"]["kernel"], np.stack(kernels), rtol=1e-6)


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm_in_training_and_in_use(make, train):
    player, x = make(rate=0.0), 3 * arrays(0, 7, 3) + 1
    params, state = player.init(KEY)
    state = jax.tree.map(lambda s: s + 0.25, state)
    got, new = player.apply(params, state, x, KEY, train=train)
    inner = hidden(params, x)
    mean, var = (inner.mean(0), inner.var(0)) if train else (0.25, 1.25)
    np.testing.assert_allclose(got, output(params, inner, mean, var), rtol=1e-4, atol=1e-5)
    if train:
        np.testing.assert_allclose(leaf(new, "mean"), 0.225 + 0.1 * mean, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(leaf(new, "var"), 0.9 * 1.25 + 0.1 * var, rtol=1e-4)
    else:
        assert_equal(new, state)


def test_dropout_is_a_function_of_the_key_and_only_in_training(make):
    player, x = make(), arrays(1, 6, 3)
    params, state = player.init(KEY)

    def apply(seed, train):
        return player.apply(params, state, x, jax.random.key(seed), train=train)[0]

    assert_equal(apply(1, True), apply(1, True))
    assert not np.allclose(apply(1, True), apply(2, True))
    assert_equal(apply(1, False), apply(2, False))
    assert not np.allclose(apply(1, True), apply(1, False))


def test_state_is_threaded_through_a_scan(make):
    player, x = make(), 2 * arrays(2, 9, 3) + 1
    params, state = player.init(KEY)

    def body(state, key):
        return player.apply(params, state, x, key)[::-1]

    keys = jax.random.split(KEY, 4)
    last, outputs = quick(lambda state: jax.lax.scan(body, state, keys))(state)
    mean = hidden(params, x).mean(0)
    np.testing.assert_allclose(leaf(last, "mean"), (1 - 0.9**4) * mean, rtol=1e-4, atol=1e-6)
    one_by_one = []
    apply = quick(player.apply)
    for key in keys:
        result, state = apply(params, state, x, key)
        one_by_one.append(result)
    np.testing.assert_allclose(outputs, np.stack(one_by_one), rtol=1e-4, atol=1e-5)


def test_gradients_inside_a_scan_reach_parameters_and_input(make):
    player, x = make(rate=0.0), arrays(3, 5, 3)
    params, state = player.init(KEY)

    def total(params, x):
        def body(state, _):
            result, state = player.apply(params, state, x, KEY)
            return state, jnp.sum(result**2)

        return jnp.sum(jax.lax.scan(body, state, None, length=3)[1])

    def once(params, x):
        return jnp.sum(player.apply(params, state, x, KEY)[0] ** 2)

    got, expected = (quick(jax.grad(f, argnums=(0, 1)))(params, x) for f in (total, once))
    assert_close(got, jax.tree.map(lambda g: 3 * g, expected), rtol=1e-3, atol=1e-4)


def linen_weights(nnx_player: Player):
    """A Linen network's params and state, filled with those of the NNX one."""
    params, state = nnx_player.init(KEY)
    return params, {"batch_stats": state}


def test_both_libraries_give_the_same_game():
    data = batch(4, 8)
    results = []
    for make, weights in ((from_nnx, lambda p: p.init(KEY)), (from_linen, linen_weights)):
        pair = Pair(make(3, 2, 0.0), make(2, 1, 0.0))
        game = make_game(pair, terms.score_loss(losses.non_saturating), prior=prior, joint=True)
        sources = from_nnx(3, 2, 0.0), from_nnx(2, 1, 0.0)
        (gen, gen_state), (disc, disc_state) = (weights(p) for p in sources)
        carry = Carry(Pair(gen_state, disc_state), Pair((), ()))

        def evaluate(params, game=game, carry=carry):
            found, aux = game(params, carry, data, KEY)
            return found, (found, [leaf(state, "mean") for state in aux.carry_state])

        results.append(quick(jax.jacobian(evaluate, has_aux=True))(Pair(gen, disc)))
    assert_close(results[1], results[0], rtol=1e-5, atol=1e-6)


def test_a_linen_module_that_takes_no_train():
    class Plain(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.Dense(2)(x)

    player = players.from_linen(Plain(), jnp.zeros((1, 3)), call=lambda module, x, train: module(x))
    params, state = player.init(KEY)
    assert state == {}
    x = arrays(5, 4, 3)
    dense = params["Dense_0"]
    for train in (True, False):
        got, state = player.apply(params, state, x, KEY, train=train)
        np.testing.assert_allclose(got, x @ dense["kernel"] + dense["bias"][None], rtol=1e-6)
        assert state == {}


def test_an_nnx_module_without_state():
    player = players.from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    params, state = player.init(KEY)
    assert state == {} and {*params} == {"kernel", "bias"}
    got, state = player.apply(params, state, jnp.ones((4, 3)), KEY)
    np.testing.assert_allclose(got, np.tile(np.sum(params["kernel"], axis=0), (4, 1)), rtol=1e-5)
    assert state == {}
