"""How far are generated images from real ones?

    ganstab metrics REAL FAKE                                the sliced Wasserstein distance
    ganstab metrics REAL FAKE --inception=inception.npz      FID, KID, … as well
    ganstab metrics convert IN OUT                           weights for --inception, once

REAL and FAKE are folders of images, at any depth, or .npy or .npz files with an array of images
[n, H, W, C]: bytes, or floats from -1 to 1. All images have one size.

FID, KID, the Inception score, precision, recall, density and coverage need the weights of the
Inception network, which you download yourself: Google's classify_image_graph_def.pb, or the .pth
file of pytorch-fid or torch-fidelity. All but KID depend on how many images there are: compare
numbers of one n only. docs/metrics.md says what each tells, and where the weights are.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import tqdm

from ganstab._command_line import Parser, exit_status
from ganstab.errors import InputError
from ganstab.metrics.evaluation import METRICS, depths_of, evaluate
from ganstab.metrics.inception_weights import load_inception, read_weights, save_weights
from ganstab.metrics.sources import open_images
from ganstab.reporting.writing import to_json

__all__ = ["main"]

_WITHOUT_WEIGHTS = [name for name in METRICS if not depths_of([name])]
_FEW = 10_000


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m ganstab.metrics") -> int:
    """Prints the metrics of two sets of images, or converts weights; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["convert"]:
        return _convert(words[1:], f"{prog} convert")
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("real", metavar="REAL", help="the data: a folder, .npy or .npz")
    parser.add_argument("fake", metavar="FAKE", help="a generator's images: the same")
    parser.add_argument("--inception", metavar="FILE", help="the Inception network's weights")
    parser.add_argument(
        "--metrics",
        type=_names,
        help=f"some of {','.join(METRICS)}; without --inception {','.join(_WITHOUT_WEIGHTS)} "
        "(default: all that the weights allow, but digits, which is for 28 × 28 pixels)",
    )
    parser.add_argument(
        "--reference",
        metavar="FILE",
        help="a .npz to keep the statistics of REAL for FID in, or to take them from",
    )
    parser.add_argument("--seed", type=int, default=0, help="of random subsets and patches (0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return exit_status(_run, parser.parse_args(words))


def _convert(words: Sequence[str], prog: str) -> int:
    parser = Parser(
        prog=prog,
        description="Reads the Inception network's weights from Google's .pb or a .pth, checks "
        "every tensor, and writes them with a checksum. Nothing in the file is run.",
    )
    parser.add_argument("source", metavar="IN", help="a .pb, .pth or .npz file")
    parser.add_argument("target", metavar="OUT", help="the .npz file to write")
    return exit_status(_run_convert, parser.parse_args(words))


def _run_convert(asked: argparse.Namespace) -> int:
    if not asked.target.endswith(".npz"):
        raise InputError(f"OUT is {asked.target}; a name that ends in .npz is expected")
    weights = read_weights(asked.source)
    save_weights(asked.target, weights)
    numbers = sum(x.size for x in weights.values())
    print(f"{asked.target}: {len(weights)} tensors, {numbers:,} numbers")
    return 0


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    wrong = [name for name in names if name not in METRICS]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"{', '.join(wrong) or 'nothing'}: some of {','.join(METRICS)} are expected"
        )
    return list(dict.fromkeys(names))


def _run(asked: argparse.Namespace) -> int:
    names = asked.metrics or [
        name for name in METRICS if name != "digits" and (asked.inception or not depths_of([name]))
    ]
    depths = depths_of(names)
    if depths and not asked.inception:
        needy = ", ".join(name for name in names if depths_of([name]))
        raise InputError(f"{needy}: the Inception network's weights are needed: --inception=FILE")
    if asked.reference and "fid" not in names:
        raise InputError("--reference keeps statistics for FID, which is not asked for")
    real, fake = open_images(asked.real), open_images(asked.fake)
    inception = load_inception(asked.inception, depths) if depths else None
    with _bar(real.n + fake.n) as bar:
        found = evaluate(
            jax.random.key(asked.seed % 2**32), real, fake, names,
            inception=inception, reference=asked.reference, advance=bar.update,
        )  # fmt: skip
    if asked.json:
        print(to_json({name: record._asdict() for name, record in found.items()}), end="")
    else:
        print("\n".join([*_lines(found), *_notes(found, bool(asked.inception))]))
    return 0


def _bar(images: int) -> tqdm.tqdm:
    """Progress on standard error: a bar, or a line every ten seconds where that is no terminal."""
    interval = 0.5 if sys.stderr.isatty() else 10.0
    options = {"mininterval": interval, "delay": interval, "file": sys.stderr}
    return tqdm.tqdm(total=images, unit="image", **options)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name, record in found.items():
        numbers = record._asdict()
        counts = {"real": numbers.pop("n_real", 0), "fake": numbers.pop("n_fake")}
        told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items() if n)
        values = [f"{_NAMES.get(key, key)} {_short(x)}".strip() for key, x in numbers.items()]
        yield f"{METRICS[name].label:28} {'  '.join(values)}  (n = {told})"


_NAMES = {"value": "", "standard_error": "±", "standard_deviation": "±", "subset_size": "of"}


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {x:.4g}" for key, x in value.items())
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _notes(found: Mapping[str, Any], with_weights: bool) -> Iterator[str]:
    if not with_weights:
        yield (
            "For FID, KID, Inception score, precision and recall give the Inception network's "
            "weights: --inception=FILE (docs/metrics.md says where to get them)."
        )
    fewest = min(min(r.n_fake, getattr(r, "n_real", r.n_fake)) for r in found.values())
    if fewest < _FEW and "fid" in found:
        yield (
            f"FID is too high for few images, and {fewest:,} are fewer than {_FEW:,}: "
            "compare it only with FID of as many; KID has no such bias."
        )
