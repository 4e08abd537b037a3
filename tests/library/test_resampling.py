"""Resampling within convolutions, and convolutions in groups, against XLA's own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, quick
from jax import lax

from ganstab.networks.convolution import batch_major, batch_minor, im2col, resampling

LAYOUTS = {"minor": batch_minor, "major": batch_major, "im2col": im2col}
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def plain(x, kernel, groups=1):
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=DIMENSIONS, feature_group_count=groups
    )


def pooled(x):
    """Means of 2 × 2 pixels, zeros beyond an odd edge."""
    x = np.pad(np.asarray(x), ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)))
    rows = (x[:, ::2] + x[:, 1::2]) / 2
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 2


def within(ops, f, x, *arguments):
    """f of images in a layout."""
    return quick(lambda x: ops.from_internal(f(ops.to_internal(x), *arguments)))(x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("size", [(8, 6), (7, 6), (5, 9)])
def test_resampling_within_a_convolution_is_that_beside_it(x64, layout, kernel, size):
    ops = LAYOUTS[layout]
    x, weights = arrays(0, 2, *size, 4), arrays(1, kernel, kernel, 4, 3)
    padded = jnp.pad(x, ((0, 0), (0, size[0] % 2), (0, size[1] % 2), (0, 0)))
    down = within(ops, functools.partial(resampling.conv_down, ops), x, weights)
    np.testing.assert_allclose(down, pooled(plain(padded, weights)), atol=1e-12)
    twice = plain(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), weights)
    for high, wide in ((2 * size[0], 2 * size[1]), (2 * size[0] - 1, 2 * size[1])):
        up = within(ops, functools.partial(resampling.conv_up, ops), x, weights, (high, wide))
        np.testing.assert_allclose(up, twice[:, :high, :wide], atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_down_and_up(x64, layout):
    ops = LAYOUTS[layout]
    x = arrays(0, 2, 5, 6, 3)
    np.testing.assert_allclose(within(ops, resampling.down, x), pooled(x), atol=1e-14)
    up = within(ops, resampling.up, x, (9, 12))
    np.testing.assert_array_equal(up, jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)[:, :9])
    linear = within(ops, resampling.up, x, (10, 12), resampling.BILINEAR)
    # Beyond the edge there are zeros, where jax has the edge's own pixels.
    expected = jax.image.resize(x, (2, 10, 12, 3), "linear")
    np.testing.assert_allclose(linear[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-14)
    np.testing.assert_allclose(linear[:, 0], 0.75 * expected[:, 0] * _edges(12), atol=1e-14)
    for taps in (resampling.AVERAGE, resampling.BILINEAR):
        y = arrays(1, 2, 10, 12, 3)
        there = jnp.vdot(within(ops, resampling.up, x, (10, 12), taps), y)
        back = jnp.vdot(x, within(ops, resampling.down, y, taps))
        np.testing.assert_allclose(there, 4 * back, rtol=1e-12)


def _edges(width):
    """What the zeros beyond the left and right edge leave of a row's pixels."""
    return np.array([0.75] + [1.0] * (width - 2) + [0.75])[None, :, None]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("channels", "groups"), [((6, 4), 2), ((6, 9), 3), ((4, 4), 4)])
def test_convolution_in_groups(x64, layout, channels, groups):
    ops = LAYOUTS[layout]
    x, weights = (
        arrays(0, 2, 5, 4, channels[0]),
        arrays(1, 3, 3, channels[0] // groups, channels[1]),
    )
    got = within(ops, functools.partial(resampling.grouped_conv, ops), x, weights, groups)
    np.testing.assert_allclose(got, plain(x, weights, groups), atol=1e-12)
