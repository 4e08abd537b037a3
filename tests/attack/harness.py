"""Runs cases in forked children, a few at once, and judges how each ended."""

import atexit
import collections
import dataclasses
import json
import os
import pathlib
import re
import runpy
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

LIMIT = 120.0
"""Seconds of a case, unless it says otherwise."""
NOBODY = 65534


@dataclasses.dataclass(frozen=True)
class Case:
    """One bad input."""

    kind: str
    name: str
    words: Sequence[str]
    """A module, which is started as `python -m` does, and its arguments."""
    told: Sequence[str] = ()
    """What the error's line must have in it; with status 0, what the program must say."""
    status: tuple[int, ...] = (2,)
    make: Callable[[pathlib.Path], Any] = lambda folder: None
    """Puts into the folder what the case needs, before the program starts in it."""
    inside: Callable[[], Any] = lambda: None
    """Called in the child before the program, e.g. to limit what it may do."""
    call: Callable[[], Any] | None = None
    """In place of a program: a function that raises InputError for what it cannot use."""
    touches: bool = False
    """Whether files may change although the program ends with status 2."""
    like: pathlib.Path | None = None
    """A sound run, whose parameters `run` has after status 0."""
    never: str = ""
    """A file that must not appear."""
    limit: float = LIMIT


class Outcome(NamedTuple):
    """How a case ended."""

    case: Case
    verdict: str
    """"ok", or what is wrong."""
    said: str
    seconds: float


def run_all(
    cases: Iterable[Case], root: pathlib.Path, *, jobs: int, beside: pathlib.Path
) -> Iterator[Outcome]:
    """Runs every case in a folder of its own with a copy of a sound run, as many at once."""
    running: dict[int, tuple[Case, pathlib.Path, dict, float]] = {}
    waiting = collections.deque(cases)
    count = 0
    while waiting or running:
        while waiting and len(running) < jobs:
            case, place = waiting.popleft(), root / f"case{count:05d}"
            count += 1
            here = place / "here"
            here.mkdir(parents=True)
            shutil.copytree(beside, here / "beside")
            case.make(here)
            before = _listing(here)
            running[start_in_child(case, place)] = case, place, before, time.monotonic()
        for pid, status in _ended(running):
            case, place, before, begin = running.pop(pid)
            outcome = _judge(case, place, before, status, time.monotonic() - begin)
            if outcome.verdict == "ok":
                _remove(place)
            yield outcome


def start_in_child(case: Case, place: pathlib.Path) -> int:
    """Starts the case's program in the folder `here`; gives the process's number."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    for number, name in ((0, "/dev/null"), (1, place / "out"), (2, place / "err")):
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        handle = os.open(name, flags, 0o666)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="strict", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(place / "here")
    os._exit(_status(case))


def _status(case: Case) -> int:
    """The program's exit status, after all that an interpreter does at its end."""
    status = 1
    try:
        case.inside()
        status = _code(case.call() if case.call else _start(case.words))
    except SystemExit as error:
        status = _code(error.code)
    except BaseException as error:
        if case.call and type(error).__name__ == "InputError":
            print(f"error: {error}", file=sys.stderr)
            status = 2
        else:
            traceback.print_exc()
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    return status


def _start(words: Sequence[str]) -> int:
    module, *arguments = words
    sys.argv = [module, *arguments]
    if module != "ganstab":  # which is a script, not started with -m
        sys.path[0] = ""
    package = hasattr(sys.modules.get(module), "__path__")
    sys.modules.pop(f"{module}.__main__" if package else module, None)  # or runpy warns of it
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def _code(code: Any) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 255
    print(code, file=sys.stderr)
    return 1


def _ended(running: dict) -> Iterator[tuple[int, int | None]]:
    """Those that have ended since, with the status of `waitpid`; None for one that took too long."""
    time.sleep(0.002)
    for pid, (case, _, _, begin) in list(running.items()):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            yield pid, status
        elif time.monotonic() - begin > case.limit:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            yield pid, None


def _judge(case: Case, place: pathlib.Path, before: dict, status: int | None, s: float) -> Outcome:
    out, err = ((place / name).read_text(errors="replace") for name in ("out", "err"))
    here = place / "here"
    return Outcome(case, _verdict(case, here, before, status, out, err), out + err, s)


def _verdict(case, here, before, status, out, err) -> str:
    if status is None:
        return "hang"
    if os.WIFSIGNALED(status):
        return f"abort (signal {os.WTERMSIG(status)})"
    if "Traceback (most recent call last)" in err + out:
        return "traceback"
    if case.never and (here / case.never).exists():
        return f"silent (made {case.never})"
    code = os.WEXITSTATUS(status)
    if code not in case.status:
        return f"{'silent' if code == 0 else 'status'} (status {code})"
    after = _listing(here)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    if any(path.startswith("beside") for path in changed):
        return f"touched the sound run ({min(changed)})"
    if code == 2:
        return _of_refusal(case, changed, err)
    missing = [word for word in case.told if word not in out + err and case.status == (0,)]
    if missing:
        return f"unnamed ({missing[0]})"
    if code == 0 and case.like:
        return _of_result(here / "run", case.like)
    return "ok"


def _of_refusal(case: Case, changed: set[str], err: str) -> str:
    lines = [line for line in err.splitlines() if not re.match(r"\[ *[\d.]+ s\] |step \d|… ", line)]
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return f"{len(lines)} lines"
    if len(lines[0]) > 1100:
        return f"a line of {len(lines[0])} letters"
    missing = [word for word in case.told if word not in lines[0]]
    if missing:
        return f"unnamed ({missing[0]})"
    if changed and not case.touches:
        return f"touched {min(changed)}"
    return "ok"


def _of_result(run: pathlib.Path, like: pathlib.Path) -> str:
    names = "status", "step", "params_digest", "results"
    there, known = (json.loads((f / "result.json").read_bytes()) for f in (run, like))
    other = [name for name in names if there.get(name) != known.get(name)]
    return f"silent (another {other[0]})" if other else "ok"


def _listing(folder: pathlib.Path) -> dict[str, tuple]:
    """Every entry but locks, without opening any."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            state = os.lstat(path)
            is_folder = name in folders and not os.path.islink(path)
            own = () if is_folder else (state.st_size, state.st_mtime_ns)
            if name != ".lock":
                found[os.path.relpath(path, folder)] = (state.st_mode, *own)
    return found


def _remove(place: pathlib.Path) -> None:
    for folder, _, _ in os.walk(place):
        os.chmod(folder, 0o755)
    shutil.rmtree(place, ignore_errors=True)
