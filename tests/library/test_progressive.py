"""The networks that grow, layer by layer in NumPy, and where the blend of two levels ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, doubled, halved, quick

from ganstab import Pair, players
from ganstab.networks import progressive
from ganstab.networks.resolutions import down
from ganstab.stages import growing

KEY = jax.random.key(0)
WIDTHS, LATENT, SIDE, GROUP = (4, 3, 2), 3, 2, 2
ALPHAS = (0.0, 0.3, 1.0)


def networks(levels):
    """The paper's networks, tiny, at this number of levels."""
    return Pair(
        players.from_nnx(
            lambda rngs: progressive.Generator(
                LATENT, WIDTHS[:levels], channels=1, side=SIDE, rngs=rngs
            )
        ),
        players.from_nnx(
            lambda rngs: progressive.Discriminator(
                WIDTHS[:levels], channels=1, side=SIDE, group=GROUP, rngs=rngs
            )
        ),
    )


@pytest.fixture(scope="module")
def grown():
    """Parameters of networks of 1, 2 and 3 levels, each grown out of the last, and a program.

    The program gives the outputs of each level at all of ALPHAS, of images and of what halves them.
    """
    with jax.enable_x64(True):
        pairs = [networks(n) for n in (1, 2, 3)]
        params, made = [], {}
        for n, pair in enumerate(pairs):
            shapes = Pair(*(jax.eval_shape(player.init, KEY)[0] for player in pair))
            draw = np.random.default_rng(n)
            fresh = jax.tree.map(lambda leaf, draw=draw: draw.standard_normal(leaf.shape), shapes)
            made = growing.kept(made, fresh)
            params.append(made)
        z, images = arrays(0, 4, LATENT), arrays(1, 4, 8, 8, 1)

        @quick
        def outputs(params):
            def every(player, own, x):
                _, state = jax.eval_shape(player.init, KEY)
                return jax.vmap(lambda a: player.apply(own, state, (x, a), KEY)[0])(
                    jnp.array(ALPHAS)
                )

            seen = [down(down(images)), down(images), images]
            return [
                Pair(every(pair.gen, own.gen, z), every(pair.disc, own.disc, x))
                for pair, own, x in zip(pairs, params, seen, strict=True)
            ]

        return params, z, images, outputs


def layer(params, x, gain=2**0.5):
    """An equalised layer: dense, or a convolution, a shift of the kernel at a time."""
    kernel = np.asarray(params["layer"]["kernel"])
    scale = gain / kernel[..., 0].size ** 0.5
    if kernel.ndim == 2:
        return scale * (x @ kernel) + np.asarray(params["bias"])
    half = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    total = sum(
        padded[:, i : i + x.shape[1], j : j + x.shape[2]] @ kernel[i, j]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )
    return scale * total + np.asarray(params["bias"])


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def normed(x):
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-8)


def generator(params, z, alpha):
    x = layer(params["dense"], normed(z), 2**0.5 / 4).reshape(-1, SIDE, SIDE, WIDTHS[0])
    x = normed(leaky(layer(params["conv"], normed(leaky(x)))))
    image = layer(params["to_image"][0], x, 1.0)
    for level, block in sorted(params["blocks"].items()):
        # Only the newest level's share is told from its old path.
        before, x = layer(params["to_image"][level], x, 1.0), doubled(x)
        for name in ("first", "second"):
            x = normed(leaky(layer(block[name], x)))
        image = layer(params["to_image"][level + 1], x, 1.0)
    return alpha * image + (1 - alpha) * doubled(before)


def discriminator(params, images, alpha):
    top = len(params["blocks"])
    x = leaky(layer(params["from_image"][top], images))
    for level in reversed(range(top)):
        for name in ("first", "second"):
            x = leaky(layer(params["blocks"][level][name], x))
        x = halved(x)
        if level == top - 1:
            past = leaky(layer(params["from_image"][level], halved(images)))
            x = alpha * x + (1 - alpha) * past
    groups = x.reshape(-1, GROUP, *x.shape[1:])
    spread = np.sqrt(groups.var(axis=1) + 1e-8).mean(axis=(1, 2, 3)).repeat(GROUP)
    spread = np.broadcast_to(spread[:, None, None, None], (*x.shape[:-1], 1))
    x = leaky(layer(params["conv"], np.concatenate([x, spread], axis=-1)))
    x = leaky(layer(params["dense"], x.reshape(x.shape[0], -1)))
    return layer(params["score"], x, 1.0)[:, 0]


@pytest.mark.parametrize("levels", [2, 3])
def test_networks_layer_by_layer(x64, grown, levels):
    params, z, images, outputs = grown
    own, got = params[levels - 1], outputs(params)[levels - 1]
    seen = np.asarray(images)
    for _ in range(3 - levels):
        seen = halved(seen)
    for place, alpha in enumerate(ALPHAS):
        expected = generator(own.gen, np.asarray(z), alpha)
        np.testing.assert_allclose(got.gen[place], expected, rtol=1e-10, atol=1e-12)
        expected = discriminator(own.disc, seen, alpha)
        np.testing.assert_allclose(got.disc[place], expected, rtol=1e-10, atol=1e-12)
    assert got.gen[0].shape == (4, SIDE * 2 ** (levels - 1), SIDE * 2 ** (levels - 1), 1)


@pytest.mark.parametrize("levels", [2, 3])
def test_at_alpha_0_the_grown_networks_are_the_old_ones(x64, grown, levels):
    params, _, _, outputs = grown
    old, new = outputs(params)[levels - 2 : levels]
    np.testing.assert_allclose(new.gen[0], doubled(np.asarray(old.gen[-1])), rtol=1e-12)
    np.testing.assert_allclose(new.disc[0], old.disc[-1], rtol=1e-12)
    for a, b in ((new.gen[0], new.gen[-1]), (new.disc[0], new.disc[-1])):
        assert np.abs(np.asarray(a - b)).max() > 1e-3


@pytest.mark.parametrize("levels", [2, 3])
def test_at_alpha_1_the_old_path_has_no_part(x64, grown, levels):
    params, _, _, outputs = grown
    moved = jax.tree.map(lambda leaf: leaf, params)
    for owner, name in (
        (moved[levels - 1].gen, "to_image"),
        (moved[levels - 1].disc, "from_image"),
    ):
        owner[name][levels - 2] = jax.tree.map(lambda leaf: leaf + 0.5, owner[name][levels - 2])
    before, after = outputs(params)[levels - 1], outputs(moved)[levels - 1]
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(now[-1], was[-1])
        for faded in (0, 1):
            assert np.abs(np.asarray(now[faded] - was[faded])).max() > 1e-3


def test_one_level_has_nothing_to_fade(x64, grown):
    only = grown[3](grown[0])[0]
    for output in only:
        np.testing.assert_array_equal(output[0], output[-1])


def test_widths_that_make_no_network_are_refused():
    with pytest.raises(ValueError, match=r"widths must be channels at each level, 1 or more, got"):
        progressive.Discriminator((), rngs=None)
    with pytest.raises(ValueError, match=r"1 or more, got \(4, 0\)"):
        progressive.Generator(3, (4, 0), rngs=None)
