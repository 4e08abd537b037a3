"""ganstab: train GANs, and two-player games at large, without collapse, rotation or divergence.

A game is a pure function from a pair of parameters to a pair of losses; every technique is a
function of players, terms, games or optax transforms. `ganstab.types` has the vocabulary.

`import ganstab` gives every module below, and loads each when it is first used.
"""

from etils import epy

from ganstab import _renamed

__version__ = "0.1.0"

_renamed.install()

with epy.lazy_api_imports(globals()):
    from ganstab import (
        checkpoint,
        cifar_classifier,
        data,
        digit_classifier,
        doctor,
        dynamics,
        errors,
        game,
        games,
        gan_inversion,
        generator,
        image_gan,
        losses,
        metrics,
        nan_blame,
        networks,
        optimizers,
        penalties,
        players,
        plots,
        priors,
        recipes,
        reporting,
        stages,
        steps,
        style,
        surrogates,
        tables,
        terms,
        training,
        types,
    )
    from ganstab.errors import InputError
    from ganstab.game import make_game
    from ganstab.generator import load
    from ganstab.players import from_linen, from_nnx
    from ganstab.types import Aux, Batch, Carry, Game, Pair, Player, Round, TrainState, Verdict

__all__ = [
    "Aux",
    "Batch",
    "Carry",
    "Game",
    "InputError",
    "Pair",
    "Player",
    "Round",
    "TrainState",
    "Verdict",
    "checkpoint",
    "cifar_classifier",
    "data",
    "digit_classifier",
    "doctor",
    "dynamics",
    "errors",
    "from_linen",
    "from_nnx",
    "game",
    "games",
    "gan_inversion",
    "generator",
    "image_gan",
    "load",
    "losses",
    "make_game",
    "metrics",
    "nan_blame",
    "networks",
    "optimizers",
    "penalties",
    "players",
    "plots",
    "priors",
    "recipes",
    "reporting",
    "stages",
    "steps",
    "style",
    "surrogates",
    "tables",
    "terms",
    "training",
    "types",
]
