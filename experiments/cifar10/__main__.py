"""`python -m experiments.cifar10`."""

from experiments.cifar10 import run

run()
