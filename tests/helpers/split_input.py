"""One of several processes, or the only one: what it reads of a batch, and where training leads."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from ganstab import Pair, losses, terms
from ganstab.data import Images, RandomAccess
from ganstab.players import from_nnx
from ganstab.recipes import Recipe
from ganstab.training import Experiment, RunConfig, distributed
from ganstab.training.loop import make_loops
from ganstab.training.parts import make_parts

COUNT, BATCH, STEPS, CALLS = 100, 16, 2, 3
IMAGES = Images(
    np.broadcast_to(np.arange(COUNT, dtype=np.uint8)[:, None, None, None], (COUNT, 4, 4, 1)),
    np.zeros(COUNT, np.int32),
)
"""Every pixel of an image is its index."""


class Records:
    """Images of a random-access source, and which were asked for, in order."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        self.read.append(index)
        return {"image": IMAGES.image[index]}


class Generator(nnx.Module):
    def __init__(self, rngs):
        self.dense, self.norm = nnx.Linear(3, 16, rngs=rngs), nnx.BatchNorm(16, rngs=rngs)

    def __call__(self, z):
        return jnp.tanh(self.norm(self.dense(z))).reshape(-1, 4, 4, 1)


class Discriminator(nnx.Module):
    def __init__(self, rngs):
        self.dense, self.norm = nnx.Linear(16, 8, rngs=rngs), nnx.BatchNorm(8, rngs=rngs)
        self.last = nnx.Linear(8, 1, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.leaky_relu(self.norm(self.dense(x.reshape(-1, 16)))))


def parts_of(data, mesh):
    experiment = Experiment(
        title="",
        description="",
        players=Pair(from_nnx(lambda rngs: Generator(rngs)), from_nnx(Discriminator)),
        recipe=Recipe(
            "plain", "no paper", (terms.score_loss(losses.non_saturating),),
            Pair(optax.sgd(0.05), optax.sgd(0.05)), joint=True,
        ),
        prior=3,
        data=data,
    )  # fmt: skip
    return make_parts(experiment, RunConfig(num_steps=6, batch_size=BATCH, log_every=STEPS), mesh)


def look(mesh) -> dict[str, np.ndarray]:
    """This process's samples `[steps, updates, own, …]`, what it read, and the last state."""
    found, records = {}, Records()
    for name, data in (("resident", IMAGES), ("streamed", RandomAccess(records))):
        (source,) = parts_of(data, mesh).sources([0])
        found[name] = np.stack([
            own_part(jax.jit(source.batch_at)(arrays, jnp.int32(first + i), jnp.int32(i)).real)
            for first in range(0, CALLS * STEPS, STEPS)
            for arrays in [source.host_arrays(first)]
            for i in range(STEPS)
        ])  # fmt: skip
    # The call after the last is read ahead.
    found["read"] = np.array(records.read[: found["streamed"][..., 0, 0, 0].size])
    found["end"] = trained(parts_of(RandomAccess(Records()), mesh))
    return found


def own_part(real) -> np.ndarray:
    shards = sorted(real.addressable_shards, key=lambda shard: shard.index[1].start or 0)
    return np.concatenate([np.asarray(shard.data) for shard in shards], axis=1)


def trained(parts) -> np.ndarray:
    sources, state = parts.sources([0]), parts.initial(0)
    loop = make_loops(parts.trainable.step, sources, [state], STEPS)
    for _ in range(CALLS):
        (passed,) = loop([state], [STEPS])
        state = passed.state
    leaves = jax.tree.leaves((state.params, state.carry))
    return np.concatenate([np.asarray(x.addressable_data(0)).ravel() for x in leaves])


if __name__ == "__main__":
    out, coordinator, count, place = sys.argv[1:]
    distributed.join(coordinator, int(count), int(place))
    np.savez(out, **look(distributed.make_mesh()))
