"""Games small enough to know the answer, one script a figure.

    python -m docs.gallery
    python -m docs.gallery --only dirac_fields --out FOLDER

Each script's docstring says what the picture shows, its settings and source, and what to see in it;
its `draw(seed)` computes it with ganstab's public functions. `common`, `dirac` and `one_parameter`
have what scripts share. The tests check the numbers in the pictures against closed forms.
"""

GAMES = (
    "adversarial_balance", "rock_paper_scissors", "chaos", "bilinear", "dirac_fields",
    "dirac_eigenvalues", "learning_rates", "lyapunov", "point_masses", "gaussians",
    "dirac_phases",
)  # fmt: skip
"""Each technique on games whose field, eigenvalues and exponents are known in closed form."""
VECTOR_FIELDS = (
    "sigmoid_biases", "gaussian_biases", "other_widths", "gaussian_weights", "sigmoid_weights",
    "few_samples", "heavy_tails", "parameter_noise", "large_network", "two_parts",
)  # fmt: skip
"""GANs of one number a player, exact and from samples."""
TRAINED = ("ring_phases",)
"""Small networks, trained many times: minutes each."""
ALL = (*GAMES, *VECTOR_FIELDS, *TRAINED)
