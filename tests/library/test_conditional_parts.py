"""Conditional batch norm against a loop over the classes, and the projection by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, arrays, quick
from flax import nnx

from ganstab import networks, players

LABEL = jnp.array([2, 0, 1, 0, 2])


def conditional(axis, **settings):
    norm = networks.ConditionalBatchNorm(4, 3, axis=axis, rngs=nnx.Rngs(0), **settings)
    norm.scales.embedding = nnx.Param(arrays(1, 3, 4))
    norm.biases.embedding = nnx.Param(arrays(2, 3, 4))
    norm.norm.mean, norm.norm.var = (nnx.BatchStat(of(4)) for of in (jnp.zeros, jnp.ones))
    return norm


def class_by_class(norm, x, mean, variance):
    """Channels last: the samples of each class under its own scale and offset."""
    expected = np.empty(x.shape)
    for c in range(3):
        chosen = np.asarray(LABEL) == c
        normal = (np.asarray(x)[chosen] - mean) / np.sqrt(variance + 1e-5)
        scale, bias = (np.asarray(t.embedding)[c] for t in (norm.scales, norm.biases))
        expected[chosen] = scale * normal + bias
    return expected


@pytest.mark.parametrize("shape", [(5, 4), (5, 2, 3, 4)])
def test_conditional_batch_norm_class_by_class(x64, shape):
    norm = conditional(-1, momentum=0.0)
    x = 2 + arrays(0, *shape)
    axes = tuple(range(len(shape) - 1))
    mean, variance = (np.asarray(of(x, axes)) for of in (jnp.mean, jnp.var))
    norm.train()
    np.testing.assert_allclose(norm(x, LABEL), class_by_class(norm, x, mean, variance), rtol=1e-6)
    norm.eval()
    other = arrays(3, *shape)
    expected = class_by_class(norm, other, mean, variance)
    np.testing.assert_allclose(norm(other, LABEL), expected, rtol=1e-5)


def test_channels_may_come_first_and_samples_last(x64):
    x = arrays(0, 5, 2, 3, 4)
    last = conditional(-1)(x, LABEL)
    first = conditional(0)(x.transpose(3, 1, 2, 0), LABEL, batch_axis=3)
    np.testing.assert_allclose(first.transpose(3, 1, 2, 0), last, rtol=1e-9)


def test_conditional_batch_norm_starts_as_batch_norm_and_says_that_it_mixes_samples():
    def build(rngs):
        return networks.ConditionalBatchNorm(4, 3, rngs=rngs)

    x = arrays(0, 5, 2, 3, 4)
    norm, plain = build(nnx.Rngs(0)), nnx.BatchNorm(4, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(norm(x, LABEL), plain(x), rtol=1e-5, atol=1e-6)
    assert len(players.from_nnx(build).mixes) == 1


def test_projection_by_hand(x64):
    head = networks.Projection(4, 3, rngs=nnx.Rngs(0))
    features = arrays(0, 5, 4)
    w, b = np.asarray(head.score.kernel)[:, 0], np.asarray(head.score.bias)
    rows = np.asarray(head.classes.embedding)
    for got, row, c in zip(head(features, LABEL), np.asarray(features), LABEL, strict=True):
        np.testing.assert_allclose(got, row @ w + b[0] + row @ rows[c], rtol=1e-6)
    dense = networks.Projection(4, None, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(dense(features), dense.score(features)[:, 0])


def test_only_the_class_that_was_seen_learns(x64):
    graphdef, params = nnx.split(networks.Projection(4, 3, rngs=nnx.Rngs(0)))

    def total(params):
        return jnp.sum(nnx.merge(graphdef, params)(arrays(0, 5, 4)[:2], LABEL[:2]))

    gradient = quick(jax.grad(total))(params)["classes"]["embedding"][...]
    expected = np.zeros((3, 4))
    expected[2], expected[0] = arrays(0, 5, 4)[:2]
    np.testing.assert_allclose(gradient, expected)


@pytest.mark.parametrize("label", [-1, 3, 2**31 - 1])
def test_a_label_out_of_range_gives_nan_and_no_other_row(label):
    head = networks.Projection(4, 3, rngs=nnx.Rngs(0))
    scores = head(arrays(0, 2, 4), jnp.array([1, label]))
    assert jnp.isfinite(scores[0]) and jnp.isnan(scores[1])


@pytest.mark.parametrize(
    ("label", "got"),
    [
        (jnp.array([True, False, True]), "bool of shape (3,)"),
        (jnp.zeros(3), "float32 of shape (3,)"),
        (jnp.zeros((3, 1), int), "int32 of shape (3, 1)"),
        (jnp.zeros(1, int), "int32 of shape (1,)"),
        ([0, 1, 2], "list"),
        (None, "NoneType"),
    ],
    ids=["bool", "float", "column", "one", "list", "none"],
)
def test_labels_that_are_no_integers_one_a_sample_are_refused(label, got):
    projection = networks.Projection(4, 3, rngs=nnx.Rngs(0))
    for part in (projection, conditional(-1)):
        words = argument_refusal(lambda part=part: part(jnp.ones((3, 4)), label))
        assert f"wants labels as integers of shape (3,), got {got}" in words
