"""Small games: why training circles, and what each technique makes of it.

The program draws eleven pictures of games of two to six numbers, whose field, eigenvalues and
Lyapunov exponents are known in closed form: adversarial balance; rock, paper, scissors; the
bilinear game; the Dirac-GAN under every technique; divergences of point masses; critics of two
Gaussians. `docs/gallery` has a script for each, with its sources.

    python -m experiments.games
    python -m experiments.games --only=dirac_fields

Everything is computed in float64. Only the noise of three techniques, whose key is fixed, and the
data and initial weights of the critics are random. Cost: less than three minutes on two cores, most
of it compiling.
"""

import sys

from docs.gallery import GAMES, runner

if __name__ == "__main__":
    sys.exit(runner.main(GAMES, __doc__, "games"))
