"""What the Unrolled GAN paper prints in Table 3."""

from ganstab.training import Published

SOURCE = "Metz et al., Table 3 of an early version of the paper (full width)"
# K -> mean squared error, its standard error; share of images that this K reconstructs best, %.
TABLE_3 = {
    0: ((0.0231, 0.0024), 0.63),
    1: ((0.0195, 0.0021), 22.97),
    5: ((0.0200, 0.0023), 15.31),
    10: ((0.0181, 0.0018), 61.09),
}
DATASET = "cifar10"
RUNS = 5
"""Seeds a K, of which the table is the mean."""
SMALL = {"width": 0.125, "num_steps": 8000, "inference_images": 640}


def published(unroll_steps: int) -> dict[str, Published]:
    """What the paper has for this K, by the names of the results."""
    if unroll_steps not in TABLE_3:
        return {}
    error, share = TABLE_3[unroll_steps]
    return {
        "mse": Published(*error, SOURCE, RUNS),
        "win_share": Published(share, None, SOURCE, RUNS),
    }
