"""The exhibits of `experiments.games`: each a function that computes and draws one picture.

| module | what it has |
| --- | --- |
| `moves` | runs and exponents that the others share |
| `balance` | a point that chases a target; the bilinear game under four rules |
| `rock_paper_scissors` | learners who answer, circle or run away |
| `replicators` | the same game played without end, regular or chaotic |
| `dirac` | the Dirac-GAN with each technique, and its closed forms |
| `planes` | its fields, and training runs on them |
| `paths` | its eigenvalues over a technique's weight |
| `rates` | its learning rates |
| `exponents` | Lyapunov exponents of learning |
| `divergences` | how far apart two point masses are |
| `critics` | what a discriminator and critics make of two Gaussians |
"""
