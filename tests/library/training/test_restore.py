"""A run on disk as its experiment again."""

import json
import shutil
import sys

import jax
import numpy as np
import pytest
from common import assert_equal, refusal
from short_runs import one_device
from tiny_run import Tiny, build

from ganstab import checkpoint
from ganstab._command_line import exit_status
from ganstab.doctor.trained import subject_of_run
from ganstab.training import distributed, restore, run_folder, train

NAME = "tiny_run:build"
MODULES = {
    "broken_module": "1 / 0",
    "ending_module": "raise SystemExit('no thanks')",
    "plain_module": """
import json
LIMIT = 3
class Holder:
    limit = 4
def ends(): raise SystemExit(1)
def fails(number):
    return number / 0
""",
    "settings_module": """
from tiny_run import Tiny
class Settings(Tiny): pass
""",
    "program_module": """
import settings_module
def make(config): return 4
""",
}


@pytest.fixture(scope="module", autouse=True)
def on_one_device():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "make_mesh", one_device)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with checkpoints at steps 2, 4 and 6."""
    return train(build, Tiny(num_steps=6), tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def copied(whole, tmp_path):
    return shutil.copytree(whole.folder, tmp_path / "run")


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Modules of the current folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_such_module:f", "cannot import no_such_module:f: No module named 'no_such_module'"),
        ("broken_module:f", "cannot import broken_module:f: ZeroDivisionError: division by zero"),
        ("ending_module:f", "cannot import ending_module:f: SystemExit: no thanks"),
        ("plain_module:nothing", "plain_module has no 'nothing'"),
        ("plain_module:json", "plain_module has no 'json'"),
        ("plain_module:LIMIT.real", "plain_module has no 'LIMIT.real'"),
        ("plain_module:", "plain_module has no ''"),
        ("plain_module", "cannot import plain_module"),
    ],
)
def test_what_cannot_be_found_is_told_in_one_line(modules, name, told):
    assert told in refusal(lambda: restore.find(name))


def test_what_is_found_and_called(modules):
    assert restore.find("plain_module:LIMIT") == 3
    assert restore.find("plain_module:Holder.limit") == 4
    told = refusal(lambda: restore.call("plain_module:fails", 1))
    assert told.startswith("plain_module:fails failed at plain_module.py:8: ZeroDivisionError: ")
    assert "SystemExit: 1" in refusal(lambda: restore.call("plain_module:ends"))
    assert "plain_module:LIMIT is no function" in refusal(
        lambda: restore.call("plain_module:LIMIT")
    )


def written(folder, **names):
    """A run's settings, of which these names are others'."""
    folder.mkdir()
    run_folder.write_config(folder, Tiny(), NAME)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **names}))
    return folder


def test_code_from_elsewhere_runs_only_if_it_is_named(modules, tmp_path):
    run = written(tmp_path / "run")
    for get in (restore.config_of, restore.build_of, subject_of_run):
        told = refusal(lambda get=get: get(run))
        assert "code from outside this package" in told and "--experiment=tiny_run:" in told
    assert restore.config_of(run, NAME) == Tiny() and restore.build_of(run, NAME) is build
    other = written(tmp_path / "other", config_class="broken_module:Settings")
    assert "broken_module" in refusal(lambda: restore.config_of(other, NAME))
    assert "broken_module" not in sys.modules
    imported = written(tmp_path / "imported", config_class="settings_module:Settings")
    assert "settings_module" in refusal(lambda: restore.config_of(imported, NAME))
    found = restore.config_of(imported, "program_module:make")
    assert type(found).__name__ == "Settings" and vars(found) == vars(Tiny())


@pytest.mark.parametrize("name", ["experiments_of_mine:f", "os.path:join", "ganstabx:f"])
def test_packages_are_trusted_by_their_whole_name(tmp_path, name):
    run = written(tmp_path / "run", experiment=name, config_class=name)
    for get in (restore.config_of, restore.build_of):
        assert "code from outside this package" in refusal(lambda get=get: get(run))


def test_what_a_folder_names_has_to_be_what_it_is_for(tmp_path):
    run = written(
        tmp_path / "a", experiment="ganstab.style:PAPER", config_class="ganstab.types:Pair"
    )
    assert "ganstab.style:PAPER is no function" in refusal(lambda: restore.build_of(run))
    assert "types:Pair is no class of settings" in refusal(lambda: restore.config_of(run))
    for number, name in enumerate((None, 3, "ganstab")):
        run = written(tmp_path / f"{number}", experiment=name, config_class=name)
        for get in (restore.config_of, restore.build_of):
            told = refusal(lambda get=get, run=run: get(run))
            assert "does not say what makes" in told and "MODULE:FUNCTION" in told
    assert "cannot read" in refusal(lambda: restore.config_of(tmp_path / "nowhere"))


def test_the_games_next_step_is_the_runs(whole, copied):
    """Bit for bit, from the newest checkpoint."""
    subject = subject_of_run(whole.folder, NAME)
    assert int(subject.state.step) == 6
    assert_equal(subject.state, whole.state)
    state, _ = jax.jit(subject.make_step(subject.game))(subject.state, subject.batches)
    assert_equal(state, train(build, Tiny(num_steps=7), copied).state)
    assert_equal(subject.batch, jax.tree.map(lambda leaf: leaf[0], subject.batches))


def test_a_run_that_gives_no_subject_says_why(modules, copied, tmp_path):
    told = refusal(lambda: subject_of_run(copied, "program_module:make"))
    assert told == f"{copied}: what makes its experiment gave int"
    shutil.rmtree(copied / "checkpoints")
    assert "has no checkpoint yet" in refusal(lambda: subject_of_run(copied, NAME))


def test_modes_are_as_written_or_measured_anew(whole, copied):
    log = [json.loads(line) for line in (copied / "evaluations.jsonl").read_text().splitlines()]
    told = subject_of_run(copied, NAME).modes()
    assert {step: counts.tolist() for step, counts in told.items()} == {
        row["step"]: row["counts"] for row in log
    }
    (copied / "evaluations.jsonl").unlink()
    measured = subject_of_run(copied, NAME).modes()
    assert sorted(measured) == sorted(checkpoint.steps(copied / "checkpoints"))
    both = measured.keys() & told.keys()
    assert both
    for step in both:
        np.testing.assert_array_equal(measured[step], told[step])


def test_a_damaged_checkpoint_is_told_of_and_left_out(whole, copied, capsys):
    for name in ("arrays", "manifest"):  # those of step 4 in the place of step 6
        place = copied / "checkpoints" / "step_000000006" / name
        shutil.rmtree(place)
        shutil.copytree(copied / "checkpoints" / "step_000000004" / name, place)
    with pytest.warns(UserWarning, match=r"step_000000006 is damaged.*that of step 4 is used"):
        subject = subject_of_run(copied, NAME)
    assert int(subject.state.step) == 4
    (copied / "evaluations.jsonl").unlink()
    assert sorted(subject.modes()) == [2, 4]
    assert exit_status(lambda: restore.trained(copied, NAME) and 0) == 0
    assert capsys.readouterr().err.startswith("warning: checkpoint ")
    told = refusal(lambda: restore.trained(copied, NAME, 6))
    assert "step_000000006 is damaged" in told and "none of" not in told
