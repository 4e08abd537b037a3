"""The one runner that all experiments share: flags, data feed, training loop, records, report.

An experiment that trains calls `launch(main)`, builds an `Experiment`, and hands it to `run`. One
that draws what a game does, without a training run, makes a `study.Study` instead.
"""

from experiments.runner.book import Evaluation, Experiment
from experiments.runner.program import launch
from experiments.runner.run import Session, run, start
from experiments.runner.settings import Settings, define_flags
from experiments.runner.subject import subject

__all__ = [
    "Evaluation",
    "Experiment",
    "Session",
    "Settings",
    "define_flags",
    "launch",
    "run",
    "start",
    "subject",
]
