"""What VEEGAN's and PacGAN's papers print for mixtures of Gaussians."""

from ganstab.training import Published

VEEGAN = "Srivastava et al. 2017 (VEEGAN), Table 1"
PACGAN, PACGAN_RUNS = "Lin et al. 2018 (PacGAN), Table 1", 10

# (data, K) -> modes, share of high quality in %.
VEEGAN_TABLE = {
    ("small_ring", 0): (1.0, 99.3),
    ("small_ring", 5): (7.6, 35.6),
    ("grid", 0): (3.3, 0.5),
    ("grid", 5): (23.6, 16.0),
}
# (data, samples that the discriminator sees at once) -> value and standard error of the modes, the
# share of high quality in %, the reverse KL.
PACGAN_TABLE = {
    ("small_ring", 1): ((6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
    ("small_ring", 2): ((7.9, 0.1), (95.6, 2.0), (0.07, 0.03)),
    ("small_ring", 3): ((7.8, 0.1), (97.7, 0.3), (0.10, 0.02)),
    ("small_ring", 4): ((7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
    ("grid", 1): ((17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
    ("grid", 2): ((23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
    ("grid", 3): ((24.6, 0.4), (94.2, 0.4), (0.06, 0.02)),
    ("grid", 4): ((24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
}
MEASURES = ("modes", "high_quality", "kl")


def published(networks: str, data: str, unroll_steps: int, pack: int) -> dict[str, Published]:
    """The printed numbers for these settings, by measure; none where no paper has any."""
    if networks == "mlp" and pack == 1:
        values = VEEGAN_TABLE.get((data, unroll_steps), ())
        return {m: Published(v, None, VEEGAN) for m, v in zip(MEASURES, values, strict=False)}
    if networks == "pacgan" and unroll_steps == 0:
        pairs = PACGAN_TABLE.get((data, pack), ())
        return {
            m: Published(*pair, PACGAN, PACGAN_RUNS)
            for m, pair in zip(MEASURES, pairs, strict=False)
        }
    return {}
