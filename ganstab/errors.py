"""The one error that a user, not a programmer, has to mend."""

__all__ = ["InputError"]


class InputError(ValueError):
    """A flag, file or dataset is not usable: its one line names what is wrong and what is allowed.

    Programs of this project print the line and end with `exit_status`, without a traceback.
    """

    exit_status = 2
