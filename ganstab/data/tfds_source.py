"""Image datasets prepared by TensorFlow Datasets, read by index and without TensorFlow.

Only the array_record and parquet formats can be read by index. Reading them needs no
TensorFlow; preparing one of the published datasets does (the extra `tfds` of this package).
"""

import difflib
import importlib.util
import os
from types import ModuleType
from typing import Any

import numpy as np

from ganstab.data.random_access import RandomAccess
from ganstab.errors import InputError

__all__ = ["load_tfds"]


def load_tfds(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> RandomAccess:
    """A prepared dataset, its features `image` and `label` (zeros where it has no label).

    Args:
      name: `dataset`, `dataset/config` or `dataset/config:version`, as TFDS names them.
      split: `train`, or any other split or slice that TFDS knows, such as `train[:10%]`.
      data_dir: where prepared datasets are; by default `$TFDS_DATA_DIR`, or else
        `~/tensorflow_datasets`.
      download: download and prepare the dataset first, should it not be there.

    Returns:
      RandomAccess: nothing is read before images are asked for.

    Raises:
      InputError: no such dataset or split; not prepared, or not in a format with random
        access; no uint8 images, or images of more than one shape; TensorFlow missing though
        the dataset is to be prepared.
    """
    # Importing TFDS takes seconds, which only those who read such a dataset should spend.
    import tensorflow_datasets as tfds

    builder = _builder(tfds, name, data_dir, download)
    if not builder.is_prepared():
        _prepare(builder, name, download)
    _check_features(tfds, builder, name)
    try:
        records = builder.as_data_source(split=split)
    except NotImplementedError as error:
        raise InputError(
            f"dataset {name}: prepared in {builder.data_dir} in a format without random access; "
            "array_record is needed: prepare it anew in another data_dir, with download=True"
        ) from error
    except (ValueError, KeyError) as error:
        raise InputError(f"dataset {name}: {_one_line(error)}") from error
    if not len(records):
        raise InputError(f"dataset {name}: split {split} is empty")
    return RandomAccess(records, f"dataset {name}, split {split}")


def _builder(
    tfds: ModuleType, name: str, data_dir: str | os.PathLike | None, download: bool
) -> Any:
    form = {"file_format": "array_record"} if download else {}
    place = {} if data_dir is None else {"data_dir": os.fspath(data_dir)}
    try:
        return tfds.builder(name, **place, **form)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise InputError(_unknown(tfds, name, data_dir)) from error
    except Exception as error:
        # A name of any form goes into the parsers of TFDS, which raise whatever they like.
        raise InputError(f"dataset {name}: {_one_line(error)}") from error


def _unknown(tfds: ModuleType, name: str, data_dir: str | os.PathLike | None) -> str:
    known = tfds.list_builders(with_community_datasets=False)
    near = difflib.get_close_matches(name, known, n=5)
    hint = f"nearest names: {', '.join(near)}" if near else f"{len(known)} names are known"
    return (
        f"dataset {name}: unknown to TensorFlow Datasets, and not prepared in "
        f"{data_dir or 'the default data_dir'}; {hint}; "
        "all are at https://www.tensorflow.org/datasets/catalog/overview"
    )


def _prepare(builder: Any, name: str, download: bool) -> None:
    if not download:
        raise InputError(
            f"dataset {name}: not prepared in {builder.data_dir}; prepare it with download=True "
            "(needs the network and `pip install tensorflow-cpu`), or name its data_dir"
        )
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f"dataset {name}: TensorFlow is needed to prepare it, though not to read it: "
            "pip install tensorflow-cpu"
        )
    try:
        builder.download_and_prepare()
    except (OSError, AssertionError, RuntimeError, ValueError) as error:
        raise InputError(f"dataset {name}: could not be prepared: {_one_line(error)}") from error


def _check_features(tfds: ModuleType, builder: Any, name: str) -> None:
    """Find unusable images before the first batch, from what the dataset states of itself."""
    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict) or "image" not in features:
        raise InputError(f"dataset {name}: no feature 'image', only {_one_line(features)}")
    shape, dtype = features["image"].shape, features["image"].np_dtype
    if np.dtype(dtype) != np.uint8 or len(shape) != 3:
        raise InputError(
            f"dataset {name}: images must be uint8 [H, W, C], not {np.dtype(dtype)} {list(shape)}"
        )


def _one_line(thing: object, longest: int = 200) -> str:
    line = " ".join(str(thing).split())
    return line if len(line) <= longest else line[:longest] + " …"
