"""The Laplacian pyramid of games: against NumPy pixel by pixel, its gradients by differences."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, assert_equal, doubled, halved, quick

from ganstab import (
    Batch,
    Carry,
    Pair,
    Player,
    TrainState,
    losses,
    stages,
    steps,
    terms,
)
from ganstab.game import make_game
from ganstab.networks import resolutions
from ganstab.stages import pyramid

KEY = jax.random.key(0)
TXS = Pair(optax.sgd(0.1), optax.sgd(0.2))


def tinted(inputs, outputs):
    """A player without state that works on each pixel alone."""

    def init(key):
        return jax.random.normal(key, (inputs, outputs)), ()

    def apply(params, state, x, key, *, train=True):
        return jnp.tanh(x @ params), state

    return Player(init, apply)


def latent(pixels):
    """The coarsest generator: latent numbers become the pixels of a square of one channel."""

    def init(key):
        return jax.random.normal(key, (2, pixels**2)), ()

    def apply(params, state, z, key, *, train=True):
        return (z @ params).reshape(-1, pixels, pixels, 1), state

    return Player(init, apply)


def critic():
    """Sees one channel, weighs every pixel by its place and value."""

    def init(key):
        return jax.random.normal(key, (2,)), ()

    def apply(params, state, x, key, *, train=True):
        place = jnp.arange(x[0].size, dtype=x.dtype).reshape(1, *x.shape[1:])
        return jnp.mean(jnp.sin(params[0] * x + params[1] * place), axis=(1, 2, 3)), state

    return Player(init, apply)


def drawn(key, n):
    return jax.random.normal(key, (n, 2))


def fixed_noise(side):
    """A prior whose draws are known."""
    return lambda key, n: jnp.linspace(-1.0, 1.0, n * side**2).reshape(n, side, side, 1)


def levels():
    """Squares of 2, 4 and 8 pixels, one channel."""
    coarsest = pyramid.Level(
        Pair(latent(2), critic()), lambda key, n: jax.random.normal(key, (n, 2))
    )
    refined = Pair(pyramid.refining(tinted(2, 1)), critic())
    return [coarsest, *(pyramid.Level(refined, fixed_noise(side)) for side in (4, 8))]


def test_down_and_up_pixel_by_pixel(x64):
    images = arrays(0, 2, 4, 6, 3)
    half, double = quick(lambda x: (resolutions.down(x), resolutions.up(x)))(images)
    np.testing.assert_allclose(half, halved(np.asarray(images)), rtol=1e-14)
    np.testing.assert_array_equal(double, doubled(images))
    np.testing.assert_array_equal(quick(resolutions.down)(double), images)


def test_blend_is_either_image_to_the_last_bit_and_linear_between():
    old, new = arrays(1, 3, 3), arrays(2, 3, 3)
    np.testing.assert_array_equal(resolutions.blend(old, new, 0.0), old)
    np.testing.assert_array_equal(resolutions.blend(old, new, 1.0), new)
    expected = 0.75 * np.asarray(old) + 0.25 * np.asarray(new)
    np.testing.assert_allclose(resolutions.blend(old, new, 0.25), expected, rtol=1e-6)


def test_laplacian_and_its_inverse(x64):
    images = arrays(3, 2, 8, 4, 3)
    made, back = quick(lambda x: (x := pyramid.laplacian(x, 3), pyramid.collapse(x)))(images)
    finest = np.asarray(images)
    middle, coarsest = halved(finest), halved(halved(finest))
    expected = [coarsest, middle - doubled(coarsest), finest - doubled(middle)]
    for level, by_hand in zip(made, expected, strict=True):
        np.testing.assert_allclose(level, by_hand, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(back, images, rtol=1e-14, atol=1e-15)


def test_the_inverse_is_exact_on_images_of_whole_numbers():
    images = jnp.asarray(np.random.default_rng(4).integers(0, 256, (2, 8, 8, 3)), float)
    for n in (4, 1):
        back = quick(lambda x, n=n: pyramid.collapse(pyramid.laplacian(x, n)))(images)
        np.testing.assert_array_equal(back, images)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_sees_its_own_images_and_the_coarse_ones(x64, level):
    images = arrays(5, 3, 8, 8, 1)
    got = quick(lambda real: pyramid.seen_by(level, 3, Batch(real)))(images)
    own = np.asarray(images)
    for _ in range(2 - level):
        own = halved(own)
    np.testing.assert_allclose(got.real, own, rtol=1e-12, atol=1e-15)
    if level == 0:
        assert got.label is None
    else:
        np.testing.assert_allclose(got.label, doubled(halved(own)), rtol=1e-12, atol=1e-15)


def test_a_levels_game_by_hand(x64):
    """Samples are coarse image and residual, the losses those of whole images."""
    chosen = levels()
    game = pyramid.games(chosen, terms.score_loss(losses.wasserstein))[1]
    images = arrays(6, 3, 8, 8, 1)
    carry, params = Carry(Pair((), ()), Pair((), ())), Pair(arrays(8, 2, 1), arrays(9, 2))

    @quick
    def played(params, batch):
        fake, _ = game.play(params.gen, carry, batch, KEY)
        return fake, game(params, carry, batch, KEY)[0]

    fake, found = played(params, Batch(images))

    real = halved(np.asarray(images))
    coarse = doubled(halved(real))
    seen = np.concatenate([np.asarray(fixed_noise(4)(KEY, 3)), coarse], axis=-1)
    made = coarse + np.tanh(seen @ np.asarray(params.gen))
    np.testing.assert_allclose(fake, made, rtol=1e-12)
    a, b = np.asarray(params.disc)
    place = np.arange(16.0).reshape(1, 4, 4, 1)
    scores = [np.sin(a * x + b * place).mean() for x in (real, made)]
    np.testing.assert_allclose(found, (-scores[1], scores[1] - scores[0]), rtol=1e-12)


def test_gradients_are_central_differences(x64):
    chosen = levels()
    game = pyramid.games(chosen, terms.score_loss(losses.non_saturating))[2]
    batch = Batch(arrays(7, 2, 8, 8, 1))
    carry = Carry(Pair((), ()), Pair((), ()))
    params = Pair(arrays(8, 2, 1), 0.3 * arrays(9, 2))
    towards = Pair(arrays(10, 2, 1), arrays(11, 2))

    @quick
    def slopes_and_ends(params):
        def own(player, h):
            at = jax.tree.map(lambda p, t: p + h * t, params[player], towards[player])
            moved = Pair(*(at if i == player else p for i, p in enumerate(params)))
            return game(moved, carry, batch, KEY)[0][player]

        return [
            (jax.grad(lambda h, i=i: own(i, h))(0.0), own(i, 1e-6), own(i, -1e-6)) for i in (0, 1)
        ]

    for slope, ahead, behind in slopes_and_ends(params):
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-6)


def test_levels_train_one_after_the_other_by_ordinary_steps():
    chosen = levels()[:2]
    term = terms.score_loss(losses.non_saturating)
    schedule = [
        stages.alone(game, level.players, TXS, steps=2, batch=4)
        for game, level in zip(pyramid.games(chosen, term), chosen, strict=True)
    ]
    images = np.asarray(arrays(12, 2, 2, 4, 4, 4, 1))
    state = None
    for place, stage in enumerate(schedule):
        key = jax.random.fold_in(KEY, place)
        start = state = stage.begin(key, state)
        assert_equal(start, steps.init(stage.players, TXS, key))
        step = quick(stages.scheduled(stage))
        for at in range(stage.steps):
            state, metrics = step(state, Batch(images[at]))
            chex.assert_tree_all_finite(metrics)
        assert int(state.step) == 2 and step._cache_size() == 1
        for old, new in zip(start.params, state.params, strict=True):
            assert np.abs(np.asarray(new - old)).max() > 1e-4
    # The last level again, as a conditional game of its own with batches made by hand.
    plain = make_game(chosen[1].players, term, prior=chosen[1].prior, conditional=True)
    by_hand, step = start, quick(steps.alternating(plain, TXS))
    for at in range(2):
        flat = images[at].reshape(8, 4, 4, 1)
        coarse = doubled(halved(flat)).reshape(images[at].shape).astype(images.dtype)
        by_hand, _ = step(by_hand, Batch(images[at], coarse))
    assert_close(state.params, by_hand.params, 1e-4, 1e-6)


def test_samples_run_through_the_whole_pyramid(x64):
    chosen = levels()
    params = [arrays(13, 2, 4), arrays(14, 2, 1), arrays(15, 2, 1)]

    @quick
    def sampled(params, key):
        carry, step = Carry(Pair((), ()), Pair((), ())), jnp.zeros((), jnp.int32)
        trained = [TrainState(Pair(own, ()), carry, step, key) for own in params]
        return pyramid.sample(chosen, trained, key, 3)

    made = [np.asarray(images) for images in sampled(params, KEY)]
    assert [images.shape for images in made] == [(3, side, side, 1) for side in (2, 4, 8)]
    for weights, side, coarse, fine in zip(params[1:], (4, 8), made, made[1:], strict=False):
        seen = np.concatenate([np.asarray(fixed_noise(side)(KEY, 3)), doubled(coarse)], axis=-1)
        expected = doubled(coarse) + np.tanh(seen @ np.asarray(weights))
        np.testing.assert_allclose(fine, expected, rtol=1e-12)
    assert np.abs(sampled(params, jax.random.key(1))[0] - made[0]).max() > 0.1


def test_the_noise_plane_is_uniform_between_minus_one_and_one():
    noise = np.asarray(quick(pyramid.noise_plane(32, 2), static_argnums=1)(KEY, 20))
    assert noise.shape == (20, 32, 32, 2) and noise.min() >= -1 and noise.max() < 1
    np.testing.assert_allclose((noise.mean(), noise.var()), (0, 1 / 3), atol=0.01)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"even height and width, got shape \(1, 3, 4, 1\)"):
        resolutions.down(jnp.zeros((1, 3, 4, 1)))
    with pytest.raises(ValueError, match=r"even height and width, got shape \(4, 4\)"):
        resolutions.down(jnp.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"1 level or more, got 0"):
        pyramid.laplacian(jnp.zeros((1, 4, 4, 1)), 0)
    with pytest.raises(ValueError, match=r"1 level or more, got 0"):
        pyramid.games([], terms.drift())
    wrong = pyramid.refining(tinted(2, 3))
    x = jnp.zeros((1, 2, 2, 1)), jnp.zeros((1, 2, 2, 1))
    with pytest.raises(ValueError, match=r"coarse images' shape \(1, 2, 2, 1\), but gave \(1, 2"):
        wrong.apply(jnp.zeros((2, 3)), (), x, KEY)
