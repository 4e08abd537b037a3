"""What `experiments.mixture_of_gaussians` trains on, with, and shows.

| module | what it has |
| --- | --- |
| `protocols` | the rings and the grid, and how their samples are counted |
| `networks` | the two pairs of networks |
| `pictures` | heat maps of samples, one, over training, and of several runs |
| `papers` | the published numbers |
| `appendix_b` | the tables of Metz et al.'s appendix B |
| `tables` | which runs make each figure and table, and what is claimed of them |
"""
