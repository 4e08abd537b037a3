"""README's Python is run as it stands, one block after the other."""

import pathlib
import re

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text()


def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a checkpoint is saved
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert "disc/wgan_gp" in names["metrics"]
    assert int(names["state"].step) == 3
    assert names["samples"].shape == (1000, 2)
    assert names["checkpoint"].restore("checkpoints", names["state"]).step == 3
