"""How far are generated images from real ones?

    ganstab metrics REAL FAKE                                the sliced Wasserstein distance
    ganstab metrics REAL FAKE --inception=inception.npz      FID, KID, … as well
    ganstab metrics REAL RUN                                 a run's samples in place of FAKE
    ganstab metrics RUN                                      its training images in place of REAL
    ganstab metrics convert IN OUT                           weights for --inception, once

REAL and FAKE are folders of images, at any depth, or .npy or .npz files with an array of images
[n, H, W, C]: bytes, or floats from -1 to 1. All images have one size. RUN is the folder of a run of
`ganstab train`, or of another run whose samples are images: they are drawn from its generator.
`ganstab metrics RUN REAL` is the same as `ganstab metrics REAL RUN`.

FID, KID, the Inception score, precision, recall, density and coverage need the weights of the
Inception network, which you download yourself: classify_image_graph_def.pb of Google's archive
inception-2015-12-05.tgz, or its conversion by pytorch-fid (pt_inception-2015-12-05-6726825d.pth) or
torch-fidelity (weights-inception-2015-12-05-6726825d.pth), attached to their releases. All but KID
depend on how many images there are: compare numbers of one n only.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import tqdm

from ganstab._command_line import Parser, add_seed, add_step, exit_status, file_name
from ganstab.errors import InputError
from ganstab.generator import load
from ganstab.metrics.evaluation import METRICS, depths_of, evaluate
from ganstab.metrics.inception_weights import load_inception, read_weights, save_weights
from ganstab.metrics.run_sources import data_source, sample_source
from ganstab.metrics.sources import ImageSource, open_images
from ganstab.reporting.writing import to_json
from ganstab.training import distributed
from ganstab.training.run_folder import is_run, local_folder

__all__ = ["main"]

_WITHOUT_WEIGHTS = [name for name in METRICS if not depths_of([name])]
_FEW, _MOST, _MOST_ASKED = 10_000, 50_000, 10**7


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m ganstab.metrics") -> int:
    """Prints the metrics of two sets of images, or converts weights; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["convert"]:
        return _convert(words[1:], f"{prog} convert")
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("real", metavar="REAL", help="the data: a folder, .npy or .npz; no zip")
    parser.add_argument(
        "fake", metavar="FAKE", nargs="?", help="a generator's images: the same, or its run"
    )
    parser.add_argument(
        "--inception", type=file_name, metavar="FILE", help="the Inception network's weights"
    )
    parser.add_argument(
        "--metrics",
        type=_names,
        help=f"some of {', '.join(METRICS)}, joined by commas; without --inception "
        f"{' or '.join(_WITHOUT_WEIGHTS)} (default: all that the weights allow, except digits, "
        "which is for 28 × 28 pixels)",
    )
    parser.add_argument(
        "--reference",
        type=file_name,
        metavar="FILE",
        help="a .npz to keep the statistics of REAL for FID in, or to take them from",
    )
    parser.add_argument(
        "--n",
        type=int,
        help=f"samples of a run (default: as many as real images, {_MOST:,} at most; "
        f"{_FEW:,} of each of two runs)",
    )
    add_step(parser)
    parser.add_argument(
        "--experiment",
        metavar="MODULE:FUNCTION",
        help="makes the run's experiment, if that is your own code",
    )
    add_seed(parser, "samples, random subsets and patches")
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


def _opened(asked: argparse.Namespace) -> tuple[ImageSource, ImageSource]:
    """The real images and the generated ones; of a run and images, the run's are generated."""
    places = [place for place in (asked.real, asked.fake) if place is not None]
    runs = [place for place in places if is_run(local_folder(place, "REAL or FAKE"))]
    if not runs:
        _refuse_of_runs(asked)
        return open_images(asked.real), open_images(asked.fake)
    images = [open_images(place) for place in places if place not in runs]
    distributed.use_full_precision()
    distributed.use_compilation_cache(None)
    key = jax.random.key(asked.seed)
    generators = [load(run, step=asked.step, experiment=asked.experiment) for run in runs]
    if len(runs) == 2:
        n = asked.n or _FEW
        # Of other inputs: two checkpoints of one run would give like images for the same.
        other = sample_source(generators[0], jax.random.fold_in(key, 1), n)
        return other, sample_source(generators[1], key, n)
    real = images[0] if images else data_source(generators[0])
    return real, sample_source(generators[0], key, asked.n or min(real.n, _MOST))


def _refuse_of_runs(asked: argparse.Namespace) -> None:
    """What only goes with a run, where there is none."""
    if asked.fake is None:
        raise InputError(f"FAKE is missing, and {asked.real} is no folder of a run")
    for name in ("n", "step", "experiment"):
        if vars(asked)[name] is not None:
            raise InputError(f"--{name} goes with a run; {asked.real} and {asked.fake} are none")


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
    if asked.n is not None and not 2 <= asked.n <= _MOST_ASKED:
        raise InputError(f"--n={asked.n}: 2 or more is expected, {_MOST_ASKED:,} at most")
    if asked.reference and "fid" not in names:
        raise InputError("--reference keeps statistics for FID, which is not asked for")
    real, fake = _opened(asked)
    inception = load_inception(asked.inception, depths) if depths else None
    with _bar(real.n + fake.n) as bar:
        found = evaluate(
            jax.random.key(asked.seed), real, fake, names,
            inception=inception, reference=asked.reference, advance=bar.update,
        )  # fmt: skip
    if asked.json:
        records = {name: record._asdict() for name, record in found.items()}
        print(to_json(records | _of_runs(real, fake)), end="")
    else:
        drawn = [
            f"{kind}: {each['n']:,} samples of {each['run']} at step {each['step']:,}"
            for kind, each in _of_runs(real, fake).items()
        ]
        print("\n".join([*drawn, *_lines(found), *_notes(found, bool(asked.inception))]))
    return 0


def _of_runs(real: ImageSource, fake: ImageSource) -> dict[str, dict[str, Any]]:
    """Which of the two are a run's samples, and of what step."""
    sources = {"real": real, "fake": fake}.items()
    return {
        kind: {"run": source.name, "step": source.step, "n": source.n}
        for kind, source in sources
        if source.step is not None
    }


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
            "weights: --inception=FILE (`ganstab metrics --help` says where to get them)."
        )
    fewest = min(min(r.n_fake, getattr(r, "n_real", r.n_fake)) for r in found.values())
    if fewest < _FEW and "fid" in found:
        yield (
            f"FID is too high for few images, and {fewest:,} are fewer than {_FEW:,}: "
            "compare it only with FID of as many; KID has no such bias."
        )
