"""Studies: experiments of pictures, each of which is computed, drawn and written in its turn.

A study has no training run of its own to go on with. What lasts is what is finished: each exhibit
has its picture in `figures/` and its words and numbers in `exhibits/`, so that a study that was
stopped goes on with the first that is missing.
"""

import contextlib
import json
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags
from matplotlib.figure import Figure

from experiments.runner import devices, records, report
from experiments.runner.command import command_line
from experiments.runner.progress import Progress
from experiments.runner.settings import own_flags
from experiments.runner.stopping import StopRequest, watch_signals
from experiments.runner.workdir import held, open_workdir
from ganstab.reporting import pages
from ganstab.reporting.writing import plain, to_json, write_atomic
from ganstab.style import png

FLAGS = flags.FLAGS
_NOT_SETTINGS = ("workdir", "only", "compilation_cache")


class Exhibit(NamedTuple):
    """One picture, what there is to see in it, and the numbers behind it."""

    figure: Figure
    caption: str
    findings: tuple[Mapping[str, Any], ...] = ()
    """Of `records.checked`."""


class Study(NamedTuple):
    """All that distinguishes one study from another."""

    title: str
    description: str
    exhibits: Mapping[str, Callable[[], Exhibit]]
    """By name, which is also that of the picture's file; the first line of each function's
    docstring is its heading."""


def define_flags(names: tuple[str, ...]) -> None:
    """Defines the flags that studies share, for a study with exhibits of these names."""
    flags.DEFINE_integer("seed", 0, "Everything random follows from it.", lower_bound=0)
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder for all the study writes; started again with the same folder and settings, it goes "
        "on with what is missing. Default: one under runs/, named after the study.",
    )
    flags.DEFINE_multi_enum("only", [], list(names), "Make this exhibit alone; may be repeated.")
    flags.DEFINE_string(
        "compilation_cache",
        None,
        "Folder for compiled programs, so that a second start is quicker; empty for none. "
        "Default: ganstab/xla in the user's cache folder.",
    )
    for flag in FLAGS.flags_by_module_dict()[__name__]:
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def run(study: Study) -> int:
    """Makes every exhibit that is missing, and the report; returns the program's exit status.

    Raises:
      InputError: the folder cannot be used.
    """
    stop, progress = watch_signals(), Progress(len(study.exhibits))
    devices.use_compilation_cache(FLAGS.compilation_cache)
    name = pathlib.Path(sys.argv[0]).stem
    folder = pathlib.Path(FLAGS.workdir or f"runs/{name}_seed{FLAGS.seed}").expanduser()
    config = own_flags((__name__,), _NOT_SETTINGS)
    with contextlib.ExitStack() as stack:
        open_workdir(folder, config)
        stack.enter_context(held(folder))
        make(study, folder, config, progress, stop, FLAGS.only)
    if stop:
        progress.note("stopped; the same command goes on from there")
    return stop.exit_status if stop else 0


def make(
    study: Study,
    folder: pathlib.Path,
    config: Mapping[str, Any],
    progress: Progress,
    stop: StopRequest,
    only: Sequence[str] = (),
) -> None:
    """Makes the exhibits named, or all, except those that are there; then shows what there is."""
    wanted = [name for name in study.exhibits if name in (only or study.exhibits)]
    for place, name in enumerate(wanted, start=1):
        if stop:
            break
        if _kept(folder, name):
            continue
        progress.note(f"{place} of {len(wanted)}: {_heading(study.exhibits[name])}")
        begin = time.monotonic()
        made = study.exhibits[name]()
        _write_exhibit(folder, name, made, time.monotonic() - begin)
        _write_report(study, folder, config)
    for line in _lines(_write_report(study, folder, config)):
        print(line)
    print(f"report: {folder / 'report.html'}", flush=True)


def _write_exhibit(folder: pathlib.Path, name: str, made: Exhibit, seconds: float) -> None:
    """The picture first: an exhibit counts as made when its words are there."""
    write_atomic(_picture(folder, name), png(made.figure))
    words = {"caption": made.caption, "findings": made.findings, "seconds": round(seconds, 1)}
    (folder / "exhibits").mkdir(exist_ok=True)
    write_atomic(_words(folder, name), to_json(words))


def _kept(folder: pathlib.Path, name: str) -> dict[str, Any] | None:
    """What was written of an exhibit, if all of it was."""
    if not _picture(folder, name).exists():
        return None
    try:
        return json.loads(_words(folder, name).read_text())
    except (OSError, ValueError):
        return None


def _write_report(study: Study, folder: pathlib.Path, config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: _kept(folder, name) for name in study.exhibits}
    made = {name: words for name, words in kept.items() if words}
    finished = len(made) == len(kept)
    result = {
        "status": "finished" if finished else "running",
        "exhibits": list(made),
        "missing": [name for name in kept if name not in made],
        "results": {name: words["findings"] for name, words in made.items()},
        "wall_time_s": round(sum(words["seconds"] for words in made.values()), 1),
        "versions": records.versions(),
        "command": command_line(),
    }
    report.write_result(folder, result)
    sections = [_section(study, folder, name, words) for name, words in made.items()]
    page = pages.page(
        study.title,
        state="Finished." if finished else f"{len(made)} of {len(kept)} pictures are made.",
        good=finished,
        description=study.description,
        body=[*sections, *report.closing(result, config)],
    )
    write_atomic(folder / "report.html", page)
    return plain(result)


def _section(study: Study, folder: pathlib.Path, name: str, words: Mapping[str, Any]) -> str:
    findings = [_row(finding) for finding in words["findings"]]
    heads = ("", "found", "expected", "reading", "source")
    return pages.section(
        _heading(study.exhibits[name]),
        pages.figure(pages.Picture(_picture(folder, name), words["caption"])),
        pages.table(heads, findings) if findings else "",
    )


def _row(finding: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        finding["label"],
        _tone(finding)(finding["found"]),
        finding["expected"] or "–",
        pages.Prose(finding["reading"]),
        pages.Prose(finding["source"] or "–"),
    )


def _tone(finding: Mapping[str, Any]) -> type[str]:
    """Of a number that is as expected, or is not; of one that nothing was expected of, none."""
    if finding["agrees"] is None:
        return str
    return pages.Good if finding["agrees"] else pages.Warn


def _lines(result: Mapping[str, Any]) -> list[str]:
    """Each number for a terminal."""
    return [
        f"{finding['label']}: {finding['found']}; {finding['reading']}"
        for findings in result["results"].values()
        for finding in findings
    ]


def _heading(make: Callable) -> str:
    return (make.__doc__ or "").strip().split("\n")[0].rstrip(".")


def _picture(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder / "figures" / f"{name}.png"


def _words(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder / "exhibits" / f"{name}.json"
