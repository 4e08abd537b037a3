"""What is wrong with a damaged checkpoint, in one line in place of Orbax's many."""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ganstab._files import read_bytes

__all__ = ["fault", "hushed"]

_UNFINISHED = ("Event loop is closed", "Encountered error while reading array")
_FILE = re.compile(r'local file "([^"]+)"(?:: )?([^"]*)$')
_ARRAY = re.compile(r'"([^"/]+)/[^"]*" in OCDBT database at local file "[^"]+"')
_LENGTH = 120


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keeps to itself what Orbax's unfinished reads or writes complain of once one has failed.

    They end after the error has reached its caller, so in that case it is kept up.
    """
    before, log = sys.unraisablehook, logging.getLogger("asyncio")

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not str(unraisable.exc_value).startswith(_UNFINISHED):
            before(unraisable)

    def wanted(record: logging.LogRecord) -> bool:
        return "Task exception was never retrieved" not in record.getMessage()

    sys.unraisablehook = hook
    log.addFilter(wanted)
    yield
    sys.unraisablehook = before
    log.removeFilter(wanted)


def fault(folder: Path, error: Exception) -> str:
    """Which file or array of a checkpoint is damaged, and how.

    Args:
      folder: the checkpoint.
      error: what Orbax, TensorStore or a decoder raised as it was read.
    """
    for path in sorted(folder.glob("*/**/*")):
        if path.name in ("metadata", "_METADATA") or path.parent.name == "array_metadatas":
            try:
                json.loads(read_bytes(path))
            except (ValueError, RecursionError) as wrong:
                return f"{path.relative_to(folder)} is cut off or overwritten ({_short(wrong)})"
    for each in (error, error.__cause__, error.__context__):
        text = re.split(r" \[(?:tensorstore|source)|\n", str(each))[0]
        if found := _FILE.search(text):
            array, path = _ARRAY.search(text), Path(found[1])
            what = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
            # TensorStore names the file of an index, but of an array no more than its folder.
            if array and array.end() >= found.start():
                what = f"array {array[1]}"
            return f"{what} cannot be read ({_short(found[2]) or 'it is not there'})"
    return _short(error) or type(error).__name__


def _short(words: object) -> str:
    lines = str(words).strip().splitlines()
    return lines[0][:_LENGTH] if lines else ""
