"""Two processes of this machine run the main job together; one goes on from what they save."""

import json
import signal
import socket
import time

import jax
import numpy as np
import pytest
from common import refusal
from program import RUN, run, start

from ganstab.training import distributed


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start_two(workdir, cache, **settings) -> list:
    coordinator = f"127.0.0.1:{free_port()}"
    return [
        start(
            workdir, cache, log=workdir.with_name(f"process{i}.log"),
            coordinator=coordinator, num_processes=2, process_id=i, **settings,
        )
        for i in (0, 1)
    ]  # fmt: skip


def losses(workdir) -> np.ndarray:
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return np.array([[row["gen/loss"], row["disc/loss"]] for row in rows if "gen/loss" in row])


def test_two_processes_equal_one_and_one_goes_on_from_two(tmp_path, cache):
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert run(alone, cache).returncode == 0
    processes = start_two(together, cache)
    rows = together / "metrics.jsonl"
    while not rows.exists() or len(rows.read_text().splitlines()) < 4:
        assert all(process.poll() is None for process in processes), logs(tmp_path)
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    assert [p.wait(timeout=120) for p in processes] == [128 + signal.SIGTERM] * 2, logs(tmp_path)
    stopped = json.loads((together / "result.json").read_text())
    assert stopped["status"] == "interrupted" and 8 <= stopped["step"] < RUN["num_steps"]
    assert stopped["versions"]["device"].startswith("2 ")
    assert stopped["versions"]["matmul_precision"] == "float32"

    done = run(together, cache)
    assert done.returncode == 0 and f"going on from step {stopped['step']}" in done.stderr
    # Rounding differs with the number of devices, and a game amplifies it step by step.
    np.testing.assert_allclose(losses(together)[:4], losses(alone)[:4], rtol=1e-4)
    np.testing.assert_allclose(losses(together), losses(alone), rtol=1e-3)


def logs(folder) -> str:
    return "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))


@pytest.mark.parametrize(("count", "place"), [(None, 0), (2, None), (2, 2)])
def test_half_a_cluster_is_refused(count, place):
    told = refusal(lambda: distributed.join("127.0.0.1:1", count, place))
    assert "--num_processes=N" in told and f"got {count} and {place}" in told
    assert "--coordinator=HOST:PORT" in refusal(lambda: distributed.join(None, 2, 0))


def test_only_the_first_process_listens_and_only_where_it_is_told(monkeypatch):
    asked = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **given: asked.append(given))
    for place in (0, 1):
        distributed.join("host:1234", 2, place)
    distributed.join("auto", None, None)
    told = {"coordinator_address": "host:1234", "num_processes": 2}
    assert asked == [
        {**told, "process_id": 0, "coordinator_bind_address": "host:1234"},
        {**told, "process_id": 1},
        {},
    ]
