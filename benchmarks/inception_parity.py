"""Are the Inception network and the metrics those of torch-fidelity?

    python benchmarks/inception_parity.py            # about a minute; needs 'ganstab[bench]'
    python benchmarks/inception_parity.py --write    # and writes what the tests compare with

Both networks get the same random weights, through `.pth` files of either format, and the same
images, some larger and some smaller than the network's input. Both packages' metrics get the same
features. The reference is torch-fidelity in float64. The error of its float32 is shown beside that
of ours.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from inception_golden import GOLDEN, features, images, random_weights, summary
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from ganstab.metrics.frechet import fid
from ganstab.metrics.inception import DEPTHS, resize_as_tensorflow_1
from ganstab.metrics.inception_names import torch_name
from ganstab.metrics.inception_weights import layout, load_inception, read_weights
from ganstab.metrics.kernel import kid
from ganstab.metrics.neighbours import precision_recall
from ganstab.metrics.score import inception_score

SIZES = ((20, 37), (320, 301))
N_REAL, N_FAKE, WIDTH = 300, 300, 24
_AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}


def main() -> int:
    """Prints the largest differences, and returns 1 if one is beyond rounding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {GOLDEN.name}")
    write = parser.parse_args().write
    golden: dict = {}
    worst = compare_resizing(golden)
    with tempfile.TemporaryDirectory() as folder:
        worst = max(worst, compare_networks(Path(folder), golden))
    worst = max(worst, compare_metrics(golden))
    if write:
        GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"largest relative difference: {worst:.1e}")
    return int(worst > 2e-5)


def compare_resizing(golden: dict) -> float:
    """Images of other sizes at 299 × 299."""
    worst = 0.0
    for size in SIZES:
        x = images(*size).astype(np.float32)
        theirs = interpolate_bilinear_2d_like_tensorflow1x(
            _to_torch(x), size=(299, 299), align_corners=False
        )
        expected = theirs.numpy().transpose(0, 2, 3, 1)
        worst = max(
            worst, _told(f"resize {size}", resize_as_tensorflow_1(jnp.asarray(x), 299), expected)
        )
        golden[f"resize_{size[0]}x{size[1]}"] = summary(expected)
    return worst


def compare_networks(folder: Path, golden: dict) -> float:
    """All features of one network, of images of both sizes."""
    path = folder / "random.pth"
    weights = random_weights(layout())
    state = {
        torch_name(name): torch.from_numpy(np.ascontiguousarray(x.transpose(_AXES[x.ndim])))
        for name, x in weights.items()
    }
    torch.save(state, path, _use_new_zipfile_serialization=False)
    _check_same(read_weights(path), weights)
    torch.save(state, path)
    _check_same(read_weights(path), weights)
    ours = load_inception(path, DEPTHS)
    options = {"feature_extractor_weights_path": str(path)}
    exact, single = (FeatureExtractorInceptionV3("", list(DEPTHS), **options) for _ in range(2))
    # Its own setting "float64" is float32 in version 0.4.0.
    exact.double().feature_extractor_internal_dtype = torch.float64
    worst = 0.0
    for size in SIZES:
        x = images(*size)
        found = ours.features(x)
        expected, theirs = exact(_to_torch(x)), single(_to_torch(x))
        for depth, reference, other in zip(DEPTHS, expected, theirs, strict=True):
            name = f"{depth} of {size}"
            _told(f"{name}, torch-fidelity in float32", other, reference)
            worst = max(worst, _told(name, found[depth], reference))
            golden[f"{depth}_{size[0]}x{size[1]}"] = summary(reference)
    return worst


def compare_metrics(golden: dict) -> float:
    """FID, KID, Inception score, precision and recall of the same features."""
    real, fake = features(N_REAL, N_FAKE, WIDTH)
    a, b = torch.from_numpy(real), torch.from_numpy(fake)
    statistics = [metric_fid.fid_features_to_statistics(x) for x in (a.double(), b.double())]
    size = {"kid_subsets": 1, "kid_subset_size": N_REAL, "verbose": False}
    theirs = {
        **metric_fid.fid_statistics_to_metric(*statistics, verbose=False),
        **metric_kid.kid_features_to_metric(a.double(), b.double(), **size),
        **metric_isc.isc_features_to_metric(b, splits=10, shuffle=False),
        **metric_prc.prc_features_to_metric(b, a, verbose=False),
    }
    score, near = inception_score(fake), precision_recall(real, fake)
    kernel = kid(jax.random.key(0), real, fake, subset_size=N_REAL)
    ours = {
        metric_fid.KEY_METRIC_FID: fid(real, fake).value,
        metric_kid.KEY_METRIC_KID_MEAN: kernel.value,
        metric_isc.KEY_METRIC_ISC_MEAN: score.value,
        metric_isc.KEY_METRIC_ISC_STD: score.standard_deviation,
        metric_prc.KEY_METRIC_PRECISION: near.precision,
        metric_prc.KEY_METRIC_RECALL: near.recall,
    }
    golden |= {name: theirs[name] for name in ours}
    return max(_told(name, ours[name], theirs[name]) for name in ours)


def _told(name: str, found, expected) -> float:
    """The largest difference over the largest number that is expected, printed."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    print(f"{name:60} {difference:.1e}  of {np.abs(expected).max():.6g}", flush=True)
    return difference


def _check_same(found, expected) -> None:
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def _to_torch(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))


if __name__ == "__main__":
    sys.exit(main())
