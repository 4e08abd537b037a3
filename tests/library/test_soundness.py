"""A `result.json` of another kind than a run writes is found out before anything uses it."""

import json

import pytest

from ganstab.errors import InputError
from ganstab.training import run_folder, soundness

PUBLISHED = {"value": 1.0, "standard_error": None, "source": "a paper", "runs": 3}
ENTRY = {"label": "KL", "mean": 1.0, "standard_error": None, "better": "lower", "ideal": 0.0}
RESULT = {"status": "finished", "step": 5, "num_steps": 5, "reason": "", "wall_time_s": 1.0}
KINDS = (5, -1, 1.5, "text", [1], {"a": 1}, True, 10**400)


def damage(**changes):
    return soundness.result_damage(RESULT | {"results": {}} | changes)


def test_what_a_run_writes_is_sound(tmp_path):
    assert run_folder.read_sound_result(tmp_path) == {}
    result = RESULT | {"results": {"kl": ENTRY | {"published": PUBLISHED}, "js": ENTRY}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert run_folder.read_sound_result(tmp_path) == result


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("label", ("text",)),
        ("better", ()),
        ("mean", (5, -1, 1.5)),
        ("ideal", (5, -1, 1.5)),
        ("standard_error", (5, 1.5)),
        ("published", ()),
    ],
)
def test_an_entry_of_another_kind_is_named(name, sound):
    unsound = [kind for kind in KINDS if damage(results={"kl": ENTRY | {name: kind}})]
    assert unsound == [kind for kind in KINDS if not any(kind is each for each in sound)]
    assert damage(results={"kl": 5}) == damage(results={"kl": {}}) == "no number for kl"
    assert damage(results={"../kl": ENTRY}) == "no number for ../kl"


@pytest.mark.parametrize("name", ["reason", "wall_time_s", "versions", "population"])
def test_a_fact_of_another_kind_is_named(name):
    assert damage(**{name: {"a": 1}}) == f"something else for {name}"
    assert damage(**{name: None}) == ""


def test_damage_is_an_error_of_one_line(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    with pytest.raises(InputError, match=r"result.json is damaged: it has no results$"):
        run_folder.read_sound_result(tmp_path)
