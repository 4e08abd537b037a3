"""`python -m experiments.cifar10_reconstruction`."""

from experiments.cifar10_reconstruction import run

run()
