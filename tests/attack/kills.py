"""SIGKILL at random moments: short runs, tables and saves go on with the same bits.

    python -m tests.attack.kills --count=1000 --seed=0 --out=kills.jsonl

Each kill is a line of the file: what was killed, after how many seconds, and whether what was
there ended as without kills. A kill that is in the file is not done again, so the same command goes
on after a stop. Status 1 if one ended otherwise.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence

from . import setting
from .harness import Case, start_in_child
from .sound import NO_CACHE

STEPS = "--num_steps=24", "--eval_every=8", "--checkpoint_every=2", "--log_every=1"
RUN = ("tiny_run", NO_CACHE, *STEPS, "--workdir=run")
POPULATION = ("tiny_run", NO_CACHE, *STEPS, "--population=2", "--workdir=run")
TABLE = (
    "ring_experiment", NO_CACHE, "--table=steps", "--seeds=1", "--jobs=2", "--num_steps=6",
    "--eval_every=2", "--checkpoint_every=1", "--log_every=1", "--workdir=run",
)  # fmt: skip
MERGE = (
    "ring_experiment", NO_CACHE, "--table=steps", "--seeds=1", "--jobs=0", "--num_steps=6",
    "--eval_every=2", "--checkpoint_every=1", "--log_every=1", "--workdir=run", "--merge=../whole",
)  # fmt: skip
SAVES = ("save_often", "run")
WAYS: dict[str, Sequence[str]] = {
    "run": RUN, "population": POPULATION, "table": TABLE, "merge": MERGE, "saves": SAVES,
}  # fmt: skip
OFTEN = {"run": 10, "population": 3, "table": 1, "merge": 3, "saves": 8}
"""How often each is killed, of 25; a table starts processes, which take seconds."""
LIMIT = 600.0
"""Seconds in which what goes on has to end."""


def main() -> int:
    """Does the kills that are not in the file yet, and says how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="kills in all")
    parser.add_argument("--seed", type=int, default=0, help="of what is killed, and when")
    parser.add_argument("--out", type=pathlib.Path, default="kills.jsonl", help="a line a kill")
    parser.add_argument("--only", choices=WAYS, help="kill this alone")
    asked = parser.parse_args()
    out = asked.out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kills-", dir=out.parent))
    setting.prepare(folder / "xla")
    known = _read(out)
    try:
        # A merge takes over what the table left.
        needed = (
            {"merge": ("table", "merge")}.get(asked.only, (asked.only,)) if asked.only else WAYS
        )
        whole = {way: _whole(folder, way) for way in needed}
        whole = {way: found for way, found in whole.items() if asked.only in (None, way)}
        for number in range(asked.count):
            if number not in known:
                known[number] = _kill(folder, whole, random.Random(f"{asked.seed} {number}"))
                with open(out, "a") as file:
                    file.write(json.dumps({"kill": number, **known[number]}) + "\n")
                print(f"{len(known)} of {asked.count}: {known[number]}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wrong = [number for number, kill in known.items() if kill["verdict"] != "as without kills"]
    print(f"{len(known)} kills, {len(wrong)} of them ended otherwise: {wrong}")
    return int(bool(wrong))


def _read(out: pathlib.Path) -> dict[int, dict]:
    rows = map(json.loads, out.read_text().splitlines()) if out.exists() else ()
    return {row.pop("kill"): row for row in rows}


def _whole(folder: pathlib.Path, way: str) -> tuple[dict, float]:
    """What a command ends with that nobody kills, and the seconds it takes."""
    place, begin = folder / way, time.monotonic()
    (place / "here").mkdir(parents=True)
    if way == "merge":
        shutil.copytree(folder / "table" / "here" / "run", place / "whole")
    if _ended(start_in_child(Case("kill", way, WAYS[way]), place)):
        raise RuntimeError((place / "err").read_text())
    return _outcome(place / "here" / "run"), time.monotonic() - begin


def _kill(folder: pathlib.Path, whole: dict[str, tuple[dict, float]], draw: random.Random) -> dict:
    """Kills one command once or a few times, then lets it end."""
    way = draw.choice([way for way in whole for _ in range(OFTEN[way])])
    expected, seconds = whole[way]
    place, moments = folder / "killed", []
    shutil.rmtree(place, ignore_errors=True)
    (place / "here").mkdir(parents=True)
    if way == "merge":
        (place / "whole").symlink_to(folder / way / "whole")
    case = Case("kill", way, WAYS[way])
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        pid, moment = start_in_child(case, place), draw.uniform(0, 1.1 * seconds)
        moments.append(round(moment, 2))
        time.sleep(moment)
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    status = _ended(start_in_child(case, place))
    verdict = "as without kills"
    if status:
        verdict = f"status {status}: {(place / 'err').read_text()[-300:]}"
    elif (found := _outcome(place / "here" / "run")) != expected:
        verdict = f"other: {sorted(n for n in expected | found if expected.get(n) != found.get(n))}"
    return {"what": way, "after_s": moments, "verdict": verdict}


def _ended(pid: int) -> int:
    """The exit status of a child; −9 where it does not end in time."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _outcome(folder: pathlib.Path) -> dict:
    """All that decides what was computed: digests, results and rows, and that nothing is left over."""
    found: dict = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.endswith("result.json"):
            result = json.loads(path.read_text())
            keys = "status", "step", "params_digest", "results", "claims", "done"
            found[name] = {key: result.get(key) for key in keys}
        elif path.name.endswith(".jsonl"):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{k: v for k, v in row.items() if k != "wall_time_s"} for row in rows]
        elif path.name == "config.json" or path.suffix == ".npz":
            found[name] = path.read_bytes().hex()
        elif "unfinished" in name or "removed-" in name or "orbax-checkpoint-tmp" in name:
            found[name] = "left over"
        elif path.name.startswith("step_"):
            found[name] = "saved"
    return found


if __name__ == "__main__":
    sys.exit(main())
