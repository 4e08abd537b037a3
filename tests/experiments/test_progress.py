"""What a run says while it works."""

import errno
import io
import os
import signal

import jax.numpy as jnp
import pytest
from experiments.runner import progress, stopping


def test_progress_prints_a_line_now_and_then():
    clock, stream = _Clock(), io.StringIO()
    shown = progress.Progress(5000, 1000, stream=stream, clock=clock)
    clock.now = 3.2
    shown.note("compiling the training step")
    for step in range(1001, 1201):
        clock.now += 0.1
        shown.update(step, **{"gen/loss": jnp.float32(1.2345), "disc/loss": 0.61})
    shown.evaluation(1201, samples=25_600, modes=512, kl=2.312)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[   3.2 s] compiling the training step" and len(lines) == 4
    assert lines[1].startswith("step 1,069/5,000 | 10.0 steps/s | 6 min 33 s left | loss G 1.23 D")
    assert lines[-1].endswith("| modes 512 | KL 2.31 | loss G 1.23 D 0.61")


def test_progress_draws_a_bar_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    clock, stream = _Clock(), Terminal()
    shown = progress.Progress(100, stream=stream, clock=clock)
    for step in (1, 50):
        clock.now += 1
        shown.update(step, kl=0.5)
    shown.note("evaluating")
    shown.close()
    text = stream.getvalue()
    assert "50%|" in text and "49.0 steps/s" in text and "KL 0.5" in text
    assert "[   2.0 s] evaluating" in text


def test_progress_never_stops_a_run():
    class Full(io.StringIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    shown = progress.Progress(10, stream=Full(), interval=0)
    shown.note("loading")
    shown.update(1, kl=float("nan"))
    shown.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.6, "8 s"), (100, "1 min 40 s"), (3600 * 2 + 300, "2 h 5 min"), (86400 * 3, "3 d 0 h")],
)
def test_duration(seconds, text):
    assert progress.duration(seconds) == text


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_first_signal_ends_a_run_cleanly_and_a_second_at_once():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        for number in numbers:
            stop = stopping.watch_signals()
            assert not stop
            os.kill(os.getpid(), number)
            assert stop and stop.exit_status == 128 + number
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
