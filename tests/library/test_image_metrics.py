"""Metrics of features of images, beside closed forms, brute force and torch-fidelity's numbers."""

import json
import math
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from common import argument_refusal, arrays, refusal
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from ganstab import metrics

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
import inception_golden as golden_cases

GOLDEN = json.loads(golden_cases.GOLDEN.read_text())
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(40, 5)), RNG.normal(0.5, 1.3, size=(30, 5))


def statistics(x):
    x = np.asarray(x, np.float64)
    return metrics.FeatureStatistics(len(x), x.mean(0), (len(x) - 1) * np.cov(x.T))


def test_frechet_distance_of_gaussians_that_commute():
    a, b = np.array([4.0, 9.0, 0.0]), np.array([1.0, 16.0, 0.0])
    turn = scipy.linalg.expm(np.array([[0, 1, 2], [-1, 0, 3], [-2, -3, 0]]))
    found = metrics.frechet_distance(
        np.zeros(3), turn @ np.diag(a) @ turn.T, np.array([1.0, 2, 2]), turn @ np.diag(b) @ turn.T
    )
    assert found == pytest.approx(9 + (2 - 1) ** 2 + (3 - 4) ** 2, rel=1e-12)


def test_fid_is_its_formula_with_a_matrix_root():
    cov_a, cov_b = np.cov(REAL.T), np.cov(FAKE.T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    apart = np.sum((REAL.mean(0) - FAKE.mean(0)) ** 2)
    expected = apart + np.trace(cov_a + cov_b - 2 * root)
    found = metrics.fid(REAL, FAKE)
    assert found == (pytest.approx(expected, rel=1e-10), 40, 30)
    assert metrics.fid(FAKE, REAL).value == pytest.approx(expected, rel=1e-10)
    assert metrics.fid(statistics(REAL), FAKE).value == pytest.approx(expected, rel=1e-10)
    on_device = metrics.feature_statistics(jnp.asarray(FAKE, jnp.float32))
    assert metrics.fid(REAL, on_device).value == pytest.approx(expected, rel=1e-5)


def test_fid_with_fewer_features_than_numbers_in_each():
    wide = RNG.normal(size=(6, 50))
    assert metrics.fid(wide, wide).value == pytest.approx(0, abs=1e-10)
    moved = wide + 3
    assert metrics.fid(wide, moved).value == pytest.approx(50 * 9, rel=1e-10)
    assert metrics.fid(wide, 2 * wide).value == pytest.approx(
        np.sum(wide.mean(0) ** 2) + np.trace(np.cov(wide.T)), rel=1e-10
    )


def test_numbers_are_those_of_torch_fidelity():
    real, fake = golden_cases.features(300, 300, 24)
    near = metrics.precision_recall(real, fake)
    score = metrics.inception_score(fake)
    found = {
        "frechet_inception_distance": metrics.fid(real, fake).value,
        "kernel_inception_distance_mean": metrics.kid(KEY, real, fake, subset_size=300).value,
        "inception_score_mean": score.value,
        "inception_score_std": score.standard_deviation,
        "precision": near.precision,
        "recall": near.recall,
    }
    assert found == pytest.approx({name: GOLDEN[name] for name in found}, rel=1e-6)


def kernel(a, b):
    return (np.dot(a, b) / len(a) + 1) ** 3


def mmd2_by_loops(x, y):
    m, n = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (m * n)


def test_kid_is_unbiased_and_that_of_loops():
    whole = metrics.kid(KEY, REAL[:30], FAKE, subset_size=30)
    assert whole.value == pytest.approx(mmd2_by_loops(REAL[:30], FAKE), rel=1e-10)
    assert whole[1:] == (None, 30, 30, 1, 30)
    found = metrics.kid(KEY, REAL, FAKE, subsets=400, subset_size=8)
    assert abs(found.value - mmd2_by_loops(REAL, FAKE)) < 4 * found.standard_error
    assert found.standard_error < found.value / 10
    alike = [metrics.kid(KEY, *RNG.normal(size=(2, 30, 5)), subset_size=30) for _ in range(300)]
    values = np.array([each.value for each in alike])
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(300) and values.min() < 0
    assert metrics.kid(KEY, REAL, FAKE) == metrics.kid(KEY, REAL, FAKE)
    assert metrics.kid(jax.random.key(1), REAL, FAKE) != metrics.kid(KEY, REAL, FAKE)


def test_inception_score_from_none_to_all_classes():
    same = np.tile(RNG.normal(size=7), (70, 1))
    assert metrics.inception_score(same).value == pytest.approx(1, rel=1e-12)
    certain = 1000 * np.eye(7)[np.arange(70) % 7]
    found = metrics.inception_score(certain)
    assert found == (pytest.approx(7, rel=1e-9), pytest.approx(0, abs=1e-9), 70, 10)
    half = 1000 * np.eye(7)[np.arange(70) % 7 % 2]  # 0101010: shares 4/7 and 3/7
    entropy = -(4 / 7) * math.log(4 / 7) - (3 / 7) * math.log(3 / 7)
    assert metrics.inception_score(half).value == pytest.approx(math.exp(entropy), rel=1e-9)
    assert 1 <= metrics.inception_score(RNG.normal(size=(50, 7)), splits=3).value <= 7


def balls(x, k):
    """Each one's distance to its k-th nearest neighbour."""
    return [sorted(np.linalg.norm(a - b) for b in x)[k] for a in x]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbours_by_brute_force(k):
    def within(points, centres):
        return [
            [np.linalg.norm(p - c) <= r for c, r in zip(centres, balls(centres, k), strict=True)]
            for p in points
        ]

    fake_in_real, real_in_fake = np.array(within(FAKE, REAL)), np.array(within(REAL, FAKE))
    found = metrics.precision_recall(REAL, FAKE, k)
    assert found.precision == pytest.approx(fake_in_real.any(1).mean(), abs=1e-12)
    assert found.recall == pytest.approx(real_in_fake.any(1).mean(), abs=1e-12)
    dense = metrics.density_coverage(REAL, FAKE, k)
    assert dense.density == pytest.approx(fake_in_real.sum() / (k * 30), rel=1e-12)
    assert dense.coverage == pytest.approx(fake_in_real.any(0).mean(), abs=1e-12)
    assert found[2:] == dense[2:] == (40, 30)


def test_the_same_sample_twice_and_samples_far_apart():
    far = 1e4 + np.repeat(RNG.normal(size=(20, 5)), 2, axis=0)  # each twice: neighbours at 0
    assert metrics.precision_recall(far, far) == (1, 1, 40, 40)
    assert metrics.density_coverage(far, far, k=1).coverage == 1
    assert metrics.precision_recall(REAL, FAKE + 100) == (0, 0, 40, 30)
    assert metrics.density_coverage(REAL, FAKE + 100) == (0, 0, 40, 30)


def test_statistics_of_parts_merge_to_those_of_the_whole():
    x = (100 + RNG.normal(size=(64, 6))).astype(np.float32)
    whole = metrics.feature_statistics(x)
    parts = [metrics.feature_statistics(part) for part in np.split(x, [1, 20, 21, 50])]
    left = parts[0]
    for part in parts[1:]:
        left = metrics.merge_statistics(left, part)
    right = parts[-1]
    for part in parts[-2::-1]:
        right = metrics.merge_statistics(part, right)
    expected = statistics(x)
    for found in (whole, left, right, metrics.statistics_of_stream(np.split(x, [1, 20, 21, 50]))):
        assert found.n == 64
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
        np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-4, atol=1e-3)
    on_host = metrics.merge_statistics(statistics(x[:20]), statistics(x[20:]))
    np.testing.assert_allclose(on_host.scatter, expected.scatter, rtol=1e-12)
    assert metrics.merge_over_processes(whole) is whole


def test_statistics_of_features_on_eight_devices(mesh):
    x = arrays(1, 64, 6) + 3
    spread = jax.device_put(x, NamedSharding(mesh, P("data")))
    found, expected = metrics.feature_statistics(spread), statistics(x)
    assert len(found.scatter.sharding.device_set) == 8
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-5)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-4, atol=1e-4)
    assert metrics.fid(spread, found).value == pytest.approx(0, abs=1e-5)


def test_half_precision_is_accumulated_in_float32():
    x = (jnp.arange(4000.0).reshape(-1, 2) % 7).astype(jnp.bfloat16)
    found = metrics.feature_statistics(x)
    assert found.scatter.dtype == jnp.float32
    np.testing.assert_allclose(found.scatter, statistics(x.astype(jnp.float32)).scatter, rtol=1e-4)


REFUSED = {
    "shapes": (lambda: metrics.fid(REAL, FAKE[:, :3]), "5 numbers"),
    "one": (lambda: metrics.fid(REAL[:1], FAKE), "n >= 2"),
    "a single one": (
        lambda: metrics.fid(metrics.feature_statistics(REAL[:1]), FAKE),
        "1 feat",
    ),
    "nan": (lambda: metrics.fid(REAL * np.nan, FAKE), "not finite"),
    "kid nan": (lambda: metrics.kid(KEY, REAL, FAKE * np.inf), "fake features hold"),
    "kid shapes": (lambda: metrics.kid(KEY, REAL, FAKE[0]), r"(5,)"),
    "subset": (lambda: metrics.kid(KEY, REAL, FAKE, subset_size=31), "30 or less"),
    "subsets": (
        lambda: metrics.kid(KEY, REAL, FAKE, subsets=0),
        "subsets must be 1 or more, got 0",
    ),
    "splits": (lambda: metrics.inception_score(REAL, splits=41), "1 to 40"),
    "logits": (lambda: metrics.inception_score(REAL[0]), "[n, c]"),
    "k": (lambda: metrics.precision_recall(REAL[:3], FAKE), "4 or more"),
    "k = 0": (lambda: metrics.density_coverage(REAL, FAKE, k=0), "k must be 1 or more, got 0"),
    "no features": (lambda: metrics.statistics_of_stream([]), "no features"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_features_are_refused(case):
    call, told = REFUSED[case]
    assert told in argument_refusal(call)


def test_statistics_on_disk_are_those_of_the_same_images_only(tmp_path):
    images = RNG.integers(0, 256, (10, 4, 4, 3)).astype(np.uint8)
    digest = metrics.images_digest([images], network="a")
    assert digest == metrics.images_digest([images[:3], images[3:]], network="a")
    path, kept = tmp_path / "statistics.npz", statistics(REAL)
    metrics.save_statistics(path, kept, digest)
    found = metrics.load_statistics(path, digest)
    for name in kept._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(kept, name))
    changed = images.copy()
    changed[7, 1, 2, 0] ^= 1
    others = [
        metrics.images_digest([changed], network="a"),
        metrics.images_digest([images[:9]], network="a"),
        metrics.images_digest([images], network="b"),
        metrics.images_digest([images.reshape(10, 2, 8, 3)], network="a"),
    ]
    assert len({digest, *others}) == 5
    for other in others:
        assert "other images" in refusal(lambda other=other: metrics.load_statistics(path, other))
    data = path.read_bytes()
    for damaged in (data[:100], b"", data[:-30]):
        path.write_bytes(damaged)
        assert "no feature statistics" in refusal(lambda: metrics.load_statistics(path, digest))


@pytest.mark.parametrize("unit", [1e20, 1e-25])
def test_neighbours_know_no_unit(unit):
    for measure in (metrics.precision_recall, metrics.density_coverage):
        assert measure(REAL * unit, FAKE * unit) == measure(REAL, FAKE)


@pytest.mark.parametrize("unit", [1e30, 1e200])
def test_features_whose_kernel_overflows_are_refused(unit):
    with pytest.raises(ValueError, match=r"kernel .* of features up to .*e\+"):
        metrics.kid(KEY, REAL, FAKE * unit)
    assert np.isfinite(metrics.kid(KEY, REAL, FAKE * 1e24).value)
