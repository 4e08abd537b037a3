"""Pictures: sample grids, curves, comparisons."""

import matplotlib.image
import numpy as np
import pytest
from experiments.runner import figures, records, samples

PAPER = records.Published(236.4, 63.3, "Metz et al. 2017, Table 1")


@pytest.mark.parametrize("channels", [1, 3])
def test_sample_grid_shows_every_pixel(tmp_path, channels):
    images = np.random.default_rng(0).uniform(-1.2, 1.2, (5, 4, 6, channels))
    samples.sample_grid(images, tmp_path / "grid.png", columns=3, scale=2)
    grid = matplotlib.image.imread(tmp_path / "grid.png")[..., :3]
    assert grid.shape == (2 * 10 - 2, 3 * 14 - 2, 3)
    fifth = grid[10:18:2, 14:26:2]
    expected = np.broadcast_to((images[4].clip(-1, 1) + 1) / 2, fifth.shape)
    np.testing.assert_allclose(fifth, expected, atol=1 / 250)
    assert (grid[8:10] == 1).all() and (grid[10:, 28:] == 1).all()


def test_sample_grid_takes_a_title_and_refuses_wrong_shapes(tmp_path):
    samples.sample_grid(np.zeros((1, 28, 28, 3)), tmp_path / "grid.png", title="step 5")
    assert matplotlib.image.imread(tmp_path / "grid.png").shape[:2] == (56 + 30, 56)
    for shape in ((4, 28, 28), (4, 28, 28, 2), (0, 28, 28, 1)):
        with pytest.raises(ValueError, match=r"images must be \[n > 0, H, W, 1 or 3\]"):
            samples.sample_grid(np.zeros(shape), tmp_path / "grid.png")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 300])
def test_curves_of_any_length(tmp_path, count):
    rows = [{"step": 10 * i, "modes": i, "kl": 6.9 / (i + 1), "gen/loss": i} for i in range(count)]
    rows += [{"step": 10 * count, "gen/loss": None, "disc/loss": 1e30}]
    panels = [
        figures.modes_panel(PAPER),
        figures.kl_panel(floor=0.0195),
        figures.LOSSES,
        figures.GRADIENT_NORMS,
    ]
    figures.curves(rows, tmp_path / "curves.png", panels)
    assert matplotlib.image.imread(tmp_path / "curves.png").shape == (682, 1210, 4)


def test_comparison_is_1200_pixels_wide(tmp_path):
    rows = [{"step": step, "modes": step + 1} for step in range(3)]
    runs = [samples.Run(f"K = {k}", rows, np.zeros((40, 28, 28, 3))) for k in (0, 5)]
    samples.comparison(runs, tmp_path / "comparison.png")
    assert matplotlib.image.imread(tmp_path / "comparison.png").shape[1] == 1200
