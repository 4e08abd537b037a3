"""What `experiments.colored_mnist` and `experiments.rnn_mnist` measure and show of a run.

| module | what it has |
| --- | --- |
| `colors` | the colours of the data, and how far samples' are from them |
| `counts` | which digits samples show, beside those of the data |
| `pictures` | over training: a strip of sample grids, and maps of the samples' colours |
"""
