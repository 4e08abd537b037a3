"""`python -m experiments.colored_mnist`."""

from experiments.colored_mnist import run

run()
