"""`python -m experiments.random_architectures`."""

from experiments.random_architectures import run

run()
