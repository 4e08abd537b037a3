"""Kills the main job at random moments: it goes on, and ends with the same parameters, by bits."""

import json
import random
import time

import pytest
from program import RUN, start

ROWS = RUN["num_steps"] // RUN["log_every"]
WHILE_STARTING = 0.2  # of the kills; the others come when there are some rows more


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_bit_equal_after_sigkill_at_random_moments(tmp_path, cache, finished, kills):
    draw, landed, ended = random.Random(0), 0, 0
    workdir = tmp_path / "run0"
    while landed < kills:
        process = start(workdir, cache)
        wait_for_a_random_moment(process, workdir, draw)
        if process.poll() is None:
            process.kill()
            process.wait()
            landed += 1
        else:
            assert process.returncode == 0
            check_same(workdir, finished)
            ended += 1
            workdir = tmp_path / f"run{ended}"
    assert start(workdir, cache).wait() == 0
    check_same(workdir, finished)
    print(f"{kills} kills over {ended + 1} runs")


def wait_for_a_random_moment(process, workdir, draw) -> None:
    """While the run starts, or after one of the rows that it has still to write."""
    if draw.random() < WHILE_STARTING:
        return time.sleep(draw.uniform(0.0, 6.0))
    rows = draw.randint(min(len(rows_of(workdir)) + 1, ROWS), ROWS)
    while process.poll() is None and len(rows_of(workdir)) < rows:
        time.sleep(0.02)
    return time.sleep(draw.uniform(0.0, 0.5))


def rows_of(workdir) -> list[str]:
    log = workdir / "metrics.jsonl"
    return log.read_text().splitlines() if log.exists() else []


def check_same(workdir, expected) -> None:
    results = [json.loads((run / "result.json").read_text()) for run in (workdir, expected)]
    for name in ("status", "params_digest", "results"):
        assert results[0][name] == results[1][name]
    rows = [[json.loads(line) for line in rows_of(run)] for run in (workdir, expected)]
    for row in (*rows[0], *rows[1]):
        del row["wall_time_s"]
    assert rows[0] == rows[1]
    assert not list(workdir.glob("**/*.unfinished")) and not list(workdir.glob("**/removed-*"))
