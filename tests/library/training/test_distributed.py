"""Two processes of this machine run the main job together; one goes on from what they save."""

import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import split_input
import tiny_run
from common import refusal
from jax.sharding import AxisType
from program import ROOT, RUN, environment

from ganstab import InputError
from ganstab.training import distributed, run_folder
from ganstab.training.partners import PartnerError, Partners
from ganstab.training.relay import connect


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def losses(workdir) -> np.ndarray:
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return np.array([[row["gen/loss"], row["disc/loss"]] for row in rows if "gen/loss" in row])


@pytest.mark.parametrize(
    "settings",
    [
        {"num_steps": 40, "eval_every": 8, "checkpoint_every": 4},
        pytest.param({"module": "experiments.stacked_mnist", **RUN}, marks=pytest.mark.slow),
    ],
)
def test_two_processes_equal_one_and_one_goes_on_from_two(tmp_path, settings):
    alone, together = tmp_path / "alone" / "run", tmp_path / "together" / "run"
    for folder in (alone, together):
        folder.parent.mkdir()
    assert start_processes(1, alone, **settings)[0].wait(timeout=600) == 0, logs(alone.parent)
    processes = start_processes(2, together, **settings)
    wait_for_rows(together, 4, processes)
    logged = json.loads((together / "metrics.jsonl").read_text().splitlines()[3])["step"]
    processes[1].send_signal(signal.SIGTERM)
    statuses, _ = ends(processes, together)
    assert statuses == {128 + signal.SIGTERM}, logs(together.parent)
    stopped = json.loads((together / "result.json").read_text())
    assert stopped["status"] == "interrupted"
    assert 0 < logged <= stopped["step"] < settings["num_steps"]
    assert stopped["versions"]["device"].startswith("2 ")
    assert stopped["versions"]["matmul_precision"] == "float32"

    assert start_processes(1, together, **settings)[0].wait(timeout=600) == 0
    assert f"going on from step {stopped['step']}" in logs(together.parent)
    # Rounding differs with the number of devices, and a game amplifies it step by step.
    np.testing.assert_allclose(losses(together)[:4], losses(alone)[:4], rtol=1e-4)
    np.testing.assert_allclose(losses(together), losses(alone), rtol=1e-3)


def logs(folder) -> str:
    return "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))


def start_processes(
    count, folder, changed=None, places=None, module="tiny_run", **settings
) -> dict:
    """A run's processes, by number, or its one; `changed` has settings of some of them."""
    shared = {"workdir": folder, "compilation_cache": folder.with_name("xla"), **settings}
    if count > 1:
        shared |= {"coordinator": f"127.0.0.1:{free_port()}", "num_processes": count}
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    started = {}
    for place in range(count) if places is None else places:
        own = shared | ({"process_id": place} if count > 1 else {}) | (changed or {}).get(place, {})
        words = [f"--{name}={value}" for name, value in own.items()]
        with open(folder.with_name(f"process{place}.log"), "a") as log:
            started[place] = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                stdout=log, stderr=log, env={**environment(), "PYTHONPATH": path},
            )  # fmt: skip
    return started


def ends(processes, folder, seconds=240) -> tuple[set, set]:
    """The exit statuses, and the last lines; starting takes most of the time on a busy machine."""
    until = time.monotonic() + seconds
    statuses = {p.wait(timeout=until - time.monotonic()) for p in processes.values()}
    written = [folder.with_name(f"process{i}.log").read_text() for i in processes]
    assert not any("Traceback" in text or "Check failure" in text for text in written), written
    return statuses, {text.splitlines()[-1] for text in written}


def wait_for_rows(folder, count, processes):
    path = folder / "metrics.jsonl"
    while not path.exists() or len(path.read_text().splitlines()) < count:
        assert all(p.poll() is None for p in processes.values()), logs(folder.parent)
        time.sleep(0.02)


@pytest.mark.slow
def test_four_processes_read_their_own_part_of_each_batch(tmp_path):
    where, count = f"127.0.0.1:{free_port()}", 4
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    processes = []
    for place in range(count):
        words = [tmp_path / f"{place}.npz", where, count, place]
        with open(tmp_path / f"process{place}.log", "w") as log:
            processes.append(subprocess.Popen(
                [sys.executable, "-m", "split_input", *map(str, words)],
                stdout=log, stderr=log, env={**environment(), "PYTHONPATH": path},
            ))  # fmt: skip
    devices = jax.devices()[:count]
    mesh = jax.make_mesh(
        (count,), (distributed.AXIS,), devices=devices, axis_types=(AxisType.Auto,)
    )
    alone = split_input.look(mesh)
    assert {p.wait(timeout=240) for p in processes} == {0}, logs(tmp_path)
    each = [np.load(tmp_path / f"{place}.npz") for place in range(count)]

    for name in ("resident", "streamed"):
        own = [one[name] for one in each]
        assert {part.shape[:3] for part in own} == {(6, 2, split_input.BATCH // count)}
        np.testing.assert_array_equal(np.concatenate(own, axis=2), alone[name])
    # The gradients are of the whole batch, of which no process has more than a quarter.
    assert all((one["end"] == each[0]["end"]).all() for one in each)
    np.testing.assert_allclose(each[0]["end"], alone["end"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(alone["streamed"], alone["resident"])
    for one in each:
        index = np.rint((one["streamed"][..., 0, 0, 0] + 1) * 127.5).astype(int)
        assert sorted(one["read"]) == sorted(index.ravel())


LONG = {"num_steps": 10_000, "eval_every": 2, "checkpoint_every": 2}
AGAIN = "start the same commands again, and the run goes on from its newest checkpoint"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seed": 7}, "seed is 0 on process 0, 7 on process 1: start"),
        pytest.param(
            {"num_processes": 3},
            "num_processes is 2 on process 0, 3 on process 1: start",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"workdir": "{other}"},
            'config.json in --workdir is "there" on process 0, "missing" on process 1: start',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_processes_that_differ_end_with_the_difference(tmp_path, changed, told):
    other = {name: str(value).format(other=tmp_path / "other") for name, value in changed.items()}
    processes = start_processes(2, tmp_path / "run", {1: other})
    statuses, (line,) = ends(processes, tmp_path / "run")
    assert statuses == {2} and f"error: the processes differ: {told}" in line


@pytest.mark.parametrize(("lock", "status"), [(True, 75), (False, 2)])
def test_what_process_0_is_refused_ends_the_others_too(tmp_path, lock, status):
    folder = tmp_path / "run"
    folder.mkdir()
    if not lock:
        (folder / "mine").touch()
    with run_folder.hold(folder) if lock else contextlib.nullcontext():
        statuses, (line,) = ends(start_processes(2, folder), folder)
    assert statuses == {status}
    assert ("in use by another process" if lock else "is not empty (mine, …)") in line


@pytest.mark.parametrize("place", [0, 1])
def test_who_does_not_come_is_missed(tmp_path, place):
    processes = start_processes(2, tmp_path / "run", places=[place], partner_timeout=8)
    statuses, (line,) = ends(processes, tmp_path / "run")
    assert statuses == {76}
    assert f"error: process {1 - place} of 2 is missing (" in line and line.endswith(AGAIN)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("count", "victim", "how", "seconds"),
    [
        (2, 1, signal.SIGKILL, 15),
        pytest.param(2, 0, signal.SIGKILL, 15, marks=pytest.mark.slow),
        pytest.param(2, 0, signal.SIGSTOP, 60, marks=pytest.mark.slow),
        pytest.param(2, 1, signal.SIGSTOP, 60, marks=pytest.mark.slow),
        pytest.param(4, 2, signal.SIGKILL, 15, marks=pytest.mark.slow),
        pytest.param(4, 3, signal.SIGSTOP, 60, marks=pytest.mark.slow),
    ],
)
def test_a_process_that_dies_or_stops_ends_the_others(tmp_path, count, victim, how, seconds):
    folder = tmp_path / "run"
    processes = start_processes(count, folder, **LONG)
    wait_for_rows(folder, 4, processes)
    lost = processes.pop(victim)
    lost.send_signal(how)
    statuses, (line,) = ends(processes, folder, seconds)
    assert statuses == {76}
    assert f"error: process {victim} of {count} is missing (" in line and line.endswith(AGAIN)
    if how == signal.SIGSTOP:
        lost.send_signal(signal.SIGCONT)
        statuses, (line,) = ends({victim: lost}, folder, 15)
        assert statuses == {76} and "is missing (" in line
    lost.wait(timeout=10)
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted" and "is missing (" in result["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_the_same_commands_go_on_with_the_same_bits(tmp_path, victim):
    whole, cut = tmp_path / "whole" / "run", tmp_path / "cut" / "run"
    for folder in (whole, cut):
        folder.parent.mkdir()
    settings = {"num_steps": 20, "eval_every": 4, "checkpoint_every": 4}
    processes = start_processes(2, whole, **settings)
    assert {p.wait(timeout=300) for p in processes.values()} == {0}, logs(whole.parent)
    processes = start_processes(2, cut, **settings)
    wait_for_rows(cut, 4, processes)
    processes.pop(victim).kill()
    assert ends(processes, cut)[0] == {76}
    processes = start_processes(2, cut, **settings)
    assert {p.wait(timeout=300) for p in processes.values()} == {0}, logs(cut.parent)
    assert "going on from step" in logs(cut.parent)
    digests = [json.loads((f / "result.json").read_text())["params_digest"] for f in (whole, cut)]
    assert digests[0] == digests[1] and tiny_run.rows(whole) == tiny_run.rows(cut)


GOES_ON = """
import os, sys
from ganstab.training.partners import write_last
print("step 1", file=sys.stderr, flush=True)
write_last("process 1 of 2 is missing")
print("result")
print("step 2", file=sys.stderr, flush=True)
os._exit(76)
"""
CLOSED = """
import os
from ganstab.training.partners import write_last
os.close(2)
write_last("process 1 of 2 is missing")
os._exit(76)
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [(GOES_ON, ["step 1", "error: process 1 of 2 is missing"]), (CLOSED, [])],
)
def test_nothing_follows_the_last_line_while_the_main_thread_goes_on(program, told):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 76 and done.stderr.splitlines() == told and not done.stdout


def meeting(numbers, count, timeout=60.0) -> list:
    """What processes with these numbers, here threads, are told when they come together."""
    port = free_port()
    partners = [Partners(number, count, timeout) for number in numbers]

    def come(one):
        try:
            text = f"text {one.place}"
            if one.place:
                return one, one.reach("127.0.0.1", port, text)
            return one, one.listen("127.0.0.1", port, text)
        except InputError as error:
            return one, error

    with concurrent.futures.ThreadPoolExecutor(len(partners)) as pool:
        return list(pool.map(come, partners))


def test_every_process_hears_what_all_say():
    came = meeting([3, 0, 2, 1], 4)
    assert [texts for _, texts in came] == [[f"text {i}" for i in range(4)]] * 4
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for said in "ab":
            heard = list(pool.map(lambda c, s=said: c[0].gather(f"{c[0].place}{s}"), came))
            assert heard == [[f"{i}{said}" for i in range(4)]] * 4
    for partners, _ in came:
        partners.leave()


def test_a_stranger_is_passed_over():
    port, (first, second) = free_port(), (Partners(number, 2, 60.0) for number in range(2))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        heard = pool.submit(first.listen, "127.0.0.1", port, "text 0")
        with connect("127.0.0.1", port, time.monotonic() + 60) as stranger:
            stranger.sendall(b'{"text": "of no process"}\n')
            told = second.reach("127.0.0.1", port, "text 1")
        assert heard.result() == told == ["text 0", "text 1"]
    for partners in (first, second):
        partners.leave()


def test_numbers_that_are_given_twice_are_refused_on_all():
    told = {str(error) for _, error in meeting([0, 1, 1], 3)}
    assert len(told) == 1 and "--process_id is 0, 1, 1: give each" in told.pop()


def test_all_name_the_ones_that_did_not_come():
    for _, error in meeting([0, 2], 5, timeout=4.0):
        assert isinstance(error, PartnerError) and error.exit_status == 76
        assert "processes 1, 3, 4 of 5 are missing (not there after 3 s)" in str(error)


@pytest.mark.parametrize(
    "address",
    ["host", "host:x", "host:", ":80", "host:0", "host:65536", "host:-1", "::1:80", "a b:1",
     "http://host:80", "[::1]", "host:٣", "a..b:80", "h" * 64 + ":80", "\udcff:80", "h\0:80"],
)  # fmt: skip
def test_an_address_without_host_or_port_is_refused(address):
    told = refusal(lambda: distributed.join(address, 2, 1))
    assert told.startswith(f"--coordinator={address} must be HOST:PORT")


def test_an_address_where_nothing_can_listen_is_refused():
    told = refusal(lambda: distributed.join("192.0.2.1:80", 2, 0))
    assert told.startswith("--coordinator: process 0 cannot listen at 192.0.2.1, port 80 (Cannot ")


@pytest.mark.parametrize(("count", "place"), [(None, 0), (2, None), (2, 2)])
def test_half_a_cluster_is_refused(count, place):
    told = refusal(lambda: distributed.join("127.0.0.1:1", count, place))
    assert "--num_processes=N" in told and f"got {count} and {place}" in told
    assert "--coordinator=HOST:PORT" in refusal(lambda: distributed.join(None, 2, 0))


def test_only_the_first_process_listens_and_only_where_it_is_told(monkeypatch):
    asked = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **given: asked.append(given))
    monkeypatch.setattr(distributed, "_partners", None)
    monkeypatch.setattr(Partners, "listen", lambda self, host, port, text: [text])
    monkeypatch.setattr(Partners, "reach", lambda self, host, port, text: [text])
    for place, where in [(0, "[::1]:1234"), (1, "host:1234")]:
        distributed.join(where, 2, place)
    assert asked[0]["coordinator_bind_address"] == asked[0]["coordinator_address"] == "[::1]:1234"
    assert "coordinator_bind_address" not in asked[1]
    assert asked[1]["coordinator_address"].startswith("127.0.0.1:")
    # What is missing is told before jax's own means abort the process.
    assert all(each["heartbeat_timeout_seconds"] > 60 for each in asked)
