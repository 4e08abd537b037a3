"""Flax modules with variables, streams and modes of their own, as players."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import argument_refusal, arrays, assert_close, assert_equal, perceptron, quick
from flax import linen, nnx

from ganstab import Batch, Pair, losses, penalties, players, steps, terms
from ganstab.game import make_game

KEY = jax.random.key(0)
X = arrays(0, 4, 3)


def plain(module, x, train):
    return module(x)


def linen_player(module, example=X[:1], call=plain, **options):
    return players.from_linen(module, example, call=call, **options)


class Inline(linen.Module):
    """A module made of one function."""

    body: callable

    @linen.compact
    def __call__(self, x, train=True):
        return self.body(self, x, train)


class Of(nnx.Module):
    """A layer, a variable of any kind, and a function of both and the input."""

    def __init__(self, variable, body, *, rngs):
        self.layer, self.own = nnx.Linear(3, 1, rngs=rngs), variable
        self.rngs, self.body = rngs, body

    def __call__(self, x):
        return self.body(self, x)


class Own(nnx.Variable):
    """A kind that Flax does not have."""


def nnx_player(body, variable=lambda: Own(jnp.zeros(3))):
    return players.from_nnx(lambda rngs: Of(variable(), body, rngs=rngs))


def sown(kind):
    def body(module, x):
        module.sow(kind, "hidden", module.layer(x))
        return 2 * module.hidden[0]

    return body


def counted(module, x):
    value = module.own.get_value()
    module.own.set_value({"n": value["n"] + 1, "sum": value["sum"] + x.sum(0)})
    return module.layer(x) * value["n"]


def noisy(module, x):
    return module.layer(x) + jax.random.normal(module.rngs.noise(), (len(x), 1))


def thrice(player, keys=(KEY, KEY, KEY)):
    """Outputs and the state after three training calls, threaded through a scan."""
    params, state = player.init(KEY)

    def body(state, key):
        return player.apply(params, state, X, key)[::-1]

    state, outputs = quick(lambda state: jax.lax.scan(body, state, jnp.stack(keys)))(state)
    return params, state, outputs


@pytest.mark.parametrize("kind", [nnx.Intermediate, Own, "losses"])
@pytest.mark.filterwarnings("ignore:Using 'Module.sow:DeprecationWarning")
def test_what_an_nnx_module_sows_lasts_for_its_call(kind):
    params, state, outputs = thrice(nnx_player(sown(kind)))
    assert_equal(state, {"own": jnp.zeros(3)})
    layer = params["layer"]
    expected = 2 * (X @ layer["kernel"] + layer["bias"][None])
    np.testing.assert_allclose(outputs, np.stack([expected] * 3), rtol=1e-5)


def test_a_variable_of_a_kind_of_its_own_is_carried():
    start = {"n": 0, "sum": np.zeros(3)}
    params, state, outputs = thrice(nnx_player(counted, lambda: Own(start)))
    assert_close(state["own"], {"n": jnp.int32(3), "sum": 3 * X.sum(0)}, rtol=1e-5)
    once = X @ params["layer"]["kernel"] + params["layer"]["bias"][None]
    np.testing.assert_allclose(outputs, [0 * once, once, 2 * once], rtol=1e-5)


@pytest.mark.parametrize("how", ["attribute", "in a list", "intermediate"])
def test_an_array_that_a_module_keeps_in_another_way_is_carried(how):
    make = {
        "attribute": lambda: jnp.zeros(3),
        "in a list": lambda: nnx.List([jnp.zeros(3)]),
        "intermediate": lambda: nnx.Intermediate(jnp.zeros(3)),
    }[how]

    def body(module, x):
        if how == "attribute":
            module.own = module.own + x.sum(0)
        elif how == "in a list":
            module.own[0] = module.own[0] + x.sum(0)
        else:
            module.own[...] += x.sum(0)
        return module.layer(x)

    player = nnx_player(body, make)
    _, state, _ = thrice(player)
    (total,) = jax.tree.leaves(state)
    np.testing.assert_allclose(total, 3 * X.sum(0), rtol=1e-5)
    assert_equal(jax.eval_shape(lambda: state), jax.eval_shape(player.init, KEY)[1])


def test_variables_stay_in_their_types():
    half = jnp.bfloat16

    def mean_in_nnx(module, x):
        module.own[...] = x.mean(0)
        return module.layer(x)

    def mean_in_linen(module, x, train):
        module.variable("mine", "mean", lambda: jnp.zeros(3)).value = x.mean(0)
        return linen.Dense(1)(x)

    made = nnx_player(mean_in_nnx), linen_player(Inline(mean_in_linen))
    for player in (*made, *(players.computed_in(each, half) for each in made)):
        _, state, _ = thrice(player)
        (mean,) = jax.tree.leaves(state)
        assert mean.dtype == jnp.float32
        np.testing.assert_allclose(mean, X.mean(0), rtol=2e-2, atol=5e-3)


def test_a_stream_of_its_own_is_a_function_of_the_calls_key():
    def linen_noise(module, x, train):
        split = {"params": False, "noise": True}
        draw = linen.scan(
            lambda m, c, _: (c, jax.random.normal(m.make_rng("noise"), (len(x),))),
            variable_broadcast="params", split_rngs=split, length=2,
        )  # fmt: skip
        return linen.Dense(1)(x) + draw(module, 0, None)[1].T

    named = linen_player(Inline(linen_noise), rngs=("noise",))
    for player in (nnx_player(noisy), named):
        _, _, outputs = thrice(player, (KEY, KEY, jax.random.key(1)))
        assert_equal(outputs[0], outputs[1])
        assert not np.allclose(outputs[0], outputs[2])
    assert not np.allclose(outputs[0][:, 0], outputs[0][:, 1])


def test_layers_that_are_stacked_have_a_stream_each():
    @nnx.split_rngs(splits=2)
    @nnx.vmap
    def stack(rngs):
        return nnx.Dropout(0.5, rngs=rngs)

    def body(module, x):
        return nnx.vmap(lambda layer, x: layer(x), in_axes=(0, None))(module.own, x)

    _, _, outputs = thrice(players.from_nnx(lambda rngs: Of(stack(rngs), body, rngs=rngs)))
    assert not np.allclose(outputs[0, 0], outputs[0, 1])


REFUSED = {
    "changed its variable own": lambda m, x: (m.own.set_value(x), m.layer(x))[1],
    "made a parameter, extra": lambda m, x: (setattr(m, "extra", nnx.Param(x)), m.layer(x))[1],
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_carried_is_refused_by_name(words):
    player = nnx_player(REFUSED[words])
    params, state = player.init(KEY)
    assert words in argument_refusal(lambda: player.apply(params, state, X, KEY))


def test_a_linen_variable_of_the_batchs_shape_is_refused_by_name():
    def latest(module, x, train):
        module.sow("mine", "inputs", x, init_fn=lambda: None, reduce_fn=lambda old, new: new)
        return linen.Dense(1)(x)

    player = linen_player(Inline(latest))
    params, state = player.init(KEY)
    words = argument_refusal(lambda: player.apply(params, state, X, KEY))
    assert "variable mine.inputs from float32[1, 3] to float32[4, 3]" in words


def dense(rngs):
    return nnx.Linear(3, 1, rngs=rngs)


@pytest.mark.parametrize(
    ("module", "got"),
    [
        (dense(nnx.Rngs(0)), "Linear"),
        (linen.Dense(1), "Dense"),
        (dense, "function"),
        (linen.Dense, "the class Dense"),
    ],
    ids=["nnx", "linen", "function", "class"],
)
def test_a_module_that_was_made_no_player_is_refused_by_name(module, got):
    player, tx = players.from_nnx(dense), optax.sgd(0.1)
    words = f"players.disc must be a ganstab.Player, as .*, got {got}$"
    with pytest.raises(ValueError, match=words):
        make_game(Pair(player, module), terms.score_loss(losses.hinge), prior=3)
    with pytest.raises(ValueError, match=words):
        steps.init(Pair(player, module), Pair(tx, tx), KEY)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: players.from_nnx(dense(nnx.Rngs(0))), "from_nnx takes a function that makes"),
        (lambda: players.from_nnx(linen.Dense(1)), "for a module of Linen there is from_linen"),
        (lambda: players.from_nnx(linen.Dense), "made a Dense: for a module of Linen there is"),
        (lambda: players.from_nnx(lambda rngs: None), "makes an NNX module, but it made a None"),
        (lambda: linen_player(dense(nnx.Rngs(0))), "module of Linen, such as .*, got Linear; for"),
        (lambda: linen_player(linen.Dense), "a module of Linen, such as MyGenerator.., got Dense"),
        (lambda: linen_player(dense), "for one of NNX there is from_nnx"),
    ],
)
def test_a_module_of_the_other_kind_is_refused_with_the_function_that_takes_it(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def collecting(module, x, train):
    hidden = linen.Dense(1)(x)
    module.sow("intermediates", "hidden", hidden)
    module.sow("losses", "square", jnp.sum(hidden**2))
    hidden = module.perturb("probe", hidden)
    calls = module.variable("mine", "calls", lambda: 0)
    calls.value += 1
    return hidden * calls.value


def test_linen_collections_are_carried_and_what_is_sown_is_not():
    player = linen_player(Inline(collecting))
    params, state, outputs = thrice(player)
    assert_equal(state, {"mine": {"calls": jnp.int32(4)}})  # Linen's init is a call as well.
    dense = params["Dense_0"]
    once = X @ dense["kernel"] + dense["bias"][None]
    np.testing.assert_allclose(outputs, [2 * once, 3 * once, 4 * once], rtol=1e-5)
    _, after = player.apply(params, state, X, KEY, train=False)
    assert_equal(after, {"mine": {"calls": jnp.int32(5)}})


def test_a_cache_is_carried():
    def attend(module, x, train):
        return linen.MultiHeadDotProductAttention(1, decode=True)(x)

    x = arrays(1, 2, 4, 3)
    player = linen_player(Inline(attend), x)
    params, state = player.init(KEY)
    for place in range(2):
        _, state = player.apply(params, state, x[:, place : place + 1], KEY, train=bool(place))
    (cache,) = state["cache"].values()
    assert int(cache["cache_index"]) == 2 and not np.any(cache["cached_key"][:, 2:])


def divided(params, state, train):
    """A dense layer over the spectral norm after one step of power iteration, in NumPy."""
    kernel, bias, u = params["kernel"], params["bias"], state[0]
    v = kernel @ u
    u = kernel.T @ v
    u = u / np.linalg.norm(u)
    v = v / np.linalg.norm(v)
    return X @ kernel / (v @ kernel @ u) + bias[None]


@pytest.mark.parametrize("collection", ["batch_stats", "spectral"])
def test_flaxs_spectral_norms_divide_and_mix_nothing(collection):
    def body(module, x, train):
        layer = linen.SpectralNorm(linen.Dense(2), collection_name=collection)
        return layer(x, update_stats=train)

    def in_nnx(rngs):
        return nnx.SpectralNorm(nnx.Linear(3, 2, rngs=rngs), rngs=rngs)

    in_linen = linen_player(Inline(body), call=lambda module, x, train: module(x, train))
    for player in (in_linen, players.from_nnx(in_nnx)):
        params, state = player.init(KEY)
        (layer,) = params.values()
        (vector,) = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim]
        got, after = player.apply(params, state, X, KEY)
        expected = divided(jax.tree.map(np.asarray, layer), np.asarray(vector), True)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
        assert not np.allclose(*(np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(s)])
                                 for s in (state, after)))  # fmt: skip
        assert_equal(player.apply(params, after, X, KEY, train=False)[1], after)
        assert player.mixes == ()


def centred(collection, across):
    """Minus a mean: that of the batch itself, or a running one that is only kept."""

    def body(module, x, train):
        hidden = linen.Dense(1)(x)
        kept = module.variable(collection, "mean", jnp.zeros, (1,))
        now, before = hidden.mean(0), kept.value
        kept.value = 0.9 * kept.value + 0.1 * now
        return hidden - (now if across else before)[None]

    return body


def normed(fixed):
    def body(module, x, train):
        return linen.BatchNorm(use_running_average=fixed)(linen.Dense(1)(x))

    return body


MIXING = {
    "own batch norm": (centred("mine", True), "the network"),
    "own batch norm, Flax's name": (centred("batch_stats", True), "the network"),
    "own running mean": (centred("batch_stats", False), ""),
    "batch norm": (normed(False), "BatchNorm_0 (BatchNorm)"),
    "batch norm fixed": (normed(True), ""),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_linen_critic_is_refused_by_what_it_does(name):
    body, words = MIXING[name]
    critic = linen_player(Inline(body))
    pair = Pair(perceptron(2, 3), critic)
    penalty = terms.disc_penalty(10.0, penalties.wgan_gp)
    game = make_game(pair, penalty, prior=lambda key, n: jax.random.normal(key, (n, 2)))
    state = steps.init(pair, Pair(optax.sgd(0.1), optax.sgd(0.1)), KEY)

    def evaluate():
        return jax.eval_shape(game.__call__, state.params, state.carry, Batch(X), KEY)

    if words:
        assert words in argument_refusal(evaluate)
    else:
        evaluate()
    across = jax.jacobian(lambda x: critic.apply(*critic.init(KEY), x, KEY)[0][:, 0])(X)
    assert bool(np.any(across[~np.eye(4, dtype=bool)])) == bool(words)


class Fixed(nnx.Module):
    """Layers that its author wants never to train."""

    def __init__(self, *, rngs):
        self.norm = nnx.BatchNorm(3, use_running_average=True, rngs=rngs)
        self.frozen = nnx.Dropout(0.5, deterministic=True, rngs=rngs)
        self.out = nnx.Linear(3, 2, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.out(self.frozen(self.norm(x))))


def test_a_layer_that_is_fixed_on_purpose_stays_so_in_training():
    player = players.from_nnx(lambda rngs: Fixed(rngs=rngs))
    params, state = player.init(KEY)
    assert player.mixes == ()
    trained, after = player.apply(params, state, X, KEY)
    used, _ = player.apply(params, state, X, KEY, train=False)
    assert_equal(after, state)
    np.testing.assert_allclose(used, X @ params["out"]["kernel"] / np.sqrt(1 + 1e-5), rtol=1e-4)
    dropped = np.asarray(trained) == 0
    assert 0 < dropped.sum() < dropped.size
    np.testing.assert_allclose(
        np.asarray(trained)[~dropped], 2 * np.asarray(used)[~dropped], rtol=1e-5
    )


class WithCopies(nnx.Module):
    """Tied layers, a target network, and a constant that others hold too."""

    ONES = jnp.ones((3, 3))

    def __init__(self, *, rngs):
        self.first = nnx.Linear(3, 3, rngs=rngs)
        self.tied = nnx.Linear(3, 3, rngs=rngs)
        self.tied.kernel = self.first.kernel
        self.target = Own(self.first.kernel.get_value())
        self.clone = nnx.clone(self.first)
        self.constant = Own(self.ONES)

    def __call__(self, x):
        return self.tied(self.first(x) @ self.target[...])


def keeps_params():
    return optax.GradientTransformation(lambda params: params, lambda g, s, p=None: (g, s))


KEEPING = {
    "module": optax.sgd(0.1), "optimizer": optax.chain(keeps_params(), optax.sgd(0.1)),
    "average": optax.contrib.schedule_free_sgd(0.1), "distance": optax.contrib.dog(),
}  # fmt: skip


@pytest.mark.parametrize("name", KEEPING)
def test_a_state_that_holds_an_array_twice_can_be_donated(name):
    critic = players.averaged(players.from_nnx(lambda rngs: WithCopies(rngs=rngs)), 0.9)
    scored = critic._replace(apply=lambda *at, **mode: _first_column(critic.apply(*at, **mode)))
    pair, txs = Pair(perceptron(2, 3), scored), Pair(optax.sgd(0.1), KEEPING[name])
    game = make_game(pair, terms.score_loss(losses.hinge), prior=lambda key, n: jnp.ones((n, 2)))
    step = steps.alternating(game, txs)
    batches = Batch(jnp.stack([X, X]))
    expected, _ = quick(step)(steps.init(pair, txs, KEY), batches)
    donating = quick(step, donate_argnums=0)
    got, _ = donating(steps.init(pair, txs, KEY), batches)
    assert_equal(got, expected)
    donating(got, batches)
    donating(steps.init(pair, txs, KEY), batches)
    assert "tied" in expected.params.disc and "kernel" not in expected.params.disc["tied"]


def _first_column(answer):
    output, state = answer
    return output[:, 0], state


def test_a_player_without_variables_takes_any_empty_state():
    player = players.from_nnx(lambda rngs: nnx.Linear(3, 1, rngs=rngs))
    params, state = player.init(KEY)
    expected, after = player.apply(params, state, X, KEY)
    assert_equal(player.apply(params, (), X, KEY), (expected, after))
    assert after == state == {}
