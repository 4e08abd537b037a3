"""How fast is a training step of the pairs for images, beside eager PyTorch?

    python benchmarks/images.py                         # all pairs
    python benchmarks/images.py --models sngan --batch 64

A step is one update of each network: the relativistic loss with R1 and R2 (convolutional, r3gan),
the hinge loss under spectral norm (sngan), the Wasserstein loss with gradient penalty (wgan_gp).
Images are 32 × 32, random and in memory. Each contestant has a process of its own. Timed blocks
alternate, and a ratio is the median over rounds of the ratio within a round. PyTorch needs `pip
install 'ganstab[bench]'`.
"""

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from image_models import MODELS
from workers import Worker

CONTESTANTS = ("ours_images", "peer_images")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each contestant")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a block, about")
    parser.add_argument("--out", type=Path, help="write everything measured to this JSON file")
    return parser.parse_args()


def race(model: str, flags: argparse.Namespace) -> dict:
    """One pair: milliseconds a step of each block, of both contestants."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(name, flags.threads)) for name in CONTESTANTS]
        first, counts = [], []
        for worker in workers:
            answer = worker.ask("race", model=model, unroll=0, batch=flags.batch, count=1)
            if "missing" in answer:
                raise SystemExit(f"{worker.name}: {answer['missing']}")
            first.append(answer["first_call_s"])
            once = worker.ask("block", count=1)["seconds"]
            counts.append(max(round(flags.seconds / once), 1))
        paired = list(zip(workers, counts, strict=True))
        rounds = [
            [worker.ask("block", count=n)["seconds"] * 1e3 / n for worker, n in paired]
            for _ in range(flags.rounds)
        ]
    return {"model": model, "batch": flags.batch, "first_call_s": first, "ms": rounds}


def main() -> None:
    """Races, and prints a row a pair."""
    flags = parse()
    found = []
    print("pair           ganstab, ms  PyTorch, ms  PyTorch / ganstab  first call, s", flush=True)
    for model in flags.models:
        found.append(race(model, flags))
        ours, peers = zip(*found[-1]["ms"], strict=True)
        ratio = median(b / a for a, b in zip(ours, peers, strict=True))
        first = "{:.0f} and {:.0f}".format(*found[-1]["first_call_s"])
        print(
            f"{model:14} {median(ours):11.1f}  {median(peers):11.1f}  {ratio:17.2f}  {first}",
            flush=True,
        )
    if flags.out:
        flags.out.write_text(json.dumps({"threads": flags.threads, "pairs": found}, indent=1))


if __name__ == "__main__":
    main()
