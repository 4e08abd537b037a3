"""Words and pages: what a report says, and that it stands alone and runs nobody's code."""

import copy
import html.parser
import re

import jinja2
import pytest

from ganstab.doctor import Record, page
from ganstab.doctor.diagnosis import Report
from ganstab.doctor.finding import Finding
from ganstab.errors import InputError
from ganstab.reporting import Picture, formatting, render, run_page, table_page
from ganstab.style import panels, png
from ganstab.training.measures import Measure, Published, measured

PAPER = Published(236.4, 63.3, "Metz et al. 2017, Table 1")
MODES = Measure("modes", "modes <covered>", published=PAPER, ideal=1000)
EVIL = "<script>alert(1)</script> & 'x\" {{ 7 * 7 }}"


class Page(html.parser.HTMLParser):
    """A page's headings, rows of cells, pictures and addresses; raises where tags do not nest."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.headings, self.rows, self.pictures, self.links, self.tags = [], [], [], [], []
        self.state, self._open = "", []
        self.feed(text)
        self.close()
        assert not self._open
        # Whatever a browser would fetch.
        assert not re.search(r"https?:|<script|<link|@import|url\(", text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open += [] if tag in self.VOID else [tag]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("h1", "h2"):
            self.headings.append("")
        if tag == "img":
            assert dict(attrs)["src"].startswith("data:image/png;base64,iVBOR")
            self.pictures.append(dict(attrs)["alt"])
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        words = " ".join(data.split())
        if not words or "style" in self._open:
            return
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {words}".strip()
        elif self._open[-1] in ("h1", "h2"):
            self.headings[-1] += words

    def row(self, first):
        """The cells after the first of the only row that starts so."""
        (found,) = (row[1:] for row in self.rows if row and row[0] == first)
        return found


@pytest.fixture
def picture(tmp_path):
    """Makes a picture with a caption."""

    def make(caption):
        figure, _ = panels(1, 1)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        path.write_bytes(png(figure))
        return Picture(path, caption)

    return make


@pytest.mark.parametrize(
    ("mean", "error", "words"),
    [
        (1234.5, None, "1,234"),
        (0.12345, None, "0.1235"),
        (8.0, 0.0, "8 ± 0"),
        (519.66, 200.4, "520 ± 200"),
        (1234.5, 23.4, "1,234 ± 23"),
        (826.66, 8.21, "826.7 ± 8.2"),
        (0.0050031, 0.00233, "0.0050 ± 0.0023"),
        (-66.8, 166.6, "−67 ± 167"),
        (-0.5, None, "−0.5"),
        (None, None, "not a number"),
    ],
)
def test_a_mean_is_shown_to_two_digits_of_its_error(mean, error, words):
    assert formatting.format_mean(mean, error) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8.4, "8 s"), (100, "1 min 40 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations_have_two_units(seconds, words):
    assert formatting.format_duration(seconds) == words


def test_numbers_are_described_what_matters_first():
    words = {"gen/loss": "loss G", "disc/loss": "D", "kl": "KL"}
    numbers = {"gen/loss": 1.234, "disc/loss": 0.5, "kl": 2.0, "js": 1.0}
    assert formatting.describe(numbers, words) == ["KL 2", "loss G 1.23 D 0.5"]
    assert formatting.describe(numbers) == []


@pytest.mark.parametrize(
    ("mean", "better", "words"),
    [
        (236.4, "higher", "equal to the published mean"),
        (911, "higher", "675 above the paper, on the better side; one seed only"),
        (46.4, "higher", "190 below the paper, on the worse side; one seed only"),
        (46.4, "lower", "190 below the paper, on the better side; one seed only"),
    ],
)
def test_a_run_is_compared_with_the_paper_in_plain_words(mean, better, words):
    entry = measured([mean], Measure("modes", "modes", better=better, published=PAPER))
    assert formatting.compare_with_paper(entry).startswith(words)
    assert "not the end" in formatting.compare_with_paper(entry, "interrupted")


@pytest.mark.parametrize(
    ("words", "tone"),
    [
        ("agrees", "good"),
        ("holds", "good"),
        ("holds (1 run diverged)", "good"),
        ("differs: lower", "warn"),
        ("does not hold: higher", "warn"),
        ("as claimed, but not significant", ""),
        ("too few seeds to say", ""),
        ("", ""),
    ],
)
def test_what_is_clear_has_a_colour(words, tone):
    assert formatting.verdict_tone(words) == tone


def result_of(status="finished", step=500):
    return {
        "status": status,
        "step": step,
        "num_steps": 500,
        "reason": "NaN in the loss <term 2>" if status == "diverged" else "",
        "results": {"modes": measured([911], MODES)},
        "evaluated_at_step": 100,
        "command": f"python -m experiments.stacked_mnist --name={EVIL}",
        "wall_time_s": 61.0,
        "params_digest": "ab" * 32,
        "versions": {"jax": "0.10.2"},
    }


@pytest.mark.parametrize(
    ("status", "step", "state"),
    [
        ("finished", 500, "Finished: 500 steps."),
        ("running", 100, "Running: at step 100 of 500 when this was written."),
        ("interrupted", 200, "Stopped at step 200 of 500; the same command goes on from there."),
        ("diverged", 300, "Diverged after step 300 of 500. NaN in the loss <term 2>."),
    ],
)
def test_how_a_run_ended_is_said_first(status, step, state):
    result = result_of(status, step)
    ended, modes = formatting.summary_lines(result)
    assert ended == state
    assert modes.startswith("modes <covered>: 911 (paper 236 ± 63); 675 above the paper, on the")
    nan = result | {"results": {"kl": measured([float("nan")], Measure("kl", "KL"))}}
    assert list(formatting.summary_lines(nan))[1] == "KL: not a number"


def test_a_run_page_has_its_numbers_pictures_and_settings(picture, tmp_path):
    made = Page(
        run_page(
            title=EVIL,
            description=f"a {EVIL}\n\n`b`",
            result=result_of() | {"population": [0, 1]},
            config={"unroll_steps": 5, "name": EVIL},
            curves=[picture("Curves."), Picture(tmp_path / "missing.png", "never drawn")],
            samples=[picture(f"step 5 {EVIL}")],
        )
    )
    assert made.headings == [
        EVIL, "Against the paper", "Curves", "Samples", "Command", "Settings", "Run",
    ]  # fmt: skip
    assert made.row("modes <covered>") == [
        "911", "1", "236 ± 63", "1,000",
        "675 above the paper, on the better side; one seed only, which is no verdict",
        "Metz et al. 2017, Table 1",
    ]  # fmt: skip
    assert made.pictures == ["Curves.", f"step 5 {EVIL}"]
    assert made.row("name") == [EVIL] and made.row("wall time") == ["1 min 1 s"]
    assert made.row("seeds trained as one program") == ["0, 1"]
    assert [tag for tag, _ in made.tags].count("code") == 1


def test_a_run_page_with_nothing_yet():
    result = {"status": "interrupted", "step": 0, "num_steps": 5}
    text = run_page(title="t", description="", result=result, config={})
    assert Page(text).headings == ["t", "Results"]
    assert "Nothing is measured yet" in text


def test_a_run_page_without_published_values_names_no_paper():
    result = result_of()
    for entry in result["results"].values():
        entry.update(published=None, better="lower")
    text = run_page(title="t", description="", result=result, config={})
    assert "Against the paper" not in text and "no published value" not in text
    assert text.count("lower is better") == len(result["results"])


def test_a_picture_that_cannot_be_read_is_an_input_error(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=r"cannot read .*folder\.png"):
        run_page(
            title="t",
            description="",
            result=result_of(),
            config={},
            curves=[Picture(tmp_path / "folder.png", "no file")],
        )


def test_a_template_misses_nothing_that_it_names():
    with pytest.raises(jinja2.UndefinedError, match="description"):
        render("gallery.html", title="t", state="s", good=True, entries=[], command="")


def cell(row, column, values=(), words=""):
    entry = measured(list(values) or [0.0], MODES)
    verdict = {"words": words} if words else None
    entry |= {"seeds": list(range(len(values))), "not_a_number": [], "verdict": verdict}
    return {
        "row": row,
        "column": column,
        "settings": {"unroll_steps": 0},
        "measures": {"modes": entry} if values else {},
        "finished": entry["seeds"],
        "of_another_length": {},
        "diverged": {},
        "missing": {},
    }


def table_of():
    claim = {"measure": "modes", "label": "modes", "first": "b", "second": "a", "log": False}
    sure = {"difference": 100.0, "standard_error": 1.0, "verdict": "holds"}
    return {
        "status": "finished",
        "num_steps": 500,
        "evaluated_at_steps": [500],
        "claims": [
            {**claim, **sure, "words": f"b has more {EVIL}"},
            {**claim, "words": "c has fewer", "second": "c", "verdict": "too few seeds to say"},
        ],
        "cells": {
            "a": cell("low", "K = 0", [200, 201, 202], "agrees"),
            "b": cell("low", "K = 5", [300, 301, 302], "differs: higher"),
            "c": cell(EVIL, "K = 5"),
        },
        "failed": {},
        "damaged": {},
        "wall_time_s": 7500.0,
        "versions": {"jax": "0.10.2"},
        "versions_that_differ": {},
        "config": {"batch_size": 64},
        "command": "python -m table",
    }


def table(result, **more):
    shown = {"title": EVIL, "description": "", "state": "Finished: all 9 runs.", "corner": "level"}
    layout = {"rows": ["low", EVIL], "columns": ["K = 0", "K = 5"], "measures": ["modes", "kl"]}
    paper = {"value": 9.0, "standard_error": None, "source": "", "runs": None}
    return Page(table_page(result, **shown, **layout, published={"c": {"modes": paper}}, **more))


def test_a_table_page_has_the_papers_layout():
    made = table(table_of())
    assert made.headings[:3] == [EVIL, "Do the paper's claims hold?", "Modes <covered>"]
    assert made.row(f"b has more {EVIL}") == [
        "301.00 ± 0.58 (3) against 201.00 ± 0.58 (3) modes: difference 100.0 ± 1.0", "holds",
    ]  # fmt: skip
    assert made.row("c has fewer")[0] == "301.00 ± 0.58 (3) against nothing yet modes"
    assert made.row("level") == ["K = 0", "K = 5"]
    low, high = made.row("low")
    assert low == "201.00 ± 0.58 (3) 200, 201, 202 paper 236 ± 63 agrees"
    assert high == "301.00 ± 0.58 (3) 300, 301, 302 paper 236 ± 63 differs: higher"
    assert made.row(EVIL) == ["", "– paper 9"]
    tones = [attrs.get("class") for tag, attrs in made.tags if tag == "td" and "class" in attrs]
    assert {"good", "warn"} <= set(tones)
    assert made.row("time of all runs") == ["2 h 5 min"]
    assert "How cells and claims are judged" in made.headings
    assert "Not finished, and caveats" not in made.headings and "Runs" not in made.headings


def test_a_table_page_names_what_is_missing_or_unlike():
    result = copy.deepcopy(table_of())
    first = result["cells"]["a"]
    first |= {"missing": {"3": 120_000, "4": 0}, "diverged": {"5": "step 7: NaN"}}
    first["of_another_length"] = {"6": 1000}
    first["measures"]["modes"]["not_a_number"] = [8]
    result |= {
        "failed": {"b seed 9": "no space"},
        "damaged": {"c seed 1": EVIL},
        "evaluated_at_steps": [500, 5000],
        "versions_that_differ": {"jax": ["0.10.2", "0.11.2"]},
    }
    made = table(result)
    rows = [row for row in made.rows if len(row) == 2]
    assert ["low, K = 0", "not finished: seed 3 (at step 120,000), 4"] in rows
    assert ["low, K = 0", "seed 5 diverged, step 7: NaN"] in rows
    assert ["low, K = 0", "seed 6 is left out: it has 1,000 steps, other than most"] in rows
    assert ["low, K = 0", "seed 8: modes is not a number"] in rows
    assert ["b seed 9", "failed: no space"] in rows and ["c seed 1", f"damaged: {EVIL}"] in rows
    assert ["steps", "runs end at different steps: 500, 5,000"] in rows
    assert ["jax", "runs were made with different versions: 0.10.2, 0.11.2"] in rows
    assert made.row("low")[0].endswith("agrees 1 diverged")
    for each in result["cells"].values():
        each["settings"]["num_steps"] = 500
    assert "steps" not in [row[0] for row in table(result).rows if row]


def test_a_table_page_lays_samples_out_as_the_table_and_links_to_runs(picture, tmp_path):
    missing = Picture(tmp_path / "missing.png", "never drawn")
    made = table(
        table_of(),
        pictures=[picture("together")],
        curves=[missing],
        samples=[picture("low, K = 0"), None, missing, picture("last")],
        links={"a": [("seed 0", 'cells/a/seed0/report.html?"><script>')]},
    )
    assert made.pictures == ["together", "low, K = 0", "last"]
    (style,) = (attrs["style"] for _, attrs in made.tags if "style" in attrs)
    assert "repeat(2," in style and "Over the training steps" not in made.headings
    assert made.links == ['cells/a/seed0/report.html?"><script>'] and made.row("a") == ["seed 0"]


def test_the_doctors_page(tmp_path):
    found = [
        Finding("Modes", "bad", f"none {EVIL}", "use `unrolled`"),
        Finding("Motion", "good", "draws in"),
    ]
    path = page.write(tmp_path, EVIL, Report(tuple(found), (f"limit {EVIL}",)), None, Record())
    made = Page(path.read_text(encoding="utf-8"))
    assert made.headings == [
        f"Doctor: {EVIL}", "Findings", "What acts on it", "What this cannot tell",
    ]  # fmt: skip
    assert made.row("Modes") == ["ill", f"none {EVIL}"] and made.row("Motion")[0] == "well"


def test_the_gallerys_page(picture):
    entries = [{"title": EVIL, "picture": picture("caption"), "words": "one\n\ntwo"}]
    made = Page(
        render(
            "gallery.html",
            title="g",
            state="s",
            good=False,
            description="",
            entries=entries,
            command=EVIL,
        )
    )
    assert made.headings == ["g", EVIL, "Command"] and made.pictures == ["caption"]
