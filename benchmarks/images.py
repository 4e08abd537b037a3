"""How fast is a training step of the pairs for images, beside PyTorch?

    python benchmarks/images.py                         # all pairs
    python benchmarks/images.py --models sngan --batch 64
    python benchmarks/images.py --models dcgan wgan_gp --compile    # torch.compile too

A step is one update of each network: the relativistic loss with R1 and R2 (convolutional, r3gan),
the hinge loss under spectral norm (sngan), the Wasserstein loss with gradient penalty (wgan_gp,
dcgan). The pairs are those of `ganstab.networks.images`, and DCGAN's with kernels of 5 and 64, 128
and 256 channels, without batch norm in its critic. PyTorch's step is eager, as its users write it;
with --compile there is a second one, whose losses and gradients go through `torch.compile`, for
WGAN-GP's loss alone, since its double backward has to be written for that. Images are 32 × 32,
random and in memory. Each contestant has a process of its own. Timed blocks alternate, and a ratio
is the median over rounds of the ratio within a round. PyTorch needs `pip install 'ganstab[bench]'`.
"""

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from image_models import MODELS, WGAN_GP
from unroll import about
from workers import Worker

CONTESTANTS = {"ganstab": "ours_images", "PyTorch": "peer_images"}
COMPILED = {"torch.compile": "peer_images_compiled"}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--models", nargs="+", default=list(MODELS), choices=MODELS, help="pairs of networks"
    )
    parser.add_argument("--batch", type=int, default=32, help="images in a minibatch")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each contestant")
    parser.add_argument("--rounds", type=int, default=7, help="of one block each")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a block, about")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well")
    parser.add_argument("--out", type=Path, help="write everything measured to this JSON file")
    flags = parser.parse_args()
    if flags.compile and (others := set(flags.models) - set(WGAN_GP)):
        parser.error(f"--compile is of {' and '.join(WGAN_GP)}, not of {', '.join(sorted(others))}")
    return flags


def race(model: str, flags: argparse.Namespace) -> dict:
    """One pair: milliseconds a step of each block, of every contestant."""
    contestants = CONTESTANTS | (COMPILED if flags.compile else {})
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(module, flags.threads)) for module in contestants.values()
        ]
        first, counts = [], []
        for worker in workers:
            answer = worker.ask("race", model=model, unroll=0, batch=flags.batch, count=1)
            if "missing" in answer:
                raise SystemExit(f"{worker.name}: {answer['missing']}")
            first.append(answer["first_call_s"])
            counts.append(max(round(1e3 * flags.seconds / worker.ms(1)), 1))
        paired = list(zip(workers, counts, strict=True))
        rounds = [[worker.ms(n) for worker, n in paired] for _ in range(flags.rounds)]
    return {
        "model": model, "batch": flags.batch, "contestants": list(contestants),
        "first_call_s": first, "ms": rounds,
    }  # fmt: skip


def main() -> None:
    """Races, and prints a row a pair."""
    flags = parse()
    found = []
    print(f"{'pair':14} {'contestant':15} ms a step  / ganstab  first call, s")
    for model in flags.models:
        one = race(model, flags)
        found.append(one)
        columns = list(zip(*one["ms"], strict=True))
        for name, first, ms in zip(one["contestants"], one["first_call_s"], columns, strict=True):
            ratio = median(b / a for a, b in zip(columns[0], ms, strict=True))
            line = f"{model:14} {name:15} {median(ms):9.1f}  {ratio:9.2f}  {first:13.0f}"
            print(line, flush=True)
    if flags.out:
        facts = about(argparse.Namespace(threads=flags.threads, device="cpu"))
        flags.out.write_text(json.dumps({**facts, "pairs": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
