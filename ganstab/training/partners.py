"""The processes of one run: they connect, exchange texts, and notice when one of them is gone.

Every process keeps a connection to process 0, over which it says each second that it is alive. A
process that dies closes it, and one that is stopped falls silent. Process 0 tells all others, and
each ends with the same line and exit status. A thread does so, with `os._exit`, since the main
thread may be within a collective operation that nothing can interrupt.

A message is a JSON object on a line: `{}` is a sign of life; `text` is handed over by `gather`;
`end` is the line and the exit status with which the run ends; `bye` is said by who is done.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ganstab.errors import InputError
from ganstab.training.relay import connect
from ganstab.training.wire import Wire, listening, reason

__all__ = ["LOST", "PartnerError", "Partners", "write_last"]

LOST = 76
"""Exit status where another process of the run is missing or failed."""
AGAIN = "start the same commands again, and the run goes on from its newest checkpoint"


class PartnerError(InputError):
    """Another process of the run is missing."""

    exit_status = LOST


class Partners:
    """This process's connections: process 0 has one to each other, the others one to process 0."""

    def __init__(self, place: int, count: int, timeout: float):
        self.place, self.count = place, count
        self.at_end: list[Callable[[str], None]] = []
        """What is done with the line with which the run ends early."""
        # A quarter of the time is left for telling the others.
        self.patience, self._beat = 0.75 * timeout, timeout / 60
        self._lines: dict[int, Wire] = {}
        self._heard: dict[int, float] = {}
        self._left: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._ending = threading.Lock()
        self._status: int | None = None

    def listen(self, host: str | None, port: int, text: str) -> list[str]:
        """On process 0: waits for the others, and gives the text with which each process came.

        Args:
          host: the address to listen on, None for all of this machine.
          port: to listen on; it is free again afterwards.
          text: this process's own.

        Raises:
          InputError: it cannot listen there, or the processes' numbers are wrong.
          PartnerError: not all have come in time.
        """
        until = time.monotonic() + self.patience
        places, texts = [0], [text]
        with listening(host, port) as server:
            while len(places) < self.count:
                server.settimeout(max(0.1, until - time.monotonic()))
                try:
                    line = Wire(server.accept()[0])
                except TimeoutError:
                    self._refuse(self._absent(places))
                with contextlib.suppress(OSError, KeyError):  # a stranger
                    hello = line.receive(min(5.0, until - time.monotonic()))
                    place, own = hello["process"], hello["text"]
                    places.append(place)
                    texts.append(own)
                    self._lines[len(self._lines)] = line
                    self._tell({"here": places})
        if sorted(places) != list(range(self.count)):
            self._refuse(
                InputError(
                    f"--process_id is {_listed(sorted(places))}: give each process another number "
                    f"from 0 to {self.count - 1}, since --num_processes is {self.count}"
                )
            )
        self._lines = {place: self._lines[at] for at, place in enumerate(places[1:])}
        texts = [text for _, text in sorted(zip(places, texts, strict=True))]
        self._tell({"texts": texts})
        self._watch()
        return texts

    def reach(self, host: str, port: int, text: str) -> list[str]:
        """On the others: comes to process 0, and gives the text with which each process came.

        Raises:
          InputError: process 0 refused.
          PartnerError: process 0 or another did not come in time.
        """
        until = time.monotonic() + self.patience
        message: dict[str, Any] = {}
        here: list[int] = []
        try:
            line = self._lines[0] = Wire(connect(host, port, until))
            line.send({"process": self.place, "text": text})
            while "texts" not in message and "end" not in message:
                message = line.receive(until - time.monotonic())
                here = message.get("here", here)
        except OSError as error:
            if here and isinstance(error, TimeoutError):
                raise self._absent(here) from error
            why = f"{host}:{port}: {reason(error)}"
            raise PartnerError(self._missing([0], why)) from error
        if "end" in message:
            raise _refusal(*message["end"])
        self._watch()
        return message["texts"]

    def gather(self, text: str) -> list[str]:
        """The texts of all processes, each of which calls it equally often."""
        if self.place:
            self._lines[0].send({"text": text})
            return json.loads(self._lines[0].texts.get())
        texts = [text] + [self._lines[place].texts.get() for place in range(1, self.count)]
        self._tell({"text": json.dumps(texts)})
        return texts

    def fail(self, line: str, status: int, told: int) -> None:
        """Tells the others why this process ends, unless it ends because one of them is gone.

        Args:
          line: with which the others end.
          status: this process's exit status.
          told: that of the others.
        """
        begin = time.monotonic()
        # Who is gone is noticed meanwhile, and ends the program.
        while self._status is None and any(t < begin for t in list(self._heard.values())):
            time.sleep(self._beat / 4)
        if self.end_alike(status):
            self._tell({"end": [line, told]})
            self._conclude(line)

    def end_alike(self, status: int) -> bool:
        """The main thread ends with a status, as all do; False if the run ends already."""
        if self._ending.acquire(blocking=False):
            self._status = status
            return True
        while self._status is None:  # the thread that watches is about to end the program
            time.sleep(1)
        return False

    def leave(self) -> None:
        """At the end of the program: says goodbye, or ends it at once if the run failed."""
        if self._status is None:
            self._tell({"bye": True})
            return
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self._status)  # jax would wait for the others

    def _watch(self) -> None:
        self._heard = dict.fromkeys(self._lines, time.monotonic())
        listeners = [
            threading.Thread(target=self._listen_to, args=(place,), daemon=True)
            for place in self._lines
        ]
        self._threads = listeners
        for thread in [threading.Thread(target=self._give_signs, daemon=True), *listeners]:
            thread.start()

    def _give_signs(self) -> None:
        """Process 0 adds for how long it has not heard of some process."""
        while True:
            now = time.monotonic()
            silence = 0.0 if self.place else now - min(self._heard.values(), default=now)
            self._tell({"silence": silence})
            time.sleep(self._beat)

    def _listen_to(self, place: int) -> None:
        try:
            while self._hear(place):
                pass
        finally:
            self._heard.pop(place)

    def _hear(self, place: int) -> bool:
        """Takes one message, and gives whether to listen on."""
        line = self._lines[place]
        try:
            message = line.receive(self.patience)
        except TimeoutError:
            message = self._miss(place, f"silent for {self.patience:g} s")
        except OSError:
            if place in self._left:
                return False
            message = self._miss(place, "its connection was closed")
        self._heard[place] = time.monotonic() - message.get("silence", 0)
        if "end" in message:
            self._end(*message["end"])
        if "text" in message:
            line.texts.put(message["text"])
        if "bye" in message:
            self._left.add(place)
        return "end" not in message

    def _miss(self, place: int, why: str) -> dict[str, Any]:
        return {"end": [self._missing([place], why), LOST]}

    def _end(self, line: str, status: int) -> None:
        """Ends this process, in a thread beside the main one."""
        if self._ending.acquire(blocking=False):
            self._tell({"end": [line, status]})
            write_last(line)
            self._conclude(line)
            os._exit(status)

    def _conclude(self, line: str) -> None:
        """What is left to be done; a disk that hangs does not hold up the end."""

        def note() -> None:
            for do in self.at_end:
                with contextlib.suppress(Exception):
                    do(line)

        noting = threading.Thread(target=note, daemon=True)
        noting.start()
        # The others read the line and go: a connection may lose it when it is closed before.
        until = time.monotonic() + 2
        for each in (noting, *self._threads):
            if each is not threading.current_thread():
                each.join(max(0.0, until - time.monotonic()))

    def _tell(self, message: Mapping[str, Any]) -> None:
        for line in list(self._lines.values()):
            line.send(message)

    def _absent(self, here: Sequence[int]) -> PartnerError:
        absent = sorted({*range(self.count)} - {*here, self.place})
        return PartnerError(self._missing(absent, f"not there after {self.patience:g} s"))

    def _missing(self, places: Sequence[int], why: str) -> str:
        who = f"processes {_listed(places)} of {self.count} are"
        if len(places) == 1:
            who = f"process {places[0]} of {self.count} is"
        return f"{who} missing ({why}): {AGAIN}"

    def _refuse(self, error: InputError) -> NoReturn:
        self._tell({"end": [str(error), error.exit_status]})
        raise error


def write_last(line: str) -> None:
    """Writes the error; what the main thread prints afterwards, while it goes on, is dropped.

    A closed or full standard error does not keep the process from ending.
    """
    with contextlib.suppress(OSError):
        start = "\n" if os.isatty(2) else ""
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.write(kept, f"{start}error: {line}\n".encode(errors="backslashreplace"))


def _refusal(line: str, status: int) -> InputError:
    error = PartnerError(line) if status == LOST else InputError(line)
    error.exit_status = status
    return error


def _listed(places: Sequence[int]) -> str:
    return ", ".join(map(str, places))
