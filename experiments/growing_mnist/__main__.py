"""`python -m experiments.growing_mnist`."""

from experiments.growing_mnist import run

run()
