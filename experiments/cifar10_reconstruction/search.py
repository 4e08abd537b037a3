"""Training images sought in a generator's latent space, after the last step of a run.

The search is long, so it is made in chunks of images. Each chunk is written to disk when it is
done. A run that was stopped or killed goes on with the first chunk that is missing, and ends with
the same numbers.
"""

import functools
import io
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from experiments.cifar10_reconstruction import pictures
from experiments.unrolled_gan import LATENT
from ganstab import gan_inversion, metrics
from ganstab._files import read_arrays
from ganstab.data import Images, RandomAccess, to_unit_range
from ganstab.data.sampling import to_bytes
from ganstab.errors import InputError
from ganstab.reporting import Picture
from ganstab.reporting.writing import explained, write_atomic
from ganstab.training import Findings, distributed, images
from ganstab.training.samples import read_samples
from ganstab.types import Player, TrainState

PAIRS = 10_000
SHOWN = 8
CHUNKS = "conclusion"
ERRORS = "errors.npy"
Arrays = Mapping[str, np.ndarray]


def order(population: int) -> np.ndarray:
    """The order in which training images are looked at: random, and the same in every run.

    So runs of all seeds are compared on the same images, and the first n of them are the same for
    every number of images.
    """
    return np.random.default_rng(0).permutation(population)


def choose(source: Images | RandomAccess, sought: int, least: int) -> np.ndarray:
    """The first training images in this order, uint8 [n, H, W, C], with n = max(sought, least)."""
    count = images.size(source)
    if sought > count:
        raise InputError(f"--inference_images={sought} is more than the data, {count} images")
    return images.take(source, order(count)[: max(sought, least)]).image


def generator(gen: Player, state: TrainState) -> Callable[[Array], Array]:
    """The function z [n, 256] -> images [n, H, W, C] in [−1, 1], with running batch statistics."""
    unused = jax.random.key(0)
    return lambda z: gen.apply(state.params.gen, state.carry.state.gen, z, unused, train=False)[0]


def distances(image: Array) -> Array:
    """Euclidean distances [10,000] of random pairs of images [n, …] in [−1, 1], taken in [0, 1]."""
    return metrics.pairwise_distances(jax.random.key(0), (image + 1) / 2, PAIRS)


class Settings(NamedTuple):
    """How images are sought."""

    starts: int
    """Searches for each image, of which the best is kept."""
    iterations: int
    """Most steps of L-BFGS in each."""
    at_once: int
    """Images in a chunk."""


def make_conclusion(
    gen: Player, image: np.ndarray, settings: Settings, data_distance: np.ndarray
) -> Callable[[TrainState, pathlib.Path, Callable[[], bool]], Findings | None]:
    """An experiment's `conclude`: the search for the images, and the last samples' distances.

    Args:
      gen: the generator.
      image: uint8 [n, H, W, C].
      settings: of the search.
      data_distance: distances of random pairs of images of the data.
    """
    find = make_search(gen, image, settings)

    def conclude(
        state: TrainState, folder: pathlib.Path, stop: Callable[[], bool]
    ) -> Findings | None:
        step = int(state.step)
        place = chunks_of(folder, step)
        names = {f"images_{first:06d}": first for first in range(0, len(image), settings.at_once)}
        missing = [name for name in names if _any_missing(place / f"{name}.npz")]
        earlier = sum(read(folder, step).get("seconds", ()))
        for count, name in enumerate(missing, start=len(names) - len(missing) + 1):
            if stop():
                return None
            begin = time.monotonic()
            found = find(names[name], state)
            if distributed.is_main():
                seconds = np.array([time.monotonic() - begin])
                _write(place / f"{name}.npz", {**found, "seconds": seconds})
                print(f"images sought: chunk {count} of {len(names)}", flush=True)
        if not distributed.is_main():
            return Findings({})
        sampled = read_samples(folder)[step]["sample_distance"]
        distances = {"sample_distance": sampled, "data_distance": data_distance}
        _write(place / "distances.npz", distances)
        return summary(read(folder, step), folder, float(earlier))

    return conclude


def make_search(
    gen: Player, image: np.ndarray, settings: Settings
) -> Callable[[int, TrainState], dict[str, np.ndarray]]:
    """`(first, state) -> arrays`: what reconstructs a chunk of the images from a training state.

    Each gives, for its images: "image" and "reconstruction", uint8; "error", the mean of
    (G(z*) − x)² over pixels in [0, 1]; "latent", z*; and "converged". The starts of an image are
    N(0, I), and the same in every run.
    """
    at_once = min(settings.at_once, len(image))

    @jax.jit
    def reconstruct(state: TrainState, image: Array, places: Array) -> dict[str, Array]:
        generate, key = generator(gen, state), jax.random.key(1)
        draw = functools.partial(jax.random.normal, shape=(settings.starts, LATENT))
        z = jax.vmap(lambda place: draw(jax.random.fold_in(key, place)))(places)
        found = gan_inversion.infer(
            generate,
            to_unit_range(image),
            z,
            max_steps=settings.iterations,
            images_at_once=at_once,
        )
        return {
            "reconstruction": to_bytes(generate(found.latent)),
            "error": found.error / 4,  # of pixels in [0, 1], half as far apart as in [−1, 1]
            "latent": found.latent,
            "converged": found.converged,
        }

    def find(first: int, state: TrainState) -> dict[str, np.ndarray]:
        places = np.arange(first, first + at_once)
        wanted = places < len(image)
        places = places.clip(max=len(image) - 1)  # the last chunk is filled up: one program for all
        found = reconstruct(state, image[places], places)
        whole = {"image": image[places], **jax.tree.map(_host, found)}
        return {name: array[wanted] for name, array in whole.items()}

    return find


def summary(kept: Arrays, folder: pathlib.Path, earlier_seconds: float) -> Findings:
    """The errors of a run's reconstructions, in numbers and pictures, and as `errors.npy`.

    Args:
      kept: as of `read`.
      folder: the run's.
      earlier_seconds: what earlier processes spent on the search.

    Raises:
      InputError: a file cannot be written.
    """
    error, drawn = kept["error"], folder / "figures"
    buffer = io.BytesIO()
    np.save(buffer, error)
    write_atomic(folder / ERRORS, buffer.getvalue())
    shown = np.argsort(error)[np.linspace(0, len(error) - 1, min(SHOWN, len(error))).astype(int)]
    row = pictures.Row("found", kept["reconstruction"][shown], error[shown])
    pictures.reconstructions(kept["image"][shown], [row], drawn / "reconstructions.png")
    samples = {"samples": [kept["sample_distance"]]}
    pictures.distances(kept["data_distance"], samples, drawn / "distances.png")
    words = "Training images, from the best found to the worst, and their mean squared errors."
    return Findings(
        {"mse": float(error.mean()), "converged": 100 * float(kept["converged"].mean())},
        (
            Picture(drawn / "reconstructions.png", words),
            Picture(drawn / "distances.png", "Distances of random pairs; dashed: medians."),
        ),
        earlier_seconds,
    )


def chunks_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Where the chunks are that were sought at a step's state."""
    return folder / CHUNKS / f"step_{step:09d}"


def read(folder: pathlib.Path, step: int) -> Arrays:
    """All arrays that a run's search has left, the chunks joined; empty where there are none."""
    together: dict[str, list[np.ndarray]] = {}
    for file in sorted(chunks_of(folder, step).glob("*.npz")):
        for name, array in _read(file).items():
            together.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in together.items()}


def _host(value: Array) -> np.ndarray:
    return np.asarray(value.addressable_data(0))


def _any_missing(file: pathlib.Path) -> bool:
    """Whether the main process lacks the file; all processes agree."""
    return distributed.any_process(distributed.is_main() and not _read(file))


def _write(file: pathlib.Path, arrays: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with explained(f"cannot write {file}"):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, buffer.getvalue())


def _read(file: pathlib.Path) -> dict[str, np.ndarray]:
    """Its arrays; none where it is not there, or damaged, which the format's checksums tell."""
    try:
        return read_arrays(file)
    except InputError:
        return {}
