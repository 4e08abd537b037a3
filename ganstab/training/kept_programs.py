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
import functools
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.export

from ganstab import _memory
from ganstab._files import read_bytes
from ganstab.errors import InputError
from ganstab.reporting.writing import write_atomic

__all__ = ["MOST", "Kept", "Program", "place"]

FOLDER, SUFFIX = "traced", ".program"
MOST = 64
"""Files that are kept, those written last."""
LENGTH = 256
"""Bytes of a file's first part: the digests of its text and of its content, as JSON."""
NOT_EXPORTED = (ValueError, NotImplementedError)
"""What `jax.export` raises for a program that it cannot write, such as one with callbacks."""


def place(decided_by: Mapping[str, Any]) -> "Kept | None":
    """The file of the program that values of JSON decide; None where none is to be kept.

    Two programs under one name would each be computed rightly, and slow each other down.
    """
    cache = jax.config.values["jax_compilation_cache_dir"]
    # Processes of one run must agree on a program, and each has a cache of its own.
    if not cache or "://" in cache or jax.process_count() > 1:
        return None
    name = hashlib.sha256(json.dumps(decided_by, sort_keys=True, default=str).encode()).hexdigest()
    return Kept(pathlib.Path(cache, FOLDER, name + SUFFIX))


class Found(NamedTuple):
    """What a file holds."""

    text: str
    """The digest of the program's text."""
    exported: jax.export.Exported
    call: Callable | None
    """The compiled program, where it is for one device."""


class Kept:
    """The file of one traced program, which may be there or not."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._ahead: concurrent.futures.Future[Found] | None = None

    def fetch(self) -> None:
        """Begins to read the file, and to load what was compiled of it, in a thread."""
        self._ahead = _beside(self._read)

    def read(self) -> Found:
        """What the file holds; raises something where it is not there or not whole."""
        ahead, self._ahead = self._ahead, None
        return ahead.result() if ahead else self._read()

    def write(self, text: Callable[[], str], data: bytes) -> None:
        """Keeps a program where that can be done, and removes the oldest of too many."""
        known = {"text": text(), "content": hashlib.sha256(data).hexdigest()}
        # A run goes on without.
        with contextlib.suppress(InputError, OSError):
            folder = self.path.parent
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps(known).encode().ljust(LENGTH) + data)
            files = sorted(folder.glob("*" + SUFFIX), key=lambda file: file.stat().st_mtime)
            for old in files[:-MOST]:
                old.unlink(missing_ok=True)

    def _read(self) -> Found:
        whole = read_bytes(self.path)
        known, content = json.loads(whole[:LENGTH]), whole[LENGTH:]
        if known["content"] != hashlib.sha256(content).hexdigest():
            raise ValueError(f"{self.path} is damaged")
        exported = jax.export.deserialize(bytearray(content))
        return Found(known["text"], exported, _compiled_for_one(exported))


class Program:
    """A compiled function of arrays: of the trace that is kept, or of a new one, which is kept."""

    def __init__(self, function: Callable, inputs: Sequence[jax.Array], kept: Kept | None = None):
        """Compiles it.

        Args:
          function: of arrays, to nested lists, tuples and dicts of arrays.
          inputs: arrays of the right shapes and shardings.
          kept: the file that keeps the trace; None keeps none.
        """
        self._function, self._inputs, self._kept = function, list(inputs), kept
        self._promised: str | None = None
        self._found: concurrent.futures.Future[str] | None = None
        if kept is not None:
            # Whatever is wrong with the file, it is written anew.
            with contextlib.suppress(Exception):
                text, exported, call = kept.read()
                _check_fits(exported, self._inputs)
                self._call, self._promised = call or self._compiled(exported), text
        if self._promised is None:
            self._renew()
        _memory.give_back()

    def __call__(self, *inputs: jax.Array) -> Any:
        """What the function gives, once it is computed."""
        found = jax.block_until_ready(self._call(*inputs))
        if self._promised and not self._found:
            self._found = _beside(self._text)
        return found

    def is_current(self) -> bool:
        """Whether what was computed is what the function gives; waits until that is known.

        If not, the program is replaced by the function's own.
        """
        promised, self._promised = self._promised, None
        if promised is None or self._found is None:
            return True
        # A trace beside other traces may be another text, so one that differs is taken again alone.
        if promised == self._found.result() or promised == self._text():
            return True
        self._renew()
        return False

    def _text(self) -> str:
        """The digest of the text of the function's program, traced anew."""
        return self._text_of(self._untraced())

    def _text_of(self, function: jax.stages.Wrapped) -> str:
        """Of its text, without places in its source; a trace that it has is used."""
        return hashlib.sha256(function.lower(*self._inputs).as_text().encode()).hexdigest()

    def _untraced(self) -> jax.stages.Wrapped:
        # A function of its own, since `jit` gives a known one the trace that it has.
        @functools.wraps(self._function)
        def function(*inputs: jax.Array) -> Any:
            return self._function(*inputs)

        return jax.jit(function)

    def _renew(self) -> None:
        """Traces and compiles the function, and keeps the trace."""
        function = self._untraced()
        if self._kept is not None:
            with contextlib.suppress(*NOT_EXPORTED):
                exported = jax.export.export(function)(*self._inputs)
                data = bytes(exported.serialize())
                _beside(self._kept.write, lambda: self._text_of(function), data)
                self._call = _compiled_for_one(exported) or self._compiled(exported)
                return
        self._call = function.lower(*self._inputs).compile()

    def _compiled(self, exported: jax.export.Exported) -> Callable:
        return jax.jit(exported.call).lower(*self._inputs).compile()


def _compiled_for_one(exported: jax.export.Exported) -> Callable | None:
    """Compiled for one device, which needs none of the inputs; None for several devices."""
    if exported.nr_devices > 1:
        return None
    inputs = [jax.ShapeDtypeStruct(of.shape, of.dtype) for of in exported.in_avals]
    return jax.jit(exported.call).lower(*inputs).compile()


def _check_fits(exported: jax.export.Exported, inputs: Sequence[jax.Array]) -> None:
    found = map(jax.typeof, inputs)
    if [(of.shape, of.dtype) for of in exported.in_avals] != [(of.shape, of.dtype) for of in found]:
        raise ValueError("a program of other inputs")


def _beside(do: Callable, *given: Any) -> concurrent.futures.Future:
    """Done in a thread, which the end of the process waits for."""
    with_one = concurrent.futures.ThreadPoolExecutor(1)
    future = with_one.submit(do, *given)
    with_one.shutdown(wait=False)
    return future
