"""`python -m experiments.critic_surfaces`."""

from experiments.critic_surfaces import run

run()
