"""Where a run computes: the mesh, the processes, precision, and the cache of compiled programs."""

import atexit
import contextlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ganstab.errors import InputError
from ganstab.training import provenance
from ganstab.training.coordinator import address, found, initialize
from ganstab.training.partners import LOST, Partners
from ganstab.training.run_folder import check_writable, local_folder

__all__ = [
    "agree",
    "any_process",
    "at_end",
    "check_batch_size",
    "check_devices",
    "is_main",
    "join",
    "make_mesh",
    "meet",
    "on_all",
    "replicated",
    "split",
    "together",
    "use_compilation_cache",
    "use_full_precision",
]

AXIS, CACHE = "batch", "--compilation_cache"
MOST = 3
"""Differences that a line names."""
_partners: Partners | None = None


def join(
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    *,
    timeout: float = 60.0,
) -> None:
    """Makes this process one of a distributed run; call it before anything touches a device.

    From then on a process that dies, or is silent for three quarters of `timeout`, ends all others
    with one line and exit status `partners.LOST`.

    Args:
      coordinator: `host:port` of process 0, or `auto` to read all three from the cluster's
        environment (TPU pods, Slurm, Open MPI, …); `None` for a run of one process.
      num_processes: how many processes there are.
      process_id: which of them this is, from 0.
      timeout: seconds within which all processes have to come, and a missing one is noticed.

    Raises:
      InputError: the three do not belong together, or the processes' software differs.
      PartnerError: a process did not come in time.
    """
    global _partners
    given = (num_processes, process_id)
    if coordinator is None:
        if given != (None, None):
            raise InputError("--num_processes and --process_id need --coordinator=HOST:PORT")
        return
    devices: Any = None
    where = coordinator
    if coordinator == "auto":
        where, num_processes, process_id, devices = found(timeout)
    if num_processes is None or process_id is None or not process_id < num_processes:
        raise InputError(
            f"--coordinator={coordinator} needs --num_processes=N and a --process_id from 0 "
            f"to N-1, got {num_processes} and {process_id}"
        )
    host, port = address(where)
    partners = Partners(process_id, num_processes, timeout)
    text = _text({"num_processes": num_processes, **provenance.software()})
    if process_id == 0:
        texts = partners.listen(None if coordinator == "auto" else host, port, text)
    else:
        texts = partners.reach(host, port, text)
    _partners = partners
    atexit.register(partners.leave)
    with together():
        _check_alike(texts)
        initialize(partners, coordinator, (host, port), devices)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Within, an error of this process ends the others too, with the same line."""
    try:
        yield
    except _DifferentError:
        raise
    except BaseException as error:
        if _partners:
            line = " ".join(str(error).split())
            if isinstance(error, InputError):
                _partners.fail(line, error.exit_status, error.exit_status)
            else:
                failed = f"process {_partners.place} of {_partners.count} failed"
                _partners.fail(f"{failed}: {type(error).__name__}: {line}", 1, LOST)
        raise


def at_end(do: Callable[[str], None]) -> None:
    """Has `do(line)` called where a run of several processes ends early, with its last line."""
    if _partners:
        _partners.at_end.append(do)


def agree(values: Mapping[str, Any]) -> None:
    """Compares JSON values of all processes, each of which calls it equally often.

    Raises:
      InputError: on every process, where values differ; each is named, with the processes.
    """
    _check_alike(_gather(_text(values)))


class _DifferentError(InputError):
    """Every process raises it."""


def _check_alike(texts: Sequence[str]) -> None:
    values = [json.loads(text) for text in texts]
    names = dict.fromkeys(name for each in values for name in each)
    different = [
        f"{name} is {_spread([each.get(name) for each in values])}"
        for name in names
        if any(each.get(name) != values[0].get(name) for each in values)
    ]
    if not different:
        return
    if _partners:
        _partners.end_alike(InputError.exit_status)
    shown = "; ".join(different[:MOST]) + ("; …" if len(different) > MOST else "")
    raise _DifferentError(f"the processes differ: {shown}: start all of them alike")


def _spread(values: Sequence[Any]) -> str:
    """Each value and the processes that have it, e.g. "0 on process 0, 7 on process 1"."""
    places: dict[str, list[str]] = {}
    for place, value in enumerate(values):
        places.setdefault(json.dumps(value), []).append(str(place))
    return ", ".join(
        f"{value} on process{'es' if len(at) > 1 else ''} {' '.join(at)}"
        for value, at in places.items()
    )


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, default=str)


def _gather(text: str) -> list[str]:
    """The texts of all processes."""
    if _partners:
        return _partners.gather(text)
    if jax.process_count() == 1:
        return [text]
    content = np.frombuffer(text.encode(), np.uint8)
    longest = multihost_utils.process_allgather(np.asarray(content.size)).max()
    padded = np.pad(content, (0, int(longest) - content.size), constant_values=ord(" "))
    return [bytes(row).decode() for row in multihost_utils.process_allgather(padded)]


def check_devices() -> None:
    """Raises InputError where jax finds nothing to compute on."""
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        why = str(error) or f"JAX_PLATFORMS={jax.config.values['jax_platforms']}"
        raise InputError(f"jax finds nothing to compute on: {why}") from error


def make_mesh() -> Mesh:
    """All devices of all processes in one axis, along which batches are split."""
    return jax.make_mesh((jax.device_count(),), (AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same on every device: parameters, optimizer states, keys."""
    return NamedSharding(mesh, PartitionSpec())


def on_all(mesh: Mesh, make: Callable, *inputs: Any) -> Any:
    """What `make(*inputs)` computes, once, the same on every device of every process."""
    # Compiling an initialiser with all optimizations takes five times as long, to run it once.
    options = {"xla_backend_optimization_level": 0}
    return jax.jit(make, out_shardings=replicated(mesh), compiler_options=options)(*inputs)


def split(mesh: Mesh, x: jax.Array, axis: int = 0) -> jax.Array:
    """Inside jit: `x` with one axis split over the devices."""
    spec = PartitionSpec(*(None,) * axis, AXIS)
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """A batch is split evenly, or the run does not start."""
    if batch_size % mesh.size:
        raise InputError(
            f"--batch_size={batch_size} must be a multiple of the number of devices, {mesh.size}"
        )


def is_main() -> bool:
    """Whether this process writes the files."""
    return jax.process_index() == 0


def meet(name: str) -> None:
    """Waits until every process has come here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def any_process(flag: bool) -> bool:
    """Whether the flag is set on any process; every process gets the same answer."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(jax.numpy.asarray(flag)).any())


def use_full_precision() -> None:
    """Has accelerators multiply in float32, as a CPU does, unless the environment says otherwise.

    Left to itself jax rounds the factors to TF32 on a GPU and to bfloat16 on a TPU, and which run
    collapses is decided by rounding. `JAX_DEFAULT_MATMUL_PRECISION` chooses another precision.
    """
    if not os.environ.get("JAX_DEFAULT_MATMUL_PRECISION"):
        jax.config.update("jax_default_matmul_precision", "float32")


def in_words() -> str:
    """What a run computes on and, where there is a choice, in which precision it multiplies."""
    found = f"{jax.device_count()} × {jax.devices()[0].device_kind}"
    if jax.default_backend() == "cpu":
        return found
    precision = jax.config.values["jax_default_matmul_precision"]
    return f"{found}, products in {precision} (see JAX_DEFAULT_MATMUL_PRECISION)"


def use_compilation_cache(folder: str | None) -> None:
    """Keeps compiled programs, and the step's trace, on disk: a second start trains at once.

    Args:
      folder: where; `None` for `ganstab/xla` in the user's cache folder, empty for no cache.

    Raises:
      InputError: nothing can be written there.
    """
    if folder == "":
        return
    if folder is not None and "://" not in folder:  # jax itself can write to some addresses
        check_writable(local_folder(folder, CACHE), CACHE)
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    jax.config.update("jax_compilation_cache_dir", folder or str(pathlib.Path(home, "ganstab/xla")))
    # Some twenty small programs together take as long as a large one.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
