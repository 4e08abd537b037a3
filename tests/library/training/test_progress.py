"""What a run says while it works, and the signals that end it."""

import errno
import io
import os
import signal
import time

import jax.numpy as jnp
import pytest

from ganstab.training.progress import Progress, Said, tell
from ganstab.training.signals import WATCHED, watch_signals

WORDS = {"gen/loss": "loss G", "disc/loss": "D", "modes": "modes", "kl": "KL"}


class Clock:
    """A time that stands until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Full(io.StringIO):
    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_progress_prints_a_line_now_and_then():
    clock, stream = Clock(), io.StringIO()
    shown = Progress(5000, 1000, words=WORDS, stream=stream, clock=clock)
    clock.now = 3.2
    shown.note("compiling the training step")
    for step in range(1001, 1201):
        clock.now += 0.1
        shown.update(step, **{"gen/loss": jnp.float32(1.2345), "disc/loss": 0.61})
    shown.evaluation(1201, samples=25_600, modes=512, kl=2.312)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[   3.2 s] compiling the training step" and len(lines) == 4
    assert lines[1].startswith("step 1,069/5,000 | 10.0 steps/s | 6 min 33 s left | loss G 1.23 ")
    assert "modes 512" in lines[-1] and "KL 2.31" in lines[-1] and "25" not in lines[-1]


def test_what_takes_long_is_said_again_until_it_ends():
    stream = io.StringIO()
    shown = Progress(10, stream=stream)
    with shown.during("compiling", interval=0.01):
        until = time.monotonic() + 10
        while stream.getvalue().count("still compiling") < 2 and time.monotonic() < until:
            time.sleep(0.01)
    said = stream.getvalue().splitlines()
    assert said[0].endswith("] compiling") and len(said) > 2
    assert all(line.endswith("] still compiling") for line in said[1:])
    with pytest.raises(MemoryError), shown.during("compiling", interval=0.01):
        raise MemoryError
    said = stream.getvalue()
    time.sleep(0.05)
    assert stream.getvalue() == said


def test_progress_draws_a_bar_on_a_terminal():
    clock, stream = Clock(), Terminal()
    shown = Progress(100, words=WORDS, stream=stream, clock=clock)
    for step in (1, 50):
        clock.now += 1
        shown.update(step, kl=0.5)
    shown.note("evaluating")
    shown.close()
    text = stream.getvalue()
    assert "50%|" in text and "49.0 steps/s" in text and "KL 0.5" in text
    assert "[   2.0 s] evaluating" in text


def test_progress_never_stops_a_run():
    shown = Progress(10, stream=Full(), interval=0)
    shown.note("loading")
    shown.update(1, kl=float("nan"))
    shown.close()


def test_the_other_processes_of_a_run_are_silent():
    for stream in (io.StringIO(), Terminal()):
        shown = Progress(10, stream=stream, silent=True, interval=0)
        shown.note("loading")
        shown.update(1)
        shown.close()
        assert stream.getvalue() == ""


def test_of_several_runs_the_means_are_told_and_each_evaluation():
    stream = io.StringIO()
    shown = Progress(100, words=WORDS, stream=stream, clock=Clock())
    said = {f"seed {s}": Said(40 + s, {"kl": 1.0 + 2 * s, "modes": 9}, True) for s in (0, 1)}
    said["seed 1"].numbers.pop("modes")
    tell(shown, said)
    lines = [line.partition("] ")[2] or line for line in stream.getvalue().splitlines()]
    assert lines == ["seed 0: KL 1 | modes 9", "seed 1: KL 3", "step 40/100 | KL 2"]


def test_the_first_signal_is_a_request_and_a_second_ends_the_program(monkeypatch):
    before = [signal.getsignal(number) for number in WATCHED]
    ended = []
    for number in WATCHED:
        with watch_signals() as stop:
            assert not stop
            os.kill(os.getpid(), number)
            assert stop and stop.exit_status == 128 + number
            with monkeypatch.context() as patched:
                patched.setattr(signal, "raise_signal", ended.append)
                os.kill(os.getpid(), number)
            assert ended[-1] == number and signal.getsignal(number) == signal.SIG_DFL
        assert [signal.getsignal(number) for number in WATCHED] == before


@pytest.mark.parametrize(("handler", "stops"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_hung_up_terminal_stops_a_run_unless_it_was_started_with_nohup(handler, stops):
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with watch_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert bool(stop) == stops
        assert signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)
