"""How far does a data parallel step scale? On paper, from the program that XLA makes of it.

    python benchmarks/scale.py --out results/benchmarks/scale.json --figure docs/scale.png

A step is compiled for virtual devices of the CPU, each program in a process of its own. Its
collectives and their bytes are read off the compiled program. From these and the published speeds
of links and chips follows the batch at which a device computes as long as it waits. Nothing here is
measured on an accelerator, and no step is taken.
"""

import argparse
import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collectives import Collective, collectives, product_flops
from links import MACHINES, SHARE, half_busy, waiting
from matplotlib.figure import Figure
from workers import environment

from ganstab.style import BLUE, GREEN, PURPLE, VERMILION, panels, png, styled

DEVICES, UNROLLS, SAMPLES = (1, 8, 64, 256), (0, 5, 10), 8


def stacked_mnist(unroll: int, batch: int) -> tuple[Any, Any]:
    """The main job, on no more images than a batch."""
    from experiments.stacked_mnist import StackedMnist, build

    config = StackedMnist(unroll_steps=unroll, batch_size=batch)
    built = build(config)
    fewer = type(built.data)(*(field[: max(batch, 64)] for field in built.data))
    return dataclasses.replace(built, data=fewer), config


def r3gan(unroll: int, batch: int) -> tuple[Any, Any]:
    """`ganstab train`'s networks and recipe on 32 × 32 images in colour."""
    import numpy as np

    from ganstab.image_gan.recipe import small_recipe
    from ganstab.networks.images import image_pair
    from ganstab.players import from_nnx
    from ganstab.training import Experiment, RunConfig
    from ganstab.types import Pair

    assert unroll == 0
    config = RunConfig(num_steps=20_000, batch_size=batch)
    data = np.zeros((max(batch, 64), 32, 32, 3), np.uint8)
    recipe = small_recipe("r3gan", steps=config.num_steps, batch_size=batch)
    players = Pair(*map(from_nnx, image_pair(32)))
    built = Experiment(
        title="r3gan", description="", players=players, recipe=recipe, prior=64, data=data
    )
    return built, config


MODELS: dict[str, Callable[[int, int], tuple[Any, Any]]] = {
    "stacked_mnist": stacked_mnist,
    "r3gan": r3gan,
}


def compiled_step(experiment: Any, config: Any, mesh: Any) -> tuple[Any, Any]:
    """A training step on a mesh, its batch drawn too, and the shapes of its state."""
    import jax
    import jax.numpy as jnp

    from ganstab.training import distributed
    from ganstab.training.parts import make_parts

    parts = make_parts(experiment, config, mesh)
    (source,) = parts.sources([0])
    step, here = parts.trainable.step, distributed.replicated(mesh)
    state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here),
        jax.eval_shape(parts.trainable.init, jax.random.key(0)),
    )

    def take(state, arrays):
        return step(state, source.batch_at(arrays, state.step, jnp.zeros((), jnp.int32)))

    # What is sent does not depend on how well a device's own work is compiled.
    quick = {"xla_backend_optimization_level": 0}
    lowered = jax.jit(take, compiler_options=quick).lower(state, source.host_arrays(0))
    return lowered.compile(), state


def look(model: str, unroll: int, samples: int) -> dict[str, Any]:
    """What the step sends and multiplies, compiled for all devices that jax sees."""
    import jax

    from ganstab.training import distributed

    built = MODELS[model](unroll, samples * jax.device_count())
    step, state = compiled_step(*built, distributed.make_mesh())
    text = step.as_text()
    return {
        "model": model,
        "unroll": unroll,
        "devices": jax.device_count(),
        "samples": samples,
        "parameters": [sum(leaf.size for leaf in jax.tree.leaves(own)) for own in state.params],
        "collectives": collectives(text),
        "flops": product_flops(text),
        "jax": jax.__version__,
    }


def looked_at(model: str, unroll: int, devices: int, samples: int) -> dict[str, Any]:
    """`look` in a process that has so many virtual devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    words = ["--look", model, str(unroll), str(samples)]
    done = subprocess.run(
        [sys.executable, __file__, *words],
        env=environment(JAX_PLATFORMS="cpu", XLA_FLAGS=flags),
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    return found | {"collectives": [Collective(*c) for c in found["collectives"]]}


def summed(found: Sequence[Collective]) -> list[dict[str, Any]]:
    """The collectives by kind and by how often each is executed a step: their number and bytes."""
    groups = sorted({(c.kind, c.times) for c in found})
    return [
        {"kind": kind, "times": times, "count": len(sizes), "bytes_a_time": sum(sizes)}
        for kind, times in groups
        for sizes in [[c.size for c in found if (c.kind, c.times) == (kind, times)]]
    ]


def estimates(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each program on several devices and each machine, when a device is half busy."""
    alone = {
        (c["model"], c["unroll"]): c["flops"] / c["samples"] for c in cells if c["devices"] == 1
    }
    rows = []
    for cell in cells:
        key, found, devices = (cell["model"], cell["unroll"]), cell["collectives"], cell["devices"]
        for name, machine in MACHINES.items() if devices > 1 else ():
            latency, moving = waiting(machine, found, devices)
            rows.append({
                "machine": name, "model": key[0], "unroll": key[1], "devices": devices,
                "latency_us": 1e6 * latency, "bytes_us": 1e6 * moving,
                "flops_a_sample": alone[key],
                "half_busy_samples": half_busy(machine, found, devices, alone[key]),
            })  # fmt: skip
    return rows


@styled
def draw(rows: Sequence[dict[str, Any]]) -> Figure:
    """The samples a device from which it is half busy, over the number of devices."""
    drawn, axes = panels(1, len(MACHINES), width=3.4, height=3.4)
    for axis, name in zip(axes[0], MACHINES, strict=True):
        axis.set_prop_cycle(color=[BLUE, GREEN, PURPLE, VERMILION])
        for model, unroll in dict.fromkeys((row["model"], row["unroll"]) for row in rows):
            known = {"machine": name, "model": model, "unroll": unroll}
            own = [row for row in rows if known.items() <= row.items()]
            label = f"stacked MNIST, K = {unroll}" if model == "stacked_mnist" else "r3gan, 32 × 32"
            at = [row["devices"] for row in own], [row["half_busy_samples"] for row in own]
            axis.loglog(*at, "o-", label=label, markersize=4)
        axis.set(title=name, xlabel="devices", xticks=DEVICES[1:], ylim=(3, 1e4))
        axis.set_xticklabels(map(str, DEVICES[1:]))
        axis.minorticks_off()
    axes[0][0].set_ylabel("samples a device, half busy")
    drawn.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return drawn


def main() -> None:
    """Compiles all programs, or looks at one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--look", nargs=3, metavar=("MODEL", "K", "SAMPLES"), help="one program")
    parser.add_argument("--devices", type=int, nargs="+", default=DEVICES)
    parser.add_argument("--out", type=Path, help="write everything to this JSON file")
    parser.add_argument("--figure", type=Path, help="draw the estimates into this PNG")
    flags = parser.parse_args()
    if flags.look:
        model, unroll, samples = flags.look
        print(json.dumps(look(model, int(unroll), int(samples))))
        return
    wanted = [("stacked_mnist", unroll) for unroll in UNROLLS] + [("r3gan", 0)]
    cells = []
    for model, unroll in wanted:
        for devices in sorted({1, *flags.devices}):
            cell = looked_at(model, unroll, devices, SAMPLES)
            cells.append(cell)
            found = cell["collectives"]
            kinds = ", ".join(dict.fromkeys(c.kind for c in found)) or "none"
            sent = sum(c.times for c in found), sum(c.times * c.size for c in found)
            said = f"{sent[0]} collectives ({kinds}), {sent[1]:,} bytes, {cell['flops']:,} FLOP"
            print(f"{model} K={unroll} on {devices}: {said} a device", flush=True)
    rows = estimates(cells)
    for row in rows:
        print("{machine}, {model} K={unroll}, {devices}: latency {latency_us:.0f} µs, bytes "
              "{bytes_us:.0f} µs, half busy at {half_busy_samples}".format(**row))  # fmt: skip
    if flags.out:
        command = f"python benchmarks/{Path(__file__).name} {shlex.join(sys.argv[1:])}"
        held = [cell | {"collectives": summed(cell["collectives"])} for cell in cells]
        content = {"command": command, "share_of_peak": SHARE, "programs": held, "estimates": rows}
        flags.out.write_text(json.dumps(content, indent=1) + "\n")
    if flags.figure:
        flags.figure.write_bytes(png(draw(rows)))


if __name__ == "__main__":
    main()
