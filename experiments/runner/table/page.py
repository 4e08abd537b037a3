"""`report.html` and `result.json` of a table, and its lines for a terminal."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.runner import report
from experiments.runner.progress import duration, number
from experiments.runner.result_text import shown
from experiments.runner.table import claims, exhibits
from experiments.runner.table.cells import Cell, Table
from experiments.runner.table.options import Plan
from experiments.runner.table.result import Results, entries, measures
from experiments.runner.table.verdict import RULE
from ganstab.reporting import pages
from ganstab.reporting.writing import write_atomic

BOTH = "first", "second"
STATES = {
    "finished": "Finished: all {runs} runs{gone}.",
    "running": "{done} of {runs} runs are done.",
    "partial": "{done} of {runs} runs are done, all that the last command asked for.",
    "interrupted": "Stopped with {done} of {runs} runs done; the same command goes on from there.",
    "failed": "{done} of {runs} runs are done, {failed} failed; the same command tries them again.",
}


def state(result: Results) -> str:
    """How far the table is."""
    gone = f", {result['diverged']} of which diverged" if result["diverged"] else ""
    counts = {"gone": gone, "failed": len(result["failed"])}
    return STATES[result["status"]].format(**{**result, **counts})


def lines(plan: Plan, result: Results) -> Iterator[str]:
    """For a terminal: how far the table is, and each cell's numbers with what they say."""
    yield state(result)
    yield from (f"{words}: {here}; {verdict}" for words, here, verdict in _claims(result))
    for measure in measures(plan.table, result):
        for cell, entry in entries(result, measure).items():
            words = [f"{cell}: {entry['label']}: {_mean(entry)}", *_beside(entry)]
            yield "; ".join(words)
    yield from (f"{name}: {words}" for name, words in missing(result).items())


def write(plan: Plan, result: Results) -> None:
    """Writes `result.json`, `figures/` and `report.html` into the table's folder.

    Raises:
      InputError: a file cannot be written.
    """
    report.write_result(plan.folder, result)
    names = measures(plan.table, result)
    logs, damaged = exhibits.read_logs(plan)
    body = [
        pages.paragraphs(_length(plan, result)),
        _claims_section(plan.table, result),
        *(_section(plan.table, result, name) for name in names),
        pages.section("Not finished, and caveats", pages.facts(missing(result) | damaged)),
        exhibits.together(plan),
        exhibits.curves(plan, result, names, logs),
        exhibits.samples(plan, names, logs),
        pages.section("How cells and claims are judged", pages.paragraphs(_rules(plan.table))),
        exhibits.links(plan),
        *report.closing(_how(result), result["config"]),
    ]
    text = pages.page(
        plan.table.title,
        state=state(result),
        good=result["status"] == "finished",
        description=plan.table.description,
        body=body,
    )
    write_atomic(plan.folder / "report.html", text)


def missing(result: Results) -> dict[str, str]:
    """By cell or run, what is not there, not in the means, or not like the rest."""
    cells = result["cells"].values()
    found = {_place(cell): "; ".join(words) for cell in cells if (words := _absent(cell))}
    found |= {name: f"failed: {words}" for name, words in result["failed"].items()}
    own = any("num_steps" in cell["settings"] for cell in cells)
    if len(result["evaluated_at_steps"]) > 1 and not own:
        found["steps"] = f"runs end at different steps: {_list(result['evaluated_at_steps'])}"
    for name, values in result["versions_that_differ"].items():
        found[name] = f"runs were made with different versions: {_list(values)}"
    return found


def _place(cell: Results) -> str:
    return f"{cell['row']}, {cell['column']}"


def _length(plan: Plan, result: Results) -> str:
    """How long the runs are, which numbers of different papers seldom share."""
    wanted = sorted({run.config["num_steps"] for run in plan.wanted()})
    steps = " or ".join(f"{n:,}" for n in result["evaluated_at_steps"] or wanted)
    batch = result["config"].get("batch_size")
    samples = f" with batches of {batch:,}" if batch else ""
    return f"Each run has {steps} steps{samples}."


def _claims(result: Results) -> list[tuple[str, str, str]]:
    """What the paper says, our two means, and whether it holds."""
    cells = result["cells"]

    def here(claim: Mapping[str, Any]) -> str:
        both = (cells[claim[name]]["measures"].get(claim["measure"]) for name in BOTH)
        words = " against ".join(_mean(entry) if entry else "nothing yet" for entry in both)
        if "difference" not in claim:
            return words
        of = "log₁₀ of the ratio" if claim["log"] else "difference"
        return f"{words}: {of} {shown(claim['difference'], claim['standard_error'])}"

    return [
        (claim["words"], f"{claim['label']}: {here(claim)}", claim["verdict"])
        for claim in result["claims"]
    ]


def _claims_section(table: Table, result: Results) -> str:
    """Whether what the paper claims holds, before all numbers."""
    if not table.claims:
        return ""
    rows = [(words, pages.Prose(here), _toned(verdict)) for words, here, verdict in _claims(result)]
    grid = pages.table(("claim", "here: mean ± standard error (seeds)", "verdict"), rows)
    return pages.section("Do the paper's claims hold?", grid)


def _rules(table: Table) -> str:
    published = [RULE] if any(cell.published for cell in table.cells) else []
    return "\n\n".join([*published, *([claims.RULE] if table.claims else [])])


def _toned(verdict: str) -> str:
    if verdict.startswith("holds"):
        return pages.Good(verdict)
    return pages.Warn(verdict) if verdict.startswith("does not") else verdict


def _absent(cell: Results) -> list[str]:
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


def _section(table: Table, result: Results, measure: str) -> str:
    """A measure in the paper's own layout."""
    first = next(iter(entries(result, measure).values()))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (table.corner, *table.columns()))
    rows = (
        f"<tr><th>{html.escape(row)}</th>"
        + "".join(_cell(table.at(row, column), result, measure) for column in table.columns())
        for row in table.rows()
    )
    grid = f'<table class="wide"><tr>{head}</tr>{"".join(rows)}</table>'
    perfect = "" if first["ideal"] is None else f"; a perfect generator has {first['ideal']:,.4g}"
    note = pages.paragraphs(
        f"Mean ± standard error (number of seeds), and below it each seed's value{perfect}."
    )
    label = first["label"]
    return pages.section(label[:1].upper() + label[1:], f'<div class="scroll">{grid}</div>{note}')


def _cell(cell: Cell | None, result: Results, measure: str) -> str:
    if cell is None:
        return "<td></td>"
    published, state = cell.published.get(measure), result["cells"][cell.name]
    nothing = {"published": published and published._asdict()}
    entry = state["measures"].get(measure, nothing)
    gone = [f"{len(state['diverged'])} diverged"] if state["diverged"] else []
    first = _mean(entry) if "mean" in entry else "–"
    lines = (*_seeds(entry), *_beside(entry), *gone)
    below = (f'<div class="below">{html.escape(line)}</div>' for line in lines)
    return f'<td class="{_tone(entry)}">{html.escape(first)}{"".join(below)}</td>'


def _tone(entry: Mapping[str, Any]) -> str:
    words = (entry.get("verdict") or {}).get("words", "")
    return "good" if words == "agrees" else "warn" if words.startswith("differs") else ""


def _mean(entry: Mapping[str, Any]) -> str:
    return f"{shown(entry['mean'], entry['standard_error'])} ({entry['n']})"


def _seeds(entry: Mapping[str, Any]) -> list[str]:
    """Each seed's value, in order: what a mean of two kinds of runs hides."""
    values = entry.get("values") or []
    return [", ".join(number(value) for value in values)] if len(values) > 1 else []


def _beside(entry: Mapping[str, Any]) -> list[str]:
    """The published value and the verdict, where there are any."""
    published = entry["published"]
    paper = f"paper {shown(published['value'], published['standard_error'])}" if published else ""
    return [words for words in (paper, (entry.get("verdict") or {}).get("words")) if words]


def _how(result: Results) -> dict[str, Any]:
    """Of all runs together, for the end of the report."""
    versions = {"time of all runs": duration(result["wall_time_s"]), **result["versions"]}
    return {"versions": versions, "command": result["command"]}


def _list(values: Sequence[Any]) -> str:
    return ", ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in values)
