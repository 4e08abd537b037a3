"""Where process 0 of a run listens, and joining there by jax's own means."""

import os
import re
from typing import Any

import jax
from jax._src.clusters import ClusterEnv

from ganstab.errors import InputError
from ganstab.training.partners import Partners
from ganstab.training.relay import open_relay

__all__ = ["address", "found", "initialize"]


def found(timeout: float) -> tuple[str, int | None, int | None, Any]:
    """What the cluster's environment says, as `jax.distributed.initialize` reads it."""
    try:
        found = ClusterEnv.auto_detect_unset_distributed_params(
            os.environ.get("JAX_COORDINATOR_ADDRESS"), None, None, None, None, int(timeout)
        )
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise InputError(f"could not read the cluster for --coordinator=auto: {error}") from error
    address, count, place, devices = found
    if address is None:
        raise InputError(
            "--coordinator=auto finds no cluster (TPU pod, Slurm, Open MPI): name HOST:PORT"
        )
    return address, count, place, devices


def address(coordinator: str) -> tuple[str, int]:
    """Host and port; an address of IPv6 stands in brackets."""
    host, _, port = coordinator.rpartition(":")
    bare = host[1:-1] if re.fullmatch(r"\[.*:.*\]", host) else host
    sound = _can_be_looked_up(bare) and (":" not in bare or bare != host)
    if not (sound and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(
            f"--coordinator={coordinator} must be HOST:PORT of process 0, with a port from 1 to "
            "65535, or auto"
        )
    return bare, int(port)


def _can_be_looked_up(host: str) -> bool:
    """Whether the system can be asked for a host of this name; Python encodes it for that."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return bool(host) and host.isprintable() and not re.search(r"[\s/\[\]]", host)


def initialize(
    partners: Partners, coordinator: str, address: tuple[str, int], devices: Any
) -> None:
    """Joins by jax's own means, which wait longer than `partners` for whatever happens."""
    where = f"{address[0]}:{address[1]}" if ":" not in address[0] else "[{}]:{}".format(*address)
    options: dict[str, Any] = {} if devices is None else {"local_device_ids": devices}
    if partners.place:
        where = f"127.0.0.1:{open_relay(*address, partners.patience)}"
    elif coordinator != "auto":
        # Without it the coordinator listens on every interface of the machine.
        options["coordinator_bind_address"] = where
    longer = 10 * round(partners.patience)
    try:
        jax.distributed.initialize(
            coordinator_address=where,
            num_processes=partners.count,
            process_id=partners.place,
            initialization_timeout=longer,
            heartbeat_timeout_seconds=longer,
            shutdown_timeout_seconds=longer,
            **options,
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(f"could not join --coordinator={coordinator}: {error}") from error
