"""Programs kept on disk: the same numbers with and without, and never those of another program."""

import concurrent.futures
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import assert_equal
from short_runs import one_device
from tiny_run import Tiny, build

from ganstab.training import distributed, kept_programs, provenance, train
from ganstab.training.kept_programs import Kept, Program
from ganstab.training.loop import make_loops
from ganstab.training.parts import make_parts

X = np.arange(6, dtype=np.float32)
CACHE = "jax_compilation_cache_dir"


@pytest.fixture
def traces(monkeypatch):
    """The threads end before a test goes on, so that what they wrote or found is there."""

    def at_once(do, *given):
        future = concurrent.futures.Future()
        try:
            future.set_result(do(*given))
        except Exception as error:
            future.set_exception(error)
        return future

    monkeypatch.setattr(kept_programs, "_beside", at_once)


class Counted:
    """`x -> [x + shift, {"sum": sum of x}]`, and how often it was traced."""

    def __init__(self, shift):
        self.shift, self.count = shift, 0

    def __call__(self, x):
        self.count += 1
        return [x + self.shift, {"sum": x.sum()}]


def started(path, shift=1.0):
    """A start with the file, up to its first result: the program, its function, what it gave."""
    function = Counted(shift)
    program = Program(function, [X], Kept(path))
    before = function.count
    return program, before, program(X)


def test_a_second_start_computes_the_same_before_it_traces(tmp_path, traces):
    path = tmp_path / "traced" / "a.program"
    first, before, found = started(path)
    assert before == 1 and path.is_file() and first.is_current()
    second, before, again = started(path)
    assert before == 0 and second.is_current()
    assert_equal(found, again)
    np.testing.assert_array_equal(again[0], X + 1)


def test_a_program_of_something_else_decides_no_number(tmp_path, traces):
    """Its name says nothing: the function is traced, and its own program computes and is kept."""
    path = tmp_path / "a.program"
    started(path)
    program, before, found = started(path, shift=2.0)
    assert before == 0
    np.testing.assert_array_equal(found[0], X + 1)
    assert not program.is_current()
    np.testing.assert_array_equal(program(X)[0], X + 2)
    assert program.is_current()
    program, before, found = started(path, shift=2.0)
    assert before == 0 and program.is_current()
    np.testing.assert_array_equal(found[0], X + 2)


def test_a_program_may_be_fetched_ahead(tmp_path, traces, monkeypatch):
    """What was fetched has been read and loaded: the start itself does neither."""
    path = tmp_path / "a.program"
    started(path)
    kept, function = Kept(path), Counted(1.0)
    kept.fetch()
    path.unlink()
    monkeypatch.setattr(kept_programs, "_compiled_for_one", None)  # which fails where it is called
    program = Program(function, [X], kept)
    assert function.count == 0
    np.testing.assert_array_equal(program(X)[0], X + 1)
    assert program.is_current()


@pytest.mark.parametrize("damage", ["cut", "gone", "foreign"])
def test_what_was_fetched_ahead_and_is_of_no_use_is_made_anew(tmp_path, traces, damage):
    path = tmp_path / "a.program"
    started(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    if damage == "foreign":
        Program(Counted(1.0), [X[:3]], Kept(path))
    kept, function = Kept(path), Counted(1.0)
    if damage == "gone":
        path.unlink()
    kept.fetch()
    program = Program(function, [X], kept)
    assert function.count == 1
    np.testing.assert_array_equal(program(X)[0], X + 1)
    assert program.is_current() and started(path)[1] == 0


def test_large_constants_are_told_apart(tmp_path, traces):
    path, large = tmp_path / "a.program", np.arange(5000, dtype=np.float32)
    Program(lambda x: x + jnp.asarray(large), [large], Kept(path))
    other = large.copy()
    other[2500] = -1
    program = Program(lambda x: x + jnp.asarray(other), [large], Kept(path))
    program(large)
    assert not program.is_current()
    np.testing.assert_array_equal(program(large), large + other)


def test_other_names_of_results_are_another_program(tmp_path, traces):
    path = tmp_path / "a.program"
    Program(lambda x: {"a": x, "b": 2 * x}, [X], Kept(path))
    program = Program(lambda x: {"c": x, "b": 2 * x}, [X], Kept(path))
    program(X)
    assert not program.is_current() and set(program(X)) == {"b", "c"}


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "folder", "foreign"])
def test_a_damaged_file_is_made_anew(tmp_path, traces, damage):
    path = tmp_path / "a.program"
    started(path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage == "foreign":  # whole, but for inputs of another shape
        Program(Counted(1.0), [X[:3]], Kept(path))
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({
            "cut": whole[:-9],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "empty": b"",
            "text": b"no program",
        }[damage])  # fmt: skip
    program, before, found = started(path)
    assert before == 1 and program.is_current()
    np.testing.assert_array_equal(found[0], X + 1)
    assert damage == "folder" or started(path)[1] == 0


def test_many_may_write_one_file_at_once(tmp_path):
    """Each reads a whole one or none, and no unfinished file stays behind."""
    path = tmp_path / "a.program"
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: started(path), range(8)))
        assert all(program.is_current() for program, *_ in found)
    for _, _, (moved, _) in found:
        np.testing.assert_array_equal(moved, X + 1)
    assert [each.name for each in tmp_path.iterdir()] == ["a.program"]


def test_the_newest_files_stay(tmp_path, traces, monkeypatch):
    monkeypatch.setattr(kept_programs, "MOST", 2)
    for i in range(4):
        started(tmp_path / f"{i}.program", shift=i)
        os.utime(tmp_path / f"{i}.program", (i, i))
    started(tmp_path / "4.program", shift=4)
    assert {path.name for path in tmp_path.iterdir()} == {"3.program", "4.program"}


def test_what_cannot_be_exported_is_computed_and_not_kept(tmp_path, traces):
    path = tmp_path / "a.program"

    def function(x):
        return jax.pure_callback(lambda x: np.asarray(x) + 1, jax.ShapeDtypeStruct((6,), "f4"), x)

    program = Program(function, [X], Kept(path))
    np.testing.assert_array_equal(program(X), X + 1)
    assert program.is_current() and not path.exists()


def test_a_folder_that_cannot_be_written_keeps_no_program_from_computing(tmp_path, traces):
    (tmp_path / "file").touch()
    program, _, found = started(tmp_path / "file" / "a.program")
    assert program.is_current()
    np.testing.assert_array_equal(found[0], X + 1)


@pytest.fixture
def cache():
    """Sets the folder of compiled programs, for the test alone (`conftest.own_settings`)."""
    return lambda folder: jax.config.update(CACHE, folder)


def test_the_name_is_of_all_that_is_given(tmp_path, cache):
    known = {"code": "a", "jax": "0.10.2", "batch_size": 64}
    for none in (None, "gs://bucket"):
        cache(none)
        assert kept_programs.place(known) is None
    cache(str(tmp_path))
    path = kept_programs.place(known).path
    assert path.parent == tmp_path / "traced"
    assert path == kept_programs.place(dict(reversed(known.items()))).path
    others = [{**known, name: other} for name, other in
              [("code", "b"), ("jax", "0.12"), ("batch_size", 65), ("loss", "hinge")]]  # fmt: skip
    assert len({path, *(kept_programs.place(other).path for other in others)}) == 5


def test_runs_keep_one_program_for_all_seeds_and_one_for_other_settings(
    tmp_path, traces, cache, monkeypatch
):
    """With the parameters that they end with where nothing is kept; other code, another program."""

    def digest(folder, **settings):
        return train(build, Tiny(**settings), tmp_path / folder).result["params_digest"]

    def kept():
        return len([*(tmp_path / "cache" / "traced").glob("*")])

    known = digest("plain")
    cache(str(tmp_path / "cache"))
    assert digest("first") == digest("second") == known and kept() == 1
    assert digest("seed", seed=1) != known and kept() == 1
    assert digest("other", rate=0.1) != known and kept() == 2
    monkeypatch.setattr(provenance, "of_code", lambda: "other")
    assert digest("third") == known and kept() == 3


@pytest.mark.parametrize("seeds", [[0], [0, 3]])
@pytest.mark.parametrize("mesh", [one_device, distributed.make_mesh])
def test_loops_of_runs_give_the_same_bits_from_a_kept_program(tmp_path, traces, mesh, seeds):
    """On one device and on eight, of one run and of several."""
    config = Tiny(log_every=4)
    parts = make_parts(build(config), config, mesh())
    states = [parts.initial(seed) for seed in seeds]

    def ran(path):
        traced = []

        def step(*given):
            traced.append(1)
            return parts.trainable.step(*given)

        kept = Kept(path) if path else None
        loop = make_loops(step, parts.sources(seeds), states, 4, kept)
        waiting = loop(states, [4] * len(seeds))
        before = len(traced)
        after = loop([passed.state for passed in waiting()], [3] * len(seeds))()
        return before, [(passed.state, passed.metrics) for passed in after]

    (_, plain), (_, first), (_, second) = (ran(p) for p in (None, tmp_path / "a", tmp_path / "a"))
    assert (tmp_path / "a").is_file()
    assert_equal(first, plain)
    assert_equal(second, plain)
