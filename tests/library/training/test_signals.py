"""Signals that stop a run, sent to this very process."""

import os
import signal

import pytest

from ganstab.training.signals import watch_signals


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
