"""Networks that compute in 16 bits, while all around them is in float32."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, perceptron, quick
from short_runs import one_device, trained

import ganstab
from ganstab import Batch, Player, data, penalties, players
from ganstab.image_gan import ImageGan, build, recipe_of
from ganstab.networks.images import image_pair, sngan
from ganstab.training import distributed

KEY = jax.random.key(0)
PAIRS = {
    "convolutional": image_pair(8, width=2, latent=4),
    "with classes": image_pair(8, width=2, latent=4, num_classes=3),
    "r3gan": image_pair(8, kind="residual", width=2, latent=4, num_classes=3),
    "sngan": sngan(8, width=2, latent=4, num_classes=3),
}
TINY = {
    "data": "mnist", "batch_size": 8, "width": 2, "latent": 5, "samples": 64, "log_every": 1,
    "penalty_every": 1, "decay_steps": 4, "eval_every": 4, "metrics": "none", "augment": "none",
}  # fmt: skip


def kinds(tree):
    return jax.tree.map(lambda leaf: leaf.dtype, tree)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_every_product_is_of_16_bits_and_what_comes_out_is_not(name, train):
    label = jnp.arange(4) % 3
    for network, x in zip(PAIRS[name], (jnp.ones((4, 4)), jnp.ones((4, 8, 8, 3))), strict=True):
        player = players.computed_in(players.from_nnx(network))
        params, state = player.init(KEY)
        x = x if name == "convolutional" else (x, label)

        def apply(params, state, x, player=player):
            return player.apply(params, state, x, KEY, train=train)

        out, new = jax.eval_shape(apply, params, state, x)
        assert out.dtype == jnp.float32 and kinds(new) == kinds(state)
        text = str(jax.make_jaxpr(apply)(params, state, x))
        products = re.findall(r"(\w+)\[[\d,]*\] = (?:dot_general|conv_general_dilated)", text)
        assert products and {*products} == {"bf16"}


def test_parameters_and_inputs_are_rounded_and_whole_numbers_are_not():
    def apply(params, state, x, key, *, train=True):
        value, label = x
        return (params * value, label), state + params

    player = players.computed_in(Player(lambda key: (jnp.float32(1.001), jnp.float32(0)), apply))
    value, label = jnp.array([1.002, 300.7]), jnp.array([2**24 + 1, 7])
    (out, same), state = player.apply(*player.init(KEY), (value, label), KEY)
    np.testing.assert_array_equal(out, [1.0, 300.0])  # 8 bits: 1 + 2⁻⁷, 300 + 2
    np.testing.assert_array_equal(same, label)
    assert (out.dtype, state.dtype, float(state)) == (jnp.float32, jnp.float32, 1.0)
    with pytest.raises(ValueError, match="dtype must be a floating-point type, got int8"):
        players.computed_in(player, jnp.int8)


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2, penalties.wgan_gp])
def test_penalties_and_their_slopes_are_float32_and_near_those_of_float32(penalty):
    plain = perceptron(6, 8, 1)
    real, fake = arrays(0, 16, 6), arrays(1, 16, 6)
    params, state = plain.init(KEY)

    def value(params, player):
        def score(x):
            return player.apply(params, state, x, KEY)[0][:, 0]

        return penalty(score, real, fake, KEY)

    @quick
    def both(params):
        pair = plain, players.computed_in(plain)
        return [jax.value_and_grad(value)(params, player) for player in pair]

    exact, rounded = both(params)
    assert {leaf.dtype for leaf in jax.tree.leaves(rounded)} == {jnp.dtype(jnp.float32)}
    for there, got in zip(*map(jax.tree.leaves, (exact, rounded)), strict=True):
        np.testing.assert_allclose(got, there, atol=0.03 * float(jnp.max(jnp.abs(there))))
    assert exact[0] != rounded[0]


def test_a_step_of_a_run_is_near_the_one_in_float32():
    real = jnp.asarray(data.load_mnist("test").image[:16], jnp.float32) / 127.5 - 1
    batch = Batch(real.reshape(2, 8, 28, 28, 1))

    def stepped(precision):
        config = ImageGan(**TINY, precision=precision, learning_rate=1.0).fingerprinted()
        experiment = build(config)
        known = recipe_of(config).build(experiment.players, experiment.prior)
        start = quick(known.init)(KEY)
        later = start._replace(step=start.step + 50)
        return kinds(start), quick(known.step)(later, batch)

    (of_exact, (_, there)), (of_rounded, (rounded, got)) = map(stepped, ("float32", "bfloat16"))
    assert of_exact == of_rounded == kinds(rounded)
    for name in there:
        assert got[name].dtype == there[name].dtype
        np.testing.assert_allclose(got[name], there[name], rtol=0.05, atol=0.02)
    assert float(got["disc/loss"]) != float(there["disc/loss"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(rounded.params))


@pytest.mark.slow
def test_a_run_in_16_bits_goes_on_with_the_same_bits_and_records_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "make_mesh", one_device)
    whole = ImageGan(**TINY, num_steps=4, precision="bfloat16")
    known = trained(build, whole, tmp_path / "whole")
    trained(build, whole.replace(num_steps=2), tmp_path / "cut")
    again = trained(build, whole, tmp_path / "cut")
    assert again["params_digest"] == known["params_digest"]
    assert json.loads((tmp_path / "cut" / "config.json").read_text())["precision"] == "bfloat16"
    state = ganstab.load(tmp_path / "cut").state
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype(jnp.float32)}
