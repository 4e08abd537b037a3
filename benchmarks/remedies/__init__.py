"""Which remedy, at what cost: every technique on one ladder of tasks.

    python -m benchmarks.remedies                                    # goes on with what is missing
    python -m benchmarks.remedies --parts ring cost_ring --only dcgan r1 unrolled
    python -m benchmarks.remedies --parts                            # table and picture alone

The tasks are the Dirac-GAN, the bilinear game, the ring of eight Gaussians and the grid of 25. Each
is trained over a grid of learning rates of the discriminator and of ratios of the generator's rate
to it, for several seeds. In a closed-form game, which starts from standard normal numbers, a run
ends well if the generator is within 0.1 of the data in the last quarter of its steps. On Gaussians
it ends well if two things hold in the second half of its evaluations: at each of them nine tenths
of the modes have a sample within 3 σ, and on average half of the samples are so near to a mode.
Costs are ratios to the plain GAN's step. Numbers of stacked MNIST are read from
results/stacked_mnist.

This is a benchmark and no table of `ganstab.tables`. Such a table has a process and a folder for
each run; a row here is 27 to 105 runs in one compiled program, or two programs that are timed in
turn.
"""
