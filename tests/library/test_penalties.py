"""Penalties on critics whose gradients are known, and their sampling against NumPy's own."""

import functools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays
from flax import linen, nnx
from scipy.special import ndtri

from ganstab import Batch, Carry, Pair, Player, penalties, players, terms
from ganstab.game import make_game
from ganstab.networks import stacked_mnist

KEY = jax.random.key(0)
LIPSCHITZ = [penalties.wgan_gp, penalties.dragan, penalties.dragan_paper]
ALL = [*LIPSCHITZ, penalties.r1, penalties.r2, penalties.r1_r2, penalties.js_regularizer]
APPROXIMATE = [penalties.approximate_r1, penalties.approximate_r2]


def by_name(penalty):
    return penalty.__name__


def bowl(x):
    """Half the squared norm of each sample: its gradient is the sample."""
    return 0.5 * jnp.sum(x.reshape(x.shape[0], -1) ** 2, axis=-1)


def slope(w):
    """A linear critic: its gradient is w everywhere."""
    return lambda x: x.reshape(x.shape[0], -1) @ w


def hidden(params, x):
    """The scores of a critic with one hidden layer."""
    return jnp.sum(jnp.tanh(x.reshape(x.shape[0], -1) @ params), axis=-1)


def norms(x):
    return [np.linalg.norm(sample) for sample in np.asarray(x)]


def images(seed, n=5):
    """Samples of three axes, of very different norms."""
    return arrays(seed, n, 2, 3, 2) * jnp.arange(1.0, n + 1).reshape(-1, 1, 1, 1)


def test_r1_and_r2_are_mean_squares_of_each_samples_norm(x64):
    real, fake = images(0), images(1)
    squares = [np.mean(np.square(norms(x))) for x in (real, fake)]
    np.testing.assert_allclose(penalties.r1(bowl, real, fake, KEY), squares[0], rtol=1e-12)
    np.testing.assert_allclose(penalties.r2(bowl, real, fake, KEY), squares[1], rtol=1e-12)


@pytest.mark.parametrize("target", [1.0, 0.0, 3.0])
def test_wgan_gp_takes_each_samples_norm(x64, target):
    # Between a sample and itself lies only the sample, whatever the weight.
    real = images(2)
    expected = np.mean([(norm - target) ** 2 for norm in norms(real)])
    got = penalties.wgan_gp(bowl, real, real, KEY, target=target)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "penalty",
    [
        functools.partial(penalties.dragan, scale=0.0),
        functools.partial(penalties.dragan_paper, variance=0.0),
    ],
)
def test_dragan_takes_each_samples_norm(x64, penalty):
    real = images(3)
    expected = np.mean([(norm - 1) ** 2 for norm in norms(real)])
    np.testing.assert_allclose(penalty(bowl, real, jnp.zeros_like(real), KEY), expected, rtol=1e-12)


def test_wgan_gp_weighs_each_sample_once_and_uniformly():
    # From 0 to (1, …, 1) the gradient of the bowl is 1-u in all 16 entries, its norm 4(1-u):
    # E (4u - 1)² = 16/3 - 4 + 1. One weight an entry would give about (√(16/3) - 1)² = 1.71.
    real, fake = jnp.zeros((40_000, 16)), jnp.ones((40_000, 16))
    np.testing.assert_allclose(penalties.wgan_gp(bowl, real, fake, KEY), 7 / 3, rtol=0.02)


def test_wgan_gp_is_on_the_line_between_real_and_fake():
    # Off the line through (1, 0) and (0, 1), |x + y - 1| would be more than 0.
    real, fake = jnp.tile(jnp.array([1.0, 0.0]), (50, 1)), jnp.tile(jnp.array([0.0, 1.0]), (50, 1))

    def off_the_line(x):
        return 0.5 * (jnp.sum(x, axis=-1) - 1) ** 2

    np.testing.assert_allclose(
        penalties.wgan_gp(off_the_line, real, fake, KEY, target=0.0), 0, atol=1e-12
    )


def test_dragan_noise_has_the_published_law():
    # Of gradient u·δ alone. The reference draws it anew with NumPy.
    real = jnp.tile(jnp.array([[3.0], [-1.0]]), (20_000, 9))
    rng = np.random.default_rng(0)
    delta = 0.5 * 2.0 * rng.uniform(size=(200_000, 9))
    drawn = rng.uniform(size=200_000) * np.linalg.norm(delta, axis=-1)

    def moved(x):
        return bowl(x - real)

    got = penalties.dragan(moved, real, jnp.zeros_like(real), KEY)
    np.testing.assert_allclose(got, np.mean((drawn - 1) ** 2), rtol=0.01)
    got = penalties.dragan(moved, real, jnp.zeros_like(real), KEY, target=0.0, scale=1.0)
    np.testing.assert_allclose(got, np.mean((2 * drawn) ** 2), rtol=0.02)


def test_dragan_noise_of_the_paper_is_normal_of_the_given_variance():
    # ‖δ‖ of 9 normal numbers: a chi distribution, E ‖δ‖² = 9c, E ‖δ‖ = √(2c) Γ(5) / Γ(4.5).
    real = 100 * jnp.tile(jnp.array([[3.0], [-1.0]]), (20_000, 9))
    mean = math.sqrt(2 * 4) * math.gamma(5) / math.gamma(4.5)

    def moved(x):
        return bowl(x - real)

    got = penalties.dragan_paper(moved, real, real, KEY, variance=4.0)
    np.testing.assert_allclose(got, 36 - 2 * mean + 1, rtol=0.01)
    got = penalties.dragan_paper(moved, real, real, KEY, target=0.0)
    np.testing.assert_allclose(got, 90, rtol=0.01)


@pytest.mark.parametrize("variance", [-1.0, float("nan")])
def test_a_variance_that_is_none_is_refused(variance):
    with pytest.raises(ValueError, match=f"variance must be 0 or more, got {variance}"):
        penalties.dragan_paper(bowl, jnp.zeros((2, 2)), None, KEY, variance=variance)


def test_js_regularizer_weighs_each_samples_norm_by_its_probability(x64):
    real, fake = images(20) / 4, images(21) / 4
    p, q = (1 / (1 + np.exp(-0.5 * np.square(norms(x)))) for x in (real, fake))
    expected = np.mean((1 - p) ** 2 * np.square(norms(real)))
    expected += np.mean(q**2 * np.square(norms(fake)))
    got = penalties.js_regularizer(bowl, real, fake, KEY)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def normal_density(x, mean, stddev):
    return np.exp(-(((x - mean) / stddev) ** 2) / 2) / stddev / math.sqrt(2 * math.pi)


def test_js_regularizer_is_what_a_little_noise_adds_at_the_best_discriminator(x64):
    """Data N(0, 1), samples N(1, 1): log p − log q is the line ½ − x, and a sum is an integral."""
    x = np.linspace(-9.0, 10.0, 4001)

    def loss(variance):
        stddev = math.sqrt(1 + variance)
        real, fake = (normal_density(x, mean, stddev) for mean in (0, 1))
        of_score = real * np.logaddexp(0, x - 0.5) + fake * np.logaddexp(0, 0.5 - x)
        return np.sum(of_score) * (x[1] - x[0])

    # Samples at equal quantiles, a hundred thousand each.
    quantiles = ndtri((np.arange(100_000) + 0.5) / 100_000)[:, None]
    got = penalties.js_regularizer(
        lambda x: 0.5 - x[:, 0], jnp.asarray(quantiles), jnp.asarray(quantiles + 1), KEY
    )
    np.testing.assert_allclose((loss(1e-4) - loss(0)) / 1e-4, 0.5 * got, rtol=1e-3)


@pytest.mark.parametrize("penalty", [*ALL, *APPROXIMATE], ids=by_name)
def test_scores_of_one_column_are_one_score_a_sample(penalty):
    real, fake = images(1), images(2)
    column = penalty(lambda x: bowl(x)[:, None], real, fake, KEY)
    np.testing.assert_array_equal(column, penalty(bowl, real, fake, KEY))


@pytest.mark.parametrize("penalty", [*ALL, *APPROXIMATE], ids=by_name)
@pytest.mark.parametrize("scores", [lambda x: x[:2, 0, 0, 0], jnp.sum], ids=["two", "none"])
def test_a_critic_whose_scores_have_no_batch_in_front_is_refused(penalty, scores):
    with pytest.raises(ValueError, match=r"\((5|10),\).* but g(ave|ot) \((2,)?\)"):
        penalty(scores, images(1), images(2), KEY)


@pytest.mark.parametrize("penalty", ALL, ids=by_name)
def test_of_several_scores_a_sample_their_mean_is_penalised(penalty):
    """But the Jensen-Shannon regulariser weighs each sample by its score."""
    real, fake = images(1), images(2)

    def several(x):
        return jnp.stack([bowl(x), 3 * bowl(x)], axis=-1)[:, None]

    if penalty is penalties.js_regularizer:
        with pytest.raises(ValueError, match="js_regularizer needs one score a sample"):
            penalty(several, real, fake, KEY)
    else:
        expected = penalty(lambda x: 2 * bowl(x), real, fake, KEY)
        np.testing.assert_allclose(penalty(several, real, fake, KEY), expected, rtol=1e-5)


@pytest.mark.parametrize("right", [0, 1])
def test_js_regularizer_at_extreme_scores(right):
    """Where the critic is as right as can be it costs nothing, where as wrong each whole norm."""
    sign = 1.0 if right else -1.0
    real, fake = jnp.full((2, 1), 1e4), jnp.full((2, 1), -1e4)

    def on(w):
        return penalties.js_regularizer(slope(w), real, fake, KEY)

    value, gradient = jax.value_and_grad(on)(jnp.array([sign]))
    np.testing.assert_allclose(value, 0 if right else 2)
    np.testing.assert_allclose(gradient, [0 if right else -4])


@pytest.mark.parametrize("penalty", LIPSCHITZ, ids=by_name)
def test_a_linear_critic_and_its_gradient_in_closed_form(x64, penalty):
    real, fake, w = images(4), images(5), arrays(6, 12)
    size = np.linalg.norm(w)

    def on(w, **options):
        return penalty(slope(w), real, fake, KEY, **options)

    np.testing.assert_allclose(on(w), (size - 1) ** 2, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(on)(w), 2 * (size - 1) * w / size, rtol=1e-12)
    np.testing.assert_allclose(on(w, one_sided=True), (size - 1) ** 2, rtol=1e-12)
    small = 0.5 * w / size
    np.testing.assert_allclose(on(small), 0.25, rtol=1e-12)
    assert on(small, one_sided=True) == 0
    np.testing.assert_allclose(on(small, target=0.2, one_sided=True), 0.09, rtol=1e-12)


def test_r1_r2_is_the_sum_of_both_and_so_is_its_gradient(x64):
    real, fake, params = images(0), images(1), arrays(2, 12, 4)

    def on(penalty):
        def value(params):
            return penalty(lambda x: hidden(params, x), real, fake, KEY)

        return jax.value_and_grad(value)(params)

    total = jax.tree.map(jnp.add, on(penalties.r1), on(penalties.r2))
    chex.assert_trees_all_close(on(penalties.r1_r2), total, rtol=1e-12)


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2], ids=by_name)
def test_square_penalties_of_a_linear_critic(x64, penalty):
    w = arrays(7, 12)
    value, gradient = jax.value_and_grad(lambda w: penalty(slope(w), images(8), images(9), KEY))(w)
    np.testing.assert_allclose(value, np.sum(np.square(w)), rtol=1e-12)
    np.testing.assert_allclose(gradient, 2 * w, rtol=1e-12)


@pytest.mark.parametrize("penalty", [*ALL, *APPROXIMATE], ids=by_name)
def test_gradient_in_the_critics_parameters_is_the_central_difference(x64, penalty):
    params, towards = arrays(10, 12, 4), arrays(11, 12, 4)
    real, fake = images(12) / 5, images(13) / 5

    def on(params):
        return penalty(lambda x: hidden(params, x), real, fake, KEY)

    ends = on(params + 1e-6 * towards), on(params - 1e-6 * towards)
    got = jnp.vdot(jax.grad(on)(params), towards)
    assert abs(got) > 0.01
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("penalty", [*ALL, *APPROXIMATE], ids=by_name)
def test_safe_where_the_critics_gradient_is_zero(penalty):
    def on(w):
        return penalty(slope(w), images(14), images(15), KEY)

    value, gradient = jax.value_and_grad(on)(jnp.zeros(12))
    assert value == (1 if penalty in LIPSCHITZ else 0)
    chex.assert_tree_all_finite(gradient)
    np.testing.assert_array_equal(gradient, 0)


def own_samples(penalty):
    """Called with the samples that it is of, in their place."""
    of_real = penalty is penalties.approximate_r1
    return lambda critic, x, **options: penalty(
        critic, *((x, None) if of_real else (None, x)), KEY, **options
    )


@pytest.mark.parametrize("penalty", APPROXIMATE, ids=by_name)
@pytest.mark.parametrize("scale", [0.01, 3.0])
def test_the_approximation_of_a_linear_critic_is_of_its_slopes_at_any_scale(x64, penalty, scale):
    """`E (w·ε)²` with the drawn ε, whose mean over ε is ‖w‖², as is the exact penalty."""
    w, x = arrays(7, 12), images(8)
    noise = np.asarray(jax.random.normal(KEY, x.shape, x.dtype)).reshape(5, 12)
    value, gradient = jax.value_and_grad(lambda w: own_samples(penalty)(slope(w), x, scale=scale))(
        w
    )
    np.testing.assert_allclose(value, np.mean((noise @ w) ** 2), rtol=1e-10)
    np.testing.assert_allclose(gradient, 2 * noise.T @ (noise @ w) / 5, rtol=1e-10)
    many = jnp.zeros((20_000, 2, 3, 2))
    np.testing.assert_allclose(
        own_samples(penalty)(slope(w), many, scale=scale), np.sum(np.square(w)), rtol=0.05
    )


@pytest.mark.parametrize("penalty", APPROXIMATE, ids=by_name)
def test_what_the_approximation_adds_to_the_exact_penalty(x64, penalty, monkeypatch):
    """σ²(½‖H‖² + ¼(tr H)² + ∇D·∇ tr H): 45σ²x² for x³, and d/2 + d²/4 times σ² for the bowl."""
    quantiles = ndtri((np.arange(200_000) + 0.5) / 200_000)[:, None]
    monkeypatch.setattr(jax.random, "normal", lambda key, shape, dtype: jnp.asarray(quantiles))
    x = jnp.full((200_000, 1), 1.5)

    def cubes(scale):
        return own_samples(penalty)(lambda x: x[:, 0] ** 3, x, scale=scale)

    # Two scales, so that what the quantiles lack of the normal law's moments drops out.
    added = (cubes(0.05) - cubes(0.01)) / (0.05**2 - 0.01**2)
    np.testing.assert_allclose(added, 45 * 1.5**2, rtol=0.02)
    np.testing.assert_allclose(cubes(1e-3), (3 * 1.5**2) ** 2, rtol=1e-3)
    monkeypatch.undo()
    many, scale = jnp.ones((100_000, 4)), 1.0
    got = own_samples(penalty)(bowl, many, scale=scale)
    np.testing.assert_allclose(got, 4 + scale**2 * (4 / 2 + 4**2 / 4), rtol=0.03)


@pytest.mark.parametrize("penalty", APPROXIMATE, ids=by_name)
def test_an_approximation_has_a_scale_and_draws_of_its_key(penalty):
    with pytest.raises(ValueError, match="scale must be positive, got 0"):
        own_samples(penalty)(bowl, images(1), scale=0.0)
    on = functools.partial(penalty, bowl, images(18), images(19))
    assert on(KEY) == on(KEY) != on(jax.random.key(1))


def test_each_penalty_looks_at_its_own_samples():
    here, far = images(16), 100 + images(17)
    assert penalties.r1(bowl, here, far, KEY) == penalties.r1(bowl, here, here, KEY)
    assert penalties.r2(bowl, far, here, KEY) == penalties.r2(bowl, here, here, KEY)
    assert penalties.dragan(bowl, here, far, KEY) == penalties.dragan(bowl, here, here, KEY)
    on = penalties.dragan_paper
    assert on(bowl, here, far, KEY) == on(bowl, here, here, KEY)
    assert penalties.wgan_gp(bowl, here, far, KEY) > 10 * penalties.wgan_gp(bowl, here, here, KEY)


@pytest.mark.parametrize("penalty", LIPSCHITZ, ids=by_name)
def test_random_and_replayed_by_key(penalty):
    on = functools.partial(penalty, bowl, images(18), images(19))
    assert on(KEY) == on(KEY) != on(jax.random.key(1))


@pytest.mark.parametrize("penalty", [penalties.wgan_gp, penalties.r1_r2], ids=by_name)
def test_samples_of_different_shapes_are_refused_with_both_named(penalty):
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(5, 3\)"):
        penalty(bowl, jnp.zeros((4, 3)), jnp.zeros((5, 3)), KEY)


def critic_with(norm, inputs=2):
    """A player whose second layer is `norm`."""
    return players.from_nnx(
        lambda rngs: nnx.Sequential(
            nnx.Linear(inputs, 4, rngs=rngs), norm(4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)
        )
    )


def linen_with(norm):
    class Critic(linen.Module):
        @linen.compact
        def __call__(self, x, train):
            x = linen.Dense(4)(x)
            options = {"use_running_average": not train} if norm is linen.BatchNorm else {}
            return linen.Dense(1)(norm(name="middle", **options)(x))

    return players.from_linen(Critic(), jax.ShapeDtypeStruct((1, 2), jnp.float32))


def judged(disc, *, shape=(4, 2), penalty=penalties.wgan_gp, **options):
    """The shapes of a game's losses: nothing is computed."""
    gen = Player(lambda key: ((), ()), lambda params, state, z, key: (z, state))
    game = make_game(
        Pair(gen, disc), terms.disc_penalty(1.0, penalty, **options),
        prior=lambda key, n: jnp.zeros((n, *shape[1:])),
    )  # fmt: skip

    def play(key):
        params, state = disc.init(key)
        carry = Carry(Pair((), state), Pair((), ()))
        return game(Pair((), params), carry, Batch(jnp.zeros(shape)), key)[0]

    return jax.eval_shape(play, KEY)


MIXING = {
    "layers.1 (BatchNorm)": lambda: critic_with(nnx.BatchNorm),
    "middle (BatchNorm)": lambda: linen_with(linen.BatchNorm),
}


@pytest.mark.parametrize("layer", MIXING)
def test_a_critic_that_mixes_samples_is_refused_by_the_layers_name(layer):
    with pytest.raises(ValueError) as error:
        judged(MIXING[layer]())
    message = str(error.value)
    assert "\n" not in message
    for part in ("wgan_gp needs", layer, "flax.nnx.LayerNorm", "allow_mixing=True"):
        assert part in message
    assert judged(MIXING[layer](), allow_mixing=True).disc.shape == ()


@pytest.mark.parametrize("penalty", [penalties.r1_r2, *APPROXIMATE], ids=by_name)
def test_penalties_of_both_kinds_and_of_differences_refuse_it_too(penalty):
    with pytest.raises(ValueError, match=f"{penalty.__name__} needs each sample's score"):
        judged(critic_with(nnx.BatchNorm), penalty=penalty)


def test_the_stacked_mnist_discriminator_is_refused_with_all_its_norms():
    disc = players.from_nnx(lambda rngs: stacked_mnist.Discriminator(side=8, rngs=rngs))
    layers = r"norms\.0 \(BatchNorm\), norms\.1 \(BatchNorm\), norms\.2 \(BatchNorm\)"
    with pytest.raises(ValueError, match=layers):
        judged(disc, shape=(4, 8, 8, 3))


def test_layer_norm_is_taken():
    for disc in (critic_with(nnx.LayerNorm), linen_with(linen.LayerNorm)):
        assert disc.mixes == () and judged(disc).disc.shape == ()


NO_SAMPLES = {
    "uint8 (3, 4)": jnp.ones((3, 4), jnp.uint8),
    "int32 (3, 4)": jnp.ones((3, 4), jnp.int32),
    "float32 (0, 4)": jnp.ones((0, 4)),
    "float32 ()": jnp.ones(()),
}


@pytest.mark.parametrize("got", NO_SAMPLES)
@pytest.mark.parametrize("penalty", [*ALL, *APPROXIMATE], ids=by_name)
def test_samples_that_have_no_gradient_are_refused(penalty, got):
    x = NO_SAMPLES[got]
    with pytest.raises(ValueError) as error:
        penalty(lambda x: jnp.sum(jnp.float32(x), -1), x, x, KEY)
    asked = "samples [B, …] in floating point, one or more"
    assert str(error.value) == f"{penalty.__name__} needs {asked}, got {got}"


@pytest.mark.parametrize("penalty", [*ALL, *APPROXIMATE], ids=by_name)
def test_samples_in_numpy_arrays_are_those_in_jax_arrays(penalty, recwarn):
    real, fake = (np.float64(images(seed)) for seed in (40, 41))
    found = penalty(bowl, real, fake, KEY)
    assert found == penalty(bowl, jnp.asarray(real), jnp.asarray(fake), KEY)
    assert not recwarn.list
