"""Pages of HTML that stand alone: data in, one file out, with its pictures inside.

The templates in `templates/` say how a page looks; the functions here say what is on it.
"""

import base64
import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ganstab.reporting import formatting
from ganstab.reporting.writing import explained

__all__ = ["Picture", "render", "run_page", "table_page"]


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG file and the words under it. One whose file is not there is left out."""

    path: pathlib.Path
    caption: str


def render(template: str, **data: Any) -> str:
    """The page that a template makes of the data, everything in which is escaped.

    Args:
      template: "run.html", "table.html", "doctor.html" or "gallery.html".
      **data: what the template names; all need `title`, `state`, `good` (whether the state is as
        it should be) and `description` (plain text, paragraphs parted by empty lines).

    Raises:
      InputError: a picture cannot be read.
    """
    return _environment().get_template(template).render(**data)


def run_page(
    result: Mapping[str, Any],
    *,
    curves: Sequence[Picture] = (),
    samples: Sequence[Picture] = (),
    lines: Sequence[tuple[str, str]] = (),
    more: Sequence[Picture] = (),
    **shown: Any,
) -> str:
    """The report of one run.

    Args:
      result: as in its `result.json`.
      curves: pictures shown one below the other.
      samples: pictures shown side by side.
      lines: texts shown side by side, each with its caption; an empty one is left out.
      more: pictures of what was measured after the last step.
      **shown: `title`, `description` and `config`, the settings by name.

    Raises:
      InputError: a picture cannot be read.
    """
    state, good = formatting.status_line(result), result["status"] == "finished"
    pictures = {"curves": curves, "samples": samples, "more": more}
    texts = [(text, caption) for text, caption in lines if text]
    return render(
        "run.html",
        result=result,
        state=state,
        good=good,
        best=formatting.best_line(result),
        texts=texts,
        **pictures,
        **shown,
    )


def table_page(
    result: Mapping[str, Any],
    *,
    pictures: Sequence[Picture] = (),
    curves: Sequence[Picture] = (),
    samples: Sequence[Picture | None] = (),
    links: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType({}),
    **shown: Any,
) -> str:
    """The report of a table.

    Args:
      result: as in its `result.json`.
      pictures: what several runs together show.
      curves: of the measures over the training steps.
      samples: of each place of the table, row by row; `None` where there are none.
      links: by cell, a name and the address of each run's report.
      **shown: `title`, `description` and `state`; `corner`, what the rows are; `rows`, `columns`
        and `measures`, each the names in order; and `published`, the values by cell and measure.

    Raises:
      InputError: a picture cannot be read.
    """
    cells, lengths = result["cells"].values(), result["evaluated_at_steps"]
    entries = {n: entry for cell in [*cells][::-1] for n, entry in cell["measures"].items()}
    shown["measures"] = {name: entries[name] for name in shown["measures"] if name in entries}
    return render(
        "table.html",
        result=result,
        good=result["status"] == "finished",
        lengths=lengths or [n for n in [result["num_steps"]] if n is not None],
        # Where cells have lengths of their own, different ones are as they should be.
        mixed_lengths=len(lengths) > 1 and not any("num_steps" in c["settings"] for c in cells),
        pictures=pictures,
        curves=curves,
        samples=samples,
        links=links,
        **shown,
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganstab.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "code": _code,
        "compared": formatting.compare_with_paper,
        "count": "{:,}".format,
        "difference": lambda c: formatting.format_mean(c["difference"], c["standard_error"]),
        "duration": formatting.format_duration,
        "embedded": _embedded,
        "mean": lambda entry: formatting.format_mean(entry["mean"], entry["standard_error"]),
        "number": formatting.format_number,
        "paragraphs": _paragraphs,
        "published": formatting.format_published,
        "shown": _shown,
        "tone": formatting.verdict_tone,
    }
    return environment


def _embedded(path: pathlib.Path) -> str:
    with explained(f"cannot read {path}"):
        data = base64.b64encode(path.read_bytes()).decode()
    return f"data:image/png;base64,{data}"


def _shown(pictures: Sequence[Picture | None]) -> list[Picture]:
    """Those whose file is there."""
    return [picture for picture in pictures if picture and picture.path.exists()]


def _paragraphs(text: str) -> Markup:
    """Plain text, its paragraphs parted by empty lines, and `code` between backticks."""
    parts = (_code(" ".join(part.split())) for part in text.split("\n\n"))
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts if part)


def _code(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
