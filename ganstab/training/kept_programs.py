"""Traced programs that are kept on disk, so that a second start computes before it has traced.

A kept program is a head start and no more. Once its first call is computed, a thread traces the
function anew, and what was computed counts only if both traces are the same text. So no program of
other code, settings or data can decide a number, whatever its file is called.

The files lie in the folder `traced` of jax's compilation cache, without which nothing is kept: its
compiled programs are what makes the trace worth keeping. Each has some hundred kB, the newest
`MOST` are kept, and all may be removed at any time.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.export

from ganstab import _memory
from ganstab._files import read_bytes
from ganstab.errors import InputError
from ganstab.reporting.writing import write_atomic

__all__ = ["MOST", "Program", "place"]

FOLDER, SUFFIX = "traced", ".program"
MOST = 64
"""Files that are kept, those written last."""
LENGTH = 256
"""Bytes of a file's first part: the digests of its text and of its content, as JSON."""
NOT_EXPORTED = (ValueError, NotImplementedError)
"""What `jax.export` raises for a program that it cannot write, such as one with callbacks."""


def place(decided_by: Mapping[str, Any]) -> pathlib.Path | None:
    """The file of the program that values of JSON decide; None where none is to be kept.

    Two programs under one name would each be computed rightly, and slow each other down.
    """
    cache = jax.config.values["jax_compilation_cache_dir"]
    # Processes of one run must agree on a program, and each has a cache of its own.
    if not cache or "://" in cache or jax.process_count() > 1:
        return None
    name = hashlib.sha256(json.dumps(decided_by, sort_keys=True, default=str).encode()).hexdigest()
    return pathlib.Path(cache, FOLDER, name + SUFFIX)


class Program:
    """A compiled function of arrays: of the trace that is kept, or of a new one, which is kept."""

    def __init__(
        self, function: Callable, inputs: Sequence[jax.Array], path: pathlib.Path | None = None
    ):
        """Compiles it.

        Args:
          function: of arrays, to nested lists, tuples and dicts of arrays.
          inputs: arrays of the right shapes and shardings.
          path: of the file that keeps the trace; None keeps none.
        """
        self._function, self._inputs, self._path = jax.jit(function), list(inputs), path
        self._promised: str | None = None
        self._found: concurrent.futures.Future[str] | None = None
        if path is not None:
            # Whatever is wrong with the file, it is written anew.
            with contextlib.suppress(Exception):
                digest, exported = _read(path)
                self._call, self._promised = self._compile(exported), digest
        if self._promised is None:
            self._renew()
        _memory.give_back()

    def __call__(self, *inputs: jax.Array) -> Any:
        """What the function gives, once it is computed."""
        found = jax.block_until_ready(self._call(*inputs))
        if self._promised and not self._found:
            self._found = _beside(self._digest)
        return found

    def is_current(self) -> bool:
        """Whether what was computed is what the function gives; waits until that is known.

        If not, the program is replaced by the function's own.
        """
        promised, self._promised = self._promised, None
        if promised is None or self._found is None:
            return True
        # A trace beside other traces may be another text, so one that differs is taken again alone.
        if promised == self._found.result() or promised == self._digest():
            return True
        self._renew()
        return False

    def _digest(self) -> str:
        """Of the text of the function's program, without places in its source."""
        return hashlib.sha256(self._function.lower(*self._inputs).as_text().encode()).hexdigest()

    def _renew(self) -> None:
        """Traces and compiles the function, and keeps the trace."""
        if self._path is not None:
            with contextlib.suppress(*NOT_EXPORTED):
                exported = jax.export.export(self._function)(*self._inputs)
                data = bytes(exported.serialize())
                _beside(_write, self._path, self._digest, data)
                self._call = self._compile(exported)
                return
        self._call = self._function.lower(*self._inputs).compile()

    def _compile(self, exported: jax.export.Exported) -> Callable:
        return jax.jit(exported.call).lower(*self._inputs).compile()


def _beside(do: Callable, *given: Any) -> concurrent.futures.Future:
    """Done in a thread, which the end of the process waits for."""
    with_one = concurrent.futures.ThreadPoolExecutor(1)
    future = with_one.submit(do, *given)
    with_one.shutdown(wait=False)
    return future


def _read(path: pathlib.Path) -> tuple[str, jax.export.Exported]:
    """The digest of the text, and the program; raises something where the file is not whole."""
    whole = read_bytes(path)
    known, content = json.loads(whole[:LENGTH]), whole[LENGTH:]
    if known["content"] != hashlib.sha256(content).hexdigest():
        raise ValueError(f"{path} is damaged")
    return known["text"], jax.export.deserialize(bytearray(content))


def _write(path: pathlib.Path, digest: Callable[[], str], data: bytes) -> None:
    """Keeps a program where that can be done, and removes the oldest of too many."""
    known = {"text": digest(), "content": hashlib.sha256(data).hexdigest()}
    # A run goes on without.
    with contextlib.suppress(InputError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(known).encode().ljust(LENGTH) + data)
        files = sorted(path.parent.glob("*" + SUFFIX), key=lambda file: file.stat().st_mtime)
        for old in files[:-MOST]:
            old.unlink(missing_ok=True)
