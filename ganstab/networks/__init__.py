"""Networks of the papers' experiments, as Flax NNX modules.

`stacked_mnist` holds the convolutional pair, `mlp` the pair for two-dimensional mixtures and
`convolution` the two ways of computing a convolution that the first of them chooses from.
"""
