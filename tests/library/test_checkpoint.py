"""Checkpoints: bit for bit or not at all, and damage is named."""

import gc
import resource
import shutil
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, assert_equal, names
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from ganstab import Carry, InputError, Pair, TrainState, checkpoint


def state_of(seed):
    """A small training state with every kind of leaf: nested, empty, half precision, keys."""
    params = Pair({"layers": [arrays(seed, 50, 40), jnp.full(2, seed, jnp.bfloat16)]}, arrays(seed))
    carry = Carry(Pair((), {"count": jnp.int32(seed)}), Pair((params.gen, ()), jnp.array([True])))
    return TrainState(params, carry, jnp.int32(seed), jax.random.key(seed))


LIKE = state_of(0)

# Orbax leaves the reads of a damaged checkpoint unfinished; they complain when they are collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with checkpoints of steps 4 and 8, to be copied and then ruined."""
    directory = tmp_path_factory.mktemp("two")
    for step in (4, 8):
        checkpoint.save(directory, state_of(step), step)
    return directory


@pytest.fixture
def ruined(two, tmp_path):
    return shutil.copytree(two, tmp_path / "copy")


def test_round_trip_to_the_bit(two):
    assert names(two) == ["step_000000004", "step_000000008"]
    restored = checkpoint.restore(two, LIKE)
    assert restored.step == 8 and restored.damaged == ()
    assert_equal(restored.state, state_of(8))
    assert isinstance(restored.state, TrainState)
    assert checkpoint.digest(restored.state) == checkpoint.digest(state_of(8))


def test_random_keys_keep_their_kind(tmp_path):
    keys = {impl: jax.random.key(3, impl=impl) for impl in ("threefry2x32", "rbg")}
    keys["many"] = jax.random.split(keys["rbg"], 4)
    checkpoint.save(tmp_path, keys, 0)
    got = checkpoint.restore(tmp_path, keys).state
    assert_equal(got, keys)
    for name, key in keys.items():
        assert jax.random.key_impl(got[name]) == jax.random.key_impl(key)


def test_nothing_there_is_a_fresh_start(tmp_path):
    assert checkpoint.restore(tmp_path, LIKE) is None
    assert checkpoint.restore(tmp_path / "missing", LIKE) is None


def test_a_flipped_byte_in_any_file_is_named_or_harmless(two, tmp_path):
    """Never a wrong value: a file may be restored without only where Orbax does not read it."""
    newest = two / "step_000000008"
    named = []
    for place, path in enumerate(files(newest)):
        copy = shutil.copytree(two, tmp_path / str(place))
        flip(copy / path.relative_to(two))
        restored = checkpoint.restore(copy, LIKE)
        assert_equal(restored.state, state_of(restored.step))
        assert (restored.step == 4) == bool(restored.damaged)
        if restored.damaged:
            (line,) = restored.damaged
            assert f"checkpoint {copy / newest.name} is damaged: " in line and "\n" not in line
            named.append(path.relative_to(newest))
    assert newest.joinpath("manifest", "metadata").relative_to(newest) in named
    assert largest(newest).relative_to(newest) in named


def largest(folder):
    """The file with the bytes of the one array that is too large to be kept inside an index."""
    return max(files(folder), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("place", [0.01, 0.2, 0.5, 0.8])
def test_a_flipped_byte_anywhere_in_an_array_is_named(ruined, place):
    flip(largest(ruined / "step_000000008"), place)
    restored = checkpoint.restore(ruined, LIKE)
    assert restored.step == 4 and "step_000000008 is damaged" in restored.damaged[0]
    assert_equal(restored.state, state_of(4))


def test_whatever_file_is_cut_off_one_short_line_names_what_is_wrong(two, tmp_path, capfd):
    for place, path in enumerate(files(two / "step_000000008")):
        copy = shutil.copytree(two, tmp_path / str(place))
        cut = copy / path.relative_to(two)
        cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
        (line,) = checkpoint.restore(copy, LIKE).damaged or [""]
        assert len(line.removeprefix(f"checkpoint {copy}")) < 260 and "tensorstore" not in line
        if path.name in ("metadata", "_METADATA", "manifest.ocdbt") and line:
            assert f"damaged: {path.relative_to(two / 'step_000000008')} " in line
        elif cut.stat().st_size > 2000 and path.parent.name == "d":
            assert "damaged: array " in line and ".layers.0 cannot be read" in line
    gc.collect()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("part", ["arrays", "manifest", "."])
def test_a_checkpoint_with_a_part_missing_is_passed_over(ruined, part):
    shutil.rmtree(ruined / "step_000000008" / part, ignore_errors=True)
    (ruined / "step_000000008").mkdir(exist_ok=True)
    restored = checkpoint.restore(ruined, LIKE)
    assert restored.step == 4 and "step_000000008 is damaged" in restored.damaged[0]
    assert_equal(restored.state, state_of(4))


def test_an_exchanged_array_is_noticed(ruined):
    """Whole files of another checkpoint restore without complaint but for the checksum."""
    shutil.rmtree(ruined / "step_000000008" / "arrays")
    shutil.copytree(ruined / "step_000000004" / "arrays", ruined / "step_000000008" / "arrays")
    restored = checkpoint.restore(ruined, LIKE)
    assert restored.step == 4
    assert "checksum of" in restored.damaged[0]


def test_all_damaged_is_no_fresh_start(ruined):
    for folder in ruined.iterdir():
        flip(largest(folder))
    with pytest.raises(InputError, match=r"none of the 2 checkpoints.*step_000000008 is damaged"):
        checkpoint.restore(ruined, LIKE)


OTHERS = {
    "shape": (LIKE._replace(step=jnp.zeros(2, jnp.int32)), r"step is .*\(\).*here"),
    "dtype": (LIKE._replace(step=jnp.float32(0)), r"step is .*int32.* there and .*float32.* here"),
    "missing": (LIKE._replace(params=Pair((), LIKE.params.disc)), "params.gen.* missing here"),
    "added": (LIKE._replace(step={"a": LIKE.step}), r"step\S* is .*missing"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_model_is_refused_by_the_arrays_name(two, other):
    like, message = OTHERS[other]
    with pytest.raises(InputError, match=f"is of another model: .*{message}"):
        checkpoint.restore(two, like)


def test_old_checkpoints_are_removed(tmp_path):
    small = {"x": jnp.ones(2)}
    for step in (1, 2, 10):
        checkpoint.save(tmp_path, small, step, keep=2)
    assert names(tmp_path) == ["step_000000002", "step_000000010"]
    for step in (11, 12, 13):
        checkpoint.save(tmp_path, small, step, keep=2, also=10)
    assert checkpoint.steps(tmp_path) == [13, 12, 10]
    with pytest.raises(ValueError, match="keep must be 1 or more, got 0"):
        checkpoint.save(tmp_path, small, 11, keep=0)


def test_the_same_step_is_replaced(tmp_path):
    for value in (1.0, 2.0):
        checkpoint.save(tmp_path, {"x": jnp.full(2, value)}, 5)
    restored = checkpoint.restore(tmp_path, {"x": jnp.zeros(2)})
    np.testing.assert_array_equal(restored.state["x"], [2, 2])


@pytest.fixture
def cramped():
    """No file may grow beyond 100 kB; a write beyond that fails, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_write_is_told_in_the_systems_words_and_leaves_nothing(tmp_path, cramped):
    small, large = {"x": jnp.ones(2)}, {"x": arrays(0, 200_000)}
    checkpoint.save(tmp_path, small, 1)
    with pytest.raises(InputError, match="step_000000002: File too large; those already there"):
        checkpoint.save(tmp_path, large, 2)
    assert names(tmp_path) == ["step_000000001"]
    assert checkpoint.restore(tmp_path, small).step == 1


def test_writes_that_end_after_one_has_failed_say_nothing(tmp_path, cramped, monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", lambda each: said.append(str(each.exc_value)))
    with pytest.raises(InputError, match="File too large"):
        checkpoint.save(tmp_path, {str(i): arrays(i, 200_000) for i in range(20)}, 1)
    time.sleep(0.5)
    assert not said


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path, monkeypatch):
    room = shutil.disk_usage(tmp_path)._replace(free=1_500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room)
    checkpoint.save(tmp_path, {"x": arrays(0, 100_000)}, 1)
    with pytest.raises(InputError, match="No space left on device: 1,848,576 bytes are needed; th"):
        checkpoint.save(tmp_path, {"x": arrays(0, 200_000)}, 2)
    assert names(tmp_path) == ["step_000000001"]


def test_clean_removes_what_a_kill_left(ruined):
    for left in ("step_000000012.orbax-checkpoint-tmp-3", "removed-step_000000001"):
        (ruined / left).mkdir()
        (ruined / left / "part").write_text("half")
    (ruined / "notes.txt").write_text("not ours")
    assert checkpoint.restore(ruined, LIKE).step == 8
    checkpoint.clean(ruined)
    assert names(ruined) == ["notes.txt", "step_000000004", "step_000000008"]
    checkpoint.clean(ruined / "missing")


def test_a_kill_in_the_middle_of_a_removal_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)
        for step in (1, 2, 3):
            checkpoint.save(tmp_path, {"x": jnp.ones(2)}, step, keep=2)
    assert checkpoint.steps(tmp_path) == [3, 2]
    checkpoint.clean(tmp_path)
    assert names(tmp_path) == ["step_000000002", "step_000000003"]


def test_what_was_just_written_stays_whatever_its_step(tmp_path):
    for step in (200, 300, 400, 150):
        assert checkpoint.save(tmp_path, {"x": jnp.ones(2)}, step).is_dir()
    assert checkpoint.steps(tmp_path) == [400, 300, 150]


def test_a_step_that_is_saved_again_is_there_until_the_new_one_is_whole(tmp_path, monkeypatch):
    like = {"x": jnp.zeros(2)}
    checkpoint.save(tmp_path, {"x": jnp.ones(2)}, 5)
    with monkeypatch.context() as broken, pytest.raises(InputError, match="are kept"):
        broken.setattr(checkpoint.ocp.Checkpointer, "save", no_room)
        checkpoint.save(tmp_path, {"x": 2 * jnp.ones(2)}, 5)
    assert checkpoint.restore(tmp_path, like).state["x"][0] == 1
    checkpoint.save(tmp_path, {"x": 2 * jnp.ones(2)}, 5)
    assert checkpoint.restore(tmp_path, like).state["x"][0] == 2
    assert names(tmp_path) == ["step_000000005"]


def test_a_kill_while_a_step_is_replaced_loses_nothing(tmp_path):
    checkpoint.save(tmp_path, {"x": jnp.ones(2)}, 5)
    shutil.copytree(tmp_path / "step_000000005", tmp_path / "removed-step_000000005")
    (tmp_path / "step_000000005").rename(tmp_path / "new-step_000000005")
    checkpoint.clean(tmp_path)
    assert names(tmp_path) == ["step_000000005"]
    assert checkpoint.restore(tmp_path, {"x": jnp.zeros(2)}).state["x"][0] == 1


def no_room(self, path, *_, **__):
    """What fails after the place was cleared, as Orbax clears it."""
    shutil.rmtree(path, ignore_errors=True)
    raise OSError("no room")


def test_clean_leaves_what_others_have_put_there(tmp_path):
    mine = ["best_step_000000300", "step_000000300", "step_000000300_backup", "step_1.png"]
    for name in mine:
        (tmp_path / name).mkdir()
    for name in ("new-step_000000300", "new-step_000000300.orbax-checkpoint-tmp-1"):
        (tmp_path / name).mkdir()
    checkpoint.clean(tmp_path)
    assert names(tmp_path) == sorted(mine)


def test_steps_and_names_that_cannot_be_told_apart_are_refused(tmp_path):
    for step in (-1, 10**9):
        with pytest.raises(ValueError, match="from 0 to 999,999,999"):
            checkpoint.save(tmp_path, {"x": jnp.ones(2)}, step)
    with pytest.raises(ValueError, match="one name"):
        checkpoint.save(tmp_path, {"a.b": jnp.ones(2), "a": {"b": jnp.ones(2)}}, 1)
    like = {"x": jnp.ones(2)}
    assert checkpoint.restore(tmp_path, like, 7) is None
    checkpoint.save(tmp_path, like, 5)
    with pytest.raises(InputError, match="no checkpoint of step 7, but of 5"):
        checkpoint.restore(tmp_path, like, 7)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="could not write checkpoint") as error:
        checkpoint.save(tmp_path / "file", {"x": jnp.ones(2)}, 1)
    assert "\n" not in str(error.value)


def test_digest_sees_names_shapes_dtypes_and_bytes():
    base = {"a": jnp.zeros(4)}
    others = [
        {"b": jnp.zeros(4)}, {"a": jnp.zeros((2, 2))}, {"a": jnp.zeros(4, jnp.int32)},
        {"a": jnp.zeros(4).at[3].set(-0.0)},
    ]  # fmt: skip
    digests = {checkpoint.digest(tree) for tree in (base, *others)}
    assert len(digests) == 5 and all(d.startswith("sha256:") and len(d) == 71 for d in digests)
    assert checkpoint.digest({"a": np.zeros(4, np.float32)}) == checkpoint.digest(base)


def test_sharded_and_onto_another_mesh(tmp_path, mesh):
    rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
    value = arrays(1, 16, 3)
    state = {"rows": jax.device_put(value, rows), "whole": jax.device_put(value + 1, whole)}
    checkpoint.save(tmp_path, state, 1)
    small = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:2])
    other = {"rows": NamedSharding(small, P()), "whole": NamedSharding(small, P("data"))}
    like = {name: jax.device_put(jnp.zeros_like(value), place) for name, place in other.items()}
    got = checkpoint.restore(tmp_path, like).state
    assert_equal(got, state)
    for name, place in other.items():
        assert got[name].sharding == place
    alone = checkpoint.restore(tmp_path, {"rows": value, "whole": value}).state
    assert_equal(alone, state)
