"""What only several runs of a table together tell: its pictures and further entries."""

import shutil

import pytest
import tables
from common import names

from experiments.runner import records
from experiments.runner.table import exhibits, page, result
from ganstab.reporting.pages import Picture
from ganstab.style import panels, png

LEVELS = (1, 2)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of two cells of which one run is missing."""
    folder = tmp_path_factory.mktemp("tables") / "table"
    assert tables.work(folder, *LEVELS) == 0
    shutil.rmtree(folder / "cells" / "level2" / "seed1")
    return folder


def seeds(runs):
    return {cell.name: sorted(folders) for cell, folders in runs}


def plan(folder, **further):
    planned = tables.plan(folder, *LEVELS)
    return planned._replace(table=planned.table._replace(**further))


def test_entries_of_several_runs_join_those_of_each(table):
    asked = []

    def across(runs):
        asked.append(seeds(runs))
        entries = {0: {"share": records.measured([30.0], "share")}, 2: {}}
        return {"level1": entries, "level2": {0: {"share": records.measured([70.0], "share")}}}

    found = result.result_of(plan(table, across=across))
    assert asked == [{"level1": [0, 1, 2], "level2": [0, 2]}]
    first, second = (found["cells"][f"level{level}"]["measures"] for level in LEVELS)
    assert first["share"]["values"] == [30.0] and first["share"]["seeds"] == [0]
    assert second["share"]["values"] == [70.0] and second["modes"]["seeds"] == [0, 2]
    assert "share" in page.measures(tables.TABLE, found)


def test_pictures_of_several_runs_are_in_the_report(table):
    def draw(runs, folder):
        path = folder / "together.png"
        path.write_bytes(png(panels()[0]))
        return [Picture(path, f"cells {seeds(runs)}")]

    shown = exhibits.together(plan(table, pictures=draw))
    assert "Side by side" in shown and "&#x27;level2&#x27;: [0, 2]" in shown
    assert "together.png" in names(table / "figures")


def test_without_pictures_of_its_own_a_table_shows_what_first_runs_drew(table):
    assert exhibits.together(plan(table)) == ""
    drawn = table / "cells" / "level2" / "seed0" / "figures" / "training.png"
    drawn.parent.mkdir(exist_ok=True)
    drawn.write_bytes(png(panels()[0]))
    shown = exhibits.together(plan(table))
    assert shown.count("<img") == 1 and "low, K = 0, seed 0." in shown
