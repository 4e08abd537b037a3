"""Lines that a GAN writes: what a run measures, shows and keeps, and which texts are refused."""

import dataclasses
import io
import json
import re
from unittest import mock

import jax
import numpy as np
import pytest
from common import failing
from short_runs import trained

from experiments import character_language_model as program
from ganstab.training import cli, samples

CONFIG = program.CharacterLanguageModel(
    num_steps=2, eval_every=2, log_every=1, batch_size=4, samples=80, width=4, critic_updates=1
)


def test_a_run_writes_lines_and_measures_their_ngrams(tmp_path):
    text = tmp_path / "text"
    text.write_text("".join(f"line {i} of <b> & more\n" for i in range(50)))
    config = dataclasses.replace(CONFIG, text=str(text))
    said = io.StringIO()
    results = trained(program.build, config, tmp_path / "run", said)["results"]
    divergences = [results[f"js{n}"]["mean"] for n in (1, 2, 3, 4)]
    assert divergences == sorted(divergences) and 0 < divergences[0] < divergences[3] <= 1
    assert all(0 <= results[f"js{n}"]["ideal"] < results[f"js{n}"]["mean"] for n in (1, 2, 3, 4))
    assert results["distinct"]["ideal"] == 100 and 0 < results["distinct"]["mean"] <= 100
    kept = samples.read_samples(tmp_path / "run")
    assert sorted(kept) == [0, 2] and kept[2]["samples"].shape == (64, 32)
    lines = samples.read_lines(tmp_path / "run", 2)
    assert lines.count("\n") == 64 and set(lines) - set("�\n") <= set(text.read_text())
    told = said.getvalue().partition("samples:\n")[2]
    assert told.splitlines()[:8] == samples.read_lines(tmp_path / "run", 0).splitlines()[:8]
    report = (tmp_path / "run" / "report.html").read_text()
    assert report.count("<figure><pre>") == 2 and "Table 4" in report
    digest = json.loads((tmp_path / "run" / "config.json").read_text())["text_lines"]
    assert re.fullmatch("[0-9a-f]{16}", digest)


def test_lines_that_are_alike_are_counted_once():
    assert program.distinct(np.array([[1, 2], [2, 1], [1, 2], [1, 1]])) == 75


def test_its_recipes_have_the_papers_critic_updates(tmp_path):
    text = tmp_path / "text"
    text.write_text("a\nb\n")
    updates = {}
    for name in program.RECIPES:
        for given in (None, 3):
            config = program.CharacterLanguageModel(
                recipe=name, critic_updates=given, text=str(text), batch_size=2
            )
            updates[name, given] = program.build(config).recipe.n_disc
    assert [updates[name, None] for name in ("wgan_gp", "wgan", "dcgan")] == [10, 5, 1]
    assert {updates[name, 3] for name in program.RECIPES} == {3}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no lines of text"),
        (b"\0\x01\x02" * 9, "no text"),
        (b"\xff\xfeb\0", "no UTF-8"),
        (b"three\nlines\nhere\n", "3 of the 4 lines that --batch_size=4 needs"),
        (None, "No such file"),
        ("", "--text is empty: name a file"),
    ],
)
def test_a_text_that_cannot_be_used_is_told_in_one_line(tmp_path, capfd, content, told):
    path = tmp_path / "text"
    if isinstance(content, bytes):
        path.write_bytes(content)
    arguments = ["it", "--batch_size=4", f"--text={path if content != '' else ''}"]
    arguments += [f"--workdir={tmp_path / 'run'}", "--compilation_cache="]
    with mock.patch.object(jax, "jit", failing(1)), pytest.raises(SystemExit) as end:
        cli.main(program.build, program.CharacterLanguageModel, arguments=arguments)
    said = capfd.readouterr().err.strip()
    assert end.value.code == 2 and told in said and "\n" not in said
    assert not (tmp_path / "run").exists()


def test_a_text_decides_the_run_and_its_place_does_not(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a\nb\nc\nd\n")
    other.write_text("a\n\n b \nc\nd")
    first, second = (
        dataclasses.replace(CONFIG, text=str(path)).fingerprinted() for path in (one, other)
    )
    assert first.text_lines == second.text_lines != CONFIG.fingerprinted().text_lines
    other.write_text("a\nb\nc\nD\n")
    assert second.fingerprinted().text_lines != second.text_lines
