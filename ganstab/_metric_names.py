"""Names among a step's metrics: which are the step's own, and what else is called then."""

from collections.abc import Collection

from ganstab.types import PLAYERS

OWN = ("loss", "grad_norm", "real_score", "fake_score", "updates")
"""What steps and games report of a player beside its terms, in the order they are computed."""


PARAMETER = "parameter/"
"""What stands before the name of a number that a player has beside its network; it is no term."""


def free_name(name: str, number: int, taken: Collection[str]) -> str:
    """The name, with the number behind it where it is one of ours or among the taken metrics."""
    if name.startswith(PARAMETER):
        name = name.replace("/", "_", 1)
    if name in OWN:
        name = f"{name}_{number}"
    while any(f"{player}/{name}" in taken for player in PLAYERS):
        name = f"{name}_{number}"
    return name


def check_free(metrics: Collection[str], name: str) -> None:
    """Raises ValueError where a game has a metric of the name that the step gives to its own."""
    if name in metrics:
        raise ValueError(f"a game's metric is called {name}, which the step reports itself")
