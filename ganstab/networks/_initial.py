"""Initial kernels: by the inputs under them, and of deep networks, all of one draw."""

import itertools
from collections.abc import Callable, Sequence

import jax
from flax import nnx
from jax import Array

Draw = Callable[[Array, Sequence[int]], Array]


def uniform(key: Array, shape: Sequence[int]) -> Array:
    """Numbers in (−√3, √3), whose variance is 1."""
    return jax.random.uniform(key, shape, minval=-(3**0.5), maxval=3**0.5)


def fan_in(variance: float = 1.0) -> nnx.Initializer:
    """Normal kernels with this variance over the inputs under a kernel; He's has 2."""
    return nnx.initializers.variance_scaling(variance, "fan_in", "normal")


def deviation(gain: float, fan_in: float, fan_out: float) -> nnx.Initializer:
    """Kernels of this standard deviation, √(2 gain / (fan-in + fan-out)), before `randomise`."""
    return nnx.initializers.constant((2 * gain / (fan_in + fan_out)) ** 0.5)


def randomise(module: nnx.Module, draw: Draw, *, rngs: nnx.Rngs) -> None:
    """Multiply each kernel, which holds its standard deviation, by random numbers of variance 1.

    All are of one draw: XLA takes a second and more to compile each, minutes for a hundred kernels.
    """
    nodes = nnx.iter_graph(module)
    kernels = [node for path, node in nodes if path[-1:] == ("kernel",)]
    ends = list(itertools.accumulate(kernel.size for kernel in kernels))
    numbers = draw(rngs.params(), (ends[-1],))
    for kernel, end in zip(kernels, ends, strict=True):
        part = jax.lax.slice(numbers, (end - kernel.size,), (end,))
        kernel[...] = kernel[...] * part.reshape(kernel.shape)
