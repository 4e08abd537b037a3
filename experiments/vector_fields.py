"""Vector fields of the smallest GANs: why a GAN rotates, collapses or runs away, in ten pictures.

N. Guttenberg, "Stability of Generative Adversarial Networks" (essay, 2016). Generator and
discriminator have one number each, a bias or a weight, so that the field in which they move can be
drawn whole. Here it is drawn twice: as the essay did, from 2,500, 100 and 5 samples, and exactly,
for the whole population. `docs/gallery` has a script for each picture.

    python -m experiments.vector_fields

Two claims of the essay do not hold. For W_d = 0.5 the point in the middle is not stable (it is not
below W_d = 0.6715), and runs end on a cycle around it. And the field of N samples is not the exact
one plus noise that more samples would remove: it has N poles, N − 1 saddles, no stable point, and a
scatter that does not shrink as N grows.

Cost: about two minutes of processor time, most of it compiling.
"""

import sys

from docs.gallery import VECTOR_FIELDS, runner

if __name__ == "__main__":
    sys.exit(runner.main(VECTOR_FIELDS, __doc__, "vector_fields"))
