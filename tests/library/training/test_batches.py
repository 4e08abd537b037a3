"""Batches: a function of the key and the step, wherever the data are."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import assert_equal, refusal
from tiny_images import BYTES, IMAGES

from ganstab.data import RandomAccess, colored_digits, draw, ring, single_images, stacked_digits
from ganstab.training import distributed
from ganstab.training.batches import batch_sources
from ganstab.types import Batch

KEY = jax.random.key(5)
SOURCE = RandomAccess([{"image": x, "label": y} for x, y in zip(*IMAGES, strict=True)])
FLOATS = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)


def sources(data, mesh, sampler=single_images, keys=(KEY,), batch_size=16, steps=3):
    return batch_sources(
        data, sampler, keys, updates=2, batch_size=batch_size, steps=steps, mesh=mesh
    )


def taken(source, first, place=0):
    """The batches of step `first + place`, of a call that begins at the first."""
    at = jnp.int32(first + place)
    return jax.jit(source.batch_at)(source.host_arrays(first), at, jnp.int32(place))


@pytest.fixture
def mesh():
    return distributed.make_mesh()


@pytest.mark.parametrize("data", [IMAGES, SOURCE, FLOATS, BYTES, ring])
def test_batches_are_a_function_of_the_key_and_the_step(mesh, data):
    """Not of the step that a call begins at, nor of what was drawn before."""
    (source,), (other,) = (sources(data, mesh) for _ in range(2))
    expected = [taken(source, step) for step in range(4)]
    assert {leaf.shape[:2] for leaf in jax.tree.leaves(expected)} == {(2, 16)}
    for first, place in ((1, 2), (0, 1), (2, 0), (2, 1)):
        assert_equal(taken(other, first, place), expected[first + place])
    (foreign,) = sources(data, mesh, keys=[jax.random.key(6)])
    zero, one = expected[0].real, expected[1].real
    different = [zero[0], zero[1], one[0], taken(foreign, 0).real[0]]
    for i, a in enumerate(different):
        assert all((np.asarray(a) != np.asarray(b)).any() for b in different[:i])
    assert {shard.data.shape[1] for shard in expected[0].real.addressable_shards} == {2}


@pytest.mark.parametrize("sampler", [single_images, stacked_digits, colored_digits])
def test_streamed_batches_equal_resident_ones(mesh, sampler):
    (resident,), (streamed,) = (sources(data, mesh, sampler) for data in (IMAGES, SOURCE))
    for first, place in ((0, 0), (0, 2), (3, 1)):
        assert_equal(taken(streamed, first, place), taken(resident, first, place))
    key = jax.random.split(jax.random.fold_in(KEY, 2), 2)[1]
    expected = jax.jit(draw, static_argnums=(0, 3))(sampler, jax.device_put(IMAGES), key, 16)
    assert_equal(jax.tree.map(lambda leaf: leaf[1], taken(resident, 2)), expected)


def test_an_array_of_floats_is_as_given_and_one_of_bytes_is_scaled(mesh):
    floats = taken(sources(FLOATS, mesh)[0], 0)
    assert floats.label is None and floats.real.dtype == jnp.float32
    points = np.asarray(floats.real).reshape(-1, 3)
    assert (points[:, None] == FLOATS).all(-1).any(-1).all()
    scaled = taken(sources(BYTES, mesh)[0], 0).real
    assert_equal(scaled, taken(sources(IMAGES, mesh)[0], 0).real)
    assert scaled.min() >= -1 and scaled.max() <= 1


def test_several_runs_share_one_copy_of_the_data(mesh):
    keys = [jax.random.key(seed) for seed in (0, 5)]
    both = sources(IMAGES, mesh, keys=keys)
    (image, _), (image_of_other, _) = (source.host_arrays(0)[0] for source in both)
    assert image is image_of_other
    assert_equal(taken(both[1], 1), taken(sources(IMAGES, mesh)[0], 1))


@pytest.mark.parametrize("data", [IMAGES, SOURCE, BYTES])
def test_data_smaller_than_a_batch_are_refused(mesh, data):
    told = refusal(lambda: sources(data, mesh, batch_size=24))
    assert told.startswith("--batch_size=24 is larger than the data, 23 samples: give --batch_")


@pytest.mark.parametrize(
    ("data", "got"),
    [(np.zeros((40, 2), int), "int64 [40, 2]"), (np.zeros(40, np.float32), "float32 [40]")],
)
def test_arrays_of_other_kinds_are_refused(mesh, data, got):
    told = refusal(lambda: sources(data, mesh))
    assert told.endswith(f"an array of floats or bytes [N, …], got {got}")


def test_a_fault_of_the_reader_reaches_the_run(mesh):
    (source,) = sources(RandomAccess([{"picture": 1}] * 23), mesh)
    assert "picture" in refusal(lambda: source.host_arrays(0))


LABELS = {
    "one-hot": np.eye(10)[IMAGES.label],
    "words": np.array(["cat"] * len(IMAGES.label)),
    "floats": np.float32(IMAGES.label),
    "too few": IMAGES.label[:-1],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_are_no_integer_for_each_image_are_refused(mesh, name):
    n, label = len(IMAGES.image), np.asarray(LABELS[name])
    message = refusal(lambda: sources(IMAGES._replace(label=label), mesh))
    assert f"must be integers [{n}], one an image, got {label.dtype} {list(label.shape)}" in message


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_images_from_0_to_1_are_told_of(mesh, low):
    images = np.linspace(low, 1, 20 * 4 * 4 * 3, dtype=np.float32).reshape(20, 4, 4, 3)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sources(images, mesh)
    assert ["floats from 0 to 1" in str(one.message) for one in told] == [True] * (low == 0)


RANDOM = np.random.default_rng(0)
IMPURE = {
    "alone": lambda key, n: RANDOM.normal(size=(n, 2)),
    "beside a draw": lambda key, n: jax.random.normal(key, (n, 2)) + RANDOM.normal(size=(n, 2)),
    "a Batch": lambda key, n: Batch(jnp.asarray(RANDOM.normal(size=(n, 2)))),
}
MODES = np.array([[0.0, np.nan], [1.0, 2.0]])
PURE = {
    "constant": lambda key, n: np.ones((n, 2)),
    "not finite": lambda key, n: MODES[np.zeros(n, int)],
    "of keys of its own": lambda key, n: jax.random.normal(jax.random.key(7), (n, 2)),
    "half precision": lambda key, n: jnp.ones((n, 2), jnp.bfloat16) + jax.random.normal(key),
}


@pytest.mark.parametrize("name", IMPURE)
def test_a_distribution_that_does_not_draw_from_its_key_is_refused(mesh, name):
    message = refusal(lambda: sources(IMPURE[name], mesh), ValueError)
    assert "draw them with jax.random from its key" in message


@pytest.mark.parametrize("name", PURE)
def test_a_distribution_of_its_key_alone_is_taken(mesh, name):
    (source,) = sources(PURE[name], mesh)
    assert taken(source, 0).real.shape == (2, 16, 2)


def test_labels_that_are_no_array_are_refused(mesh):
    message = refusal(lambda: sources(IMAGES._replace(label=[0] * len(IMAGES.image)), mesh))
    assert message == "the labels of data.Images must be an array, got list"


@pytest.mark.parametrize("give", [lambda key, n: jnp.ones((3, 2)), lambda key, n: jnp.ones(())])
def test_a_distribution_that_gives_another_number_of_samples_is_refused(mesh, give):
    (source,) = sources(give, mesh)
    with pytest.raises(ValueError, match="as many samples as they are asked for, 16, the batch"):
        taken(source, 0)
