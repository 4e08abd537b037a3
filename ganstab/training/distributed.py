"""Where a run computes: the mesh, the processes, precision, and the cache of compiled programs."""

import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ganstab.errors import InputError
from ganstab.training.run_folder import check_writable, local_folder

__all__ = [
    "any_process",
    "check_batch_size",
    "check_devices",
    "is_main",
    "join",
    "make_mesh",
    "meet",
    "on_all",
    "replicated",
    "split",
    "use_compilation_cache",
    "use_full_precision",
]

AXIS, CACHE = "batch", "--compilation_cache"


def join(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Makes this process one of a distributed run; call it before anything touches a device.

    Args:
      coordinator: `host:port` of process 0, or `auto` to read all three from the cluster's
        environment (TPU pods, Slurm, Open MPI, …); `None` for a run of one process.
      num_processes: how many processes there are.
      process_id: which of them this is, from 0.

    Raises:
      InputError: the three do not belong together, or the others cannot be reached.
    """
    given = (num_processes, process_id)
    if coordinator is None:
        if given != (None, None):
            raise InputError("--num_processes and --process_id need --coordinator=HOST:PORT")
        return
    explicit: dict[str, Any] = {}
    if coordinator != "auto":
        if num_processes is None or process_id is None or not process_id < num_processes:
            raise InputError(
                f"--coordinator={coordinator} needs --num_processes=N and a --process_id from 0 "
                f"to N-1, got {num_processes} and {process_id}"
            )
        explicit = {
            "coordinator_address": coordinator,
            "num_processes": num_processes,
            "process_id": process_id,
        }
        if process_id == 0:
            # Without it the coordinator listens on every interface of the machine.
            explicit["coordinator_bind_address"] = coordinator
    try:
        jax.distributed.initialize(**explicit)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"could not join --coordinator={coordinator}: {error}") from error


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
    """Keeps compiled programs on disk, so that a second start trains at once.

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
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
