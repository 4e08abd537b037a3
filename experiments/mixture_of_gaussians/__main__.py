"""`python -m experiments.mixture_of_gaussians`."""

from experiments.mixture_of_gaussians import run

run()
