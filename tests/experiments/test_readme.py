"""README's Python is run, one block after the other, for fewer steps."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a run writes there
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(compile(block.replace("num_steps=2000", "num_steps=4"), "README.md", "exec"), names)
    result = json.loads((tmp_path / "runs" / "ring" / "result.json").read_text())
    assert (result["status"], result["step"]) == ("finished", 4)
    assert (tmp_path / "runs" / "ring" / "report.html").exists()
    assert "disc/wgan_gp" in names["metrics"] and int(names["state"].step) == 1


@pytest.mark.parametrize("page", ["training", "surrogates", "linen", "conditional", "doctor"])
def test_python_blocks_of_the_pages_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = README if page == "linen" else ""
    text += (ROOT / "docs" / f"{page}.md").read_text()
    names: dict = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    # The doctor's first one takes a game of the reader's.
    for block in blocks[1:] if page == "doctor" else blocks:
        block = block.replace("num_steps=2000", "num_steps=4")
        block = block.replace("num_steps=40, eval_every=20", "num_steps=4, eval_every=2")
        exec(compile(block, page, "exec"), names)
    if page == "doctor":
        assert 0.4 < names["diagram"].share() < 0.9 and (tmp_path / "phases.png").exists()
    if page == "surrogates":
        assert names["ours"].gen == pytest.approx(float(names["theirs"].gen), rel=1e-6)
