"""A `result.json` of another kind than a run writes is found out before anything uses it."""

import json

import pytest

from ganstab.errors import InputError
from ganstab.training import run_folder, soundness

PUBLISHED = {"value": 1.0, "standard_error": None, "source": "a paper", "runs": 3}
ENTRY = {"label": "KL", "mean": 1.0, "standard_error": None, "better": "lower", "ideal": 0.0}
RESULT = {"status": "finished", "step": 5, "num_steps": 5, "reason": "", "wall_time_s": 1.0}
HUGE, SEEDS = 10**400, [1]
KINDS = (5, -1, 1.5, "text", SEEDS, {"a": 1}, True, HUGE)


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


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("reason", ("text",)),
        ("params_digest", ("text",)),
        ("wall_time_s", (5, -1, 1.5)),
        ("evaluated_at_step", (5, -1, HUGE)),
        ("measures", ()),
        ("population", (SEEDS,)),
        ("versions", ()),
    ],
)
def test_a_fact_of_another_kind_is_named(name, sound):
    for kind in KINDS:
        told = "" if any(kind is each for each in sound) else f"something else for {name}"
        assert damage(**{name: kind}) == told
    assert damage(**{name: None}) == ""


@pytest.mark.parametrize(
    ("name", "sound"),
    [("status", ()), ("step", (5,)), ("num_steps", (5,)), ("results", ({},))],
)
def test_what_every_result_has_is_asked_for(name, sound):
    for kind in (-1, 1.5, HUGE, "text", SEEDS, True, None, *sound):
        told = "" if any(kind is each for each in sound) else "no sound status, step and results"
        assert damage(**{name: kind}) == told
    without = {n: value for n, value in RESULT.items() if n != name}
    assert soundness.result_damage(without)


def test_damage_is_an_error_of_one_line(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    with pytest.raises(InputError, match=r"result.json is damaged: it has no results$"):
        run_folder.read_sound_result(tmp_path)
