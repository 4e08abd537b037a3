"""Losses against sums over probabilities in NumPy, hand-computed numbers, and at extreme scores."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, quick

from ganstab import losses

SMOOTHED = functools.partial(losses.non_saturating, label_smoothing=0.1)
SMOOTHED_MINIMAX = functools.partial(losses.minimax, label_smoothing=0.25)


def sigmoid(score):
    return 1 / (1 + np.exp(-score))


def entropy(real, fake, real_target=1.0):
    """The discriminator's cross entropy, from its probabilities."""
    p, q = sigmoid(real), sigmoid(fake)
    on_real = real_target * np.log(p) + (1 - real_target) * np.log(1 - p)
    return -(on_real.mean() + np.log(1 - q).mean())


def hinge_disc(real, fake):
    return np.where(real < 1, 1 - real, 0).mean() + np.where(fake > -1, 1 + fake, 0).mean()


def relativistic(real, fake):
    """How much more real than the other kind's average each sample is, as the two kinds."""
    return real - fake.mean(), fake - real.mean()


def least_squares_disc(real, fake):
    return np.mean((real - 1) ** 2) / 2 + np.mean((fake + 1) ** 2) / 2


REFERENCES = {
    "minimax": (losses.minimax, lambda r, f: (-entropy(r, f), entropy(r, f))),
    "minimax, smoothed": (
        SMOOTHED_MINIMAX,
        lambda r, f: (-entropy(r, f), entropy(r, f, 0.75)),
    ),
    "non-saturating": (
        losses.non_saturating,
        lambda r, f: (-np.log(sigmoid(f)).mean(), entropy(r, f)),
    ),
    "non-saturating, smoothed": (
        SMOOTHED,
        lambda r, f: (-np.log(sigmoid(f)).mean(), entropy(r, f, 0.9)),
    ),
    "wasserstein": (losses.wasserstein, lambda r, f: (-f.mean(), f.mean() - r.mean())),
    "least squares": (
        losses.least_squares,
        lambda r, f: (np.mean((f - 1) ** 2) / 2, np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2),
    ),
    "least squares, other coding": (
        functools.partial(losses.least_squares, a=-1.0, b=1.0, c=0.0),
        lambda r, f: (np.mean(f**2) / 2, np.mean((r - 1) ** 2) / 2 + np.mean((f + 1) ** 2) / 2),
    ),
    "hinge": (losses.hinge, lambda r, f: (-f.mean(), hinge_disc(r, f))),
    "relativistic average": (
        losses.relativistic_average,
        lambda r, f: (entropy(*relativistic(f, r)), entropy(*relativistic(r, f))),
    ),
    "relativistic average, hinge": (
        functools.partial(losses.relativistic_average, loss=losses.hinge),
        lambda r, f: (hinge_disc(*relativistic(f, r)), hinge_disc(*relativistic(r, f))),
    ),
    "relativistic average, least squares": (
        functools.partial(
            losses.relativistic_average, loss=functools.partial(losses.least_squares, a=-1.0)
        ),
        lambda r, f: (
            least_squares_disc(*relativistic(f, r)),
            least_squares_disc(*relativistic(r, f)),
        ),
    ),
    "relativistic paired": (
        losses.relativistic_paired,
        lambda r, f: (-np.log(sigmoid(f - r)).mean(), -np.log(sigmoid(r - f)).mean()),
    ),
    "ebgan": (
        functools.partial(losses.ebgan, margin=0.5),
        lambda r, f: (f.mean(), r.mean() + np.where(f < 0.5, 0.5 - f, 0).mean()),
    ),
}


def is_paired(loss):
    return loss is losses.relativistic_paired


@pytest.fixture(params=REFERENCES)
def case(request):
    return REFERENCES[request.param]


def both_gradients(loss, real, fake):
    """The derivative of each player's loss in each score: `[player][real or fake]`."""
    return quick(jax.jacobian(loss, argnums=(0, 1)))(real, fake)


@pytest.mark.parametrize("jit", [False, True])
def test_values_are_those_of_the_formula(x64, case, jit):
    loss, reference = case
    real, fake = 2 * arrays(0, 7) + 1, 2 * arrays(1, 7 if is_paired(loss) else 5) - 1
    got = (quick(loss) if jit else loss)(real, fake)
    np.testing.assert_allclose(got, reference(np.asarray(real), np.asarray(fake)), rtol=1e-12)


def test_gradients_are_central_differences_of_the_formula(x64, case):
    loss, reference = case
    real, fake = (np.asarray(x) for x in (arrays(2, 4), arrays(3, 4 if is_paired(loss) else 3)))
    got = both_gradients(loss, real, fake)
    for player in (0, 1):
        for place, scores in enumerate((real, fake)):
            for i in range(scores.size):
                shift = 1e-6 * np.eye(scores.size)[i]
                ends = [
                    reference(*((real + s, fake) if place == 0 else (real, fake + s)))[player]
                    for s in (shift, -shift)
                ]
                slope = (ends[0] - ends[1]) / 2e-6
                np.testing.assert_allclose(got[player][place][i], slope, rtol=1e-6, atol=1e-9)


def test_hand_computed_numbers():
    real, fake = jnp.array([2.0, -1.0]), jnp.array([0.5, -3.0])
    assert losses.wasserstein(real, fake) == (1.25, -1.75)
    assert losses.hinge(real, fake) == (1.25, 1.0 + 0.75)
    assert losses.ebgan(real, fake, margin=2.0) == (-1.25, 0.5 + (1.5 + 5) / 2)
    # r = 2 + 1.25, -1 + 1.25 and f = 0.5 - 0.5, -3 - 0.5: hinges 0, 0.75 and 1, 0; then 4.25, 1.25
    # and 1, 4.5 with the kinds exchanged.
    relativistic_hinge = losses.relativistic_average(real, fake, loss=losses.hinge)
    assert relativistic_hinge == ((1 + 4.5) / 2 + (4.25 + 1.25) / 2, 0.75 / 2 + 1 / 2)
    assert losses.least_squares(real, fake) == (0.5 * (0.25 + 16) / 2, 1.25 + 0.5 * 9.25 / 2)
    # Gaps of 1.5 and 2.
    paired = (np.log1p(np.exp([1.5, 2.0])).mean(), np.log1p(np.exp([-1.5, -2.0])).mean())
    np.testing.assert_allclose(losses.relativistic_paired(real, fake), paired, rtol=1e-6)
    zero = jnp.zeros(3)
    np.testing.assert_allclose(losses.minimax(zero, zero), (-2 * np.log(2), 2 * np.log(2)))
    np.testing.assert_allclose(losses.non_saturating(zero, zero), (np.log(2), 2 * np.log(2)))


def test_minimax_is_zero_sum_also_where_it_is_smoothed_away():
    real, fake = arrays(4, 6), arrays(5, 6)
    gen, disc = losses.minimax(real, fake)
    assert gen == -disc != 0


@pytest.mark.parametrize("loss", [losses.minimax, losses.non_saturating])
def test_label_smoothing_is_on_real_scores_only(x64, loss):
    real, fake = arrays(6, 5), arrays(7, 5)
    plain = both_gradients(loss, real, fake)
    smooth = both_gradients(functools.partial(loss, label_smoothing=0.2), real, fake)
    np.testing.assert_array_equal(smooth.gen, plain.gen)
    np.testing.assert_array_equal(smooth.disc[1], plain.disc[1])
    # d/ds [-(1-e) log p - e log(1-p)] = p - (1-e): the whole gradient moves up by e/n.
    np.testing.assert_allclose(smooth.disc[0] - plain.disc[0], 0.2 / 5, rtol=1e-12)


@pytest.mark.parametrize("loss", [losses.minimax, losses.non_saturating])
def test_smoothed_discriminator_is_content_at_its_target(x64, loss):
    real = jnp.full(3, np.log(0.9 / 0.1))
    gradient = both_gradients(functools.partial(loss, label_smoothing=0.1), real, real).disc[0]
    np.testing.assert_allclose(gradient, 0, atol=1e-15)


EXTREME = {
    # loss: (gen, disc), and the slopes of gen in fake, of disc in real and fake, where the
    # discriminator is as wrong as can be (real at -1e4, fake at 1e4), then as right.
    losses.minimax: (((-2e4, 2e4), (-1, -1, 1)), ((0, 0), (0, 0, 0))),
    losses.non_saturating: (((0, 2e4), (0, -1, 1)), ((1e4, 0), (-1, 0, 0))),
    losses.wasserstein: (((-1e4, 2e4), (-1, -1, 1)), ((1e4, -2e4), (-1, -1, 1))),
    losses.hinge: (((-1e4, 20002), (-1, -1, 1)), ((1e4, 0), (-1, 0, 0))),
    losses.relativistic_average: (((0, 4e4), (0, -2, 2)), ((4e4, 0), (-2, 0, 0))),
    losses.ebgan: (((1e4, -1e4), (1, 1, 0)), ((-1e4, 20001), (1, 1, -1))),
}


@pytest.mark.parametrize("loss", EXTREME, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("right", [0, 1])
def test_extreme_scores(loss, right):
    expected, slopes = EXTREME[loss][right]
    score = jnp.array([1e4]) * (1 if right else -1)

    @quick
    def value_and_slopes(real, fake):
        return loss(real, fake), jax.jacobian(loss, argnums=(0, 1))(real, fake)

    value, (gen, disc) = value_and_slopes(score, -score)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_array_equal([gen[1][0], disc[0][0], disc[1][0]], slopes)


def test_extreme_scores_with_smoothing():
    real = jnp.array([1e4, -1e4])
    value, slopes = jax.value_and_grad(lambda real: SMOOTHED(real, jnp.array([-1e4])).disc)(real)
    np.testing.assert_allclose(value, (0.1e4 + 0.9e4) / 2)
    np.testing.assert_allclose(slopes, [0.05, -0.45])


def test_scores_of_any_shape_are_averaged_over_all_elements(case):
    loss, _ = case
    shapes = (6,), (6, 1), (2, 3), (1, 2, 3, 1)

    @quick
    def values(real, fake):
        return [loss(real.reshape(shape), fake.reshape(shape)) for shape in shapes]

    flat, *others = values(arrays(8, 6), arrays(9, 6))
    np.testing.assert_allclose(others, [flat] * 3, rtol=2e-6)


def test_scores_of_different_ranks_are_refused_with_both_named(case):
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(4,\)"):
        case[0](jnp.zeros((4, 1)), jnp.zeros(4))


def test_scores_that_are_no_floating_point_numbers_are_refused(case):
    with pytest.raises(ValueError, match=r"floating point, got float\w+ \(4,\).*int\w+ \(4,\)"):
        case[0](jnp.zeros(4), jnp.zeros(4, int))


def test_no_scores_are_refused(case):
    with pytest.raises(ValueError, match=r"at least one score.*\(0,\).*\(3,\)"):
        case[0](jnp.zeros(0), jnp.zeros(3))


def test_pairs_of_unequal_numbers_are_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(4,\) \(real\) and \(3,\) \(fake\)"):
        losses.relativistic_paired(jnp.zeros(4), jnp.zeros(3))


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan")])
def test_a_margin_that_leaves_no_room_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin must be above 0, got {margin}"):
        losses.ebgan(jnp.zeros(2), jnp.zeros(2), margin=margin)


@pytest.mark.parametrize("loss", [losses.minimax, losses.non_saturating])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_smoothing_out_of_range_is_refused(loss, value):
    with pytest.raises(ValueError, match=rf"label_smoothing must be in \[0, 1\), got {value}"):
        loss(jnp.zeros(2), jnp.zeros(2), label_smoothing=value)


def test_scores_may_be_numbers_and_lists(case):
    expected = case[0](jnp.array([1.5]), jnp.array([-0.5]))
    np.testing.assert_array_equal(case[0]([1.5], [-0.5]), expected)
    np.testing.assert_allclose(case[0](1.5, -0.5), expected, rtol=1e-6)


@pytest.mark.parametrize("value", [None, "0.1", [0.1, 0.2]])
def test_smoothing_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^label_smoothing must be in \[0, 1\), got "):
        losses.minimax(jnp.ones(2), jnp.ones(2), label_smoothing=value)
