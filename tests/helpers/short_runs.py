"""Short runs of experiments in this process, on one of its devices."""

import io
import json
import pathlib
from unittest import mock

import jax
import jax.numpy as jnp

from ganstab import Carry, Pair, Player, TrainState
from ganstab.training import distributed, train

FEW = {"num_steps": 2, "eval_every": 2, "log_every": 1, "batch_size": 16, "samples": 64}


def one_device():
    """The mesh of the first device: half the time of compiling for eight."""
    kinds = (jax.sharding.AxisType.Auto,)
    return jax.make_mesh((1,), (distributed.AXIS,), kinds, devices=jax.devices()[:1])


def trained(build, config, folder: pathlib.Path, stream: io.StringIO | None = None) -> dict:
    """The `result.json` of a run that has finished, as `train` leaves it; it tells the stream."""
    with mock.patch.object(distributed, "make_mesh", one_device):
        done = train(build, config, folder, stream=stream or io.StringIO())
    result = json.loads((folder / "result.json").read_text())
    assert done.status == result["status"] == "finished"
    assert result["step"] == config.num_steps and (folder / "report.html").exists()
    return result


def drawn(folder: pathlib.Path) -> set[str]:
    """The pictures of a run, each more than an empty file."""
    pictures = list((folder / "figures").iterdir())
    assert all(picture.stat().st_size > 1000 for picture in pictures)
    return {picture.name for picture in pictures}


def telling_mode(*shape):
    """A generator whose samples are 1 in training mode, else 0."""

    def apply(params, state, z, key, *, train=True):
        return jnp.full((len(z), *shape), float(train)), state

    return Player(lambda key: ((), ()), apply)


def empty_state():
    """A training state without parameters."""
    nothing = Pair((), ())
    return TrainState(nothing, Carry(nothing, nothing), jnp.int32(0), jax.random.key(0))
