"""Makes the gallery's pictures and their page; see `docs.gallery`."""

import sys

from docs.gallery import ALL, runner

TEXT = """Games whose answer is known in closed form.

What turns, what comes in and how fast; why a GAN rotates, collapses or runs away."""

if __name__ == "__main__":
    sys.exit(runner.main(ALL, TEXT, "gallery", flag="--out"))
