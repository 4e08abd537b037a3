"""What share of this machine's limits does each part of a training step reach?

    python benchmarks/limits.py --out results/benchmarks/limits.json

The machine is measured first, on one thread and on two: products of float32 matrices of 1,024 ×
1,024, and sums of two arrays of 64 MiB, for each of which 192 MiB are read and written. Then a step
of stacked MNIST (discriminator width 1/4) and its parts are compiled, counted and timed on one
thread, each in turn. Times are the processor's seconds over the threads, so that other work on the
machine weighs little.

Floating-point operations are counted in the program as it is traced: two for each multiplication of
a matrix product, one for each number that any other arithmetic makes or takes into a sum, and all
of a loop's body for each of its turns. Bytes are those of the numbers that a part is given and
gives back. A part's limit is the time of its operations at the peak or of its bytes at the
bandwidth, whichever is longer; its share is that limit over its time.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workers import environment

CELLS = {64: (0, 5, 10), 512: (0,)}
PRODUCT, STREAM, SUMMED, THREADS = 1024, 2**24, 16, (1, 2)
ARITHMETIC = {
    "abs", "add", "add_any", "cos", "cumsum", "div", "exp", "exp2", "expm1", "integer_pow", "log",
    "log1p", "logistic", "max", "min", "mul", "neg", "pow", "rsqrt", "sin", "sqrt", "square", "sub",
    "tanh", "erf_inv",
}  # fmt: skip
SUMS = {"reduce_sum", "reduce_max", "reduce_min", "cumsum"}


class Part(NamedTuple):
    """One part of a step: a function, the arrays it is given, and whether it reads all of them."""

    run: Callable
    given: tuple
    reads_all: bool = True


def parts(batch: int) -> dict[str, Part]:
    """What every step is made of, whatever K."""
    import jax
    import ours

    from ganstab import data
    from ganstab.types import Batch

    digits = jax.tree.map(jax.numpy.asarray, data.load_mnist("train"))
    players, txs, game = ours.setup("stacked_mnist", 0)
    params, carry, real, fake, key = _at_start(players, txs, batch)

    def generate(own):
        return players.gen.apply(own, carry.state.gen, ours.normal(key, batch), key)[0]

    def judge(own, fake):
        return game.judge(params._replace(disc=own), carry, Batch(real), fake, key)[0]

    def pulled_back(own, fake):
        return jax.vjp(generate, own)[1](fake)

    def adam(grads, opt):
        return [tx.update(*each) for tx, *each in zip(txs, grads, opt, strict=True)]

    def own_loss(own, fake):
        return judge(own, fake).disc

    def samples_loss(fake, own):
        return judge(own, fake).gen

    return {
        "sampling of data": Part(
            lambda images, key: data.draw(data.stacked_digits, images, key, batch).real,
            (digits, key),
            reads_all=False,
        ),
        "noise": Part(lambda key: ours.normal(key, batch), (key,)),
        "generator, forward": Part(generate, (params.gen,)),
        "generator, with gradients": Part(pulled_back, (params.gen, fake)),
        "discriminator, forward": Part(own_loss, (params.disc, fake)),
        "discriminator, with its gradients": Part(jax.grad(own_loss), (params.disc, fake)),
        "discriminator, with the samples' gradient": Part(
            jax.grad(samples_loss), (fake, params.disc)
        ),
        "generator's last two batch norms and ReLU, with gradients": Part(*_norms(batch)),
        "Adam of both": Part(adam, (params, carry.opt)),
    }


def steps_of(batch: int, unroll: int) -> dict[str, Part]:
    """The step, and how the samples' gradient goes through the K updates."""
    import jax
    import ours

    from ganstab import steps
    from ganstab.types import Batch

    players, txs, game = ours.setup("stacked_mnist", unroll)
    params, carry, real, fake, key = _at_start(players, txs, batch)

    def looked_ahead(fake):
        return game.judge(params, carry, Batch(real), fake, key)[0].gen

    step, state = steps.alternating(game, txs), steps.init(players, txs, key)
    both = Batch(jax.numpy.stack([real, fake]))
    found = {f"step, K = {unroll}": Part(lambda *given: step(*given)[0], (state, both))}
    if unroll:
        found[f"unrolled, with the samples' gradient, K = {unroll}"] = Part(
            jax.grad(looked_ahead), (fake,)
        )
    return found


def _at_start(players, txs, batch: int):
    import jax

    from ganstab import steps

    key = jax.random.key(0)
    state = steps.init(players, txs, key)
    real, fake = jax.random.uniform(key, (2, batch, 28, 28, 3), minval=-1.0)
    return state.params, state.carry, real, fake, key


def _norms(batch: int):
    """The generator's last two batch norms with ReLU, in the layout they are computed in."""
    import jax
    from flax import nnx

    shapes = (16, 14, 14, batch), (8, 28, 28, batch)
    images = [jax.random.normal(jax.random.key(0), shape) for shape in shapes]

    def normed(images):
        norms = [nnx.BatchNorm(len(x), axis=0, rngs=nnx.Rngs(0)) for x in images]
        return [jax.nn.relu(norm(x)) for norm, x in zip(norms, images, strict=True)]

    return (lambda images, ct: jax.vjp(normed, images)[1](ct)), (images, images)


def operations(jaxpr: Any) -> tuple[int, int]:
    """Floating-point operations of matrix products and of all else in a traced program."""
    products = others = 0
    for equation in (each for each in jaxpr.eqns if each.outvars):
        name, out = equation.primitive.name, equation.outvars[0].aval
        if name == "dot_general":
            (left, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            products += 2 * math.prod(out.shape) * math.prod(shape[axis] for axis in left)
        elif name in SUMS:
            others += math.prod(equation.invars[0].aval.shape)
        elif name in ARITHMETIC and "float" in out.dtype.name:
            others += math.prod(out.shape)
        turns = equation.params.get("length", 1) if name == "scan" else 1
        for inner in _inner(equation.params.values()):
            more = operations(inner)
            products, others = products + turns * more[0], others + turns * more[1]
    return products, others


def _inner(params: Any) -> list:
    """The programs within an operation: a loop's body, a call's."""
    found = [getattr(value, "jaxpr", value) for value in params]
    return [value for value in found if hasattr(value, "eqns")]


def machine(repeats: int, threads: int) -> dict[str, float]:
    """Peak of matrix products, GFLOP/s, and bandwidth, GB/s: the best of the repeats."""
    import jax

    square, long = jax.numpy.ones((PRODUCT, PRODUCT)), jax.numpy.ones(STREAM)
    product = jax.jit(lambda a: a @ a).lower(square).compile()
    # Many sums in one call: the memory of its result is new, and its pages are made one by one.
    turns = jax.jit(lambda a, b: jax.lax.fori_loop(0, SUMMED, lambda _, sum: sum + b, a))
    added = turns.lower(long, long).compile()
    of_product = min(_cpu(product, (square,)) for _ in range(repeats)) / threads
    of_sum = min(_cpu(added, (long, long)) for _ in range(repeats)) / threads
    return {
        "gflops": 2 * PRODUCT**3 / of_product / 1e9,
        "gb_per_s": SUMMED * 3 * STREAM * 4 / of_sum / 1e9,
    }


def timed(found: dict[str, Part], rounds: int, limit: dict[str, float]) -> list[dict]:
    """Each part's operations, bytes, milliseconds and share of the limit."""
    import jax

    traced = {name: jax.jit(part.run).trace(*part.given) for name, part in found.items()}
    compiled = {name: program.lower().compile() for name, program in traced.items()}
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds + 1):
        for name, part in found.items():
            seconds[name].append(_cpu(compiled[name], part.given))
    rows = []
    for name, part in found.items():
        products, others = operations(traced[name].jaxpr.jaxpr)
        read = part.given if part.reads_all else ()
        moved = sum(map(_bytes, jax.tree.leaves((read, traced[name].out_info))))
        least = max((products + others) / limit["gflops"], moved / limit["gb_per_s"]) / 1e6
        ms = 1e3 * statistics.median(seconds[name][1:])
        row = {"part": name, "products_mflop": products / 1e6, "others_mflop": others / 1e6}
        rows.append(row | {"mib": moved / 2**20, "limit_ms": least, "ms": ms, "share": least / ms})
    return rows


def _bytes(leaf: Any) -> int:
    return math.prod(leaf.shape) * getattr(leaf.dtype, "itemsize", 8)


def _cpu(run: Callable, given: tuple, least: float = 0.1) -> float:
    """Seconds of the processor a call, of as many calls as fill a tenth of a second."""
    import jax

    start, calls = time.process_time(), 0
    while (spent := time.process_time() - start) < least:
        jax.block_until_ready(run(*given))
        calls += 1
    return spent / calls


def work(threads: int, flags: argparse.Namespace) -> dict:
    """What a process with so many threads measures: with one thread, the parts too."""
    limit = machine(flags.repeats, threads)
    if threads > 1:
        return limit
    cells: dict[int, list] = {}
    for batch, lengths in CELLS.items():
        found = parts(batch)
        for unroll in lengths:
            found |= steps_of(batch, unroll)
        cells[batch] = timed(found, flags.repeats, limit)
    return limit | {"cells": cells}


def _child(threads: int, arguments: Sequence[str]) -> dict:
    """The measurements of a process that is kept to so many cores."""
    env = environment(JAX_PLATFORMS="cpu", NPROC=str(threads))
    command = [sys.executable, __file__, *arguments, "--worker", str(threads)]
    return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout)


def render(found: dict) -> str:
    """The tables, in Markdown."""
    lines = [f"{threads} thread(s): {each['gflops']:.0f} GFLOP/s, {each['gb_per_s']:.1f} GB/s"
             for threads, each in found["speeds"].items()]  # fmt: skip
    for batch, rows in found["cells"].items():
        lines += [
            f"\n| batch {batch} | products, MFLOP | other, MFLOP | MiB | limit, ms | ms | share |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {row['part']} | {row['products_mflop']:,.1f} | {row['others_mflop']:,.1f} | "
            f"{row['mib']:.1f} | {row['limit_ms']:.2f} | {row['ms']:.2f} | {row['share']:.0%} |"
            for row in rows
        ]
    return "\n".join(lines)


def main() -> None:
    """Measures, prints the tables and writes everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="rounds of a tenth of a second each")
    parser.add_argument("--out", type=Path, help="write everything measured to this JSON file")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.worker:
        if sys.platform == "linux":
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: flags.worker])
        print(json.dumps(work(flags.worker, flags)))
        return
    from unroll import about

    measured = {threads: _child(threads, sys.argv[1:]) for threads in THREADS}
    cells = measured[1].pop("cells")
    facts = about(argparse.Namespace(threads=1, device="cpu"))
    found = {**facts, "speeds": measured, "cells": cells}
    print(render(found))
    if flags.out:
        flags.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
