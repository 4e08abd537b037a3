"""Processes, as many at once as there are shares of the machine, each kept to its own share.

Nothing here knows what the processes compute. An item counts as done by what it left in its
folders, and whoever has a folder open keeps it locked; so items that another program is at work on,
on this machine or on one with the same file system, are waited for. Of two programs that start one
item at the same moment the later one finds the folder locked, and waits for it as well.
"""

import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from experiments.runner.machine import Share, pinned
from experiments.runner.workdir import IN_USE, is_held


class Item(NamedTuple):
    """What one process does: a cell and one seed, or as many as its program trains at once."""

    name: str
    command: Sequence[str]
    folders: tuple[pathlib.Path, ...]
    """Those that it fills, one for each seed that is not done yet."""
    log: pathlib.Path


class Started(NamedTuple):
    """An item at work."""

    item: Item
    process: subprocess.Popen


def work(
    items: Sequence[Item],
    shares: Sequence[Share],
    *,
    is_done: Callable[[Item], bool],
    stop: Callable[[], bool],
    ended: Callable[[Item, int], None],
    tick: Callable[[Sequence[Item]], None],
    pause: float = 0.5,
) -> None:
    """Has every item done, in order, and returns when all have ended or a stop was asked for.

    Args:
      items: what is to be done.
      shares: what each process has of the machine; as many run at once as there are shares.
      is_done: whether an item needs no process, any more.
      stop: whether to end; then the processes get SIGTERM, and are waited for.
      ended: called with each item that ended, and its exit status (0 if others did it).
      tick: called after each look at the processes, with the items at work.
      pause: seconds between two looks.
    """
    waiting, running = list(items), dict[int, Started]()
    try:
        while (waiting or running) and not stop():
            for item, status in _finished(running):
                if status == IN_USE:
                    waiting.insert(0, item)
                else:
                    ended(item, status)
            if len(running) < len(shares):
                for item in filter(is_done, list(waiting)):
                    waiting.remove(item)
                    ended(item, 0)
                _fill(running, waiting, shares)
            tick([started.item for started in running.values()])
            time.sleep(pause)
    finally:
        _end(running)


def start(item: Item, share: Share) -> Started:
    """Starts the item's process; its words go to the end of its log."""
    item.log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **share.environment}
    with open(item.log, "a") as words, pinned(share.cores):
        process = subprocess.Popen(
            item.command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, env=environment
        )
    return Started(item, process)


def _fill(running: dict[int, Started], waiting: list[Item], shares: Sequence[Share]) -> None:
    """Starts waiting items whose folders are free, one for each share that is idle."""
    for number, share in enumerate(shares):
        free = (item for item in waiting if not any(map(is_held, item.folders)))
        item = None if number in running else next(free, None)
        if item is not None:
            waiting.remove(item)
            running[number] = start(item, share)


def _finished(running: dict[int, Started]) -> list[tuple[Item, int]]:
    """Takes out the processes that have ended, with their exit status as a shell gives it."""
    over = [number for number, started in running.items() if started.process.poll() is not None]
    ended = [running.pop(number) for number in over]
    return [(item, _status(process.returncode)) for item, process in ended]


def _status(code: int) -> int:
    return code if code >= 0 else 128 - code


def _end(running: Mapping[int, Started]) -> None:
    for _, process in running.values():
        process.terminate()
    for _, process in running.values():
        process.wait()
