"""The Inception network that FID is defined by, in NNX.

Szegedy et al. 2015 (arXiv:1512.00567) as in Google's frozen graph "inception-2015-12-05", which
Heusel et al. 2017 (arXiv:1706.08500) measure with. It differs from other Inception networks:

* images are resized to 299 × 299 bilinearly as TensorFlow 1 does it: pixel i of the result is read
  at i · (size / 299), without aligned corners; then bytes x become (x − 128) / 128;
* average pooling does not count the padding, and the last block pools by maximum;
* there are 1,008 logits, and features are means over the pixels.

`inception_weights.load_inception` puts a file's weights in.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab.metrics.inception_blocks import BLOCKS, STEM, Block, Chain, Layer, side_by_side

__all__ = ["DEPTHS", "InceptionV3", "as_bytes", "resize_as_tensorflow_1"]

DEPTHS = ("64", "192", "768", "2048", "logits_unbiased", "logits")
"""Features, by how many there are; logits without the last bias, and with it."""
SIDE = 299
_ZEROS = nnx.initializers.zeros_init()
_EXACT = jax.lax.Precision.HIGHEST
_BEHIND = {"Conv2d_2b_3x3": "64", "Conv2d_4a_3x3": "192", "Mixed_6e": "768", "Mixed_7c": "2048"}


class InceptionV3(nnx.Module):
    """Images [n, H, W, C], as `as_bytes` takes them, to features by their depth: {depth: [n, d]}.

    Args:
      depths: which of `DEPTHS`.
      rngs: as every module has them; no number is drawn, weights are 0 until
        `inception_weights.load_inception` puts a file's in.

    Raises:
      ValueError: for an unknown depth, or none.
    """

    def __init__(self, depths: tuple[str, ...] = ("2048",), *, rngs: nnx.Rngs):
        if not depths or not set(depths) <= set(DEPTHS):
            raise ValueError(f"depths is {depths}; some of {', '.join(DEPTHS)} are expected")
        self.depths = tuple(depths)
        channels = 3
        for layer in STEM:
            setattr(self, layer.name, _Unit(layer, channels, rngs=rngs))
            channels = layer.features
        for block in BLOCKS:
            module = _Mixed(block, channels, rngs=rngs)
            setattr(self, block.name, module)
            channels = module.channels
        self.fc = nnx.Linear(channels, 1008, kernel_init=_ZEROS, rngs=rngs)

    def __call__(self, images: Array) -> dict[str, Array]:
        """The features."""
        x = (resize_as_tensorflow_1(as_bytes(images), SIDE) - 128) / 128
        found = {}
        for part in (*STEM, *BLOCKS):
            x = getattr(self, part.name)(x)
            depth = _BEHIND.get(part.name)
            if depth in ("64", "192"):
                x = nnx.max_pool(x, (3, 3), (2, 2))
            if depth:
                found[depth] = x.mean(axis=(1, 2))
        assert self.fc.bias is not None
        bias = self.fc.bias[...][None]
        unbiased = jnp.matmul(found["2048"], self.fc.kernel[...], precision=_EXACT)
        found |= {"logits_unbiased": unbiased, "logits": unbiased + bias}
        return {depth: found[depth] for depth in self.depths}


class _Unit(nnx.Module):
    def __init__(self, layer: Layer, channels: int, *, rngs: nnx.Rngs):
        self.conv = nnx.Conv(
            channels, layer.features, layer.kernel, layer.stride, padding=layer.padding,
            use_bias=False, precision=_EXACT, kernel_init=_ZEROS, rngs=rngs,
        )  # fmt: skip
        self.bn = nnx.BatchNorm(layer.features, epsilon=1e-3, use_running_average=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return nnx.relu(self.bn(self.conv(x)))


class _Mixed(nnx.Module):
    def __init__(self, block: Block, channels: int, *, rngs: nnx.Rngs):
        self.block = block
        self.channels = 0
        for chain in block.chains:
            width = channels
            for part in chain:
                fork = side_by_side(part)
                for layer in fork:
                    setattr(self, layer.name, _Unit(layer, width, rngs=rngs))
                width = sum(layer.features for layer in fork)
            self.channels += width
        if block.pooled:
            setattr(self, block.pooled.name, _Unit(block.pooled, channels, rngs=rngs))
        self.channels += block.pooled.features if block.pooled else channels

    def __call__(self, x: Array) -> Array:
        branches = [self._along(chain, x) for chain in self.block.chains]
        pooled = _POOLS[self.block.pool](x)
        if self.block.pooled:
            pooled = getattr(self, self.block.pooled.name)(pooled)
        return jnp.concatenate([*branches, pooled], axis=-1)

    def _along(self, chain: Chain, x: Array) -> Array:
        for part in chain:
            x = jnp.concatenate(
                [getattr(self, layer.name)(x) for layer in side_by_side(part)], axis=-1
            )
        return x


_POOLS = {
    "mean": lambda x: nnx.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False),
    "max": lambda x: nnx.max_pool(x, (3, 3), (1, 1), "SAME"),
    "max of stride 2": lambda x: nnx.max_pool(x, (3, 3), (2, 2)),
}


def as_bytes(images: Array) -> Array:
    """Images as whole numbers 0 … 255 in float32, of three channels, as a picture file has them.

    Args:
      images: [n, H, W, C], C 1 or 3; uint8, or floats in [−1, 1], which are rounded to
        (x + 1) · 127.5 and clipped, since the real images were bytes as well.

    Raises:
      ValueError: for another shape or dtype.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images have the shape {images.shape}; [n, H, W, 1 or 3] is expected")
    if images.dtype == jnp.uint8:
        x = images.astype(jnp.float32)
    elif jnp.issubdtype(images.dtype, jnp.floating):
        x = jnp.clip(jnp.round((images.astype(jnp.float32) + 1) * 127.5), 0, 255)
    else:
        raise ValueError(f"images are {images.dtype}; uint8, or floats in [-1, 1], are expected")
    return jnp.broadcast_to(x, (*x.shape[:3], 3))


def resize_as_tensorflow_1(x: Array, side: int) -> Array:
    """Bilinear, [n, H, W, C] to [n, side, side, C]: TensorFlow 1's `align_corners=False`.

    Output pixel i reads at s = i · (H / side), between floor(s) and the pixel after it, at most the
    last.
    """
    for axis in (2, 1):
        size = x.shape[axis]
        place = jnp.arange(side, dtype=x.dtype) * jnp.asarray(size / side, x.dtype)
        low = jnp.floor(place)
        first = low.astype(jnp.int32)
        before = jnp.take(x, first, axis=axis)
        after = jnp.take(x, jnp.minimum(first + 1, size - 1), axis=axis)
        shape = [side if a == axis else 1 for a in range(4)]
        x = before + (after - before) * (place - low).reshape(shape)
    return x
