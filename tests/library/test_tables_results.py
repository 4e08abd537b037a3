"""The committed results come out again from the runs beside them."""

import dataclasses
import json
import pathlib

import pytest

from ganstab.tables import Cell, Claim, Plan, Table, collect
from ganstab.training.config import RunConfig, option
from ganstab.training.measures import Published

RESULTS = pathlib.Path(__file__).parents[2] / "results"
TABLES = sorted(RESULTS.glob("*/*/result.json"))
WHOLE = {
    "title", "status", "runs", "done", "diverged", "claims", "failed", "evaluated_at_steps",
    "wall_time_s", "versions", "versions_that_differ",
}  # fmt: skip
ACROSS = {"win_share"}
"""What the runs' side files give, which are not committed."""
RENAMED = {"smallest_shown", "settings"}
"""A name of earlier versions; and settings, which are the experiments' own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded(RunConfig):
    name: str = option("", "A cell's.")


def plan_of(path: pathlib.Path) -> Plan:
    """What must have been asked for when the table was written."""
    result = json.loads(path.read_text())
    fields = [field.name for field in dataclasses.fields(Claim)]
    cells = tuple(
        Cell(
            name,
            cell["row"],
            cell["column"],
            {"name": name} | {n: v for n, v in cell["settings"].items() if n == "num_steps"},
            {n: Published(**e["published"]) for n, e in cell["measures"].items() if e["published"]},
            judged=all(e["verdict"] for e in cell["measures"].values() if e["published"]),
        )
        for name, cell in result["cells"].items()
    )
    claims = [Claim(**{name: claim[name] for name in fields}) for claim in result.get("claims", [])]
    runs = result["runs"] // len(cells)
    base = Recorded(num_steps=result["num_steps"] or 1)
    table = Table(result["title"], "", cells, claims=claims)
    return Plan(result["table"], table, base, path.parent, range(runs), cells)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_the_runs_give_the_table_again(path):
    expected = json.loads(path.read_text())
    found = json.loads(json.dumps(collect(plan_of(path), expected["status"])))
    assert found["damaged"] == {}
    for name, cell in expected["cells"].items():
        entries = {n: cell["measures"].pop(n) for n in ACROSS & cell["measures"].keys()}
        assert alike(found["cells"][name], cell), name
        assert not entries or path.parent.name == "table_3_small"
    for name in WHOLE & expected.keys():
        assert alike(found[name], expected[name]), name


def alike(ours, expected) -> bool:
    """Equal but for the last digits; ours may have more keys, as programs have grown since."""
    if isinstance(expected, dict):
        known = expected.keys() - RENAMED
        return known <= ours.keys() and all(alike(ours[name], expected[name]) for name in known)
    if isinstance(expected, list):
        return len(ours) == len(expected) and all(map(alike, ours, expected))
    if isinstance(expected, float) and ours is not None:
        return ours == pytest.approx(expected, rel=1e-9)
    return ours == expected
