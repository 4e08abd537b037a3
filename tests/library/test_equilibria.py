"""Fixed points, and slices through the space of parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, batch, plain_pair, quick
from known_games import CARRY, NOTHING, dirac_eigenvalues, dirac_with_r1, filled, latents, pair

from ganstab import Pair, dynamics, games, losses, terms
from ganstab.game import make_game


def test_the_one_fixed_point_of_dirac(x64):
    starts = Pair(arrays(0, 8), arrays(1, 8))
    for gamma, answer in ((0.0, "neutral"), (0.3, "stable"), (-0.3, "unstable")):
        (found,) = dynamics.fixed_points(dirac_with_r1(gamma), starts, **NOTHING)
        np.testing.assert_allclose(found.params, (0, 0), atol=1e-7)
        assert found.speed < 1.5e-8
        np.testing.assert_allclose(found.eigenvalues, dirac_eigenvalues(gamma), atol=1e-7)
        assert dynamics.stability(found.eigenvalues) == answer


def test_all_fixed_points_of_a_double_well(x64):
    """`θ̇ = θ − θ³, ψ̇ = −ψ`: a saddle between two stable points."""
    game = games.from_losses(
        lambda params: Pair(params.gen**4 / 4 - params.gen**2 / 2, params.disc**2 / 2)
    )
    starts = Pair(jnp.linspace(-2, 2, 9), jnp.full(9, 0.5))
    found = dynamics.fixed_points(game, starts, **NOTHING)
    places = {round(float(point.params.gen), 6): point for point in found}
    assert set(places) == {-1.0, 0.0, 1.0}
    np.testing.assert_allclose(places[0.0].eigenvalues, [1, -1], atol=1e-7)
    np.testing.assert_allclose(places[1.0].eigenvalues, [-1, -2], atol=1e-7)


def test_slice_of_a_game_of_two_numbers_is_the_game(x64):
    plane = dynamics.parameter_plane(pair(0.0, 0.0))
    a, b = jnp.linspace(-1, 1, 3), jnp.linspace(-2, 2, 5)
    got = dynamics.cut(games.bilinear(), plane, a, b, **NOTHING)
    gen, disc = np.meshgrid(a, b)
    np.testing.assert_allclose(got.losses, (gen * disc, -gen * disc))
    np.testing.assert_allclose(got.velocity, np.stack([-disc, gen], axis=-1))
    np.testing.assert_allclose(got.shown, np.ones((5, 3)))
    with pytest.raises(ValueError, match="one number each"):
        dynamics.parameter_plane(Pair(jnp.zeros(2), jnp.zeros(())))


def test_slice_of_a_network_along_its_biases():
    players = plain_pair()
    params = filled(players)
    game = make_game(players, terms.score_loss(losses.non_saturating), prior=latents)
    at = {"carry": CARRY, "batch": batch(0, 4), "key": jax.random.key(1)}
    plane = dynamics.random_plane(params, jax.random.key(2), keep=lambda path: "'b'" in path)
    products = [
        sum(jnp.vdot(u, w) for u, w in zip(*map(jax.tree.leaves, axes), strict=True))
        for axes in [(plane.first, plane.first), (plane.first, plane.second)]
    ]
    np.testing.assert_allclose(products, (1, 0), atol=1e-6)
    assert all(not layer["w"].any() and layer["b"].any() for own in plane.first for layer in own)
    a, b = jnp.array([0.0, 0.3]), jnp.array([0.0, -0.2])
    moved = jax.tree.map(lambda o, u, w: o + 0.3 * u - 0.2 * w, params, plane.first, plane.second)

    @quick
    def looked_at(plane, moved):
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), plane.origin, moved)
        there = game(moved, *at.values())[0], dynamics.field(game, moved, **at)
        return dynamics.cut(game, plane, a, b, **at), there, dynamics.project(plane, stacked)

    got, (value, velocity), places = looked_at(plane, moved)
    np.testing.assert_allclose([loss[1, 1] for loss in got.losses], value, rtol=1e-5)
    inside = [
        sum(jnp.vdot(u, v) for u, v in zip(*map(jax.tree.leaves, (axis, velocity)), strict=True))
        for axis in (plane.first, plane.second)
    ]
    np.testing.assert_allclose(got.velocity[1, 1], inside, rtol=1e-4)
    square = sum(jnp.vdot(v, v) for v in jax.tree.leaves(velocity))
    np.testing.assert_allclose(got.shown[1, 1], np.sum(np.square(inside)) / square, rtol=1e-4)
    assert got.shown[1, 1] < 0.9
    np.testing.assert_allclose(places, [[0, 0], [0.3, -0.2]], atol=1e-6)
    with pytest.raises(ValueError, match="two numbers that may move"):
        dynamics.random_plane(params, jax.random.key(2), keep=lambda path: False)
