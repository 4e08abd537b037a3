"""The one runner that all experiments share: flags, data feed, training loop, records, report.

An experiment that trains calls `launch(main)`, and hands `run` what builds an `Experiment`. A
paper's table of such runs is a `Table` of `Cell`s, which `launch` is given as well.
"""

from experiments.runner.book import Evaluation, Experiment
from experiments.runner.conclusion import Conclusion, Findings
from experiments.runner.program import launch
from experiments.runner.run import run
from experiments.runner.session import Session, start
from experiments.runner.settings import Settings, define_flags, has_papers_data
from experiments.runner.subject import subject
from experiments.runner.table import Cell, Claim, Table

__all__ = [
    "Cell",
    "Claim",
    "Conclusion",
    "Evaluation",
    "Experiment",
    "Findings",
    "Session",
    "Settings",
    "Table",
    "define_flags",
    "has_papers_data",
    "launch",
    "run",
    "start",
    "subject",
]
