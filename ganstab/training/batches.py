"""Where batches come from: each is a pure function of (seed, step).

Data that fit are held on the devices and drawn there, inside the compiled step. Data that do not
are read by the same indices from a random-access source, one call ahead of the computation. Where
the data are a distribution, the compiled step draws from it.
"""

import concurrent.futures
import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ganstab._checks import kind_of
from ganstab.data import Images, RandomAccess, Sampler, augmentation_key, single_images
from ganstab.errors import InputError
from ganstab.training import distributed
from ganstab.training.images import size
from ganstab.types import Batch, TrainState

__all__ = ["BatchSource", "batch_sources"]

LOOKED_AT = 1000
"""Samples whose range is looked at."""


@dataclasses.dataclass(frozen=True)
class BatchSource:
    """Where the batches of one run come from, for the host and for the compiled program."""

    host_arrays: Callable[[int], Any]
    """`(first_step) -> arrays`: what the steps from there on draw from, on the devices."""
    batch_at: Callable[[Any, jax.Array, jax.Array], Batch]
    """`(arrays, step, place) -> Batch` of leaves `[updates, B, …]`, inside jit; `place` counts from
    the first step of the arrays."""

    def at(self, state: TrainState) -> Batch:
        """The batches of the step that a state is in front of."""
        arrays = self.host_arrays(int(state.step))
        return jax.jit(self.batch_at)(arrays, state.step, jnp.zeros((), jnp.int32))


def batch_sources(
    data: Any,
    sampler: Sampler,
    keys: Sequence[jax.Array],
    *,
    updates: int,
    batch_size: int,
    steps: int,
    mesh: Mesh,
) -> list[BatchSource]:
    """The batches of several runs on the same data, of which the devices hold one copy.

    Args:
      data: `Images`, a `RandomAccess`, an array [N, …] or a `Batch` of one and labels [N, …], or a
        distribution `(key, n) -> samples [n, …]`, or `-> Batch`.
      sampler: what makes batches of images.
      keys: of each run, the source of all draws; step s draws from `fold_in(key, s)`.
      updates: batches a step.
      batch_size: samples a batch, over all devices.
      steps: at most how many steps one call computes.
      mesh: the devices.

    Raises:
      InputError: the data are smaller than a batch, or of another kind.
      ValueError: a distribution gives other samples for the same key.
    """
    if isinstance(data, InputError):
        raise data
    if callable(data) and not isinstance(data, RandomAccess):
        _check_drawn_from_key(data, keys[0], batch_size)
        draw = functools.partial(_draw, data, updates=updates, batch_size=batch_size, mesh=mesh)
        return [BatchSource(_constant(distributed.on_all(mesh, _same, key)), draw) for key in keys]
    if isinstance(data, Images):
        _check_labels(data)
    elif not isinstance(data, RandomAccess):
        data, sampler = _array_of_samples(data, sampler)
    if batch_size > size(data):
        raise InputError(
            f"--batch_size={batch_size} is larger than the data, {size(data)} samples: give "
            f"--batch_size={size(data)} or less"
        )
    batches = _Batches(sampler, updates, batch_size, size(data), mesh)
    if isinstance(data, RandomAccess):
        return [_streamed(data, batches, key, steps) for key in keys]
    resident = jax.device_put(data, distributed.replicated(mesh))
    return [
        BatchSource(_constant((resident, distributed.on_all(mesh, _same, key))), batches.resident)
        for key in keys
    ]


def _same(key: jax.Array) -> jax.Array:
    return key


def _constant(arrays: Any) -> Callable[[int], Any]:
    return lambda first_step: arrays


def _draw(sample, key, step, place, *, updates: int, batch_size: int, mesh: Mesh) -> Batch:
    """New points of a distribution for each update of a step."""
    del place
    keys = jax.random.split(jax.random.fold_in(key, step), updates)
    points = jax.vmap(lambda key: sample(key, batch_size))(keys)
    for leaf in jax.tree.leaves(points):
        if leaf.shape[1:2] != (batch_size,):
            raise ValueError(
                f"the data must give as many samples as they are asked for, {batch_size}, the "
                f"batch in front, but gave shape {leaf.shape[1:]}"
            )
    batch = points if isinstance(points, Batch) else Batch(points)
    return jax.tree.map(lambda leaf: distributed.split(mesh, leaf, axis=1), batch)


def _check_drawn_from_key(sample: Callable, key: jax.Array, n: int) -> None:
    """Refuses NumPy's random numbers: a compiled step draws them once, and has the same batch ever.

    They are the constants that differ when the function is traced again.
    """
    first, second = (jax.make_jaxpr(lambda key: sample(key, n))(key).consts for _ in range(2))
    changed = (a is not b and not _is_equal(a, b) for a, b in zip(first, second, strict=False))
    if len(first) != len(second) or any(changed):
        raise ValueError(
            "the data's function gave other samples for the same key: it must draw them with "
            "jax.random from its key, since it is traced once, and NumPy's random numbers would be "
            "the same in every batch"
        )


def _is_equal(a: Any, b: Any) -> bool:
    if hasattr(a, "dtype") and jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
        return bool((a == b).all())
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc")


def _check_labels(data: Images) -> None:
    n, label = len(data.image), data.label
    if not hasattr(label, "dtype"):
        raise InputError(f"the labels of data.Images must be an array, got {kind_of(label)}")
    if np.shape(label) != (n,) or np.dtype(label.dtype).kind not in "iu":
        raise InputError(
            f"the labels of data.Images must be integers [{n}], one an image, got {label.dtype} "
            f"{list(np.shape(label))}"
        )


def _array_of_samples(data: Any, sampler: Sampler) -> tuple[Images, Sampler]:
    """An array as images, with the labels of a `Batch`: bytes become [−1, 1], floats stay."""
    given, label = data if isinstance(data, Batch) else (data, None)
    samples = np.asarray(given)
    if samples.ndim < 2 or samples.dtype.kind not in "fu":
        raise InputError(
            "data must be Images, a RandomAccess, a function (key, n) -> samples, or an array of "
            f"floats or bytes [N, …], got {samples.dtype} {list(samples.shape)}"
        )
    labels = np.zeros(len(samples), np.int32) if label is None else np.asarray(label)
    if labels.shape[:1] != samples.shape[:1]:
        raise InputError(f"{len(samples)} samples need as many labels, got {list(labels.shape)}")
    if samples.dtype.kind == "f":
        _tell_of_range(samples[:LOOKED_AT])
        sampler = Sampler(single_images.indices, _as_given if label is None else Batch)
    return Images(samples, labels), sampler


def _tell_of_range(samples: np.ndarray) -> None:
    """Warns of images from 0 to 1: every generator for images here makes them from −1 to 1."""
    images = samples.ndim == 4 and samples.shape[-1] in (1, 3)
    if images and samples.min() >= 0 and samples.max() <= 1:
        warnings.warn(
            "the images are floats from 0 to 1, and the generators of ganstab.networks make images "
            "from −1 to 1: give 2 * images − 1, or bytes, unless your own generator makes 0 to 1",
            stacklevel=2,
        )


def _as_given(image: jax.Array, label: jax.Array) -> Batch:
    del label
    return Batch(image)


@dataclasses.dataclass(frozen=True)
class _Batches:
    """Which images a step takes, and what is made of them."""

    sampler: Sampler
    updates: int
    batch_size: int
    population: int
    mesh: Mesh

    def keys(self, key: jax.Array, step: jax.Array) -> jax.Array:
        return jax.random.split(jax.random.fold_in(key, step), self.updates)

    def indices(self, key: jax.Array, step: jax.Array) -> jax.Array:
        """[updates, B, …], each below the population."""
        n, population = self.batch_size, self.population
        draw = functools.partial(self.sampler.indices, n=n, population=population)
        return jax.vmap(draw)(self.keys(key, step))

    def make(self, image: jax.Array, label: jax.Array, key: jax.Array, step: jax.Array) -> Batch:
        """Batches of images [updates, B, …]."""
        assembled = jax.vmap(self.sampler.assemble)(image, label)
        augmentation_keys = jax.vmap(augmentation_key)(self.keys(key, step))
        augmented = jax.vmap(self.sampler.augment)(assembled, augmentation_keys)
        return jax.tree.map(lambda leaf: distributed.split(self.mesh, leaf, axis=1), augmented)

    def resident(self, arrays: Any, step: jax.Array, place: jax.Array) -> Batch:
        """Of images that the devices hold."""
        del place
        (image, label), key = arrays
        order = self.indices(key, step)
        return self.make(image[order], label[order], key, step)

    def streamed(self, arrays: Any, step: jax.Array, place: jax.Array) -> Batch:
        """Of images that were read for these steps."""
        read, key = arrays
        image, label = (jax.lax.dynamic_index_in_dim(x, place, keepdims=False) for x in read)
        return self.make(image, label, key, step)


def _streamed(source: RandomAccess, batches: _Batches, key: jax.Array, steps: int) -> BatchSource:
    on_devices = distributed.on_all(batches.mesh, _same, key)
    indices = jax.jit(batches.indices)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    ahead: dict[int, concurrent.futures.Future] = {}

    def read(first_step: int) -> Images:
        order = np.stack([np.asarray(indices(key, first_step + i)) for i in range(steps)])
        return _place(source, order, batches.mesh)

    def fetch(first_step: int) -> Any:
        waiting = ahead.pop(first_step, None) or pool.submit(read, first_step)
        ahead.clear()
        ahead[first_step + steps] = pool.submit(read, first_step + steps)
        return waiting.result(), on_devices

    return BatchSource(fetch, batches.streamed)


def _place(source: RandomAccess, order: np.ndarray, mesh: Mesh) -> Images:
    """Images of these indices, `[steps, updates, B, …]`; a process reads its devices' share."""
    sharding = NamedSharding(mesh, PartitionSpec(None, None, distributed.AXIS))
    places = sharding.addressable_devices_indices_map(order.shape)
    parts = {device: source.fetch(order[place].ravel()) for device, place in places.items()}

    def whole(field: str) -> jax.Array:
        found = {device: part._asdict()[field] for device, part in parts.items()}
        on_devices = [
            jax.device_put(x.reshape(*order[places[device]].shape, *x.shape[1:]), device)
            for device, x in found.items()
        ]
        item = on_devices[0].shape[order.ndim :]
        return jax.make_array_from_single_device_arrays(order.shape + item, sharding, on_devices)

    return Images(whole("image"), whole("label"))
