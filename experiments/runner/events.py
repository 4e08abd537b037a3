"""Rows of metrics as TensorBoard events, with tensorboardX (the extra `ganstab[tensorboard]`).

Its `SummaryWriter` hands events to a thread, and once the disk is full that thread is gone and the
program waits for ever. So the event file is written here in the program's own thread, through the
layer below, and a full disk is an error like any other.
"""

import atexit
import os
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from ganstab.errors import InputError
from ganstab.reporting.writing import explained, plain


def tensorboard_writer(
    folder: pathlib.Path, first_step: int = 0
) -> Callable[[Mapping[str, Any]], None]:
    """A function that adds a row's numbers to a new event file in the folder, at once.

    Events that an earlier start wrote from `first_step` on are hidden by TensorBoard.

    Raises:
      InputError: tensorboardX is not installed, or (the function too) the file cannot be written.
    """
    try:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.proto.summary_pb2 import Summary
    except ImportError as error:
        raise InputError(
            "TensorBoard events need tensorboardX: pip install 'ganstab[tensorboard]'"
        ) from error

    def write(event: Event) -> None:
        with explained(f"cannot write {folder}"):
            writer.write_event(event)
            writer.flush()

    def write_row(row: Mapping[str, Any]) -> None:
        numbers = {name: value for name, value in plain(row).items() if name != "step"}
        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in numbers.items()
            if isinstance(value, int | float)
        ]
        write(Event(wall_time=time.time(), step=row["step"], summary=Summary(value=values)))

    with explained(f"cannot write {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        writer = EventsWriter(str(folder / "events"), f".{os.getpid()}")
    atexit.register(writer.close)
    start = SessionLog(status=SessionLog.START)
    write(Event(wall_time=time.time(), step=first_step, session_log=start))
    return write_row
