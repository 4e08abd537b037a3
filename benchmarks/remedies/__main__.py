"""The command, with computing on one thread."""

import os
import sys

# Before jax is imported: the processor's seconds are to be those of one core.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"

from .ladder import main

if __name__ == "__main__":
    sys.exit(main())
