"""What a run writes: whole files, refused folders, rows, pictures, the progress and the report."""

import errno
import io
import json
import math
import os
import re
import subprocess
import sys

import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from experiments.runner import (
    events,
    figures,
    files,
    progress,
    reading,
    records,
    report,
    samples,
    workdir,
)
from ganstab.errors import InputError

PAPER = records.Published(236.4, 63.3, "Metz et al. 2017, Table 1")
CONFIG = {"unroll_steps": 5, "optimizer": {"learning_rate": 1e-4, "betas": (0.5, 0.999)}}


def _fail(number):
    def failing(*_, **__):
        raise OSError(number, os.strerror(number))

    return failing


def _names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_write_atomic_replaces_text_and_bytes(tmp_path):
    files.write_atomic(tmp_path / "file", "old ≤")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "old ≤"
    files.write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert _names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_failed_write_keeps_the_old_content(tmp_path, monkeypatch, call, number):
    path = tmp_path / "file"
    files.write_atomic(path, "old")
    monkeypatch.setattr(os, call, _fail(number))
    with pytest.raises(InputError, match=re.escape(f"{path}: {os.strerror(number)}; ")) as caught:
        files.write_atomic(path, "new")
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old" and _names(tmp_path) == ["file"]


def test_write_atomic_into_a_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        files.write_atomic(tmp_path / "missing" / "file", "text")


def test_json_is_strict_and_knows_arrays_and_paths(tmp_path):
    text = files.to_json({"b": float("nan"), "a": [jnp.float32(0.5), np.arange(2)], "c": tmp_path})
    assert json.loads(text) == {"a": [0.5, [0, 1]], "b": None, "c": str(tmp_path)}
    assert text.index('"a"') < text.index('"b"') and "NaN" not in text


def test_workdir_is_made_with_parents_and_opens_again(tmp_path):
    folder = workdir.open_workdir(tmp_path / "deep" / "run", CONFIG)
    assert _names(folder) == ["config.json", "figures"]
    (folder / "metrics.jsonl").write_text("")
    (folder / ".config.json.unfinished").write_text("half")
    assert workdir.open_workdir(folder, CONFIG) == folder
    assert _names(folder) == ["config.json", "figures", "metrics.jsonl"]


def test_workdir_names_each_setting_that_differs(tmp_path):
    workdir.open_workdir(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    other = {
        "unroll_steps": 0,
        "optimizer": CONFIG["optimizer"] | {"learning_rate": 2e-4},
        "new": 1,
    }
    with pytest.raises(InputError) as caught:
        workdir.open_workdir(tmp_path, other)
    message = str(caught.value)
    assert "new: was absent, now 1" in message and "unroll_steps: was 5, now 0" in message
    assert "optimizer.learning_rate: was 0.0001, now 0.0002" in message
    assert "betas" not in message and "another --workdir" in message and "\n" not in message
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"\xff\x00"])
def test_workdir_with_a_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        workdir.open_workdir(tmp_path, CONFIG)
    assert (tmp_path / "config.json").read_bytes() == content


def test_workdir_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"is not empty \(thesis.tex"):
        workdir.open_workdir(tmp_path, CONFIG)
    assert _names(tmp_path) == ["thesis.tex"]


def test_workdir_that_cannot_be_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for path, why in (
        (tmp_path / "file" / "run", "is a file"),
        (tmp_path / "file", "is a file"),
        ("", "is empty"),
        ("gs://bucket/run", "is an address"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(InputError, match=why):
            workdir.open_workdir(path, CONFIG)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="is not writable"):
        workdir.open_workdir(tmp_path / "a" / "b", CONFIG)
    assert _names(tmp_path) == ["file"]


def test_a_held_workdir_keeps_a_second_process_out(tmp_path):
    with (
        workdir.held(tmp_path),
        pytest.raises(InputError, match="in use by another process"),
        workdir.held(tmp_path),
    ):
        raise AssertionError
    with workdir.held(tmp_path):
        assert _names(tmp_path) == []


def test_rows_come_back_and_a_torn_last_line_is_left_out(tmp_path):
    log = tmp_path / "metrics.jsonl"
    assert records.read_rows(log) == []
    records.append_row(log, {"step": 1, "loss_gen": jnp.float32(0.5)})
    records.append_row(log, {"step": 2, "loss_gen": math.inf})
    rows = [{"step": 1, "loss_gen": 0.5}, {"step": 2, "loss_gen": None}]
    assert records.read_rows(log) == rows
    whole = log.read_bytes()
    for torn in (b'{"step": 3, "lo', b"{", b"\x00\x00\n"):
        log.write_bytes(whole + torn)
        assert records.read_rows(log) == rows
    log.write_bytes(b"{\n" + whole)
    with pytest.raises(InputError, match=r"line 1 of .* is damaged"):
        records.read_rows(log)


def test_kept_rows_are_those_up_to_the_step(tmp_path):
    log = tmp_path / "metrics.jsonl"
    assert records.keep_rows(log, -1) == [] and not log.exists()
    for step in range(4):
        records.append_row(log, {"step": step, "kl": 0.1 * step})
    with open(log, "ab") as file:
        file.write(b'{"step"')
    assert [row["step"] for row in records.keep_rows(log, 2)] == [0, 1, 2]
    records.append_row(log, {"step": 3, "kl": 0.1 * 3})
    assert records.read_rows(log) == [{"step": step, "kl": 0.1 * step} for step in range(4)]


def test_full_disk_leaves_the_log_as_it_was(tmp_path, monkeypatch):
    log = tmp_path / "metrics.jsonl"
    records.append_row(log, {"step": 1})
    before = log.read_bytes()

    def short_write(file, data):
        file.write(data[:3])
        _fail(errno.ENOSPC)()

    monkeypatch.setattr(records, "_write_whole", short_write)
    with pytest.raises(InputError, match="No space left on device; free some space"):
        records.append_row(log, {"step": 2})
    assert log.read_bytes() == before


def test_really_full_disk_is_one_input_error():
    with (
        pytest.raises(InputError, match="cannot write /dev/full: No space left on device"),
        files.explained("cannot write /dev/full"),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_sigkill_in_the_middle_of_writing_leaves_whole_files(tmp_path):
    script = (
        "import sys, pathlib; from experiments.runner import files, records\n"
        "folder = pathlib.Path(sys.argv[1]); print('ready', flush=True)\n"
        "for step in range(10**9):\n"
        "    numbers = {'step': step} | dict.fromkeys(map(str, range(2000)), step)\n"
        "    files.write_atomic(folder / 'result.json', files.to_json(numbers))\n"
        "    records.append_row(folder / 'metrics.jsonl', {'step': step})\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE)
    with child:
        child.stdout.readline()
        while not (tmp_path / "metrics.jsonl").exists() or not len(
            records.read_rows(tmp_path / "metrics.jsonl")
        ):
            pass
        child.kill()
    rows = records.keep_rows(tmp_path / "metrics.jsonl", 10**9)
    result = json.loads((tmp_path / "result.json").read_text())
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert result["step"] in (len(rows) - 1, len(rows)) and len(set(result.values())) == 1


def test_measured_numbers():
    entry = records.measured([1, 2, 3, 6], "modes", published=PAPER, ideal=1000)
    assert entry["mean"] == 3 and entry["n"] == 4
    assert entry["standard_error"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3 / 4))
    assert entry["published"] == {"value": 236.4, "standard_error": 63.3, "source": PAPER.source}
    assert records.measured([5], "modes")["standard_error"] is None


def test_versions_name_what_the_numbers_depend_on():
    versions = records.versions()
    assert {"python", "jax", "jaxlib", "flax", "optax", "ganstab", "device"} <= versions.keys()
    assert versions["platform"] == "cpu" and all(isinstance(v, str) for v in versions.values())


def test_tensorboard_writes_events_and_names_the_extra(tmp_path, monkeypatch):
    write = events.tensorboard_writer(tmp_path / "events")
    write({"step": 3, "loss_gen": 0.25, "kl": None})
    (path,) = (tmp_path / "events").iterdir()
    assert b"loss_gen" in path.read_bytes() and b"kl" not in path.read_bytes()
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(InputError, match=r"ganstab\[tensorboard\]"):
        events.tensorboard_writer(tmp_path / "events")


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_progress_prints_a_line_now_and_then():
    clock, stream = _Clock(), io.StringIO()
    shown = progress.Progress(5000, 1000, stream=stream, clock=clock)
    clock.now = 3.2
    shown.note("compiling the training step")
    for step in range(1001, 1201):
        clock.now += 0.1
        shown.update(step, **{"gen/loss": jnp.float32(1.2345), "disc/loss": 0.61})
    shown.evaluation(1201, samples=25_600, modes=512, kl=2.312)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[   3.2 s] compiling the training step" and len(lines) == 4
    assert lines[1].startswith("step 1,069/5,000 | 10.0 steps/s | 6 min 33 s left | loss G 1.23 D")
    assert lines[-1].endswith("| modes 512 | KL 2.31 | loss G 1.23 D 0.61")


def test_progress_draws_a_bar_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    clock, stream = _Clock(), Terminal()
    shown = progress.Progress(100, stream=stream, clock=clock)
    for step in (1, 50):
        clock.now += 1
        shown.update(step, kl=0.5)
    shown.note("evaluating")
    shown.close()
    text = stream.getvalue()
    assert "50%|" in text and "49.0 steps/s" in text and "KL 0.5" in text
    assert "[   2.0 s] evaluating" in text


def test_progress_never_stops_a_run():
    class Full(io.StringIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    shown = progress.Progress(10, stream=Full(), interval=0)
    shown.note("loading")
    shown.update(1, kl=float("nan"))
    shown.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.6, "8 s"), (100, "1 min 40 s"), (3600 * 2 + 300, "2 h 5 min"), (86400 * 3, "3 d 0 h")],
)
def test_duration(seconds, text):
    assert progress.duration(seconds) == text


@pytest.mark.parametrize("channels", [1, 3])
def test_sample_grid_shows_every_pixel(tmp_path, channels):
    images = np.random.default_rng(0).uniform(-1.2, 1.2, (5, 4, 6, channels))
    samples.sample_grid(images, tmp_path / "grid.png", columns=3, scale=2)
    grid = matplotlib.image.imread(tmp_path / "grid.png")[..., :3]
    assert grid.shape == (2 * 10 - 2, 3 * 14 - 2, 3)
    fifth = grid[10:18:2, 14:26:2]
    expected = np.broadcast_to((images[4].clip(-1, 1) + 1) / 2, fifth.shape)
    np.testing.assert_allclose(fifth, expected, atol=1 / 250)
    assert (grid[8:10] == 1).all() and (grid[10:, 28:] == 1).all()


def test_sample_grid_takes_a_title_and_refuses_wrong_shapes(tmp_path):
    samples.sample_grid(np.zeros((1, 28, 28, 3)), tmp_path / "grid.png", title="step 5")
    assert matplotlib.image.imread(tmp_path / "grid.png").shape[:2] == (56 + 30, 56)
    for shape in ((4, 28, 28), (4, 28, 28, 2), (0, 28, 28, 1)):
        with pytest.raises(ValueError, match=r"images must be \[n > 0, H, W, 1 or 3\]"):
            samples.sample_grid(np.zeros(shape), tmp_path / "grid.png")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 300])
def test_curves_of_any_length(tmp_path, count):
    rows = [{"step": 10 * i, "modes": i, "kl": 6.9 / (i + 1), "gen/loss": i} for i in range(count)]
    rows += [{"step": 10 * count, "gen/loss": None, "disc/loss": 1e30}]
    panels = [
        figures.modes_panel(PAPER),
        figures.kl_panel(floor=0.0195),
        figures.LOSSES,
        figures.GRADIENT_NORMS,
    ]
    figures.curves(rows, tmp_path / "curves.png", panels)
    assert matplotlib.image.imread(tmp_path / "curves.png").shape == (682, 1210, 4)


def test_comparison_is_1200_pixels_wide(tmp_path):
    rows = [{"step": step, "modes": step + 1} for step in range(3)]
    runs = [samples.Run(f"K = {k}", rows, np.zeros((40, 28, 28, 3))) for k in (0, 5)]
    samples.comparison(runs, tmp_path / "comparison.png")
    assert matplotlib.image.imread(tmp_path / "comparison.png").shape[1] == 1200


@pytest.mark.parametrize(
    ("mean", "better", "words"),
    [
        (236.4, "higher", "equal to the published mean"),
        (236.4 + 63.3 * 0.5, "higher", "agrees: 0.5 standard errors above the paper, on the bet"),
        (236.4 - 63.3 * 1.5, "higher", "close: 1.5 standard errors below the paper, on the worse"),
        (236.4 - 63.3 * 3, "lower", "differs: 3.0 standard errors below the paper, on the better"),
    ],
)
def test_reading_in_plain_words(mean, better, words):
    entry = records.measured([mean], "modes", published=PAPER, better=better)
    assert reading.reading(entry).startswith(words) and "one seed" in reading.reading(entry)
    assert "not the end" in reading.reading(entry, "interrupted")


def test_reading_adds_both_standard_errors():
    entry = records.measured([336.4 - 84.4, 336.4 + 84.4], "modes", published=PAPER)
    assert reading.reading(entry).startswith("agrees: 0.9 standard errors above")


def _result(status, step):
    return {
        "status": status,
        "step": step,
        "num_steps": 500,
        "reason": "NaN in the discriminator's loss <term 2>",
        "results": {"modes": records.measured([911], "modes <covered>", published=PAPER)},
        "evaluated_at_step": 100,
        "command": "python -m experiments.stacked_mnist --name='<b>'",
        "wall_time_s": 61.0,
        "params_digest": "ab" * 32,
        "versions": {"jax": "0.10.2"},
    }


@pytest.mark.parametrize(
    ("status", "step", "state"),
    [
        ("finished", 500, "Finished: 500 steps."),
        ("running", 100, "Running: at step 100 of 500 when this was written."),
        ("interrupted", 200, "Stopped at step 200 of 500; the same command goes on from there."),
        ("diverged", 300, "Diverged after step 300 of 500. NaN in the discriminator"),
    ],
)
def test_report_stands_alone(tmp_path, status, step, state):
    folder = workdir.open_workdir(tmp_path / "run", CONFIG)
    for sample_step in range(0, 1000, 100):
        samples.sample_grid(np.zeros((4, 8, 8, 3)), samples.sample_path(folder, sample_step))
    records.append_row(folder / "metrics.jsonl", {"step": 900, "modes": 911, "kl": 0.95})
    curves = [report.Picture(folder / "figures" / "missing.png", "never drawn")]
    result = _result(status, step)
    report.write_result(folder, result)
    path = report.write_report(
        folder,
        title="K < 5 & $x",
        description="a <p>\n\nb",
        result=result,
        config=CONFIG,
        curves=curves,
    )
    page = path.read_text(encoding="utf-8")
    assert state in page and "236.4 ± 63.3" in page and "1 min 1 s" in page
    assert "K &lt; 5 &amp; $x" in page and "&lt;covered&gt;" in page and "&lt;b&gt;" in page
    assert "step 900 · modes 911 · KL 0.95" in page and "never drawn" not in page
    assert "Measured at step 100." in page and page.count("data:image/png;base64,") == 6
    assert not re.search(r"""(src|href)=["'](?!data:)|https?:|<script|@import|url\(""", page)
    assert json.loads((folder / "result.json").read_text()) == files.plain(result)


def test_summary_for_the_terminal():
    ended, modes = report.summary(_result("diverged", 300))
    assert ended == "Diverged after step 300 of 500. NaN in the discriminator's loss <term 2>."
    assert modes.startswith("modes <covered>: 911 (paper 236.4 ± 63.3); differs: 10.7 standard")
    nan = _result("finished", 500) | {"results": {"kl": records.measured([math.nan], "KL")}}
    assert report.summary(nan)[1] == "KL: not a number"


def test_report_of_a_run_with_nothing_yet(tmp_path):
    result = {"status": "interrupted", "step": 0, "num_steps": 5}
    path = report.write_report(tmp_path, title="t", description="", result=result, config={})
    page = path.read_text(encoding="utf-8")
    assert "Nothing is measured yet" in page and "Curves" not in page and "Samples" not in page


def test_sample_pictures_are_spread_over_the_run(tmp_path):
    (tmp_path / "figures").mkdir()
    assert report.sample_pictures(tmp_path) == []
    for step in range(0, 1100, 100):
        samples.sample_path(tmp_path, step).touch()
    captions = [picture.caption for picture in report.sample_pictures(tmp_path)]
    assert captions == [f"step {step:,}" for step in range(0, 1001, 200)]
    assert [p.caption for p in report.sample_pictures(tmp_path, limit=1)] == ["step 1,000"]
