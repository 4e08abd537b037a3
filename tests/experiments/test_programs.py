"""Every program's command line, and that its tables fit its settings."""

import sys

import pytest
from program import ROOT

from experiments import (
    character_language_model,
    cifar10,
    cifar10_reconstruction,
    colored_mnist,
    critic_overfitting,
    critic_surfaces,
    growing_mnist,
    mixture_of_gaussians,
    random_architectures,
    rnn_mnist,
    seven_architectures,
    stacked_mnist,
)
from ganstab.training import cli
from ganstab.training.config import options

PROGRAMS = {
    "stacked_mnist": (stacked_mnist, stacked_mnist.StackedMnist),
    "colored_mnist": (colored_mnist, colored_mnist.ColoredMnist),
    "rnn_mnist": (rnn_mnist, rnn_mnist.RnnMnist),
    "character_language_model": (
        character_language_model,
        character_language_model.CharacterLanguageModel,
    ),
    "random_architectures": (random_architectures, random_architectures.RandomArchitectures),
    "seven_architectures": (seven_architectures, seven_architectures.SevenArchitectures),
    "critic_surfaces": (critic_surfaces, critic_surfaces.CriticSurfaces),
    "critic_overfitting": (critic_overfitting, critic_overfitting.CriticOverfitting),
    "mixture_of_gaussians": (mixture_of_gaussians, mixture_of_gaussians.MixtureOfGaussians),
    "cifar10_reconstruction": (
        cifar10_reconstruction,
        cifar10_reconstruction.Cifar10Reconstruction,
    ),
    "cifar10": (cifar10, cifar10.Cifar10),
    "growing_mnist": (growing_mnist, growing_mnist.GrowingMnist),
}
pytestmark = pytest.mark.parametrize(("program", "config"), PROGRAMS.values(), ids=PROGRAMS)


def tables_of(program):
    return getattr(program, "tables", program).TABLES


def test_help_is_for_a_newcomer(program, config, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["it", "--help"])
    with pytest.raises(SystemExit) as end:
        cli.main(program.build, config, tables=tables_of(program), smoke=program.SMOKE)
    said = capsys.readouterr().out
    assert end.value.code == 0 and said.startswith("usage: python -m experiments.")
    assert program.__doc__.splitlines()[0] == said.splitlines()[2]
    for name, known in options(config).items():
        assert (f"--{name}: " in said) == known.flag
    assert all(name in said for name in tables_of(program))
    assert "plain GAN" in said and str(ROOT) not in said


def test_its_tables_are_of_its_settings(program, config):
    """A claim that names another cell, or a measure that no cell has, would be said of nothing."""
    for table in tables_of(program).values():
        names = [cell.name for cell in table.cells]
        assert len(set(names)) == len(names)
        places = [(cell.row, cell.column) for cell in table.cells]
        assert len(set(places)) == len(places)
        for cell in table.cells:
            assert vars(config(**cell.settings)).items() >= cell.settings.items()
        for claim in table.claims:
            assert {claim.first, claim.second} <= set(names) and claim.first != claim.second


def test_a_try_has_settings_of_the_program(program, config):
    tried = config(**{**cli.SMALL, **program.SMOKE})
    assert tried.num_steps == 20 and tried.samples <= 512
