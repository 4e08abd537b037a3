"""README's Python is run, one block after the other, for fewer steps."""

import json
import pathlib
import re

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text()


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
