"""Which remedy, at what cost: every technique on one ladder of tasks.

    python -m benchmarks.remedies                                    # goes on with what is missing
    python -m benchmarks.remedies --parts ring cost_ring --only dcgan r1 unrolled
    python -m benchmarks.remedies --parts                            # table and picture alone

Tasks are the Dirac-GAN, the bilinear game, the ring of eight Gaussians and the grid of 25, each
over a grid of learning rates of the discriminator and of ratios of the generator's to it, for
several seeds. In a closed-form game a run ends well if the generator is within 0.1 of the data in
the last quarter of its steps, from a start of standard normal numbers. On Gaussians it ends well if
at each of the evaluations of its second half nine tenths of the modes have a sample within 3 σ, and
half of the samples are so near to a mode. Costs are ratios to the plain GAN's step. What stacked
MNIST has to tell is read from results/stacked_mnist.

It is a benchmark and no table of `ganstab.tables`: that has a process and a folder a run, and a row
here is some 45 runs in one compiled program, or two programs that are timed in turn.
"""
