"""Ctrl-C, SIGTERM and a hung-up terminal, which end a program cleanly."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["StopRequest", "watch_signals"]

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """A signal that was received, remembered until the loop looks."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def __bool__(self) -> bool:
        """Whether one came."""
        return bool(self.received)

    @property
    def exit_status(self) -> int:
        """128 + signal, as a shell reports it, so that `a && b` does not go on."""
        return 128 + (self.received or [signal.SIGTERM])[0]


@contextlib.contextmanager
def watch_signals() -> Iterator[StopRequest]:
    """Within, the first signal is a request to stop; a second one ends the program at once.

    In a thread other than the main one signals are not watched, nor is SIGHUP under `nohup`.
    """
    request = StopRequest()

    def remember(number: int, frame: Any) -> None:
        del frame
        if request.received:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        request.received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    before = {n: signal.signal(n, remember) for n in WATCHED if n not in ignored}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
