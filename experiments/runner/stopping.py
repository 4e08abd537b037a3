"""Ctrl-C and SIGTERM, which end a program cleanly."""

import signal
from typing import Any, NamedTuple


class StopRequest(NamedTuple):
    """Ctrl-C or SIGTERM, remembered until the loop looks."""

    received: list

    def __bool__(self) -> bool:
        """Whether one came."""
        return bool(self.received)

    @property
    def exit_status(self) -> int:
        """128 + signal, as a shell reports it, so that `a && b` does not go on."""
        return 128 + (self.received or [signal.SIGTERM])[0]


def watch_signals() -> StopRequest:
    """Lets the first Ctrl-C or SIGTERM end the run cleanly; a second Ctrl-C ends it at once."""
    request = StopRequest([])

    def remember(number: int, frame: Any) -> None:
        del frame
        if request.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, remember)
    return request
