"""Pictures of games: what is drawn is what was given, and all of it is there."""

import io

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from PIL import Image
from scipy.stats import gaussian_kde

from ganstab import Pair, dynamics, plots, style


def plane(velocity):
    """A slice whose field and losses are formulas of its coordinates."""
    a, b = np.linspace(-2, 2, 9), np.linspace(-1, 1, 7)
    x, y = np.meshgrid(a, b)
    losses = Pair(x * y, -x * y)
    return dynamics.Slice(a, b, losses, np.stack(velocity(x, y), axis=-1), np.ones_like(x))


def rest(gen, disc, *eigenvalues):
    return dynamics.FixedPoint(Pair(jnp.float32(gen), jnp.float32(disc)), 0.0, eigenvalues)


def circle(radius, count=40):
    angle = np.linspace(0, 5, count)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def lines(axis):
    return [np.asarray(line.get_xydata()) for line in axis.lines]


def painted(figure):
    """The picture as an array, drawn without a warning."""
    return np.asarray(Image.open(io.BytesIO(plots.png(figure))).convert("RGB"))


def test_panels_have_a_columns_width_and_letters_of_seven_points():
    figure, axes = plots.panels(2, 3)
    assert axes.shape == (2, 3) and figure.get_size_inches() == pytest.approx((10.05, 5.8))
    sizes = [value for name, value in style.PAPER.items() if "size" in name]
    assert min(sizes) >= 7
    assert matplotlib.rcParams["font.size"] == matplotlib.rcParamsDefault["font.size"]


def test_vector_field_shows_field_runs_and_resting_points():
    figure, axes = plots.panels()
    axis = axes[0, 0]
    points = [rest(0.5, -0.5, -1 + 1j), rest(0, 0, 1j, -1j), rest(-1, 0.5, 0.3, -1)]
    plots.vector_field(
        axis, plane(lambda x, y: (-y, x)), trajectories=[circle(0.8), circle(0.4)],
        labels=["one", "other"], fixed_points=points,
    )  # fmt: skip
    drawn = lines(axis)
    assert any(np.array_equal(line, circle(0.8)) for line in drawn)
    marks = {tuple(line.get_xydata()[0]): line for line in axis.lines if len(line.get_xydata()) < 2}
    looks = [
        (line.get_marker(), line.get_fillstyle(), line.get_markerfacecolor())
        for line in (marks[place] for place in [(0.5, -0.5), (0, 0), (-1, 0.5)])
    ]
    assert looks == [
        ("o", "full", style.INK), ("o", "left", style.FAINT), ("X", "full", "white"),
    ]  # fmt: skip
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["one", "other"]
    assert axis.get_xlim() == (-2, 2) and axis.get_ylim() == (-1, 1)
    streams = next(c for c in axis.collections if isinstance(c, LineCollection))
    turns = []
    for path in streams.get_paths():
        start, end = path.vertices[:-1], path.vertices[1:]
        turns.extend(start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0])
    assert len(turns) > 50 and min(turns) > -1e-3 and max(turns) > 1e-3
    assert painted(figure).shape == (580, 670, 3)


def test_vector_field_leaves_out_what_is_not_finite():
    figure, axes = plots.panels()

    def broken(x, y):
        return np.where(x > 0.4, np.inf, -x), np.where(x > 0.4, np.nan, 0 * y)

    plots.vector_field(axes[0, 0], plane(broken))
    image = painted(figure)
    assert image.std() > 5


def test_landscape_draws_the_loss_it_is_given():
    figure, axes = plots.panels()
    given = plane(lambda x, y: (y, x))
    loss = given.losses.gen.copy()
    loss[0, 0] = np.inf
    plots.landscape(axes[0, 0], given, loss, trajectories=[circle(0.5)], label="V")
    assert figure.axes[1].get_ylabel() == "V"
    low, high = figure.axes[1].get_ylim()
    assert -2.5 < low < -1 and 1 < high < 2.5
    left, right = painted(figure)[150, [120, 400]].astype(int).sum(axis=-1)
    assert left > right + 50


def test_landscape_of_a_constant_is_a_picture():
    figure, axes = plots.panels()
    given = plane(lambda x, y: (y, x))
    plots.landscape(axes[0, 0], given, np.zeros((7, 9)))
    assert painted(figure).std() > 5


def test_eigenvalue_path_joins_each_to_its_own():
    """`−γ/2 ± √(γ²/4 − ¼)`, given in changing order: two that part on the circle, then meet."""
    gamma = np.linspace(0, 3, 61)
    root = np.sqrt(gamma.astype(complex) ** 2 / 4 - 0.25)
    values = np.stack([-gamma / 2 + root, -gamma / 2 - root], axis=1)
    mixed = values.copy()
    mixed[1::2] = mixed[1::2, ::-1]
    figure, axes = plots.panels()
    plots.eigenvalue_path(axes[0, 0], gamma, mixed, label="γ")
    paths = [c for c in axes[0, 0].collections if isinstance(c, LineCollection)]
    assert len(paths) == 2
    for path in paths:
        points = np.array([segment[0] for segment in path.get_segments()])
        assert np.abs(np.diff(points, axis=0)).max() < 0.2
        np.testing.assert_allclose(path.get_array(), (gamma[1:] + gamma[:-1]) / 2)
    ends = {tuple(np.round(line.get_xydata()[0], 6)) for line in axes[0, 0].lines[-4:]}
    expected = {(v.real, v.imag) for v in np.round(values[[0, -1]].ravel(), 6)}
    assert ends == expected
    assert axes[0, 0].get_xlim()[1] > 0 and painted(figure).std() > 5
    with pytest.raises(ValueError, match=r"weights \[W\] and eigenvalues \[W, n\]"):
        plots.eigenvalue_path(axes[0, 0], gamma, mixed[1:])


def test_eigenvalue_path_shades_outside_of_the_unit_circle():
    figure, axes = plots.panels()
    axis = axes[0, 0]
    alpha = np.linspace(0, 2.5, 11).astype(complex)
    middle = 1 - alpha**2 / 2
    root = np.sqrt(middle**2 - 1)
    plots.eigenvalue_path(
        axis, alpha.real, np.stack([middle + root, middle - root], axis=1), circle=True
    )
    image = painted(figure).astype(int).sum(axis=-1)

    def pixel(x, y):
        across, up = axis.transData.transform((x, y))
        return image[image.shape[0] - 1 - int(up), int(across)]

    assert pixel(0.3, 0.3) == 3 * 255 or pixel(0.31, 0.34) == 3 * 255
    assert pixel(-0.9, -0.9) < 3 * 255 and pixel(0.9, 0.9) < 3 * 255


def test_mode_heatmap_shows_shares():
    counts = np.array([[10, 0, 0, 30], [5, 5, 5, 5], [0, 0, 0, 0]])
    figure, axes = plots.panels()
    plots.mode_heatmap(axes[0, 0], [0, 100, 300], counts, names=list("abcd"))
    (mesh,) = [c for c in axes[0, 0].collections if isinstance(c, QuadMesh)]
    expected = [[0.25, 0, 0, 0.75], [0.25] * 4, [0] * 4]
    np.testing.assert_allclose(np.asarray(mesh.get_array()), np.transpose(expected))
    assert axes[0, 0].get_xlim() == (-50, 400) and axes[0, 0].get_ylim() == (-0.5, 3.5)
    assert axes[0, 0].get_yticks().tolist() == [0, 1, 2, 3]
    assert painted(figure).std() > 5
    with pytest.raises(ValueError, match=r"steps \[T\] and counts \[T, M\]"):
        plots.mode_heatmap(axes[0, 0], [0, 100], counts)


def test_a_kernel_density_is_scipys():
    samples = np.random.default_rng(0).normal([0.4, -0.2], [0.3, 0.6], (40, 2))
    # SciPy's kernel has the samples' covariance, so these are first made to have that of a circle.
    samples = (samples - samples.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(samples.T))).T
    found = plots.kernel_density(samples, reach=4.0, bandwidth=0.3, bins=800)
    middles = np.linspace(-4, 4, 1601)[1::2][::10]
    x, y = np.meshgrid(middles, middles, indexing="ij")
    expected = gaussian_kde(samples.T, bw_method=0.3)([x.ravel(), y.ravel()]).reshape(80, 80)
    np.testing.assert_allclose(found[::10, ::10], expected, atol=0.01 * expected.max())
    assert found.sum() * 0.01**2 == pytest.approx(1, abs=1e-3)


def test_density_is_where_the_samples_are():
    figure, axes = plots.panels(width=2, height=2)
    samples = np.array([[1.5, -1.5]] * 10 + [[90.0, 0.0]])
    plots.density(axes[0, 0], samples, centres=np.array([[1.5, -1.5], [-1.5, 1.5]]))
    (image,) = axes[0, 0].images
    values = np.asarray(image.get_array())
    # Rows go up, columns to the right.
    assert np.unravel_index(values.argmax(), values.shape) in {
        (row, column) for row in (39, 40) for column in (119, 120)
    }
    assert values[120, 40] == 0 and painted(figure).std() > 5 and not axes[0, 0].texts
    plots.density(axes[0, 0], samples[-1:])
    assert axes[0, 0].texts[0].get_text() == "no sample\nin view"
    with pytest.raises(ValueError, match=r"samples \[N ≥ 1, 2\]"):
        plots.density(axes[0, 0], np.zeros((4, 3)))
