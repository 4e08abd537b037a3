"""Saves one state again and again, and ends with all its checkpoints sound: `save_often FOLDER`."""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp

from ganstab import checkpoint


def state(step: int) -> dict:
    """What is saved at a step."""
    return {"a": jnp.arange(5000.0) * step, "b": [jnp.float16(step), jax.random.key(step)]}


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    checkpoint.clean(folder / "checkpoints")
    last = checkpoint.restore(folder / "checkpoints", state(0))
    for step in range(last.step if last else 0, 8):  # the last one is saved once more
        checkpoint.save(folder / "checkpoints", state(step), step)
    kept = checkpoint.steps(folder / "checkpoints")
    for step in kept:
        found = checkpoint.restore(folder / "checkpoints", state(0), step)
        assert found and checkpoint.digest(found.state) == checkpoint.digest(state(step))
    (folder / "result.json").write_text(json.dumps({"status": "finished", "step": kept[0]}))
