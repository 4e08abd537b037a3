"""One picture of several finished runs of a program.

    python -m experiments.compare --run=runs/A --run=runs/B --out=picture.png

It is `ganstab compare runs/A runs/B --out=picture.png` under its older name. Runs of
cifar10_reconstruction that sought the same training images are compared as in Table 3 and Figures
5 and 6 of the Unrolled GAN paper; all others by curves of their measures and rows of samples.
"""

import sys

from ganstab.__main__ import main
from ganstab._command_line import Parser, quiet_where_unread

if __name__ == "__main__":
    parser = Parser(prog="python -m experiments.compare", description=__doc__)
    parser.add_argument("--run", action="append", default=[], help="a run's folder; twice or more")
    parser.add_argument("--out", default="comparison.png", help="the PNG to write")
    with quiet_where_unread():
        asked = parser.parse_args()
    sys.exit(main(["compare", *asked.run, f"--out={asked.out}"]))
