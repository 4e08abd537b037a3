"""`python -m tests.attack`: see the package."""

import argparse
import collections
import pathlib
import re
import sys
import tempfile
import time

from . import harness, setting
from .kinds import KINDS
from .sound import make_sound


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
    setting.prepare(folder / "xla")
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
