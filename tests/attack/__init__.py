"""Bad inputs for every program: each must end in one line that names what is wrong.

    python -m tests.attack               # all, from the project's root
    python -m tests.attack flags runs    # these kinds alone
    python -m tests.attack --match=LFS   # the cases whose name matches a regular expression

A case is a command line in a folder of its own, run in a forked child of one process that has
imported every program and has not touched a device. It passes if the program ends in time, without
a traceback, with the status that is expected; with status 2 it says one line, which names what is
wrong, and has changed no file; with status 0 it says what it left out, and the run ends with the
parameters of a sound one. A sound run beside it is never touched.
"""
