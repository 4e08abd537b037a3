"""`python -m experiments.stacked_mnist`."""

from experiments.stacked_mnist import run

run()
