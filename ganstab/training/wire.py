"""JSON messages between two processes, one a line."""

import contextlib
import json
import os
import queue
import socket
import threading
from collections.abc import Mapping
from typing import Any

from ganstab.errors import InputError

__all__ = ["Wire", "listening", "reason"]

LONGEST = 2**24


class Wire:
    """A connection to one process."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._sending = threading.Lock()
        self.texts: queue.Queue[str] = queue.Queue()

    def send(self, message: Mapping[str, Any]) -> None:
        """Says it, if anybody listens: who does not is noticed by listening."""
        with contextlib.suppress(OSError), self._sending:
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float) -> dict[str, Any]:
        """The next message.

        Raises:
          TimeoutError: none came.
          ConnectionError: the other end is closed, or speaks otherwise than a process of a run.
        """
        self._connection.settimeout(max(0.1, seconds))
        content = self._reader.readline(LONGEST)
        if not content:
            raise ConnectionError("its connection was closed")
        try:
            message = json.loads(content)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise ConnectionError("what answers is no process of a run")
        return message


def reason(error: OSError) -> str:
    """The system's own words, without what Python adds to them."""
    is_system = error.errno is not None and error.errno > 0
    return os.strerror(error.errno or 0) if is_system else str(error.strerror or error)


def listening(host: str | None, port: int) -> socket.socket:
    """What process 0 listens with; its connections live on when it is closed."""
    try:
        if host is not None:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address[:2], family=family, backlog=1024)
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
            )
        return socket.create_server(("", port), backlog=1024)
    except OSError as error:
        raise InputError(
            f"--coordinator: process 0 cannot listen at {host or 'any address'}, port {port} "
            f"({reason(error)}): name an address of its machine and a free port"
        ) from error
