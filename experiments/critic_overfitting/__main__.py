"""`python -m experiments.critic_overfitting`."""

from experiments.critic_overfitting import run

run()
