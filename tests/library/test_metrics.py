import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganstab import metrics


def ring(k=8, radius=2.0):
    angle = 2 * np.pi * np.arange(k) / k
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_class_histogram_counts():
    np.testing.assert_array_equal(metrics.class_histogram([3, 0, 3, 1], 5), [1, 1, 0, 2, 0])
    assert metrics.class_histogram(jnp.array([0, 1], jnp.int32), 2).sum() == 2


def test_count_modes_counts_classes_not_labels():
    assert metrics.count_modes([0, 0, 0, 999], 1000) == 2
    assert metrics.count_modes(np.arange(1000), 1000) == 1000


def test_kl_to_uniform_closed_forms():
    assert metrics.kl_to_uniform(np.full(50, 7), 1000) == pytest.approx(math.log(1000), rel=1e-12)
    assert metrics.kl_to_uniform(np.tile(np.arange(10), 3), 10) == pytest.approx(0, abs=1e-12)
    half = np.arange(5)
    assert metrics.kl_to_uniform(half, 10) == pytest.approx(math.log(2), rel=1e-12)
    quarters = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert metrics.kl_to_uniform([0, 1, 1, 1], 2) == pytest.approx(quarters, rel=1e-12)


def test_kl_to_uniform_is_the_missing_entropy():
    labels = np.random.default_rng(0).geometric(0.2, size=4000) % 20
    _, counts = np.unique(labels, return_counts=True)
    share = counts / 4000
    entropy = -sum(s * math.log(s) for s in share)
    assert metrics.kl_to_uniform(labels, 20) == pytest.approx(math.log(20) - entropy, rel=1e-10)


def test_a_perfect_sampler_meets_the_floor():
    rng = np.random.default_rng(1)
    n, classes, repeats = 25_600, 1000, 40
    draws = [rng.integers(0, classes, n) for _ in range(repeats)]
    kl = np.array([metrics.kl_to_uniform(labels, classes) for labels in draws])
    floor = metrics.kl_floor(n, classes)
    assert floor == pytest.approx(0.0195, abs=5e-5)
    # The next order in 1/n, (C² - 1) / (12 n²), is 1.3e-4; the sampling error of the mean, 1.4e-4.
    correction = (classes**2 - 1) / (12 * n**2)
    deviation = floor * math.sqrt(2 / (classes - 1))
    assert abs(kl.mean() - floor - correction) < 4 * deviation / math.sqrt(repeats)
    assert kl.std() == pytest.approx(deviation, rel=0.5)
    assert all(metrics.count_modes(labels, classes) == classes for labels in draws)


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([0, 10], "label 10 "),
        ([3, -1], "label -1 "),
        ([], "shape"),
        ([[1]], "shape"),
        ([0.5], "float"),
    ],
)
def test_wrong_labels_are_named(labels, named):
    for metric in (metrics.class_histogram, metrics.count_modes, metrics.kl_to_uniform):
        with pytest.raises(ValueError, match=named):
            metric(labels, 10)


def test_kl_floor_refuses_no_samples():
    with pytest.raises(ValueError, match="n must be 1 or more, got 0"):
        metrics.kl_floor(0, 10)


def test_js_closed_forms():
    assert metrics.js_divergence([1, 0], [0, 1]) == pytest.approx(math.log(2), rel=1e-12)
    assert metrics.js_divergence([1, 0], [0, 1], base=2) == pytest.approx(1, rel=1e-12)
    assert metrics.js_divergence([2, 6], [1, 3]) == pytest.approx(0, abs=1e-15)
    for n in range(1, 200):  # shares of 1/n each, whose sum is rounded
        apart = [1] * n + [0] * 3, [0] * n + [1] * 3
        assert metrics.js_divergence(*apart, base=2) <= 1
        assert metrics.js_divergence(apart[0], [7] * n + [0] * 3) >= 0
    # p = (1, 0), q = (1/2, 1/2): m = (3/4, 1/4).
    expected = 0.5 * math.log(4 / 3) + 0.25 * (math.log(2 / 3) + math.log(2))
    assert metrics.js_divergence([5, 0], [1, 1]) == pytest.approx(expected, rel=1e-12)


def test_js_is_symmetric_and_an_entropy_difference():
    rng = np.random.default_rng(2)
    p, q = rng.random((4, 5)), rng.random((4, 5))

    def entropy(x):
        x = x / x.sum()
        return -np.sum(x * np.log(x))

    middle = (p / p.sum() + q / q.sum()) / 2
    expected = entropy(middle) - (entropy(p) + entropy(q)) / 2
    assert metrics.js_divergence(p, q) == pytest.approx(expected, rel=1e-9)
    assert metrics.js_divergence(q, p) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("p", "q", "named"),
    [
        ([1, 1], [1, 1, 1], "shape"),
        ([0, 0], [1, 1], "p has"),
        ([1, 1], [2, -1], "q has"),
        ([1, np.nan], [1, 1], "p has"),
    ],
)
def test_js_refuses(p, q, named):
    with pytest.raises(ValueError, match=named):
        metrics.js_divergence(p, q)


def test_js_refuses_a_base():
    with pytest.raises(ValueError, match="base is 1"):
        metrics.js_divergence([1, 1], [1, 1], base=1)


def test_coverage_by_hand():
    modes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    samples = [[0.0, 0.29], [0.0, -0.31], [0.9, 0.0], [1.1, 0.1], [5.0, 5.0]]
    cover = metrics.mixture_coverage(samples, modes, sigma=0.1)
    np.testing.assert_array_equal(cover.counts, [1, 2, 0])
    assert cover.modes == 2
    assert cover.high_quality == pytest.approx(3 / 5)
    expected = math.log(3) - (math.log(3) / 3 + 2 / 3 * math.log(3 / 2))
    assert cover.reverse_kl == pytest.approx(expected, rel=1e-12)
    assert metrics.mixture_coverage(samples, modes, sigma=0.1, within=3.2).counts[0] == 2
    for within in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=f"within is {within}"):
            metrics.mixture_coverage(samples, modes, sigma=0.1, within=within)
    assert cover.distance == pytest.approx(2.9)  # of 2.9, 3.1, 1, √2, and far away


def test_coverage_of_a_perfect_sampler():
    rng = np.random.default_rng(3)
    modes, n, repeats = ring(), 2500, 200
    covers = [
        metrics.mixture_coverage(
            modes[rng.integers(0, 8, n)] + 0.02 * rng.normal(size=(n, 2)), modes, 0.02
        )
        for _ in range(repeats)
    ]
    share, floor = 1 - math.exp(-4.5), 7 / (2 * n)
    share_error = math.sqrt(share * (1 - share) / (n * repeats))
    assert abs(np.mean([c.high_quality for c in covers]) - share) < 4 * share_error
    kl_error = floor * math.sqrt(2 / 7 / repeats)
    # Only the high-quality samples count, so the floor is higher by 1 / share.
    assert abs(np.mean([c.reverse_kl for c in covers]) - floor / share) < 4 * kl_error
    assert all(c.modes == 8 for c in covers)


def test_coverage_of_a_collapsed_and_of_a_diverged_generator():
    modes = ring()
    collapsed = metrics.mixture_coverage(np.tile(modes[3], (100, 1)), modes, 0.02)
    assert (collapsed.modes, collapsed.high_quality) == (1, 1.0)
    assert collapsed.reverse_kl == pytest.approx(math.log(8), rel=1e-12)
    diverged = metrics.mixture_coverage([[np.nan, 0], [np.inf, 0], [9, 9]], modes, 0.02)
    assert (diverged.modes, diverged.high_quality) == (0, 0.0)
    assert diverged.distance == math.inf and collapsed.distance == 0
    assert diverged.reverse_kl == pytest.approx(math.log(8), rel=1e-12)


@pytest.mark.parametrize(
    ("samples", "modes", "sigma", "named"),
    [
        (np.zeros((0, 2)), ring(), 0.1, "number of samples must be 1 or more, got 0"),
        (np.zeros((3, 2)), np.zeros((0, 2)), 0.1, "number of modes must be 1 or more, got 0"),
        (np.zeros((3, 3)), ring(), 0.1, r"\(3, 3\) and \(8, 2\)"),
        (np.zeros((3, 2)), ring(), 0.0, "sigma is 0.0"),
    ],
)
def test_coverage_refuses(samples, modes, sigma, named):
    with pytest.raises(ValueError, match=named):
        metrics.mixture_coverage(samples, modes, sigma)


pairwise_distances = jax.jit(metrics.pairwise_distances, static_argnums=2)


def test_pairwise_distances_of_two_samples_is_their_distance():
    samples = jnp.stack([jnp.zeros((2, 2, 1)), jnp.full((2, 2, 1), 1.5)])
    found = pairwise_distances(jax.random.key(0), samples, 100)
    np.testing.assert_allclose(found, np.full(100, 3.0), rtol=1e-6)


def test_pairwise_distances_are_uniform_over_different_samples():
    # Marks on a Golomb ruler: the ten pairs of five samples have ten different distances.
    marks = jnp.array([0.0, 1.0, 4.0, 9.0, 11.0])[:, None]
    key = jax.random.key(1)
    found = np.asarray(pairwise_distances(key, marks, 20_000))
    values, counts = np.unique(found.round(4), return_counts=True)
    np.testing.assert_allclose(values, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11])
    assert np.abs(counts - 2000).max() < 5 * math.sqrt(2000 * 0.9)


def test_pairwise_distances_of_gaussians():
    samples = jnp.asarray(np.random.default_rng(4).normal(size=(4000, 50)), jnp.float32)
    found = np.asarray(pairwise_distances(jax.random.key(3), samples, 5000))
    # x - y is N(0, 2 I): the mean square of its norm is 2 d, with the deviation 2 sqrt(2 d).
    assert abs(float((found**2).mean()) - 100) < 5 * 20 / math.sqrt(5000)


@pytest.mark.parametrize(
    ("n", "pairs", "named"),
    [(1, 5, "samples must be 2 or more, got 1"), (4, 0, "pairs must be 1 or more, got 0")],
)
def test_pairwise_distances_refuse(n, pairs, named):
    with pytest.raises(ValueError, match=named):
        metrics.pairwise_distances(jax.random.key(0), jnp.zeros((n, 2)), pairs)


@pytest.mark.parametrize(
    "samples",
    [
        np.array([[3, 200], [7, 197]], np.uint8),
        np.array([[3.0, 200.0], [7.0, 197.0]]),
        jnp.array([[3, 200], [7, 197]], jnp.uint8),
        jnp.array([[3, 200], [7, 197]], jnp.bfloat16),
    ],
    ids=["bytes in NumPy", "NumPy", "bytes", "bfloat16"],
)
def test_pairwise_distances_of_numbers_of_any_kind(samples):
    found = metrics.pairwise_distances(jax.random.key(0), samples, 3)
    np.testing.assert_allclose(found, np.full(3, 5.0), rtol=1e-6)


def test_pairwise_distances_of_half_precision_do_not_overflow():
    far = jnp.stack([jnp.zeros(10_000), jnp.full(10_000, 4.0)]).astype(jnp.float16)
    found = metrics.pairwise_distances(jax.random.key(0), far, 3)
    np.testing.assert_allclose(found, np.full(3, 400.0), rtol=1e-6)


COUNTS = {
    "subsets": lambda n: metrics.kid(jax.random.key(0), np.eye(4), np.eye(4), subsets=n),
    "subset_size": lambda n: metrics.kid(jax.random.key(0), np.eye(4), np.eye(4), subset_size=n),
    "k": lambda n: metrics.precision_recall(np.eye(4), np.eye(4), k=n),
    "n": lambda n: metrics.ngram_js(np.eye(4, dtype=int), np.eye(4, dtype=int), n),
    "pairs": lambda n: metrics.pairwise_distances(jax.random.key(0), jnp.eye(4), n),
    "num_classes": lambda n: metrics.class_histogram([0, 1], n),
}


@pytest.mark.parametrize("count", [2.5, float("nan"), "2", None])
@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_whole_numbers(name, count):
    if (name, count) == ("subset_size", None):
        pytest.skip("is chosen then")
    with pytest.raises(ValueError, match=f"^{name} must be a whole number, . or more, got "):
        COUNTS[name](count)
