"""Pairs for images of any size: shapes, parameters, labels, first outputs, derivatives."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, arrays, quick
from flax import nnx

from ganstab import Batch, Carry, Pair, losses, networks, penalties, terms
from ganstab.game import make_game
from ganstab.networks import images
from ganstab.networks.convolution import batch_major, batch_minor, im2col
from ganstab.players import from_nnx, spectral_norm
from ganstab.types import Verdict

PAIRS = {
    "convolutional": images.convolutional,
    "convolutional, no norm": functools.partial(images.convolutional, norm=False),
    "r3gan": images.r3gan,
    "sngan": images.sngan,
    "wgan_gp": images.wgan_gp,
}
SIZES = [16, 17, 28, 32, 48, 64, 100, 128, (20, 33), (128, 64)]
LATENT = 6


def outlined(build):
    """A module with shapes for arrays, which costs no computation."""
    return nnx.eval_shape(lambda: build(nnx.Rngs(0)))


def shape_of(module, *inputs):
    graphdef, variables = nnx.split(module)
    return jax.eval_shape(lambda v, *x: nnx.merge(graphdef, v)(*x), variables, *inputs)


def parameters(module):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAIRS)
def test_every_size_gets_its_images_and_scores(name, size):
    classes = 10 if size in (17, 64) else None
    pair = PAIRS[name](size, 2, width=4, latent=LATENT, num_classes=classes)
    gen, disc = (outlined(build) for build in pair)
    label = () if classes is None else (jnp.zeros(5, int),)
    made = shape_of(gen, jnp.zeros((5, LATENT)), *label)
    assert made.shape == (5, *((size, size) if isinstance(size, int) else size), 2)
    if name == "wgan_gp" and classes:
        said = shape_of(disc, made)
        assert said.score.shape == (5,) and said.class_logits.shape == (5, 10)
    else:
        assert shape_of(disc, made, *label).shape == (5,)


def conv(k, cin, cout):
    return k * k * cin * cout + cout


def miyato_generator(widths, coarsest, latent=128):
    """Parameters by the tables of the paper: dense, blocks, batch norm, convolution."""
    blocks = sum(
        conv(3, a, b) + conv(3, b, b) + conv(1, a, b) + 2 * a + 2 * b
        for a, b in itertools.pairwise(widths)
    )
    dense = (latent + 1) * coarsest**2 * widths[0]
    return dense + blocks + 2 * widths[-1] + conv(3, widths[-1], 3)


def miyato_discriminator(widths, straight):
    """The same, with `straight` blocks that have nothing beside them."""
    first = conv(3, 3, widths[0]) + conv(3, widths[0], widths[0]) + conv(1, 3, widths[0])
    steps = list(itertools.pairwise(widths))
    blocks = sum(conv(3, a, a) + conv(3, a, b) for a, b in steps)
    beside = sum(conv(1, a, b) for a, b in steps[: len(steps) - straight])
    return first + blocks + beside + widths[-1] + 1


def r3gan_count(widths, classes=None, latent=64):
    """Both networks of R3GAN, two blocks a stage, from the authors' code."""
    blocks = sum(2 * (2 * c * 2 * c + 9 * 2 * c * 16 + 2 * 2 * c) for c in widths)
    between = sum(a * b for a, b in itertools.pairwise(widths) if a != b)
    shared = blocks + between + 3 * widths[-1] + 16 * widths[0]
    if classes is None:
        return shared + latent * widths[0], shared + widths[0]
    rows = classes * latent + 2 * latent * widths[0], (classes + widths[0]) * widths[0]
    return shared + rows[0], shared + rows[1]


DOUBLED = [64, 128, 256, 512, 1024]
COUNTS = {
    "sngan 32": (images.sngan(32), 4_276_739, miyato_discriminator([128] * 4, 2)),
    "sngan 48": (
        images.sngan(48), miyato_generator(DOUBLED[3::-1], 6), miyato_discriminator(DOUBLED, 0)
    ),
    "sngan 64": (
        images.sngan(64), miyato_generator(DOUBLED[::-1], 4), miyato_discriminator(DOUBLED, 0)
    ),
    "sngan 128": (
        images.sngan(128),
        miyato_generator([1024, *DOUBLED[::-1]], 4),
        miyato_discriminator([*DOUBLED, 1024], 1),
    ),
    "wgan_gp 32": (
        images.wgan_gp(32), miyato_generator([128] * 4, 4), miyato_discriminator([128] * 4, 2)
    ),
    "r3gan 32": (images.r3gan(32, num_classes=10), *r3gan_count([768] * 4, 10)),
    "r3gan 64": (images.r3gan(64), *r3gan_count([768] * 4 + [384])),
    "r3gan 256": (images.r3gan(256), *r3gan_count([768] * 4 + [384, 192, 96])),
    "convolutional 28": (
        images.convolutional(28, width=Pair(12, 16)),
        65 * 16 * 96 + sum(conv(3, a, b) for a, b in itertools.pairwise((96, 48, 24, 12, 3))) + 360,
        sum(conv(3, a, b) for a, b in itertools.pairwise((3, 32, 64, 128))) + 16 * 128 + 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_as_many_as_published(name):
    pair, *counts = COUNTS[name]
    assert [parameters(outlined(build)) for build in pair] == counts


def test_image_pair_is_the_pair_of_its_kind():
    def counts(pair):
        return tuple(parameters(outlined(build)) for build in pair)

    assert counts(networks.image_pair(28)) == counts(images.convolutional(28))
    plain = networks.image_pair(28, norm=False)
    for pair, kinds in ((networks.image_pair(28), 4), (plain, 0)):
        norms = [p for _, p in nnx.iter_graph(outlined(pair.gen)) if isinstance(p, nnx.BatchNorm)]
        assert len(norms) == kinds
    residual = functools.partial(networks.image_pair, 32, 1, kind="residual", width=16)
    assert counts(residual()) == counts(images.r3gan(32, 1, width=16))
    assert counts(residual(norm=True)) == counts(images.sngan(32, 1, width=16, latent=64))


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"size": 6}, "size must be 7 pixels or more, or two such sides, got 6"),
        ({"size": (32, 32, 3)}, "or two such sides, got (32, 32, 3)"),
        ({"kind": "resnet"}, "kind must be 'convolutional' or 'residual', got 'resnet'"),
        ({"width": 0}, "width must be 1 or more, got 0"),
        ({"width": 0.5}, "width must be a whole number, 1 or more, got 0.5"),
        ({"num_classes": 0}, "num_classes must be 1 or more, got 0"),
        ({"channels": 0}, "channels must be 1 or more, got 0"),
    ],
)
def test_unusable_settings_are_refused(settings, part):
    assert part in argument_refusal(lambda: networks.image_pair(**({"size": 32} | settings)))


def tiny(name, ops=None, classes=3):
    """Pairs of 7 × 9 pixels, which no halving divides."""
    return PAIRS[name]((7, 9), 2, width=3, latent=LATENT, num_classes=classes, convolutions=ops)


def pure(build, seed):
    """Parameters, none of them at its initial value, and `(parameters, *x) -> output`."""
    graphdef, params, rest = nnx.split(build(nnx.Rngs(seed)), nnx.Param, ...)
    leaves, tree = jax.tree.flatten(params)
    moved = [leaf + 0.3 * arrays(i, *leaf.shape) for i, leaf in enumerate(leaves)]
    return jax.tree.unflatten(tree, moved), lambda p, *x: nnx.merge(graphdef, p, rest, copy=True)(
        *x
    )


def everything(name, ops):
    """Images, and two penalties of the critic at them with their gradients in its parameters."""
    pair = tiny(name, ops)
    gen_params, gen = pure(pair.gen, 0)
    disc_params, disc = pure(pair.disc, 1)
    label = jnp.array([2, 0, 1, 2])
    z, real, key = arrays(5, 4, LATENT), arrays(6, 4, 7, 9, 2), jax.random.key(0)

    def penalty(params, fake):
        def score(x):
            said = disc(params, x) if name == "wgan_gp" else disc(params, x, label)
            return said.score if isinstance(said, Verdict) else said

        return penalties.r1(score, real, fake, key) + penalties.wgan_gp(score, real, fake, key)

    def slope(params, fake):
        return jax.value_and_grad(penalty)(params, fake)

    fake = quick(gen)(gen_params, z, label)
    return fake, quick(slope), disc_params


@pytest.mark.parametrize(
    "name",
    # Residual blocks compile for long: those of one pair by default.
    [
        pytest.param(name, marks=pytest.mark.slow if name in ("sngan", "r3gan") else ())
        for name in PAIRS
    ],
)
def test_penalties_derivatives_are_differences_and_layouts_agree(x64, name):
    fake, slope, params = everything(name, batch_minor)
    value, gradient = slope(params, fake)
    chex.assert_tree_all_finite(gradient)
    way = jax.tree.map(lambda a: arrays(a.size, *a.shape), params)
    ahead, behind = (
        slope(jax.tree.map(lambda p, w, h=h: p + h * w, params, way), fake)[0]
        for h in (1e-6, -1e-6)
    )
    got = sum(map(jnp.vdot, jax.tree.leaves(gradient), jax.tree.leaves(way)))
    assert abs(got) > 1e-3
    np.testing.assert_allclose((ahead - behind) / 2e-6, got, rtol=1e-5)
    for ops in (batch_major, im2col):
        other_fake, other_slope, _ = everything(name, ops)
        np.testing.assert_allclose(other_fake, fake, rtol=1e-11, atol=1e-12)
        other = other_slope(params, fake)
        chex.assert_trees_all_close(other, (value, gradient), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["convolutional", "r3gan"])
def test_r1_r2_is_the_sum_of_both_penalties(x64, name):
    """And its gradient in the critic's parameters."""
    params, disc = pure(tiny(name, batch_minor, classes=None).disc, 1)
    real, fake, key = arrays(6, 4, 7, 9, 2), arrays(7, 4, 7, 9, 2), jax.random.key(0)

    @quick
    def slopes(params):
        return [
            jax.value_and_grad(lambda p, of=of: of(lambda x: disc(p, x), real, fake, key))(params)
            for of in (penalties.r1, penalties.r2, penalties.r1_r2)
        ]

    of_real, of_fake, of_both = slopes(params)
    assert of_real[0] > 1e-3 < of_fake[0]
    total = jax.tree.map(jnp.add, of_real, of_fake)
    chex.assert_trees_all_close(of_both, total, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_players_take_pairs_and_both_see_the_labels(name):
    """One latent vector under three labels, and what the generator learns from the critic of it."""
    pair = tiny(name)
    disc = from_nnx(pair.disc)
    players = Pair(from_nnx(pair.gen), spectral_norm(disc) if name == "sngan" else disc)
    keys = jax.random.split(jax.random.key(0), 4)
    (gen_params, gen_state), (disc_params, disc_state) = map(_begun, players, keys)
    z, label = jnp.ones((1, LATENT)) * jnp.ones((4, 1)), jnp.array([0, 1, 2, 0])

    def total(gen_params):
        x, _ = players.gen.apply(gen_params, gen_state, (z, label), keys[2])
        seen = x if name == "wgan_gp" else (x, label)
        said, _ = players.disc.apply(disc_params, disc_state, seen, keys[3])
        score = said.score if isinstance(said, Verdict) else said
        return jnp.sum(score), (x, score)

    gradient, (x, score) = quick(jax.grad(total, has_aux=True))(gen_params)
    np.testing.assert_allclose(x[0], x[3], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(score[0], score[3], rtol=1e-4, atol=1e-5)
    assert abs(x[0] - x[1]).max() > 1e-3 and abs(x[1] - x[2]).max() > 1e-3
    chex.assert_tree_all_finite(gradient)
    assert jnp.any(gradient["to_image"]["kernel"] != 0)


def _begun(player, key):
    """A player's initial state, and parameters moved so that no label is like another."""
    params, state = player.init(key)
    return jax.tree.map(lambda leaf: leaf + 0.3 * arrays(leaf.size, *leaf.shape), params), state


@pytest.mark.parametrize("name", PAIRS)
def test_a_conditional_game_has_them_for_players(name):
    players = Pair(*map(from_nnx, tiny(name)))
    classifies = name == "wgan_gp"
    more = [terms.auxiliary_classifier()] if classifies else []
    game = make_game(
        players, terms.score_loss(losses.wasserstein), *more,
        prior=lambda key, n: jax.random.normal(key, (n, LATENT)),
        conditional="gen" if classifies else "both",
    )  # fmt: skip

    def played(key):
        params, state = (Pair(*part) for part in zip(*(p.init(key) for p in players), strict=True))
        batch = Batch(jnp.zeros((4, 7, 9, 2)), jnp.zeros(4, int))
        return game(params, Carry(state, Pair((), ())), batch, key)

    found, aux = jax.eval_shape(played, jax.random.key(0))
    assert found.gen.shape == found.disc.shape == ()
    assert ("disc/auxiliary_classifier" in aux.metrics) == classifies


@pytest.mark.parametrize("name", PAIRS)
def test_labels_that_are_missing_or_not_wanted_are_refused(name):
    gen = outlined(tiny(name).gen)
    z = jnp.zeros((4, LATENT))
    for label in (None, jnp.zeros(4), jnp.zeros(3, int), jnp.zeros((4, 1), int)):
        message = argument_refusal(lambda label=label: shape_of(gen, z, label))
        assert "a network of 3 classes wants labels as integers of shape (4,)" in message
    for build, x in zip(tiny(name, classes=None), (z, jnp.zeros((4, 7, 9, 2))), strict=True):
        message = argument_refusal(lambda b=build, x=x: shape_of(outlined(b), x, jnp.zeros(4, int)))
        assert "takes no label" in message


def first_outputs(name, size=16, width=32):
    """A pair, its first images, and its first scores of normal images."""
    pair = PAIRS[name](size, width=width, latent=64)
    gen, disc = (build(nnx.Rngs(i)) for i, build in enumerate(pair))
    return gen, disc, output(gen, arrays(0, 16, 64)), output(disc, arrays(1, 16, size, size, 3))


def output(module, x):
    graphdef, variables = nnx.split(module)
    return quick(lambda variables: nnx.merge(graphdef, variables, copy=True)(x))(variables)


@pytest.mark.parametrize(
    ("name", "image", "score"),
    [("convolutional", (0.1, 0.4), (0.3, 3)), ("convolutional, no norm", (0.1, 0.4), (0.3, 3)),
     ("r3gan", (0.4, 1.1), (0.05, 1)), ("wgan_gp", (0.3, 0.9), (0.02, 2))],
)  # fmt: skip
def test_first_outputs_have_a_size_of_about_one(name, image, score):
    gen, disc, made, said = first_outputs(name)
    assert image[0] < float(made.std()) < image[1]
    assert score[0] < float(said.std()) < score[1]
    if name == "r3gan":
        stages = (*gen.stages.blocks, *disc.stages.blocks)
        blocks = [block for stage in stages for block in stage]
        assert len(blocks) == 12
        assert not any(block.narrow.kernel[...].any() for block in blocks)
        gain = np.sqrt(2 / 1.04) * 6**-0.25
        grouped = blocks[0].grouped
        assert grouped.groups == 4 and grouped.kernel.shape == (3, 3, 16, 64)
        np.testing.assert_allclose(grouped.kernel[...].std() * 12, gain, rtol=0.05)
