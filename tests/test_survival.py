"""Kills the main job at random moments: it goes on, and ends with the same parameters, by bits."""

import json
import random
import subprocess
import time

import pytest
from program import RUN, start


def finish(workdir, cache) -> tuple[dict, float]:
    begin = time.monotonic()
    done = start(workdir, cache).wait()
    assert done == 0
    return json.loads((workdir / "result.json").read_text()), time.monotonic() - begin


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache):
    """An uninterrupted run, started twice: once to compile, once for the time of a second start."""
    first, _ = finish(tmp_path_factory.mktemp("first") / "run", cache)
    workdir = tmp_path_factory.mktemp("second") / "run"
    second, seconds = finish(workdir, cache)
    assert first["params_digest"] == second["params_digest"]
    return second, seconds, (workdir / "metrics.jsonl").read_text()


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_bit_equal_after_sigkill_at_random_moments(tmp_path, cache, whole, kills):
    expected, seconds, _ = whole
    draw, landed, finished = random.Random(kills), 0, 0
    workdir = tmp_path / "run0"
    while landed < kills:
        process = start(workdir, cache)
        try:
            assert process.wait(timeout=draw.uniform(0.0, seconds)) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            landed += 1
            continue
        finished += 1
        check_same(workdir, expected)
        workdir = tmp_path / f"run{finished}"
    result, _ = finish(workdir, cache)
    check_same(workdir, expected)
    print(f"{kills} kills over {finished + 1} runs, digest {result['params_digest']}")


def check_same(workdir, expected) -> None:
    result = json.loads((workdir / "result.json").read_text())
    assert result["params_digest"] == expected["params_digest"]
    assert result["results"] == expected["results"]
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(5, RUN["num_steps"] + 1, 5))
    assert not list(workdir.glob("**/*.unfinished")) and not list(workdir.glob("**/removed-*"))
