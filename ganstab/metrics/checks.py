"""What every metric asks of its sizes."""

from ganstab.errors import InputError

__all__ = ["check_at_least"]


def check_at_least(name: str, value: int, least: int) -> None:
    """Refuse a count that is too small.

    Raises:
        InputError: naming the count, its value and the least that is allowed.
    """
    if value < least:
        raise InputError(f"{name} is {value}; {least} or more is expected")
