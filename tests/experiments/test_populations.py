"""Several seeds as one program: each run is what it would be alone, whatever befalls the others."""

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import names, plain_pair, prior, refusal
from experiments.runner import book, figures, records
from experiments.runner.feeds import drawn
from experiments.runner.progress import Progress
from experiments.runner.session import Session
from experiments.runner.settings import Settings
from experiments.runner.stopping import StopRequest
from experiments.runner.workdir import is_held, result_of

from experiments import runner
from ganstab import Pair, checkpoint, losses, steps, terms
from ganstab.data import ring
from ganstab.game import make_game
from ganstab.reporting.run_log import read_rows

DIVERGES = 2
TXS = Pair(optax.sgd(0.05), optax.sgd(0.1, 0.9))
WORDS = "step 4: wasserstein in the generator's loss is not finite"


@pytest.fixture
def start(tmp_path, capsys):
    """Starts seeds 1, 2, … in a folder, and gives the exit status."""
    mesh = jax.make_mesh(
        (1,), ("batch",), devices=jax.devices()[:1], axis_types=(jax.sharding.AxisType.Auto,)
    )

    def start(name, population=3, seed=1, num_steps=6, make=build, stop_at=None, every=(3, 2, 2)):
        settings = Settings(
            num_steps=num_steps, batch_size=8, seed=seed, workdir=None, eval_every=every[0],
            checkpoint_every=every[1], log_every=every[2], tensorboard=False, coordinator=None,
            num_processes=None, process_id=None, compilation_cache="", population=population,
            config={"num_steps": num_steps, "seed": seed},
        )  # fmt: skip
        stop, key = StopRequest([]), jax.random.key(seed)
        session = Session(settings, tmp_path / name, mesh, key, Progress(num_steps), stop)
        return runner.run(functools.partial(make, stop_at=stop_at), session)

    return start


def build(session, stop_at=None):
    """A GAN of tiny networks on the ring; of one seed a step fails, and a stop may come."""
    gen, disc = plain_pair()
    seed, key = session.settings.seed, session.key
    # So that a step, which all seeds share, knows whose it is.
    known = gen._replace(init=lambda key: (gen.init(key)[0], jnp.asarray(seed)))
    players = Pair(known, disc)

    def make_step(game):
        whole = steps.alternating(game, TXS)

        def step(state, batches):
            moved, metrics = whole(state, batches)
            bad = (state.carry.state.gen == DIVERGES) & (state.step == 3)
            return moved, metrics | {"gen/wasserstein": jnp.where(bad, jnp.nan, 0.0)}

        return step

    def evaluate(state):
        if int(state.step) == stop_at:
            session.stop.received.append(15)
        assert is_held(session.folder)
        return book.Evaluation({"samples": 4, "half": seed / 2}, np.zeros((4, 2)))

    return runner.Experiment(
        title="A ring",
        description="",
        state=steps.init(players, TXS, key),
        game=make_game(players, terms.score_loss(losses.wasserstein), prior=prior),
        make_step=make_step,
        feed=drawn(ring, key=key, updates=2, batch_size=8, mesh=session.mesh),
        evaluate=evaluate,
        panels=(figures.LOSSES,),
        results=lambda numbers: {"half": records.measured([numbers["half"]], "half the seed")},
        draw=lambda found, path: None,
    )


def arrays(folder, step):
    """The numbers of a checkpoint."""
    like = steps.init(plain_pair(), TXS, jax.random.key(0))
    like = like._replace(carry=like.carry._replace(state=Pair(jnp.zeros((), int), ())))
    state = checkpoint.restore(folder / "checkpoints", like, step).state
    return jax.tree.leaves((state.params, state.carry.opt))


def rows(folder):
    return [
        {name: value for name, value in row.items() if name != "wall_time_s"}
        for row in read_rows(folder / "metrics.jsonl")
    ]


def check_alike(folder, other, step):
    for found, expected in zip(arrays(folder, step), arrays(other, step), strict=True):
        np.testing.assert_allclose(found, expected, 1e-5, atol=1e-7)
    assert len(rows(folder)) == len(rows(other))
    for found, expected in zip(rows(folder), rows(other), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_seeds_together_are_runs_of_their_own(start, tmp_path, capsys):
    """Of three seeds one diverges; one is made alone; all are made after a stop and a kill."""
    together = tmp_path / "together"
    assert start("together") == 1
    said = capsys.readouterr().err
    assert "compiling the training step, 3 seeds at once" in said
    assert f"seed 2: stopped at {WORDS}" in said and "seed 3: half 1.5 | loss" in said
    assert names(together) == ["seed1", "seed2", "seed3"]
    for seed, last, status in ((1, 6, "finished"), (2, 3, "diverged"), (3, 6, "finished")):
        result = result_of(together / f"seed{seed}")
        assert (result["status"], result["step"], result["seed"]) == (status, last, seed)
        assert result["population"] == [1, 2, 3]
        assert result["reason"] == (WORDS if seed == DIVERGES else "")
        assert f"--seed={seed} --workdir={together / f'seed{seed}'}" in result["command"]

    alone, third = tmp_path / "alone", together / "seed3"
    assert start("alone", population=1, seed=3) == 0
    assert names(alone) == names(third)
    assert (alone / "config.json").read_bytes() == (third / "config.json").read_bytes()
    assert "population" not in result_of(alone)
    check_alike(third, alone, 6)

    before = content(together)
    assert start("together") == 1 and content(together) == before
    assert "seed 2: it is done" in capsys.readouterr().err

    halves = tmp_path / "halves"
    assert start("halves", stop_at=3) == 128 + 15
    assert {result_of(halves / f"seed{seed}")["status"] for seed in (1, 3)} == {"interrupted"}
    assert [len(rows(halves / f"seed{seed}")) for seed in (1, 3)] == [2, 2]
    shutil.rmtree(halves / "seed1" / "checkpoints" / "step_000000003")  # a kill between two saves
    assert start("halves") == 1
    said = capsys.readouterr().err
    assert "seed 1: going on from step 2" in said and "seed 3: going on from step 3" in said
    for seed in (1, 3):
        check_alike(halves / f"seed{seed}", together / f"seed{seed}", 6)


def test_what_cannot_be_a_population_is_refused(start, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.json").write_text("{}")
    message = refusal(lambda: start("one", make=lambda session, stop_at: None))
    assert "is the folder of one run" in message and names(tmp_path / "one") == ["config.json"]


def test_the_steps_before_a_divergence_are_in_the_log(start, tmp_path):
    assert start("alone", population=1, seed=DIVERGES, every=(9, 9, 9)) == 1
    (row,) = rows(tmp_path / "alone")
    assert row["step"] == 3 and np.isfinite(row["gen/loss"])


def test_a_run_is_finished_with_the_numbers_of_its_last_state(start, tmp_path):
    """Even if that is no step of an evaluation: it was stopped there, and is told to end there."""
    folder = tmp_path / "alone"
    assert start("alone", population=1) == 0
    for later in sorted((folder / "checkpoints").iterdir())[1:]:
        shutil.rmtree(later)
    assert start("alone", population=1, num_steps=1) == 0
    result = result_of(folder)
    assert (result["status"], result["step"], result["evaluated_at_step"]) == ("finished", 2, 2)
    assert result["results"]["half"]["mean"] == 0.5


def test_the_last_state_is_saved_wherever_the_run_ends(start, tmp_path):
    assert start("alone", population=1, every=(3, 4, 2)) == 0
    assert checkpoint.steps(tmp_path / "alone" / "checkpoints") == [6, 4]
