"""A port of this machine that leads to the coordinator and stays open when that is gone.

The client of `jax.distributed` aborts its process, with a C++ stack, in the moment its connection
to the coordinator closes. Behind a relay it waits, and `partners` can say which process is missing.
"""

import contextlib
import socket
import threading
import time

__all__ = ["connect", "open_relay"]

PIECE = 2**16


def open_relay(host: str, port: int, patience: float) -> int:
    """Starts a relay in threads of this process and gives its port on 127.0.0.1.

    Args:
      host: where its connections lead to.
      port: of that host.
      patience: seconds for which a connection that is refused there is tried again.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_carry, args=(near, host, port, patience), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def connect(host: str, port: int, until: float) -> socket.socket:
    """A connection, tried again until `time.monotonic()` is `until`.

    Raises:
      OSError: of the last try.
    """
    while True:
        try:
            return socket.create_connection((host, port), max(0.1, until - time.monotonic()))
        except OSError:
            if time.monotonic() + 0.2 > until:
                raise
            time.sleep(0.2)


def _carry(near: socket.socket, host: str, port: int, patience: float) -> None:
    """Copies both ways; the near end is closed by its own process alone."""
    with contextlib.suppress(OSError), connect(host, port, time.monotonic() + patience) as far:
        far.settimeout(None)
        threading.Thread(target=_copy, args=(far, near), daemon=True).start()
        _copy(near, far)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
