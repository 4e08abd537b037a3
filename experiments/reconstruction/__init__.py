"""What `cifar10_reconstruction` is made of, beside the shared runner.

* `inference`: training images sought in the generator's latent space, and distances of pairs.
* `pictures`: images above their reconstructions, and histograms of distances (Figures 5 and 6).
* `findings`: what they come to in one run.
* `comparison`: runs of several K against each other (Table 3).
* `tables`: which runs make the table, and the paper's values.
"""
