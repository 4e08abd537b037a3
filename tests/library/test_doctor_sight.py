"""What a discriminator cannot see, what it knows by heart, and when it is too weak."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import Normed, arrays, perceptron

from ganstab import Batch, Pair, Player, doctor, losses, players, recipes, surrogates, terms
from ganstab.doctor import scores, sight
from ganstab.doctor.run import with_data

DATA = arrays(0, 64, 2)


def scaled(share, shift=0.0):
    """A generator of normal points, share times as far apart as the data's."""
    return Player(
        lambda key: (jnp.asarray(share), ()),
        lambda share, state, z, key, *, train=True: (share * z + shift, state),
    )


def untrained():
    """A generator with nothing to train."""
    return Player(lambda key: ((), ()), lambda params, state, z, key, *, train=True: (z, state))


def subject(disc, share=1.0, *, gen=None, shift=0.0, joint=False, around=(), data=None):
    """The next step of a GAN that is not trained yet."""
    txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
    recipe = recipes.Recipe(
        "a test's", "none", (terms.score_loss(losses.non_saturating),), txs,
        joint=joint, surrogates=around,
    )  # fmt: skip
    trainable = recipe.build(Pair(gen or scaled(share, shift), disc), 2)
    batches = Batch(jnp.stack([DATA, DATA]))
    return doctor.Subject(
        trainable.game, trainable.make_step, trainable.init(jax.random.key(0)), batches,
        Batch(DATA), plain=trainable.plain, data=data,
    )  # fmt: skip


def normed():
    return players.from_nnx(lambda rngs: Normed(2, 8, 1, rngs=rngs))


def test_a_discriminator_that_judges_each_sample_alone_sees_contrast_whole():
    found = scores.contrast(subject(perceptron(2, 6, 1), 0.5))
    assert found.seen == pytest.approx(1.0, rel=1e-3)
    assert found.share == pytest.approx(0.5, rel=0.2)


def test_batch_norm_behind_the_first_layer_hides_contrast_of_two_batches_not_of_one():
    apart, joint = (scores.contrast(subject(normed(), 0.5, joint=joint)) for joint in (0, 1))
    assert apart.seen < 1e-2 < sight.HIDDEN < joint.seen
    finding = sight.contrast(examined(contrast=apart), doctor.Record())
    assert finding.state == "bad" and "joint=True" in finding.remedy
    assert f"samples have {apart.share:.2f} of the data's" in finding.answer
    assert sight.contrast(examined(contrast=joint), doctor.Record()).state == "good"


@pytest.mark.parametrize(("share", "state"), [(0.79, "bad"), (0.81, "watch"), (1.26, "bad")])
def test_hidden_contrast_is_a_fault_where_it_is_wrong(share, state):
    hidden = examined(contrast=scores.Contrast(0.05, share))
    assert sight.contrast(hidden, doctor.Record()).state == state
    seen = examined(contrast=scores.Contrast(0.2, share))
    assert sight.contrast(seen, doctor.Record()).state == "good"


def test_the_scores_are_those_of_the_game_without_its_surrogates():
    """Consensus hands its discriminator no samples."""
    around = (functools.partial(surrogates.consensus, weight=0.1),)
    plain, within = (
        scores.contrast(subject(perceptron(2, 6, 1), 0.5, around=each)) for each in ((), around)
    )
    assert within == pytest.approx(plain)
    alone = subject(perceptron(2, 6, 1), around=around)._replace(plain=None)
    assert scores.contrast(alone) is None


def test_of_a_closed_form_game_and_a_constant_discriminator_nothing_is_said():
    flat = Player(lambda key: (jnp.zeros(()), ()), constant)
    found = scores.contrast(subject(flat))
    assert found.seen is None and sight.contrast(examined(contrast=found), doctor.Record()) is None
    assert scores.contrast(subject(flat)._replace(batch=None)) is None


def constant(params, state, x, key, *, train=True):
    return params + jnp.zeros(len(x)), state


def mean_of(params, state, x, key, *, train=True):
    """The discriminator whose score is a sample's mean."""
    return params * jnp.mean(x, axis=1), state


def two_kinds(trained, held_out, spread=0.0):
    """Batches whose means are these, and differ from batch to batch."""
    draw = spread * np.linspace(-1, 1, 16)[:, None, None]
    return Pair(*(Batch(jnp.asarray(np.broadcast_to(mean + draw, (16, 8, 2)), float))
                  for mean in (trained, held_out)))  # fmt: skip


@pytest.mark.parametrize(
    ("held_out", "state", "share"), [(0.2, "bad", "80%"), (0.6, "good", "40%"), (1.0, "good", "")]
)
def test_overfitting_is_the_way_from_data_to_samples_that_held_out_data_lie(held_out, state, share):
    disc = Player(lambda key: (jnp.ones(()), ()), mean_of)
    here = subject(disc, 0.0, data=lambda: two_kinds(1.0, held_out, spread=0.1))
    memory = scores.memory(here)
    np.testing.assert_allclose(memory.held_out, memory.trained - (1 - held_out), atol=1e-6)
    np.testing.assert_allclose(memory.fake, 0.0, atol=1e-6)
    finding = sight.overfitting(examined(memory=memory), doctor.Record())
    assert finding.state == state and (not share or f"lie {share} of the way" in finding.words)
    assert ("`players.augmented`" in finding.remedy) == (state == "bad")


def test_a_gap_within_its_error_and_scores_the_wrong_way_round_are_no_overfitting():
    uneven = np.where(np.arange(16) % 2, 1.0, -1.0)
    near = scores.Memory(uneven, np.zeros(16) - 0.5, np.full(16, -1.0))
    assert sight.overfitting(examined(memory=near), doctor.Record()).state == "good"
    wrong = scores.Memory(np.ones(16), np.zeros(16), np.full(16, 2.0))
    assert sight.overfitting(examined(memory=wrong), doctor.Record()).state == "good"
    unsound = scores.Memory(np.full(16, np.nan), np.zeros(16), np.zeros(16))
    assert sight.overfitting(examined(memory=unsound), doctor.Record()) is None


def examined(**found):
    """An examination of which only this is looked at."""
    empty = doctor.Examination(0, Pair(1, 1), {}, Pair(1.0, 1.0), Pair({}, {}))
    return empty._replace(**found)


@pytest.mark.parametrize(
    ("moved", "score", "state"),
    [
        (0.0, 0.0, "good"),
        (9.0, 0.0, "bad"),
        (9.0, 0.1, "bad"),
        (9.0, 1.0, None),
        (9.0, -9.0, "bad"),
    ],
)
def test_a_discriminator_is_too_weak_where_neighbours_tell_what_it_does_not(moved, score, state):
    draw = np.random.default_rng(0)
    shown, real = draw.normal(size=(64, 2)) + moved, draw.normal(size=(64, 2))
    rows = [{"step": 1, "disc/real_score": score, "disc/fake_score": -score, "disc/minimax": 1.0}]
    record = doctor.Record(rows, samples={1: shown}, reference=real)
    finding = sight.discrimination(None, record)
    assert (finding and finding.state) == state
    assert finding is None or ("too weak" in finding.answer) == (state == "bad")


def test_neighbours_of_one_distribution_are_of_either_kind():
    draw = np.random.default_rng(1)
    shares = [sight.apart(*draw.normal(size=(2, 64, 2))) for _ in range(200)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.01) and max(shares) < sight.APART
    assert sight.apart(np.zeros((5, 2)), np.ones((5, 2))) == 1.0


def test_data_that_were_not_shown_are_the_next_batch():
    images = Batch(jnp.full((9, 4, 4, 1), 1.0))
    record = doctor.Record(samples={3: np.zeros((9, 4, 4, 1), np.uint8)})
    here = subject(normed())._replace(batch=images)
    assert with_data(record, here).reference.dtype == np.uint8
    assert with_data(record, here).reference.max() == 255
    known = record._replace(reference=np.zeros(3))
    assert with_data(known, here) is known and with_data(record, None) is record


def test_vanishing_gradients_are_told_from_a_sure_discriminator():
    rows = [{"step": 1, "disc/real_score": 9.0, "disc/fake_score": -9.0, "disc/minimax": 0.1}]
    found = {one.topic: one for one in doctor.diagnose(None, doctor.Record(rows)).findings}
    assert found["Saturation"].state == "bad" and "gradient vanishes" in found["Saturation"].answer
    fooled = {"step": 1, "disc/real_score": 0.0, "disc/fake_score": 9.0, "disc/non_saturating": 0.1}
    (found,) = doctor.diagnose(None, doctor.Record([fooled])).findings
    assert found.state == "good" and "hardly tells them apart" in found.words


def test_a_critic_alone_is_looked_at_where_the_generator_has_nothing_to_train():
    found = doctor.examine(subject(perceptron(2, 12, 1), gen=untrained()))
    assert found.sizes.gen == 0 and not found.unmeasured and len(found.eigenvalues.values) >= 4
    assert found.rotation == pytest.approx(0.0, abs=0.05)  # it descends on one landscape
    told = {one.topic: one for one in doctor.diagnose(found).findings}
    assert "Step lengths" not in told and "Motion" in told
