"""Tables of papers: cells × seeds of ordinary runs, started as processes and shown as one report.

A program declares its tables as data (`cells`) and hands them to `launch`. With `--table` its
command becomes a plan (`options`): which runs there are, and where. `conduct` carries the plan out:
it starts what is missing, as many processes at once as the machine carries (`schedule`), says how
far they are (`watch`), and after each run writes the table's files again, from what the runs have
written of themselves (`runs`): means over seeds beside the paper's values (`result`, `verdict`),
whether what the paper claims of its cells holds of ours (`claims`), curves (`pictures`), what else
is shown of the runs (`exhibits`), and the report (`page`).
"""

from experiments.runner.table.cells import Cell, Claim, Runs, Table

__all__ = ["Cell", "Claim", "Runs", "Table"]
