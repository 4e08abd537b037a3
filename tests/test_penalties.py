"""Penalties on critics whose gradients are known, and their sampling against NumPy's own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import all_finite, arrays

from ganstab import penalties

KEY = jax.random.key(0)
LIPSCHITZ = [penalties.wgan_gp, penalties.dragan]
ALL = [*LIPSCHITZ, penalties.r1, penalties.r2]


def by_name(penalty):
    return penalty.__name__


def bowl(x):
    """Half the squared norm of each sample: its gradient is the sample."""
    return 0.5 * jnp.sum(x.reshape(x.shape[0], -1) ** 2, axis=-1)


def slope(w):
    """A linear critic: its gradient is w everywhere."""
    return lambda x: x.reshape(x.shape[0], -1) @ w


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


def test_dragan_takes_each_samples_norm(x64):
    real = images(3)
    expected = np.mean([(norm - 1) ** 2 for norm in norms(real)])
    np.testing.assert_allclose(
        penalties.dragan(bowl, real, jnp.zeros_like(real), KEY, scale=0.0), expected, rtol=1e-12
    )


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


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2], ids=by_name)
def test_square_penalties_of_a_linear_critic(x64, penalty):
    w = arrays(7, 12)
    value, gradient = jax.value_and_grad(lambda w: penalty(slope(w), images(8), images(9), KEY))(w)
    np.testing.assert_allclose(value, np.sum(np.square(w)), rtol=1e-12)
    np.testing.assert_allclose(gradient, 2 * w, rtol=1e-12)


@pytest.mark.parametrize("penalty", ALL, ids=by_name)
def test_gradient_in_the_critics_parameters_is_the_central_difference(x64, penalty):
    params, towards = arrays(10, 12, 4), arrays(11, 12, 4)
    real, fake = images(12) / 5, images(13) / 5

    def on(params):
        def critic(x):
            return jnp.sum(jnp.tanh(x.reshape(x.shape[0], -1) @ params), axis=-1)

        return penalty(critic, real, fake, KEY)

    ends = on(params + 1e-6 * towards), on(params - 1e-6 * towards)
    got = jnp.vdot(jax.grad(on)(params), towards)
    assert abs(got) > 0.01
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("penalty", ALL, ids=by_name)
def test_safe_where_the_critics_gradient_is_zero(penalty):
    def on(w):
        return penalty(slope(w), images(14), images(15), KEY)

    value, gradient = jax.value_and_grad(on)(jnp.zeros(12))
    assert value == (1 if penalty in LIPSCHITZ else 0)
    assert all_finite(gradient)
    np.testing.assert_array_equal(gradient, 0)


def test_each_penalty_looks_at_its_own_samples():
    here, far = images(16), 100 + images(17)
    assert penalties.r1(bowl, here, far, KEY) == penalties.r1(bowl, here, here, KEY)
    assert penalties.r2(bowl, far, here, KEY) == penalties.r2(bowl, here, here, KEY)
    assert penalties.dragan(bowl, here, far, KEY) == penalties.dragan(bowl, here, here, KEY)
    assert penalties.wgan_gp(bowl, here, far, KEY) > 10 * penalties.wgan_gp(bowl, here, here, KEY)


@pytest.mark.parametrize("penalty", LIPSCHITZ, ids=by_name)
def test_random_and_replayed_by_key(penalty):
    on = functools.partial(penalty, bowl, images(18), images(19))
    assert on(KEY) == on(KEY) != on(jax.random.key(1))


def test_wgan_gp_refuses_samples_of_different_shapes_with_both_named():
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(5, 3\)"):
        penalties.wgan_gp(bowl, jnp.zeros((4, 3)), jnp.zeros((5, 3)), KEY)
