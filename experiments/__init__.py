"""Programs that reproduce the tables and figures of the papers, on one shared runner.

| program | what it reproduces | its own parts |
| --- | --- | --- |
| `stacked_mnist` | Unrolled GAN, Table 1 | |
| `colored_mnist` | Table 2 | `digits` |
| `rnn_mnist` | Figure 3 | `digits` |
| `cifar10_reconstruction` | Table 3, Figures 4 to 6 | `reconstruction` |
| `mixture_of_gaussians` | Figure 2, appendix B; protocols of VEEGAN and PacGAN | `mixtures` |
| `games` | every technique on games with known answers | `docs/gallery` |
| `vector_fields` | GANs of one number a player | `docs/gallery` |
| `compare` | one picture of several runs | |
| `train_digit_classifier` | the classifier that counts modes | |

`runner` is what they share: flags, data feed, training loop, records, report, tables.
"""
