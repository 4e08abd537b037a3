"""The doctor's report, for a terminal and as a page with pictures."""

import pathlib
import textwrap

from ganstab.doctor.diagnosis import Report, worst
from ganstab.doctor.examination import Examination
from ganstab.doctor.figures import CAPTIONS, figures
from ganstab.doctor.run import Record
from ganstab.reporting import Picture, render
from ganstab.reporting.writing import to_json, write_atomic
from ganstab.style import png

__all__ = ["in_words", "write"]

WORDS = {"good": "well", "watch": "watch", "bad": "ill"}
TONES = {"good": "good", "watch": "", "bad": "warn"}
WIDTH = 96


def in_words(name: str, report: Report, examination: Examination | None) -> list[str]:
    """Lines for a terminal."""
    lines = [f"{name}{_when(examination)}: {_state(report)}", ""]
    for finding in report.findings:
        lines += _wrapped(f"{WORDS[finding.state]:5}  {finding.topic}: {finding.words}")
        for paragraph in filter(None, finding.remedy.split("\n\n")):
            lines += _wrapped(f"       → {paragraph}", "         ")
        lines.append("")
    lines.append("What this cannot tell:")
    for limit in report.limits:
        lines += _wrapped(f"     · {limit}")
    return lines


def write(
    folder: pathlib.Path,
    name: str,
    report: Report,
    examination: Examination | None,
    record: Record,
) -> pathlib.Path:
    """Writes `report.html`, its pictures and `findings.json` into a folder; gives the page's path.

    Raises:
      InputError: they cannot be written.
    """
    pictures = []
    for drawn, made in figures(examination, record).items():
        path = folder / f"{drawn}.png"
        write_atomic(path, png(made))
        pictures.append(Picture(path, CAPTIONS[drawn]))
    write_atomic(folder / "findings.json", to_json([one._asdict() for one in report.findings]))
    text = render(
        "doctor.html",
        title=f"Doctor: {name}",
        state=_state(report),
        good=all(one.state == "good" for one in report.findings),
        description="",
        findings=[
            {**one._asdict(), "word": WORDS[one.state], "tone": TONES[one.state]}
            for one in report.findings
        ],
        pictures=pictures,
        limits=report.limits,
        measured=_measured(examination),
    )
    write_atomic(folder / "report.html", text)
    return folder / "report.html"


def _state(report: Report) -> str:
    """The answer in a sentence or two: the worst findings, of which one may cause the other."""
    told = worst(report)
    answer = " ".join(one.answer for one in told)
    if told and told[0].state == "watch":
        return f"no fault was found. To watch: {answer}"
    nothing = "nothing wrong was found." if report.findings else "there is nothing to judge it by."
    return answer or nothing


def _when(examination: Examination | None) -> str:
    return f", at step {examination.step:,}" if examination else ""


def _measured(examination: Examination | None) -> dict[str, str]:
    if examination is None:
        return {}
    measured = {
        "step": f"{examination.step:,}",
        "parameters": "generator {:,}, discriminator {:,}".format(*examination.sizes),
    }
    if examination.speed is not None:
        measured["length of the field"] = f"{examination.speed:.4g}"
    for name in ("eigenvalues", "multipliers"):
        found = getattr(examination, name)
        if found is not None:
            pairs = zip(found.values, found.residuals, strict=True)
            measured[name] = ", ".join(
                f"{value:.5g} (residual {left:.1g})" for value, left in pairs
            )
    return measured


def _wrapped(text: str, indent: str = "       ") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False)
