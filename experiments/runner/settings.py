"""The flags that every experiment has, and their values in one record."""

import pathlib
import re
import sys
from typing import Any, NamedTuple

from absl import flags

from experiments.runner import fingerprint, gan_flags, image_gan

EMBEDDED = "mnist"
"""The dataset that the package brings along."""

_FLAGS = flags.FLAGS
_NOT_SETTINGS = (
    *("workdir", "data_dir", "download", "tensorboard", "compilation_cache", "population"),
    *("coordinator", "num_processes", "process_id"),
)
_NAMED = "the name of a TensorFlow Datasets image dataset that is prepared on disk"
_HELP_EMBEDDED = (
    f"Images to train on: {EMBEDDED} (embedded) or {_NAMED}. With --data_dir, what that folder's "
    "standard IDX files are called (train-images-idx3-ubyte and train-labels-idx1-ubyte, .gz or "
    "not). Under another name than the default one, nothing is compared with the paper's values."
)
_HELP_NAMED = (
    f"Images to train on: {_NAMED}, or, with --data_dir, what that folder's images are called; "
    "nothing of it is in the package. Under another name than the default one, nothing is compared "
    "with the paper's values."
)


class Settings(NamedTuple):
    """What the runner needs to know; an experiment reads its own flags itself."""

    num_steps: int
    batch_size: int
    seed: int
    workdir: str | None
    eval_every: int
    checkpoint_every: int
    log_every: int
    tensorboard: bool
    coordinator: str | None
    num_processes: int | None
    process_id: int | None
    compilation_cache: str | None
    config: dict
    """All flags that decide the run's numbers, and the experiment's own, and what is in
    `--data_dir`, under "data_files"."""
    population: int = 1
    dataset: str = ""
    """This and the two below are for experiments on images."""
    data_dir: str | None = None
    download: bool = False


def define_flags(
    *,
    num_steps: int,
    batch_size: int,
    eval_every: int,
    checkpoint_every: int = 500,
    log_every: int = 20,
    dataset: str | None = None,
) -> None:
    """Defines the common flags with an experiment's own defaults.

    Args:
      num_steps: training steps.
      batch_size: samples in a minibatch.
      eval_every: steps between evaluations.
      checkpoint_every: steps between checkpoints.
      log_every: steps between rows of metrics, which is also how many one call computes.
      dataset: the images to train on; without, there are no flags for images.
    """
    flags.DEFINE_integer(
        "num_steps",
        num_steps,
        "Training steps; one step updates each player.",
        lower_bound=1,
    )
    flags.DEFINE_integer("batch_size", batch_size, "Samples in a minibatch.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Everything random follows from it.", lower_bound=0)
    flags.DEFINE_integer(
        "population",
        1,
        "Train this many seeds, from --seed on, as one program, each as a run of its own in a "
        "folder seed0, seed1, … under --workdir. It pays on an accelerator that one run does not "
        "fill; with --table it is then the seeds of a cell by default, as many as leave no GPU "
        "idle.",
        lower_bound=1,
    )
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder for everything the run writes; started again with the same folder and settings, "
        "the run goes on. Default: one under runs/, named after the settings.",
    )
    if dataset is not None:
        _define_image_flags(dataset)
    flags.DEFINE_integer(
        "eval_every", eval_every, "Steps between evaluations and sample grids.", lower_bound=1
    )
    flags.DEFINE_integer(
        "checkpoint_every", checkpoint_every, "Steps between checkpoints.", lower_bound=1
    )
    flags.DEFINE_integer(
        "log_every",
        log_every,
        "Steps between rows of metrics.jsonl, and between looks at Ctrl-C and SIGTERM.",
        lower_bound=1,
    )
    flags.DEFINE_bool("tensorboard", False, "Write TensorBoard events too (extra tensorboard).")
    flags.DEFINE_string(
        "coordinator",
        None,
        "HOST:PORT of process 0 of a run over several processes, or 'auto' to read it, "
        "--num_processes and --process_id from the cluster's environment (TPU pod, Slurm, Open "
        "MPI).",
    )
    flags.DEFINE_integer(
        "num_processes", None, "With --coordinator: how many processes there are.", lower_bound=1
    )
    flags.DEFINE_integer(
        "process_id", None, "With --coordinator: this process's number, from 0.", lower_bound=0
    )
    flags.DEFINE_string(
        "compilation_cache",
        None,
        "Folder for compiled programs, so that a second start trains at once; empty for none. "
        "Default: ganstab/xla in the user's cache folder.",
    )
    # So that --help lists them with the experiment's own.
    for flag in _FLAGS.flags_by_module_dict()[__name__]:
        _FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _define_image_flags(dataset: str) -> None:
    flags.DEFINE_string(
        "dataset",
        dataset,
        _HELP_EMBEDDED if dataset == EMBEDDED else _HELP_NAMED,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of images in one sub-folder a class (in its sub-folder train, if it has one), of "
        "IDX files, or of prepared datasets.",
    )
    flags.DEFINE_bool(
        "download",
        False,
        "Let TensorFlow Datasets download and prepare --dataset first (needs the extra tfds).",
    )


def read(module: str) -> Settings:
    """The settings as the command line gave them.

    Args:
      module: the experiment's `__name__`; its flags and the common ones make up `config.json`.
    """
    shared = (__name__, gan_flags.__name__, image_gan.__name__)
    config = own_flags((module, *shared), _NOT_SETTINGS)
    common: dict[str, Any] = {
        name: _FLAGS[name].value for name in Settings._fields if name in _FLAGS
    }
    folder = common.get("data_dir")
    if folder and pathlib.Path(folder).expanduser().is_dir():
        config["data_files"] = fingerprint.of_data(_folder_of(common["dataset"], folder))
    return Settings(**common, config=config)


def has_papers_data() -> bool:
    """Whether the run is on the program's own dataset, whose numbers the paper's can stand beside.

    What --data_dir holds is taken for what --dataset says.
    """
    if "dataset" not in _FLAGS:
        return True
    flag: Any = _FLAGS["dataset"]
    return name_of(flag.value) == flag.default


def name_of(dataset: str) -> str:
    """A dataset's name without its configuration and version."""
    return re.split("[/:]", dataset)[0]


def _folder_of(dataset: str, data_dir: str) -> pathlib.Path:
    """Where the dataset's own files are: one of several that are prepared, or the folder itself."""
    folder = pathlib.Path(data_dir).expanduser()
    own = folder / name_of(dataset)
    return own if own.is_dir() else folder


def own_flags(modules: tuple[str, ...], leave_out: tuple[str, ...]) -> dict[str, Any]:
    """The flags that these modules and the program define, by name, with their values.

    Args:
      modules: names of modules.
      leave_out: flags that decide no number.
    """
    by_module = _FLAGS.flags_by_module_dict()
    defined = {
        flag.name: flag.value
        for defined_in in (*modules, sys.argv[0])
        for flag in by_module.get(defined_in, [])
    }
    return {name: value for name, value in defined.items() if name not in leave_out}
