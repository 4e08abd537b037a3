"""Becomes another program, which is kept to some cores and told to stop when its starter dies.

A script of its own, run with `python -S`, since neither can be set in a process of many threads
between fork and exec:

    python -S launch.py PID_OF_THE_STARTER CORE[,CORE…]|all COMMAND [ARGUMENT …]
"""

import ctypes
import os
import signal
import sys

__all__ = ["main"]

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replaces this process by the command."""
    starter, cores, *command = sys.argv[1:]
    if sys.platform == "linux":
        if cores != "all":
            os.sched_setaffinity(0, map(int, cores.split(",")))
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(starter):
            sys.exit(128 + signal.SIGTERM)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
