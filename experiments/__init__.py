"""Programs that measure papers' tables and figures again, one package or file each.

`python -m experiments.NAME --help` says what each does; README.md in this folder shows how to run
one, how to read its folder, and how to add one.
"""
