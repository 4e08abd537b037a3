"""Writes down what functions are called with, and lets them do what they do."""

import contextlib
from unittest import mock


@contextlib.contextmanager
def spied(seen, *functions):
    """Appends `(name, numbers among the arguments, keywords that are plain)` of every call.

    Args:
      seen: the list.
      *functions: pairs of a module and a name in it.
    """
    with contextlib.ExitStack() as stack:
        for module, name in functions:
            stack.enter_context(mock.patch.object(module, name, _spy(seen, module, name)))
        yield


def _spy(seen, module, name):
    real = getattr(module, name)

    def call(*args, **kwargs):
        numbers = [value for value in args if isinstance(value, (int, float))]
        plain = {key: v for key, v in kwargs.items() if isinstance(v, (int, float, bool))}
        seen.append((name, numbers, plain))
        return real(*args, **kwargs)

    return call
