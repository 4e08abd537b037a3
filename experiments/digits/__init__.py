"""What `experiments.colored_mnist` and `experiments.rnn_mnist` show of a run.

| module | what it has |
| --- | --- |
| `pictures` | over training: a strip of sample grids, and maps of the samples' colours |
"""
