"""Pages of HTML that stand alone: data in, one file out, with its pictures inside.

The templates in `templates/` say how a page looks; the functions here say what is on it.
"""

import base64
import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ganstab.reporting.formatting import (
    compare_with_paper,
    format_duration,
    format_mean,
    format_number,
    format_published,
    status_line,
)
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
    *,
    title: str,
    description: str,
    result: Mapping[str, Any],
    config: Mapping[str, Any],
    curves: Sequence[Picture] = (),
    samples: Sequence[Picture] = (),
    more: Sequence[Picture] = (),
) -> str:
    """The report of one run.

    Args:
      title: the heading.
      description: what the run is for; plain text.
      result: as in its `result.json`.
      config: the settings.
      curves: pictures shown one below the other.
      samples: pictures shown side by side.
      more: pictures of what was measured after the last step.

    Raises:
      InputError: a picture cannot be read.
    """
    return render(
        "run.html",
        title=title,
        description=description,
        state=status_line(result),
        good=result["status"] == "finished",
        entries=run_entries(result),
        step=result.get("evaluated_at_step"),
        curves=curves,
        samples=samples,
        more=more,
        command=result.get("command", ""),
        settings=config,
        run=_made_with(result),
    )


def run_entries(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A run's numbers beside the published ones, in words."""
    return [
        {
            "label": entry["label"],
            "mean": format_mean(entry["mean"], entry["standard_error"]),
            "n": entry["n"],
            "published": format_published(entry.get("published")),
            "ideal": "" if entry.get("ideal") is None else format_number(entry["ideal"]),
            "reading": compare_with_paper(entry, result["status"]),
            "source": (entry.get("published") or {}).get("source", ""),
        }
        for entry in result.get("results", {}).values()
    ]


def table_page(
    result: Mapping[str, Any],
    *,
    title: str,
    description: str,
    state: str,
    corner: str,
    rows: Sequence[str],
    columns: Sequence[str],
    measures: Sequence[str],
    published: Mapping[str, Mapping[str, Mapping[str, Any]]],
    pictures: Sequence[Picture] = (),
    curves: Sequence[Picture] = (),
    samples: Sequence[Picture | None] = (),
    links: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> str:
    """The report of a table.

    Args:
      result: as in its `result.json`.
      title: the heading.
      description: what the table shows; plain text.
      state: how far it is.
      corner: what the rows are.
      rows: their names, in order.
      columns: their names, in order.
      measures: the names of what is shown, in order.
      published: by cell and measure.
      pictures: what several runs together show.
      curves: of the measures over the training steps.
      samples: of each place of the table, row by row; `None` where there are none.
      links: by cell, a name and the address of each run's report.

    Raises:
      InputError: a picture cannot be read.
    """
    grids = [_grid(result, name, rows, columns, published) for name in measures]
    return render(
        "table.html",
        title=title,
        description=description,
        state=state,
        good=result["status"] == "finished",
        corner=corner,
        columns=columns,
        length=_length(result),
        claims=table_claims(result),
        judged_cells=any(published.values()),
        grids=[grid for grid in grids if grid],
        missing=table_caveats(result),
        pictures=pictures,
        curves=curves,
        samples=samples,
        links=links or {},
        command=result["command"],
        settings=result["config"],
        run={"time of all runs": format_duration(result["wall_time_s"]), **result["versions"]},
    )


def table_claims(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the paper says, our two means, and whether it holds."""
    return [
        {
            "words": claim["words"],
            "here": f"{claim['label']}: {_both_means(result, claim)}",
            "verdict": claim["verdict"],
            "tone": _claim_tone(claim["verdict"]),
        }
        for claim in result["claims"]
    ]


def table_caveats(result: Mapping[str, Any]) -> dict[str, str]:
    """By cell or run, what is not there, not in the means, or not like the rest."""
    cells = result["cells"].values()
    found = {
        f"{cell['row']}, {cell['column']}": "; ".join(words)
        for cell in cells
        if (words := _absent(cell))
    }
    for kind in ("failed", "damaged"):
        found |= {name: f"{kind}: {words}" for name, words in result.get(kind, {}).items()}
    own = any("num_steps" in cell["settings"] for cell in cells)
    if len(result["evaluated_at_steps"]) > 1 and not own:
        found["steps"] = f"runs end at different steps: {_list(result['evaluated_at_steps'])}"
    for name, values in result["versions_that_differ"].items():
        found[name] = f"runs were made with different versions: {_list(values)}"
    return found


def _both_means(result: Mapping[str, Any], claim: Mapping[str, Any]) -> str:
    entries = [
        result["cells"][claim[name]]["measures"].get(claim["measure"])
        for name in ("first", "second")
    ]
    words = " against ".join(_mean(entry) if entry else "nothing yet" for entry in entries)
    if "difference" not in claim:
        return words
    of = "log₁₀ of the ratio" if claim["log"] else "difference"
    return f"{words}: {of} {format_mean(claim['difference'], claim['standard_error'])}"


def _claim_tone(verdict: str) -> str:
    if verdict.startswith("holds"):
        return "good"
    return "warn" if verdict.startswith("does not") else ""


def _grid(
    result: Mapping[str, Any],
    measure: str,
    rows: Sequence[str],
    columns: Sequence[str],
    published: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """A measure in the paper's own layout; nothing where no cell has it."""
    places = {(cell["row"], cell["column"]): name for name, cell in result["cells"].items()}
    entries = [cell["measures"].get(measure) for cell in result["cells"].values()]
    known = next((entry for entry in entries if entry), None)
    if known is None:
        return {}

    def cell(row: str, column: str) -> dict[str, Any]:
        name = places.get((row, column))
        if name is None:
            return {"tone": "", "mean": "", "below": []}
        return _cell(result["cells"][name], measure, published.get(name, {}).get(measure))

    label = known["label"]
    return {
        "title": label[:1].upper() + label[1:],
        "rows": [(row, [cell(row, column) for column in columns]) for row in rows],
        "ideal": "" if known["ideal"] is None else f"{known['ideal']:,.4g}",
    }


def _cell(
    cell: Mapping[str, Any], measure: str, published: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The mean, and below it the seeds' values, the paper's, the verdict, and who diverged."""
    entry = cell["measures"].get(measure, {"published": published})
    verdict = (entry.get("verdict") or {}).get("words", "")
    values, paper = entry.get("values") or [], format_published(entry["published"])
    below = [
        ", ".join(format_number(value) for value in values) if len(values) > 1 else "",
        f"paper {paper}" if paper else "",
        verdict,
        f"{len(cell['diverged'])} diverged" if cell["diverged"] else "",
    ]
    tone = "good" if verdict == "agrees" else "warn" if verdict.startswith("differs") else ""
    mean = _mean(entry) if "mean" in entry else "–"
    return {"tone": tone, "mean": mean, "below": [line for line in below if line]}


def _absent(cell: Mapping[str, Any]) -> list[str]:
    """Of a cell, the seeds that its means are without."""
    begun = (f"{s} (at step {at:,})" if at else f"{s}" for s, at in cell["missing"].items())
    seeds = ", ".join(begun)
    words = [f"not finished: seed {seeds}"] if seeds else []
    words += [
        f"seed {seed} is left out: it has {steps:,} steps, other than most"
        for seed, steps in cell["of_another_length"].items()
    ]
    words += [f"seed {seed} diverged, {reason}" for seed, reason in cell["diverged"].items()]
    measures = cell["measures"].items()
    nan = ((seed, name) for name, entry in measures for seed in entry["not_a_number"])
    return words + [f"seed {seed}: {name} is not a number" for seed, name in nan]


def _mean(entry: Mapping[str, Any]) -> str:
    return f"{format_mean(entry['mean'], entry['standard_error'])} ({entry['n']})"


def _length(result: Mapping[str, Any]) -> str:
    """How long the runs are, which numbers of different papers seldom share."""
    lengths = result["evaluated_at_steps"] or [result["num_steps"]]
    steps = " or ".join(f"{n:,}" for n in lengths if n is not None)
    batch = result["config"].get("batch_size")
    samples = f" with batches of {batch:,}" if batch else ""
    return f"Each run has {steps} steps{samples}."


def _made_with(result: Mapping[str, Any]) -> dict[str, Any]:
    """How a run was made, for the end of its report."""
    known = dict(result.get("versions", {}))
    if result.get("wall_time_s") is not None:
        known = {"wall time": format_duration(result["wall_time_s"])} | known
    if result.get("population"):
        known["seeds trained as one program"] = ", ".join(map(str, result["population"]))
    if result.get("params_digest"):
        known["SHA-256 of the parameters"] = result["params_digest"]
    return known


def _list(values: Sequence[Any]) -> str:
    return ", ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganstab.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"embedded": _embedded, "shown": _shown}
    environment.globals |= {"paragraphs": _paragraphs, "code": _code}
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
