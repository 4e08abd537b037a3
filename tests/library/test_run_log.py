"""The log of a run: whole rows, truncation without reading it all, thinning, damage named."""

import errno
import json
import math

import jax.numpy as jnp
import pytest
from common import failing

from ganstab.errors import InputError
from ganstab.reporting import run_log

OPEN = open


@pytest.fixture
def log(tmp_path):
    return tmp_path / "metrics.jsonl"


def fill(log, steps, **numbers):
    log.write_text("".join(json.dumps({"step": step} | numbers) + "\n" for step in steps))


def steps(rows):
    return [row["step"] for row in rows]


class Counted:
    """A file whose reads are counted."""

    def __init__(self, file):
        self.file, self.read_bytes = file, 0

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def read(self, *size):
        found = self.file.read(*size)
        self.read_bytes += len(found)
        return found

    def readline(self):
        found = self.file.readline()
        self.read_bytes += len(found)
        return found


@pytest.fixture
def opened(monkeypatch):
    """The files that the module opens, each with the number of bytes read from it."""
    files = []

    def counting(*arguments, **options):
        files.append(Counted(OPEN(*arguments, **options)))
        return files[-1]

    monkeypatch.setattr(run_log, "open", counting, raising=False)
    return files


def test_rows_come_back_and_a_torn_last_line_is_left_out(log):
    assert run_log.read_rows(log) == []
    run_log.append_row(log, {"step": 1, "loss": jnp.float32(0.5)})
    run_log.append_row(log, {"step": 2, "loss": math.inf})
    rows = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": None}]
    assert run_log.read_rows(log) == rows
    whole = log.read_bytes()
    for torn in (b'{"step": 3, "lo', b"{", b"\x00\x00\n"):
        log.write_bytes(whole + torn)
        assert run_log.read_rows(log) == rows


def test_full_disk_leaves_the_log_as_it_was(log, monkeypatch):
    run_log.append_row(log, {"step": 1})
    before = log.read_bytes()

    def short_write(file, data):
        file.write(data[:3])
        failing(errno.ENOSPC)()

    monkeypatch.setattr(run_log, "_write_whole", short_write)
    with pytest.raises(InputError, match="No space left on device; free some space"):
        run_log.append_row(log, {"step": 2})
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ("[" * 10**5, "no JSON object"),
        ("{}", "no step"),
        ('{"step": "5"}', "no step"),
        ('{"step": true}', "no step"),
        ('{"step": -1}', "no step"),
        ('{"step": 2.5}', "no step"),
        (f'{{"step": {2**63}}}', "no step"),
        ('{"step": 2, "kl": "low"}', "no number for kl"),
        ('{"step": 2, "kl": NaN}', "no number for kl"),
        (f'{{"step": 2, "kl": 1{"0" * 400}}}', "no number for kl"),
        ('{"step": 2, "counts": [1, "2"]}', "no number for counts"),
        ('{"step": 2, "counts": {"a": 1}}', "no number for counts"),
    ],
)
def test_a_damaged_line_is_named_or_left_out(log, line, words):
    log.write_text(f'{{"step": 1}}\n{line}\n{{"step": 3, "counts": [1, 2], "kl": null}}\n')
    with pytest.raises(InputError) as caught:
        run_log.read_rows(log)
    assert f"line 2 of {log} is damaged ({words}): name another --workdir" == str(caught.value)
    rows, damaged = run_log.read_sound(log)
    assert steps(rows) == [1, 3] and damaged == [f"line 2 of {log} is damaged ({words})"]
    assert run_log.keep_rows(log, 2) == {"step": 1}
    assert run_log.read_sound(log)[0] == [{"step": 1}]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 97])
def test_kept_rows_are_those_up_to_the_step(log, count):
    made = [3 * place + 1 for place in range(count)]
    for last in (-1, 0, 1, 2, *made, 10**9):
        fill(log, made)
        with open(log, "ab") as file:
            file.write(b'{"step": 5')
        kept = [step for step in made if step <= last]
        assert run_log.keep_rows(log, last) == ({"step": kept[-1]} if kept else None)
        assert log.read_bytes().count(b"\n") == len(kept) and steps(run_log.read_rows(log)) == kept
        run_log.append_row(log, {"step": 10**9 + 1})
        assert steps(run_log.read_rows(log)) == [*kept, 10**9 + 1]


def test_lines_of_very_different_lengths_are_cut_right(log):
    rows = [{"step": step, "counts": [1] * (3000 if step % 7 == 0 else 0)} for step in range(60)]
    for last in range(60):
        log.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert run_log.keep_rows(log, last) == rows[last]
        assert run_log.read_rows(log) == rows[: last + 1]


def test_a_log_that_is_not_there_has_no_rows(log):
    assert run_log.keep_rows(log, -1) is None and not log.exists()
    assert run_log.read_sound(log, 5) == ([], [])


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [0]), (5, [0, 1, 2, 3, 4]), (6, [0, 1, 2, 4, 5]), (50, [0, 12, 24, 37, 49])],
)
def test_few_rows_of_many_are_spread_evenly(log, count, expected):
    fill(log, range(count))
    assert steps(run_log.read_sound(log, 5)[0]) == expected


def test_a_long_log_is_not_read_as_a_whole(log, opened, monkeypatch):
    monkeypatch.setattr(run_log, "SMALL", 50)
    read = []
    for count in (10**3, 10**5):
        fill(log, range(count), kl=0.125)
        rows, damaged = run_log.read_sound(log, 20)
        places = [step / (count - 1) for step in steps(rows)]
        assert places == pytest.approx([i / 19 for i in range(20)], abs=0.03) and not damaged
        assert run_log.keep_rows(log, count - 2)["step"] == count - 2
        read.append(sum(file.read_bytes for file in opened))
        opened.clear()
    assert read[1] < 1.5 * read[0] and read[1] < 10**5


def test_damage_in_a_long_log_is_named_by_its_place(log, monkeypatch):
    monkeypatch.setattr(run_log, "SMALL", 0)
    log.write_text('{"step": 1}\n{}\n{"step": 3}\n')
    rows, (damaged,) = run_log.read_sound(log, 100)
    assert steps(rows) == [1, 3]
    assert damaged == f"the line at byte 12 of {log} is damaged (no step)"


def test_logs_are_merged_by_step():
    training = [{"step": 1, "loss": 2.0}, {"step": 9, "loss": 1.0}]
    evaluations = [{"step": 4, "kl": 0.5}, {"step": 9, "kl": 0.25}]
    assert run_log.merge(training, evaluations) == [
        {"step": 1, "loss": 2.0},
        {"step": 4, "kl": 0.5},
        {"step": 9, "loss": 1.0, "kl": 0.25},
    ]
    assert training == [{"step": 1, "loss": 2.0}, {"step": 9, "loss": 1.0}]
