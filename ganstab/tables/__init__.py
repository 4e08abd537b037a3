"""Tables of papers: cells × seeds of runs, judged against the paper, in one report.

A table is data: `Table`, `Cell`, `Claim`. `sweep` trains the runs that are missing, each as
`python -m ganstab.training RUN` on this machine, on Dask's workers or through Slurm, and keeps
`result.json` and `report.html` of the table up to date:

    from ganstab import tables

    cells = [
        tables.Cell(f"K{k}", "ring", f"K = {k}", {"unroll_steps": k}) for k in (0, 5)
    ]
    table = tables.Table("Unrolling on a ring", "What unrolling does.", cells)
    tables.sweep(
        table, MyConfig(), experiment="my_module:build", folder="runs/ring", seeds=range(3)
    )

| module | what it has |
| --- | --- |
| `table` | `Table`, `Cell`, `Claim` |
| `sweep` | what is missing on disk → jobs; progress, refreshes, stops |
| `executors`, `hardware` | where jobs run, and what each has of a machine |
| `runs`, `merge` | a run's folder as it stands; runs taken over from another table |
| `collect`, `statistics` | runs → means, verdicts, claims: `result.json` |
| `page`, `figures`, `progress` | what people look at |
"""

from ganstab.tables.collect import collect
from ganstab.tables.executors import Job, local_executor, make_executor, run_job
from ganstab.tables.runs import Plan, Run
from ganstab.tables.sweep import sweep
from ganstab.tables.table import Cell, Claim, Runs, Table, chosen

__all__ = [
    "Cell",
    "Claim",
    "Job",
    "Plan",
    "Run",
    "Runs",
    "Table",
    "chosen",
    "collect",
    "local_executor",
    "make_executor",
    "run_job",
    "sweep",
]
