"""Wrappers Player → Player against NumPy: what the player within is shown, and what it answers."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, assert_equal, perceptron, quick

from ganstab import Batch, Carry, Pair, Player, Verdict, losses, penalties, players, terms
from ganstab.game import make_game

KEY = jax.random.key(0)


def mirror():
    """A player that answers with what it is shown."""
    return Player(lambda key: ((), ()), lambda params, state, x, key, *, train=True: (x, state))


def counter():
    """A player whose state counts its calls."""

    def apply(params, state, x, key, *, train=True):
        return params * x, state + 1

    return Player(lambda key: (jnp.ones(()), jnp.zeros(())), apply)


def test_instance_noise_is_normal_anew_with_each_key_and_gone_in_evaluation():
    player = players.instance_noise(mirror(), 0.5)
    x = 3 * arrays(0, 200, 50)

    @quick
    def look(keys):
        params, state = player.init(KEY)
        noisy = [player.apply(params, state, x, key) for key in keys]
        return noisy, player.apply(params, state, x, KEY, train=False)

    ((one, state), (other, _)), (clean, same) = look((KEY, jax.random.key(1)))
    noise = np.asarray(one - x)
    np.testing.assert_allclose(noise.std(), 0.5, rtol=0.03)
    np.testing.assert_allclose(noise.mean(), 0, atol=0.02)
    assert abs(np.corrcoef(noise.ravel(), np.ravel(other - x))[0, 1]) < 0.05
    np.testing.assert_array_equal(clean, x)
    assert (int(state.seen), int(same.seen)) == (1, 0)


def test_instance_noise_follows_its_schedule_through_training():
    schedule = optax.linear_schedule(1.0, 0.0, 4)
    player = players.instance_noise(counter(), schedule)
    x = jnp.zeros((1, 40_000))

    @quick
    def train(keys):
        params, start = player.init(KEY)

        def step(state, key):
            noisy, state = player.apply(params, state, x, key)
            return state, jnp.std(noisy)

        return jax.lax.scan(step, start, keys)

    state, sizes = train(jax.random.split(KEY, 6))
    np.testing.assert_allclose(sizes, [1, 0.75, 0.5, 0.25, 0, 0], atol=0.01)
    assert int(state.seen) == 6 and float(state.net) == 6
    assert state.seen.dtype == jnp.int32


def test_instance_noise_is_kept_by_the_discriminators_own_moves():
    """The state that a game hands back has counted the data and the samples."""
    gen = Player(lambda key: ((), ()), lambda params, state, z, key: (z, state))
    scorer = Player(lambda key: ((), ()), lambda p, s, x, key, *, train=True: (x[:, 0], s))
    disc = players.instance_noise(scorer, 0.1)
    _, state = disc.init(KEY)
    carry = Carry(Pair((), state), Pair((), ()))
    for joint, count in ((True, 1), (False, 2)):
        game = make_game(
            Pair(gen, disc), terms.score_loss(losses.hinge),
            prior=lambda key, n: jnp.zeros((n, 2)), joint=joint,
        )  # fmt: skip
        _, aux = quick(game)(Pair((), ()), carry, Batch(jnp.ones((3, 2))), KEY)
        assert int(aux.carry_state.disc.seen) == count


def kernels():
    """A dense kernel, a convolution's, and parameters that are no kernels."""
    return {
        "bias": arrays(1, 4),
        "conv": 2 * arrays(2, 3, 3, 2, 5),
        "dense": 0.1 * arrays(3, 6, 4),
        "scale": arrays(4, 2, 2)[0],
    }


def holder():
    """A player that answers with its parameters."""
    return Player(
        lambda key: (kernels(), ()), lambda params, state, x, key, *, train=True: (params, state)
    )


def largest(kernel):
    return np.linalg.svd(np.asarray(kernel).reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


def test_spectral_norm_divides_kernels_by_the_largest_singular_value(x64):
    player = players.spectral_norm(holder(), steps=2)
    params = kernels()

    @quick
    def iterate(key):
        keys = jax.random.split(key, 50)
        start = player.init(key)[1]
        state, _ = jax.lax.scan(lambda s, k: (player.apply(params, s, None, k)[1], ()), start, keys)
        return player.apply(params, state, None, key)

    got, after = iterate(KEY)
    for name in ("conv", "dense"):
        np.testing.assert_allclose(got[name], params[name] / largest(params[name]), rtol=1e-9)
    for name in ("bias", "scale"):
        assert_equal(got[name], params[name])
    for name, u in zip(("conv", "dense"), after.vectors, strict=True):
        matrix = np.asarray(params[name]).reshape(-1, params[name].shape[-1])
        leading = np.linalg.svd(matrix)[2][0]
        np.testing.assert_allclose(abs(leading @ np.asarray(u)), 1, rtol=1e-9)


def test_spectral_norms_power_iteration_goes_on_in_training_and_rests_in_evaluation(x64):
    player = players.spectral_norm(holder())
    params, state = quick(player.init)(KEY)
    apply = quick(player.apply, static_argnames="train")
    kernel = np.asarray(params["dense"])
    u = np.asarray(state.vectors[1])
    for _ in range(3):
        at_rest, same = apply(params, state, None, KEY, train=False)
        assert_equal(same, state)
        np.testing.assert_allclose(at_rest["dense"], kernel / np.linalg.norm(kernel @ u), rtol=1e-9)
        got, state = apply(params, state, None, KEY)
        u = kernel.T @ (kernel @ u)
        u = u / np.linalg.norm(u)
        np.testing.assert_allclose(state.vectors[1], u, rtol=1e-9)
        np.testing.assert_allclose(got["dense"], kernel / np.linalg.norm(kernel @ u), rtol=1e-9)
    assert np.linalg.norm(kernel @ u) < largest(kernel) * (1 - 1e-6)


def test_spectral_norms_gradient_runs_through_sigma_and_not_through_its_vectors(x64):
    """Far from convergence the two differ: σ = vᵀWu with v and u held fixed."""
    player = players.spectral_norm(holder())
    params, state = quick(player.init)(KEY)
    weights = arrays(5, 6, 4)

    def total(dense):
        got, _ = player.apply({**params, "dense": dense}, state, None, KEY)
        return jnp.sum(weights * got["dense"])

    kernel, g = np.asarray(params["dense"]), np.asarray(weights)
    u = kernel.T @ (kernel @ np.asarray(state.vectors[1]))
    u = u / np.linalg.norm(u)
    v = kernel @ u
    sigma = np.linalg.norm(v)
    expected = g / sigma - np.sum(g * kernel) / sigma**2 * np.outer(v / sigma, u)
    np.testing.assert_allclose(quick(jax.grad(total))(params["dense"]), expected, rtol=1e-9)


def test_spectral_norm_of_zero_kernels_is_finite_and_comes_back():
    player = players.spectral_norm(holder())
    params, state = quick(player.init)(KEY)
    nothing = jax.tree.map(jnp.zeros_like, params)

    def total(params):
        got, after = player.apply(params, state, None, KEY)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(got)), after

    gradient, after = quick(jax.grad(total, has_aux=True))(nothing)
    chex.assert_tree_all_finite(gradient)
    assert_equal(after, state)


def test_an_ensembles_members_differ_and_their_scores_are_averaged():
    """So that a loss that is linear in the score is the mean of the members' own."""
    one, x = perceptron(2, 4, 1), arrays(6, 5, 2)
    mean = players.ensemble(one, 3)
    boldest = players.ensemble(one, 3, combine=functools.partial(jnp.max, axis=0))

    @quick
    def look(key):
        params, state = mean.init(key)
        members = [one.init(own) for own in jax.random.split(key, 3)]
        scores = [one.apply(*own, x, key)[0] for own in members]
        outputs = [player.apply(params, state, x, key)[0] for player in (mean, boldest)]
        return params, [own[0] for own in members], scores, outputs

    params, members, scores, outputs = look(KEY)
    for i, own in enumerate(members):
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], params), own, rtol=1e-6)
    assert np.ptp(scores, axis=0).min() > 1e-3
    np.testing.assert_allclose(outputs[0], np.mean(scores, axis=0), rtol=1e-5)
    np.testing.assert_allclose(outputs[1], np.max(scores, axis=0), rtol=1e-5)


def test_an_ensemble_keeps_each_members_state_and_gives_each_its_key():
    def apply(params, state, x, key, *, train=True):
        return x + jax.random.normal(key), state + jax.random.normal(key)

    player = players.ensemble(Player(lambda key: ((), jnp.zeros(())), apply), 4)
    got, state = quick(lambda key: player.apply(*player.init(key), jnp.zeros(2), key))(KEY)
    assert state.shape == (4,) and np.unique(state).size == 4
    np.testing.assert_allclose(got, np.tile(np.mean(state), 2), rtol=1e-6)


@pytest.mark.parametrize("shape", [(6, 2), (6, 3, 4, 2)])
def test_packed_joins_neighbours_along_the_channels(shape):
    seen = []

    def apply(params, state, x, key, *, train=True):
        seen.append(x)
        return Verdict(jnp.arange(x.shape[0]), features=x), state

    player = players.packed(Player(lambda key: ((), ()), apply), 3)
    x = arrays(9, *shape)
    verdict, _ = player.apply((), (), x, KEY)
    (joined,) = seen
    for pack in range(2):
        neighbours = [np.asarray(x[3 * pack + i]) for i in range(3)]
        np.testing.assert_array_equal(joined[pack], np.concatenate(neighbours, axis=-1))
    np.testing.assert_array_equal(verdict.score, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(verdict.features[2], verdict.features[0])


def test_a_packed_game_has_the_losses_of_one_score_a_pack():
    gen = Player(lambda key: ((), ()), lambda params, state, z, key: (z, state))
    line = Player(lambda key: (arrays(1, 4), ()), lambda p, s, x, key, *, train=True: (x @ p, s))
    latent, data, w = arrays(10, 6, 2), Batch(arrays(11, 6, 2)), arrays(1, 4)
    for joint in (False, True):
        game = make_game(
            Pair(gen, players.packed(line, 2)), terms.score_loss(losses.non_saturating),
            prior=lambda key, n: latent, joint=joint,
        )  # fmt: skip

        def disc(w, game=game):
            return game(Pair((), w), Carry(Pair((), ()), Pair((), ())), data, KEY)[0].disc

        def by_hand(w):
            scores = [x.reshape(3, 4) @ w for x in (data.real, latent)]
            return losses.non_saturating(*scores).disc

        values = quick(lambda w, fs=(disc, by_hand): [jax.value_and_grad(f)(w) for f in fs])(w)
        assert_close(*values, rtol=1e-5)


def test_packing_mixes_samples_and_says_so():
    player = players.packed(perceptron(4, 3, 1), 2)
    assert player.mixes == ("packed(m=2)",)
    gen = Player(lambda key: ((), ()), lambda params, state, z, key: (z, state))
    game = make_game(
        Pair(gen, players.instance_noise(player, 0.1)), terms.disc_penalty(1, penalties.r1),
        prior=lambda key, n: jnp.zeros((n, 2)),
    )  # fmt: skip

    def play(key):
        params, state = players.instance_noise(player, 0.1).init(key)
        carry = Carry(Pair((), state), Pair((), ()))
        return game(Pair((), params), carry, Batch(jnp.zeros((4, 2))), key)

    with pytest.raises(ValueError, match=r"r1 needs.*packed\(m=2\)"):
        jax.eval_shape(play, KEY)


def test_a_reference_batch_goes_first_and_its_answers_are_dropped():
    seen = []

    def apply(params, state, x, key, *, train=True):
        seen.append(x)
        return Verdict(10 * x[:, 0], features=x), state

    reference, x = arrays(12, 3, 2), arrays(13, 4, 2)
    player = players.reference_batch(Player(lambda key: ((), ()), apply), reference)
    params, state = player.init(KEY)
    verdict, after = player.apply(params, state, x, KEY)
    np.testing.assert_array_equal(seen[0], np.concatenate([reference, x]))
    np.testing.assert_allclose(verdict.score, 10 * x[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(verdict.features, x)
    assert_equal(after, state)
    np.testing.assert_array_equal(after.reference, reference)


def test_a_multiplier_is_one_more_parameter_of_which_nothing_depends():
    one = perceptron(2, 3, 1)
    player = players.multiplied(one, start=0.25)
    x = arrays(14, 4, 2)

    @quick
    def look(key):
        params, state = player.init(key)
        plain, _ = one.init(key)
        outputs = player.apply(params, state, x, key), one.apply(plain, (), x, key)
        return params, plain, outputs, players.multiplied(one).init(key)[0].multiplier

    params, plain, outputs, by_default = look(KEY)
    assert (float(params.multiplier), float(by_default)) == (0.25, 0)
    assert_equal(params.net, plain)
    assert_equal(*outputs)


WRAPPED = {
    "instance noise": players.instance_noise(perceptron(2, 4, 1), 0.5),
    # Its kernels have rank one: their singular vectors, without a gradient, do not turn with them.
    "spectral norm": players.spectral_norm(perceptron(2, 1, 1)),
    "ensemble": players.ensemble(perceptron(2, 4, 1), 3),
    "packed": players.packed(perceptron(4, 4, 1), 2),
    "reference batch": players.reference_batch(perceptron(2, 4, 1), arrays(16, 3, 2)),
    "multiplier": players.multiplied(perceptron(2, 4, 1)),
}


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_gradient_in_parameters_and_in_samples_is_the_central_difference(x64, wrapped):
    player, weights = WRAPPED[wrapped], arrays(17, 4, 1)

    @quick
    def slopes_and_ends(key, x):
        params, state = player.init(key)
        towards = jax.tree.map(lambda leaf: arrays(leaf.size, *leaf.shape), (params, x))

        def total(params, x):
            return jnp.sum(weights * player.apply(params, state, x, key)[0])

        def moved(shift, place):
            shifts = jnp.where(jnp.arange(2) == place, shift, 0)
            return total(*map(optax.tree.add_scale, (params, x), shifts, towards))

        slopes = map(optax.tree.vdot, jax.grad(total, argnums=(0, 1))(params, x), towards)
        ends = jax.vmap(jax.vmap(moved, (0, None)), (None, 0))(
            jnp.array([1e-6, -1e-6]), jnp.arange(2)
        )
        return jnp.stack([*slopes]), ends

    slopes, ends = slopes_and_ends(KEY, arrays(18, 4, 2))
    assert np.abs(slopes).min() > 1e-3
    np.testing.assert_allclose(slopes, (ends[:, 0] - ends[:, 1]) / 2e-6, rtol=1e-7, atol=1e-9)


def test_wrappers_nest():
    player = players.instance_noise(
        players.ensemble(players.spectral_norm(perceptron(2, 4, 1)), 2), 0.1
    )
    params, state = jax.eval_shape(player.init, KEY)
    output, after = jax.eval_shape(player.apply, params, state, arrays(15, 3, 2), KEY)
    assert output.shape == (3, 1)
    assert jax.tree.structure(after) == jax.tree.structure(state)


BAD = {
    "stddev must be 0 or more, or a schedule, got -1": (
        lambda: players.instance_noise(mirror(), -1)
    ),
    "steps must be 1 or more, got 0": lambda: players.spectral_norm(mirror(), steps=0),
    "an ensemble needs n of 1 or more, got 0": lambda: players.ensemble(mirror(), 0),
    "packed needs m of 1 or more, got 0": lambda: players.packed(mirror(), 0),
    "packed(m=2) takes batches that 2 divides, got 3": (
        lambda: players.packed(mirror(), 2).apply((), (), jnp.zeros((3, 2)), KEY)
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_what_cannot_be_is_refused(message):
    with pytest.raises(ValueError) as error:
        BAD[message]()
    assert str(error.value) == message


COUNTED = {
    "n": lambda n: players.ensemble(mirror(), n),
    "m": lambda m: players.packed(mirror(), m),
    "steps": lambda steps: players.spectral_norm(mirror(), steps=steps),
}


@pytest.mark.parametrize("count", [1.5, float("nan"), "2", None])
@pytest.mark.parametrize("name", COUNTED)
def test_counts_are_whole_numbers(name, count):
    with pytest.raises(ValueError) as error:
        COUNTED[name](count)
    assert str(error.value) == f"{name} must be a whole number, 1 or more, got {count!r}"


ODD = {
    "instance_noise needs floating-point samples, got uint8": (
        lambda: players.instance_noise(mirror(), 0.1),
        jnp.ones((4, 2), jnp.uint8),
    ),
    "packed(m=2) joins samples along their last axis, got a batch (4,)": (
        lambda: players.packed(mirror(), 2),
        jnp.ones(4),
    ),
    "reference_batch needs a reference and batches of one shape but for their number, "
    "got (2, 1) and (4, 3)": (
        lambda: players.reference_batch(mirror(), jnp.ones((2, 1))),
        jnp.ones((4, 3)),
    ),
}


@pytest.mark.parametrize("message", ODD)
def test_samples_that_a_wrapper_cannot_take_are_refused(message):
    wrap, x = ODD[message]
    player = wrap()
    params, state = player.init(KEY)
    with pytest.raises(ValueError) as error:
        player.apply(params, state, x, KEY)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "wrap",
    [players.spectral_norm, lambda player: players.averaged(player, 0.9), players.computed_in],
    ids=["spectral_norm", "averaged", "computed_in"],
)
def test_a_parameter_may_be_a_number_of_python(wrap):
    def times(params, state, x, key, *, train=True):
        return params * x, state

    player = wrap(Player(lambda key: (2.0, ()), times))
    params, state = player.init(KEY)
    for train in (True, False):
        output, _ = player.apply(params, state, jnp.ones((3, 2)), KEY, train=train)
        np.testing.assert_array_equal(output, np.full((3, 2), 2.0))
