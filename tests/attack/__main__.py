"""`python -m tests.attack`: see the package."""

import argparse
import collections
import os
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
HELPERS = ROOT / "tests" / "helpers"
PATH = [str(ROOT), str(HELPERS)]
sys.path[1:1] = PATH
os.environ["PYTHONPATH"] = os.pathsep.join(PATH)

import quick_compile  # noqa: E402

os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick_compile.flags(), "NPROC": "2"}

from . import harness  # noqa: E402
from .kinds import KINDS, import_programs  # noqa: E402
from .sound import make_sound  # noqa: E402


def main() -> int:
    """Runs the cases that are asked for; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all by default")
    parser.add_argument("--match", default="", help="a regular expression for names of cases")
    parser.add_argument("--every", type=int, default=1, help="each so-manieth case alone")
    parser.add_argument("--jobs", type=int, default=2, help="cases at once")
    parser.add_argument("--folder", type=pathlib.Path, help="where sound runs are kept")
    parser.add_argument("--slowest", type=int, default=0, help="show the slowest cases")
    asked = parser.parse_args()
    unknown = set(asked.kinds) - set(KINDS)
    if unknown:
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    folder = (asked.folder or pathlib.Path(tempfile.mkdtemp(prefix="attack-"))).absolute()
    _keep_compiled(folder / "xla")
    import_programs()
    sound = make_sound(folder / "sound")
    place = pathlib.Path(tempfile.mkdtemp(prefix="cases-", dir=folder))
    for path in (folder, place):
        path.chmod(0o755)
    cases = [
        case
        for kind in asked.kinds or KINDS
        for case in KINDS[kind](sound)
        if re.search(asked.match, f"{case.kind} {case.name}")
    ]
    cases = cases[:: asked.every]
    begin, outcomes = time.monotonic(), []
    for outcome in harness.run_all(cases, place, jobs=asked.jobs, beside=sound.tiny):
        outcomes.append(outcome)
        if outcome.verdict != "ok":
            print(_told(outcome), flush=True)
    for outcome in sorted(outcomes, key=lambda each: -each.seconds)[: asked.slowest]:
        print(f"{outcome.seconds:6.1f} s {outcome.case.kind} {outcome.case.name}")
    print(_summary(outcomes, time.monotonic() - begin))
    return int(any(outcome.verdict != "ok" for outcome in outcomes))


def _keep_compiled(folder: pathlib.Path) -> None:
    """Most of a short run is compiling; --compilation_cache= leaves these settings as they are."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _told(outcome: harness.Outcome) -> str:
    case = outcome.case
    words = " ".join(case.words)[:200]
    last = "\n      ".join(line[:300] for line in outcome.said.strip().splitlines()[-4:])
    return f"{case.kind} | {case.name} | {outcome.verdict}\n    {words}\n      {last}"


def _summary(outcomes: list[harness.Outcome], seconds: float) -> str:
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for outcome in outcomes:
        counts[outcome.case.kind][outcome.verdict.partition(" ")[0]] += 1
        counts["all"][outcome.verdict.partition(" ")[0]] += 1
    lines = [
        f"{kind:12} {sum(count.values()):5} cases: "
        + ", ".join(f"{n} {verdict}" for verdict, n in count.most_common())
        for kind, count in sorted(counts.items(), key=lambda item: item[0] == "all")
    ]
    return "\n".join([*lines, f"{seconds:.0f} s"])


if __name__ == "__main__":
    sys.exit(main())
