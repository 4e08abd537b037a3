"""The doctor names what is wrong with games whose answer is known, and with runs on disk."""

import functools
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import scalar_carry

from ganstab import Aux, Game, Pair, TrainState, doctor, games, steps
from ganstab.doctor import __main__ as program
from ganstab.doctor import coverage
from ganstab.doctor.examination import PARTS
from ganstab.nan_blame import Fault
from ganstab.reporting import run_log
from ganstab.training.samples import write_samples

RATE = 0.1
NEVER_RUN = doctor.Record()


def subject(game, at=(0.0, 0.0), rates=(RATE, RATE)):
    """A closed-form game at a point, under simultaneous gradient descent."""
    txs = Pair(*map(optax.sgd, rates))
    params = Pair(*(jnp.asarray(value, float) for value in at))
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    carry = scalar_carry()._replace(opt=opt)
    state = TrainState(params, carry, jnp.zeros((), jnp.int32), jax.random.key(0))
    return doctor.Subject(game, functools.partial(steps.simultaneous, txs=txs), state)


def damped(weight):
    """Two players who turn with ω = ½, the discriminator held back by a weight."""

    def losses(params):
        value = params.gen * params.disc / 2
        return Pair(value, weight / 2 * params.disc**2 - value)

    return games.from_losses(losses)


def findings(examination=None, record=NEVER_RUN):
    return {one.topic: one for one in doctor.diagnose(examination, record).findings}


@functools.cache
def dirac():
    """A sound examination, of which a test changes what it is about."""
    return doctor.examine(subject(games.dirac(), at=(0.5, 0.5)))


def record(result=None, count=100, **metrics):
    """A run's log; a metric is a number, or a function of the place in [0, 1]."""
    rows = [
        {"step": 10 * i} | {name.replace("_", "/", 1): f(i / count) for name, f in metrics.items()}
        for i in range(count)
    ]
    return doctor.Record(rows, result or {})


def constant(value):
    return lambda place: value


def test_the_dirac_gan_turns_and_its_steps_lead_away():
    examination = doctor.examine(subject(games.dirac()))
    np.testing.assert_allclose(examination.eigenvalues.values, [0.5j, -0.5j], atol=1e-6)
    np.testing.assert_allclose(examination.multipliers.values, [1 + 0.05j, 1 - 0.05j], atol=1e-6)
    assert examination.rotation == pytest.approx(1.0) and examination.sizes == (1, 1)
    found = findings(examination)
    assert found["Motion"].state == "watch" and "more than it descends" in found["Motion"].words
    assert "w = ω = 0.5;" in found["Motion"].remedy and "Kη = 1/ω = 2;" in found["Motion"].remedy
    step = found["Training step"]
    assert f"step is {np.hypot(1, 0.05):.5f}:" in step.words and step.state == "watch"
    slow = findings(doctor.examine(subject(games.dirac(), rates=(0.05, 0.05))))["Training step"]
    assert slow.state == "good" and "too near 1 to tell" in slow.words
    assert "double in 2,2" in slow.words  # ln 2 / ln |1 + 0.025i| = 2,218


def test_it_measures_in_float64_where_that_is_asked_for(x64):
    examination = doctor.examine(subject(games.dirac()))
    expected = [1 + 0.05j, 1 - 0.05j]
    np.testing.assert_allclose(examination.multipliers.values, expected, atol=1e-14)


def test_each_part_is_told_of_before_it_is_done():
    told = []
    doctor.examine(subject(games.dirac()), tell=told.append)
    assert told[0] == "one training step" and len({*told}) == len(told) <= PARTS
    assert {"the field's eigenvalues", "the training step's multipliers"} < {*told}


def test_the_same_advice_is_given_once():
    alike = {9: shown(1, scale=0.3)}
    collapsed = doctor.Record((), {}, {}, {9: counts(0)}, alike, shown(2))
    found = findings(None, collapsed)
    assert "surrogates.unrolled" in found["Modes"].remedy
    assert found["Diversity"].remedy == "The same acts on this: see Modes."
    alone = findings(None, collapsed._replace(modes={}))
    assert "surrogates.unrolled" in alone["Diversity"].remedy


def test_it_measures_in_float32_whatever_an_accelerator_would_round_to():
    told, plain = set(), subject(games.dirac())

    def make_step(game):
        told.add(jax.config.values["jax_default_matmul_precision"])
        return plain.make_step(game)

    doctor.examine(plain._replace(make_step=make_step))
    assert told == {"float32"}


@pytest.mark.parametrize(("weight", "rotates"), [(0.3, True), (2.0, False)])
def test_a_penalty_draws_it_in(weight, rotates):
    found = findings(doctor.examine(subject(damped(weight))))["Motion"]
    assert "draws in" in found.words and ("It rotates" in found.words) == rotates
    assert found.state == ("watch" if rotates else "good") and bool(found.remedy) == rotates


def test_growth_is_told_with_the_player_whose_parameters_grow():
    hill = games.from_losses(lambda params: Pair(params.gen**2, -2.0 * params.disc**2))
    found = findings(doctor.examine(subject(hill)))
    assert "100% in the discriminator's parameters" in found["Motion"].words
    assert "exp(4 t)" in found["Motion"].words and "damp it" in found["Motion"].remedy
    step = found["Training step"]
    assert step.state == "watch" and "after 2 steps, straight" in step.words


def test_growth_over_both_players_is_no_ridge_of_one():
    """L = −θψ for both: eigenvalues ±1, along directions that lie half in either player's."""
    both = games.from_losses(lambda params: Pair(*[-params.gen * params.disc] * 2))
    step = findings(doctor.examine(subject(both, rates=(0.5, 0.5))))["Training step"]
    assert step.state == "bad" and "straight" in step.words and "50%" in step.words


def test_a_step_that_counts_its_updates_has_no_terms_of_that_name():
    found = doctor.examine(subject(games.dirac())._replace(make_step=counted))
    assert "gen/updates" in found.metrics and found.terms == ({}, {})


def counted(game):
    """As `steps.balanced` counts them."""

    def step(state, batches):
        txs = Pair(optax.sgd(RATE), optax.sgd(RATE))
        moved, metrics = steps.simultaneous(game, txs)(state, batches)
        return moved, metrics | {"gen/updates": jnp.float32(1), "disc/updates": jnp.float32(2)}

    return step


def test_what_cannot_be_measured_is_told_and_the_rest_is():
    """The derivative of plain Adam is no number where a gradient has always been 0."""
    txs = Pair(optax.adam(0.1), optax.adam(0.1))
    state = subject(games.dirac()).state
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, state.params, strict=True)))
    state = state._replace(carry=state.carry._replace(opt=opt))
    make_step = functools.partial(steps.simultaneous, txs=txs)
    found = doctor.examine(doctor.Subject(games.dirac(), make_step, state))
    assert found.multipliers is None and found.rotation == pytest.approx(1.0)
    (line,) = (line for line in doctor.diagnose(found).limits if "multipliers" in line)
    assert line.startswith("Not measured, since it failed: the training step's multipliers (")


def test_spirals_outward():
    found = findings(doctor.examine(subject(damped(-0.3), rates=(1.0, 1.0))))
    assert found["Training step"].state == "bad" and "turning" in found["Training step"].words
    assert "turns as it goes" in found["Motion"].remedy


def test_steps_that_overshoot_are_too_long():
    valley = games.from_losses(lambda params: Pair(params.gen**2, params.disc**2))
    found = findings(doctor.examine(subject(valley, at=(1.0, 1.0), rates=(1.5, 0.1))))
    step = found["Training step"]
    assert step.state == "bad" and "step is 2.0" in step.words and "side to side" in step.words
    assert "100% in the generator's" in step.words and "lower its learning" in step.remedy


@pytest.mark.parametrize(("rates", "state"), [((0.1, 0.1), "good"), ((0.1, 1e-4), "bad")])
def test_step_lengths_are_of_the_actual_step(rates, state):
    examination = doctor.examine(subject(games.bilinear(), at=(1.0, 1.0), rates=rates))
    np.testing.assert_allclose(examination.strides, rates, rtol=1e-2)
    found = findings(examination)["Step lengths"]
    assert found.state == state and ("generator 1e+03 times" in found.words) == (state == "bad")


def test_unequal_steps_are_no_fault_where_differences_die_out():
    # Both descend on a bowl of their own; one has come as near to 0 as its noise lets it.
    bowls = games.from_losses(lambda params: Pair(params.gen**2, (params.disc - 1e-3) ** 2))
    found = findings(doctor.examine(subject(bowls, at=(1e-3, 1e-9), rates=(1e-2, 1e-2))))
    told = found["Step lengths"]
    assert told.state == "watch" and "discriminator 1e+06 times" in told.words
    assert "die out" in told.words and "die out" in found["Training step"].words


def test_which_term_leads_and_which_fails():
    def two_terms(params, carry, batch, fake, key):
        far, near = 300.0 * params.gen, params.gen**2
        losses = Pair(far + near, params.disc**2)
        return losses, Aux(carry.state, {"gen/far": far, "gen/near": near, "disc/own": losses.disc})

    def play(params, carry, batch, key):
        return None, carry.state.gen

    found = findings(doctor.examine(subject(Game(play, two_terms), at=(0.5, 0.5))))
    assert found["Terms"].state == "watch" and "far gives 3e+02 and near 1" in found["Terms"].words
    broken = games.from_losses(lambda params: Pair(jnp.sqrt(params.gen), params.disc**2))
    examination = doctor.examine(subject(broken))
    assert examination.eigenvalues is None and str(examination.fault).startswith("the gradient")
    assert findings(examination)["First fault"].state == "bad"


def test_the_first_fault_of_a_run_is_repeated():
    ended = record({"reason": "step 7: wgan_gp in the discriminator's loss is not finite"})
    assert "at step 7: wgan_gp" in findings(None, ended)["First fault"].words
    assert "First fault" not in findings(None, record({"reason": ""}))
    assert "First fault" in findings(dirac()._replace(fault=Fault("gen", "loss", ())))


@pytest.mark.parametrize(
    ("real", "fake", "state"), [(6.0, -6.0, "bad"), (3.0, -3.0, "watch"), (0.1, -0.1, "good")]
)
def test_saturation_is_told_in_probabilities(real, fake, state):
    scores = {"disc_real_score": constant(real), "disc_fake_score": constant(fake)}
    found = findings(None, record(disc_minimax=constant(1.0), **scores))["Saturation"]
    assert found.state == state and f"{1 / (1 + np.exp(-fake)):.0%} reaches" in found.words
    passed = findings(None, record(disc_non_saturating=constant(1.0), **scores))["Saturation"]
    assert f"{1 / (1 + np.exp(fake)):.0%} reaches" in passed.words
    assert "Saturation" not in findings(None, record(disc_wasserstein=constant(1.0), **scores))


def test_growing_gradients_are_seen():
    flat, steep = constant(1.0), lambda place: 10 ** (3 * place)
    found = findings(None, record(gen_grad_norm=flat, disc_grad_norm=steep))["Gradients"]
    assert found.state == "watch" and "spectral_norm" in found.remedy
    assert (
        findings(None, record(gen_grad_norm=flat, disc_grad_norm=flat))["Gradients"].state == "good"
    )


def counts(*modes, total=10):
    made = np.zeros(total, int)
    made[list(modes)] = 1000
    return made


@pytest.mark.parametrize(
    ("modes", "state", "turnover"),
    [
        ({0: counts(*range(10)), 9: counts(*range(10))}, "good", "stays where it is"),
        ({0: counts(0, 1), 9: counts(2)}, "bad", "It cycles"),
        ({0: counts(0), 9: counts(0)}, "bad", "stays where it is"),
        ({0: counts(*range(6)), 9: counts(*range(3, 9))}, "watch", "has not settled"),
    ],
)
def test_modes_are_covered_lost_or_changed_for_others(modes, state, turnover):
    found = findings(dirac()._replace(modes=modes))
    assert found["Modes"].state == state and turnover in found["Turnover"].words
    assert f"{np.count_nonzero(modes[9])} of 10 modes" in found["Modes"].words
    assert ("packed" in found["Modes"].remedy) == (state != "good")


def test_looks_without_a_sample_in_any_mode():
    away = dirac()._replace(modes={0: counts(0), 5: counts(), 7: counts(1), 9: counts()})
    found = findings(away)
    assert found["Modes"].state == "bad"
    assert found["Modes"].words.startswith("0 of 10 modes are covered: no sample lies in any.")
    assert found["Turnover"].words.startswith("Between steps 0 and 7, 100% of the samples moved")
    assert "Turnover" not in findings(away._replace(modes={0: counts(), 9: counts(0)}))


def test_without_counts_the_result_tells_how_many_modes_there_are():
    def ran(covered, ideal=1000):
        return doctor.Record((), {"results": {"modes": {"mean": covered, "ideal": ideal}}})

    assert findings(None, ran(1.0))["Modes"].words.startswith("1 of 1,000 modes are covered.")
    assert findings(None, ran(1.0))["Modes"].state == "bad"
    assert findings(None, ran(990.0))["Modes"].state == "good"
    assert "Modes" not in findings(None, ran(None)) and "Modes" not in findings(
        None, ran(3.0, None)
    )


def test_a_fall_from_more_modes_is_a_collapse():
    fell = record(modes=lambda place: 10.0 if place == 0.5 else 6.0)
    found = findings(dirac()._replace(modes={9: counts(*range(6))}), fell)["Modes"]
    assert found.state == "bad" and "collapsing: at step 500 it covered 10" in found.words


def test_mass_moved_by_chance_is_that_of_two_samples():
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(30))
    pairs = [rng.multinomial(n, share) for n in (500, 800) for _ in range(200)]
    moved = [coverage.mass_moved(a, b) for a, b in zip(pairs[:200], pairs[200:], strict=True)]
    chance = [
        coverage.mass_moved_by_chance(a, b) for a, b in zip(pairs[:200], pairs[200:], strict=True)
    ]
    assert np.mean(chance) == pytest.approx(np.mean(moved), rel=0.05)
    assert coverage.mass_moved(counts(0), counts(1)) == 1.0


STACKED = {"config_class": "experiments.stacked_mnist:StackedMnist", "recipe": "paper"}


@pytest.mark.parametrize(
    ("settings", "used", "advised", "flags"),
    [
        ({**STACKED, "unroll_steps": 0}, None, "surrogates.unrolled", ["--unroll_steps=5"]),
        ({**STACKED, "unroll_steps": 5}, "K = 5 unrolled steps", "packed", ["--recipe=pacgan"]),
        (
            {**STACKED, "recipe": "dcgan", "unroll_steps": 5},
            None,
            "surrogates.unrolled",
            ["--recipe=unrolled"],
        ),
        ({**STACKED, "recipe": "unrolled"}, "the recipe unrolled", "packed", ["--recipe=pacgan"]),
        ({"unroll_steps": 0, "pack": 2}, "packs of 2", "surrogates.unrolled", ["--unroll_steps=5"]),
        ({"recipe": "wgan_gp"}, None, "surrogates.unrolled", None),
        ({}, None, "surrogates.unrolled", None),
    ],
)
def test_a_collapse_gets_a_remedy_that_the_run_does_not_use(settings, used, advised, flags):
    command = "python -m experiments.some --unroll_steps=0 --recipe=paper --seed=3 --workdir='a b'"
    collapsed = doctor.Record((), {"command": command}, settings, {9: counts(0)})
    remedy = findings(None, collapsed)["Modes"].remedy
    assert (f"In use already: {used}" in remedy) if used else ("In use" not in remedy)
    assert f"`{advised}" in remedy or f"`players.{advised}" in remedy
    assert ("`surrogates.unrolled" in remedy) == (advised == "surrogates.unrolled")
    if flags:
        name = flags[0].partition("=")[0]
        kept = [word for word in command.split()[:-2] if not word.startswith(name)]
        assert remedy.startswith(f"To try: `{' '.join([*kept, *flags])}`\n\n")
    else:
        assert "To try" not in remedy


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/venv/bin/python -m experiments.x --a", "python -m experiments.x --a --unroll_steps=5"),
        ("ganstab train --data=b", "ganstab train --data=b --unroll_steps=5"),
        ("python -m evil --a", ""),
        ("curl evil; python -m experiments.x", ""),
        ("ganstab doctor x", ""),
        ("python -m", ""),
        ("'open", ""),
        (None, ""),
    ],
)
def test_only_the_projects_own_programs_are_named(command, told):
    collapsed = doctor.Record((), {"command": command}, {"unroll_steps": 0}, {9: counts(0)})
    remedy = findings(None, collapsed)["Modes"].remedy
    assert remedy.startswith(f"To try: `{told}`") if told else "To try" not in remedy


def test_a_saturated_wgan_gp_is_not_told_to_become_one():
    scores = {"disc_real_score": constant(9.0), "disc_fake_score": constant(-9.0)}
    plain = findings(None, record(disc_minimax=constant(1.0), **scores))["Saturation"].remedy
    assert "`losses.non_saturating`" in plain and "`penalties.wgan_gp`" in plain
    also = {"disc_minimax": constant(1.0), "disc_wgan_gp": constant(0.1)}
    found = findings(None, record(**also, **scores))["Saturation"].remedy
    assert found.endswith("In use already: `wgan_gp`.") and "`penalties.wgan_gp`" not in found


def test_rotation_is_not_told_to_take_what_it_takes():
    remedy = findings(dirac(), record(disc_r1=constant(0.1)))["Motion"].remedy
    assert "In use already: `r1`." in remedy and "penalties.r1" not in remedy
    assert "surrogates.unrolled" in remedy and "penalties.r1" in findings(dirac())["Motion"].remedy


def shown(seed=0, count=64, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(count, 2))


def pictures(points):
    """Images that are as far apart as the points."""
    return points[:, None, None, :]


@pytest.mark.parametrize(
    ("made", "state", "told"),
    [
        (shown(1), "good", "as far as two of the data"),
        (shown(1, scale=0.6), "watch", "0.56 times"),
        (shown(1, scale=0.3), "bad", "nearly all alike"),
        (pictures(shown(1)), "good", " 6% have"),
        (pictures(np.repeat(shown(1, 8), 8, axis=0)), "bad", "100% have a near-duplicate"),
        (pictures(np.concatenate([shown(1, 48), shown(1, 16)])), "watch", "50% have a near-dup"),
    ],
)
def test_samples_less_diverse_than_the_data(made, state, told):
    data = shown(2, 100) if made.ndim == 2 else pictures(shown(2, 100))
    found = findings(None, doctor.Record(samples={5: made}, reference=data))
    assert found["Diversity"].state == state and told in found["Diversity"].words
    assert "at step 5" in found["Diversity"].words and "Drift" not in found
    assert bool(found["Diversity"].remedy) == bool(found["Diversity"].answer) == (state != "good")


def test_samples_that_keep_moving():
    def after(moved):
        samples = {10: shown(1) + 7, 20: shown(1), 30: shown(1) + moved}
        return findings(None, doctor.Record(samples=samples, reference=shown(2)))["Drift"]

    apart = np.pi**0.5  # the mean distance of two normal points of the plane
    assert after(np.array([0.3 * apart, 0.0])).state == "good"
    assert after(np.array([0.9 * apart, 0.0])).state == "watch"
    assert after(np.array([0.9 * apart, 0.0])).words.startswith("From step 20 to 30 a sample moved")


@pytest.mark.parametrize(("moved", "state"), [(0.1, "watch"), (3.0, "bad")])
def test_growth_is_no_fault_where_samples_have_settled(moved, state):
    spirals = doctor.examine(subject(damped(-0.3), rates=(1.0, 1.0)))
    samples = {20: shown(1), 30: shown(1) + moved}
    found = findings(spirals, doctor.Record(samples=samples, reference=shown(2)))["Training step"]
    assert found.state == state and ("see Drift" in found.words) == (state == "watch")
    assert "turning as they go" in found.words


def test_images_are_compared_without_their_noise():
    draw = np.random.default_rng(0)
    plain = draw.uniform(0, 255, (16, 1, 1, 3)) * np.ones((1, 32, 40, 1))
    noisy = np.clip(plain + draw.normal(0, 40, plain.shape), 0, 255).astype(np.uint8)
    record = doctor.Record(samples={3: noisy}, reference=plain.astype(np.uint8))
    assert findings(None, record)["Diversity"].state == "good"
    one = np.clip(plain[:1] + draw.normal(0, 40, plain.shape), 0, 255).astype(np.uint8)
    alike = doctor.Record(samples={3: one}, reference=plain.astype(np.uint8))
    assert findings(None, alike)["Diversity"].state == "bad"


@pytest.mark.parametrize(
    "record",
    [
        doctor.Record(samples={3: shown(1, 4)}, reference=shown(2, 4)),
        doctor.Record(samples={3: shown(1)}),
        doctor.Record(samples={3: shown(1)}, reference=np.zeros((64, 3))),
        doctor.Record(samples={3: shown(1) * np.nan}, reference=shown(2)),
        doctor.Record(samples={3: shown(1)}, reference=np.ones((64, 2))),
    ],
)
def test_of_few_or_foreign_samples_nothing_is_said(record):
    assert not {"Diversity", "Drift"} & {*findings(None, record)}


def test_samples_are_read_from_the_folder_and_text_is_not(tmp_path):
    write_run(tmp_path)
    write_samples(tmp_path, None, {"samples": shown(0)})
    write_samples(tmp_path, 7, {"samples": np.zeros((9, 32), np.uint16)})
    write_samples(tmp_path, 9, {"samples": shown(1)})
    read = doctor.read_record(tmp_path)
    assert list(read.samples) == [9] and read.reference.shape == (64, 2)
    assert findings(None, read)["Diversity"].state == "good"


def make_dirac():
    """A game of one's own, as `MODULE:FUNCTION` names it."""
    return subject(games.dirac(), at=(0.3, -0.2))


def test_a_second_look_reads_what_the_first_compiled(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    look = [f"{__name__}:make_dirac", f"--out={tmp_path / 'out'}"]
    jax.clear_caches()
    assert program.main(look) == 0
    kept = {path.name for path in (tmp_path / "cache" / "ganstab" / "xla").iterdir()}
    jax.clear_caches()
    assert kept and program.main(look) == 0
    found = {path.name for path in (tmp_path / "cache" / "ganstab" / "xla").iterdir()}
    assert {name for name in found if name.endswith("-cache")} <= kept


def test_a_game_of_ones_own_from_the_command_line(tmp_path, capsys):
    assert program.main([f"{__name__}:make_dirac", f"--out={tmp_path}"]) == 0
    told = capsys.readouterr().out
    assert "Motion" in told and "cannot tell" in told
    assert "no fault was found. To watch: The players turn" in told.splitlines()[0]
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 1 and "What acts on it" in page
    found = json.loads((tmp_path / "findings.json").read_text())
    assert {"Motion", "Training step", "Step lengths"} <= {one["topic"] for one in found}


RESULT = {"status": "finished", "step": 49, "num_steps": 49, "reason": "", "results": {}}


def write_run(folder, **config):
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "result.json").write_text(json.dumps(RESULT))
    for i in range(50):
        norms = {"gen/grad_norm": 1.0, "disc/grad_norm": 2.0}
        scores = {"disc/real_score": 7.0, "disc/fake_score": -7.0, "disc/minimax": 0.1}
        run_log.append_row(folder / "metrics.jsonl", {"step": i, **norms, **scores})
    run_log.append_row(folder / "evaluations.jsonl", {"step": 49, "modes": 5, "counts": [1, 2]})


@pytest.mark.parametrize("named", [None, "my_module:my_function"])
def test_a_run_is_rebuilt_by_what_its_folder_or_the_user_names(
    tmp_path, capsys, monkeypatch, named
):
    write_run(tmp_path)
    asked = []

    def subject_of_run(*given):
        asked.append(given)
        return make_dirac()

    monkeypatch.setattr(program, "subject_of_run", subject_of_run)
    flags = [f"--experiment={named}"] if named else []
    assert program.main([str(tmp_path), *flags]) == 0 and asked == [(tmp_path, named)]
    told = capsys.readouterr().out
    assert "Motion" in told and "Saturation" in told
    assert (tmp_path / "doctor" / "training.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "does not say what makes the class of settings"),
        ({"config_class": 5, "experiment": []}, "does not say what makes the class of settings"),
        ({"config_class": "my_code:C", "experiment": "my_code:f"}, "code from outside this"),
        ({"config_class": "ganstab.nothing:C"}, "cannot import ganstab.nothing:C"),
        ({"config_class": "ganstab.steps:jax"}, "ganstab.steps has no 'jax'"),
        ({"config_class": "ganstab.training.config:RunConfig"}, "what makes the experiment"),
    ],
)
def test_without_its_experiment_the_log_alone_is_read(tmp_path, capsys, monkeypatch, config, why):
    write_run(tmp_path, **config)
    monkeypatch.setitem(sys.modules, "my_code", None)  # importing it would fail otherwise
    assert program.main([str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert why in told.err and told.err.count("\n") == 1 and "saturated" in told.out
    assert "was not looked at" in told.out and "Motion" not in told.out


def test_the_log_alone_tells_of_a_collapse_in_its_first_line(tmp_path, capsys):
    write_run(tmp_path)
    for step, mode in [(50, 3), (60, 4)]:
        row = {"step": step, "modes": 1, "counts": [100 * (i == mode) for i in range(1000)]}
        run_log.append_row(tmp_path / "evaluations.jsonl", row)
    assert program.main([str(tmp_path), "--log_only"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        f"{tmp_path}: The generator is collapsing: it covers 1 of 1,000 modes. The generator's "
        "gradient vanishes: the loss passes next to none of the score's slope."
    )
    found = json.loads((tmp_path / "doctor" / "findings.json").read_text())
    assert [one["topic"] for one in found if one["state"] == "bad"][-1] == "Turnover"
    assert all(one["answer"] for one in found if one["state"] != "good")


def test_the_log_alone_tells_of_players_that_circle(tmp_path, capsys):
    write_run(tmp_path)
    rows = ({"step": step, "disc/fake_score": np.sin(step / 10)} for step in range(70, 3000, 10))
    for row in rows:
        run_log.append_row(tmp_path / "metrics.jsonl", row)
    assert program.main([str(tmp_path), "--log_only"]) == 0
    told = capsys.readouterr().out
    assert "The players circle around each other and do not come to rest." in told.splitlines()[0]
    assert "period of 63 steps" in " ".join(told.split())


def test_the_log_is_thinned_and_evaluations_are_not(tmp_path):
    write_run(tmp_path)
    record = doctor.read_record(tmp_path)
    assert len(record.rows) == 50 and record.recent("modes") == [5]
    assert record.rows[-1]["disc/minimax"] == 0.1 and "counts" not in record.rows[-1]


NO_RESULT = "it has no sound status, step and results"
BAD_RESULTS = {"kl": {"label": "KL", "better": "lower", "mean": "small"}}


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.json", b"[1]", "no JSON object"),
        ("config.json", b"", "is damaged"),
        ("config.json", None, "is no run's folder"),
        ("result.json", None, "has no result.json yet"),
        ("result.json", b"\xff\xfe{", "is damaged"),
        ("result.json", b"[" * 10**5, "is damaged"),
        ("result.json", b"[]", "no JSON object"),
        ("result.json", b"{}", NO_RESULT),
        ("result.json", b'{"status": 1, "step": "2", "results": []}', NO_RESULT),
        ("result.json", json.dumps(RESULT | {"reason": 5}).encode(), "something else for reason"),
        ("result.json", json.dumps(RESULT | {"results": BAD_RESULTS}).encode(), "no number for kl"),
        ("metrics.jsonl", b"[1]\n{}\n", "line 1 of"),
        ("metrics.jsonl", b'{"step": 1, "gen/loss": "a"}\n{}\n', "no number for gen/loss"),
        ("evaluations.jsonl", b'{"kl": 1}\n{"step": 2}\n', "no step"),
    ],
)
def test_a_damaged_folder_gets_one_line(tmp_path, capsys, file, content, told):
    write_run(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    assert program.main([str(tmp_path), "--log_only"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and told in error and error.count("\n") == 1


@pytest.mark.parametrize("folder", ["empty", "pictures", "table", "run.txt", "begun"])
def test_a_folder_that_is_no_finished_run_gets_one_line(tmp_path, capsys, folder):
    for name in ("empty", "pictures", "table", "begun"):
        (tmp_path / name).mkdir()
    (tmp_path / "pictures" / "1.png").write_bytes(b"\x89PNG")
    (tmp_path / "table" / "result.json").write_text(json.dumps(RESULT))
    (tmp_path / "run.txt").touch()
    (tmp_path / "begun" / "config.json").write_text("{}")
    assert program.main([str(tmp_path / folder)]) == 2
    error = capsys.readouterr().err
    told = "no result.json yet" if folder == "begun" else "is no run's folder"
    assert error.startswith("error: ") and told in error and error.count("\n") == 1
    assert not (tmp_path / folder / "doctor").exists()


def fails(*needed):
    """What a user's own function may do."""
    raise RuntimeError("two\nlines")


def leaves():
    sys.exit(3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing"], "missing is no run's folder"),
        (["no_such_module:f"], "cannot import no_such_module"),
        ([":f"], "cannot import :f"),
        (["..:f"], "cannot import ..:f"),
        ([f"{__name__}:"], "has no ''"),
        ([f"{__name__}:nothing"], "has no 'nothing'"),
        ([f"{__name__}:dirac.x"], "has no 'dirac.x'"),
        ([f"{__name__}:RATE"], "is no function"),
        ([f"{__name__}:counted"], "missing 1 required positional argument"),
        ([f"{__name__}:fails"], "failed at test_doctor.py:"),
        ([f"{__name__}:leaves"], "SystemExit: 3"),
        ([f"{__name__}:dirac"], "must return a ganstab.doctor.Subject, got Examination"),
        (["~no_such_user/run"], "cannot be found"),
        ([""], "RUN is empty"),
        (["a\0b"], "has a null character"),
        (["x" * 300], "File name too long"),
        ([f"{__name__}:make_dirac", "--out="], "--out is empty"),
        ([f"{__name__}:make_dirac", f"--out={__file__}/x"], "cannot use"),
    ],
)
def test_bad_input_gets_one_line(arguments, told, capsys):
    assert program.main(arguments) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["run", "--eigenvalues=0"], ["run", "--what"]])
def test_a_command_line_that_is_none_gets_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
