"""Settings: what is allowed, what differs, and those of all runs that are kept."""

import dataclasses
import importlib
import json
import math
import pathlib

import pytest
from tiny_run import Tiny, build

from ganstab.errors import InputError
from ganstab.training import ImageConfig, run_folder
from ganstab.training.config import RunConfig, differences, from_mapping, option, options, reference

ROOT = pathlib.Path(__file__).parents[3]
PROGRAMS = {
    "stacked_mnist": "StackedMnist",
    "colored_mnist": "ColoredMnist",
    "mixture_of_gaussians": "MixtureOfGaussians",
    "rnn_mnist": "RnnMnist",
    "cifar10_reconstruction": "Cifar10Reconstruction",
}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"seed": -1}, "seed must be from 0 to 4,294,967,295, got -1"),
        ({"seed": 2**32}, "seed must be from 0 to 4,294,967,295, got 4294967296"),
        ({"seed": 10**30}, "seed must be"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"num_steps": 0}, "num_steps must be from 1 to 999,999,999"),
        ({"num_steps": 10**9}, "num_steps must be"),
        ({"batch_size": 10**14}, "batch_size must be"),
        ({"batch_size": 16.0}, "batch_size must be a whole number, got 16.0"),
        ({"samples": 99_999_999_999}, "samples must be"),
        ({"rate": math.nan}, "rate must be 0 or more, got nan"),
        ({"rate": math.inf}, "rate must be 0 or more, got inf"),
        ({"rate": "0.1"}, "rate must be a number, got '0.1'"),
        ({"rate": None}, "rate must be a number, got None"),
        ({"loss": "hinge"}, "loss must be one of ['wasserstein', 'minimax'], got 'hinge'"),
        ({"loss": ["minimax"]}, "loss must be text"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(settings, told):
    with pytest.raises(ValueError) as caught:
        Tiny(**settings)
    assert told in str(caught.value)
    with pytest.raises(ValueError) as caught:
        from_mapping(Tiny, settings)
    assert told in str(caught.value)


def test_every_float_of_every_program_refuses_nan():
    for program, name in PROGRAMS.items():
        config = vars(importlib.import_module(f"experiments.{program}"))[name]
        known = [each for each in options(config).values() if each.kind is float]
        assert known
        for each in known:
            for value in (math.nan, math.inf, -math.inf):
                with pytest.raises(ValueError, match=f"^{each.name} must be"):
                    each.read(value)


def test_whole_numbers_are_floats_where_floats_are_asked_for():
    assert type(Tiny(rate=1).rate) is float and Tiny(bad_seed=None).bad_seed is None


def test_a_derived_class_inherits_what_is_known_of_a_setting():
    known = options(Tiny)
    assert known["num_steps"].default == 8 and not known["num_steps"].decides
    assert known["seed"].upper == 2**32 - 1 and known["samples"].help.startswith("Samples")
    assert known["bad_seed"].optional and not known["rate"].optional
    assert known["batch_size"].describe() == "(default 16; from 1 to 16,777,216)"
    assert known["loss"].describe() == "(default wasserstein; one of wasserstein, minimax)"
    assert list(known)[:2] == ["num_steps", "batch_size"]


def test_several_settings_are_checked_together():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Checked(RunConfig):
        least: int = option(1, "The least.")

        def check(self):
            if self.least > self.num_steps:
                raise ValueError(f"least must be at most num_steps, got {self.least}")

    with pytest.raises(ValueError, match="at most num_steps, got 9"):
        Checked(num_steps=2).replace(least=9)


def test_what_differs_is_named_if_it_decides_numbers():
    longer = Tiny(num_steps=99, checkpoint_every=7, bad_seed=1)
    assert differences(Tiny(), longer) == []
    other = longer.replace(rate=1, seed=3)
    assert differences(Tiny(), other) == ["seed: was 0, now 3", "rate: was 0.05, now 1.0"]
    assert differences(RunConfig(), Tiny()) == ["the program: was RunConfig, now Tiny"]


def test_references_are_of_modules_that_can_be_imported():
    assert reference(Tiny) == "tiny_run:Tiny" and reference(build) == "tiny_run:build"
    assert (
        Tiny().run_name() == "tiny_seed0" and ImageConfig(seed=2).run_name() == "image_config_seed2"
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_runs_that_are_kept_can_be_read(program):
    """Written by older versions, of which some settings are missing."""
    config = vars(importlib.import_module(f"experiments.{program}"))[PROGRAMS[program]]
    found = [path.parent for path in (ROOT / "results" / program).rglob("config.json")]
    assert found or program == "cifar10_reconstruction"
    for folder in found:
        settings = run_folder.read_config(folder, config)
        written = json.loads((folder / "config.json").read_text())
        assert written.pop(run_folder.CLASS, reference(config)) == reference(config)
        written.pop(run_folder.EXPERIMENT, None)
        assert written.items() <= vars(settings).items()
        result = run_folder.read_result(folder)
        assert result["seed"] == settings.seed and run_folder.is_done(result, result["num_steps"])
        with pytest.raises(InputError, match="started with other settings"):
            run_folder.check_same(folder, settings.replace(seed=settings.seed + 1))
