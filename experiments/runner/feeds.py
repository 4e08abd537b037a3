"""How batches reach the compiled steps: each a pure function of (seed, step).

Data that fit are held on the devices and drawn there, inside the compiled step. Data that do not
are read by the same indices from a random-access source, one call ahead of the computation. Where
the data are a distribution, the compiled step draws from it.
"""

import concurrent.futures
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from experiments.runner import devices, images
from experiments.runner.session import Session
from ganstab.data import Images, RandomAccess, Sampler, augmentation_key
from ganstab.types import Batch, TrainState

RESIDENT_BYTES = 2 * 2**30


class Feed(NamedTuple):
    """Where batches come from, for the host and for the compiled program."""

    fetch: Callable[[int], Any]
    """`(first_step) -> supply`: what the steps from there on draw from; arrays on the devices."""
    pick: Callable[[Any, jax.Array, jax.Array], Any]
    """`(supply, step, place) -> Batch` of leaves `[updates, B, …]`, inside jit; `place` counts from
    the supply's first step."""

    def at(self, state: TrainState) -> Any:
        """The batches of the step that a state is in front of."""
        supply = self.fetch(int(state.step))
        return jax.jit(self.pick)(supply, state.step, jnp.zeros((), jnp.int32))


def make_feed(
    source: Images | RandomAccess,
    sampler: Sampler,
    *,
    key: jax.Array,
    updates: int,
    batch_size: int,
    steps: int,
    mesh: Mesh,
) -> Feed:
    """The feed of a dataset.

    Args:
      source: images in memory, or a source that is read by index.
      sampler: what to make of them.
      key: the source of all draws; step s draws from `fold_in(key, s)`.
      updates: batches a step.
      batch_size: samples a batch, over all devices.
      steps: at most how many steps one supply serves.
      mesh: the devices.
    """

    def keys(key, step):
        return jax.random.split(jax.random.fold_in(key, step), updates)

    def indices(key, step):
        draw = functools.partial(sampler.indices, n=batch_size, population=images.size(source))
        return jax.vmap(draw)(keys(key, step))

    def batches(image, label, key, step):
        assembled = jax.vmap(sampler.assemble)(image, label)
        augmented = jax.vmap(sampler.augment)(
            assembled, jax.vmap(augmentation_key)(keys(key, step))
        )
        return jax.tree.map(lambda leaf: devices.split(mesh, leaf, axis=1), augmented)

    if isinstance(source, RandomAccess):
        return _streamed(source, batches, jax.jit(indices), key, steps, mesh)
    return _resident(source, batches, indices, key, mesh)


def image_feed(
    session: Session, source: Images | RandomAccess, sampler: Sampler, key: jax.Array
) -> Feed:
    """The batches of a run with one update of each player a step."""
    return make_feed(
        source,
        sampler,
        key=key,
        updates=2,
        batch_size=session.settings.batch_size,
        steps=session.settings.log_every,
        mesh=session.mesh,
    )


def drawn(
    sample: Callable[[jax.Array, int], jax.Array],
    *,
    key: jax.Array,
    updates: int,
    batch_size: int,
    mesh: Mesh,
) -> Feed:
    """The feed of a distribution, new points for every batch.

    Args:
      sample: `(key, n) -> points [n, …]`, inside jit.
      key: the source of all draws; step s draws from `fold_in(key, s)`.
      updates: batches a step.
      batch_size: points a batch, over all devices.
      mesh: the devices.
    """
    supply = devices.on_all(mesh, lambda key: key, key)

    def pick(key, step, place):
        del place
        keys = jax.random.split(jax.random.fold_in(key, step), updates)
        points = jax.vmap(lambda key: sample(key, batch_size))(keys)
        return Batch(devices.split(mesh, points, axis=1))

    return Feed(lambda first_step: supply, pick)


def _resident(source: Images, batches, indices, key, mesh: Mesh) -> Feed:
    supply = _on_devices(source, mesh), devices.on_all(mesh, lambda key: key, key)

    def pick(supply, step, place):
        del place
        (image, label), key = supply
        order = indices(key, step)
        return batches(image[order], label[order], key, step)

    return Feed(lambda first_step: supply, pick)


_latest: list[tuple[Images, Mesh, Images]] = []


def _on_devices(source: Images, mesh: Mesh) -> Images:
    """The source on every device, there once for all seeds that train together."""
    for known, where, there in _latest:
        if known is source and where == mesh:
            return there
    there = jax.device_put(source, devices.replicated(mesh))
    _latest[:] = [(source, mesh, there)]
    return there


def _streamed(source: RandomAccess, batches, indices, key, steps: int, mesh: Mesh) -> Feed:
    on_devices = devices.on_all(mesh, lambda key: key, key)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    ahead: dict[int, concurrent.futures.Future] = {}

    def read(first_step: int):
        order = np.stack([np.asarray(indices(key, first_step + i)) for i in range(steps)])
        return _place(source, order, mesh)

    def fetch(first_step: int):
        waiting = ahead.pop(first_step, None) or pool.submit(read, first_step)
        ahead.clear()
        ahead[first_step + steps] = pool.submit(read, first_step + steps)
        return waiting.result(), on_devices

    def pick(supply, step, place):
        read, key = supply
        image, label = (jax.lax.dynamic_index_in_dim(x, place, keepdims=False) for x in read)
        return batches(image, label, key, step)

    return Feed(fetch, pick)


def _place(source: RandomAccess, order: np.ndarray, mesh: Mesh) -> Images:
    """Images of these indices, `[steps, updates, B, …]`; a process reads its devices' share."""
    sharding = NamedSharding(mesh, PartitionSpec(None, None, devices.AXIS))
    places = sharding.addressable_devices_indices_map(order.shape)
    parts = {device: source.fetch(order[place].ravel()) for device, place in places.items()}

    def whole(field: str) -> jax.Array:
        on_devices = [
            jax.device_put(
                getattr(part, field).reshape(
                    *order[places[device]].shape, *getattr(part, field).shape[1:]
                ),
                device,
            )
            for device, part in parts.items()
        ]
        item = on_devices[0].shape[order.ndim :]
        return jax.make_array_from_single_device_arrays(order.shape + item, sharding, on_devices)

    return Images(whole("image"), whole("label"))
