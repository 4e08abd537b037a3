"""A started run: where it computes, where it writes, and who may end it."""

import os
import pathlib
from typing import NamedTuple, TextIO

import jax
from jax.sharding import Mesh

from experiments.runner import devices
from experiments.runner.command import another, command_line
from experiments.runner.progress import Progress
from experiments.runner.settings import Settings, read
from experiments.runner.stopping import StopRequest, watch_signals


class Session(NamedTuple):
    """A started run, or, before `members`, several that train together."""

    settings: Settings
    folder: pathlib.Path
    mesh: Mesh
    key: jax.Array
    progress: Progress
    stop: StopRequest
    together: tuple[int, ...] = ()
    """The seeds that this run's trains with, its own among them; none if it is alone."""

    @property
    def name(self) -> str:
        """Which of several this run is, e.g. "seed 3"; nothing if it is alone."""
        return f"seed {self.settings.seed}" if self.together else ""

    def note(self, line: str) -> None:
        """Says what happens, and to which run."""
        self.progress.note(f"{self.name}: {line}" if self.together else line)

    @property
    def command(self) -> str:
        """The command of this run, which of several goes on with this one alone."""
        if not self.together:
            return command_line()
        own = [f"--seed={self.settings.seed}", f"--workdir={self.folder}"]
        return another(("seed", "workdir", "population", "flagfile"), own)


def start(module: str, workdir: str) -> Session:
    """Reads the flags and joins the other processes; nothing is written yet.

    Args:
      module: the experiment's `__name__`, whose flags are its settings.
      workdir: the folder if the user names none.
    """
    settings = read(module)
    devices.join(settings.coordinator, settings.num_processes, settings.process_id)
    progress = _progress(settings, aloud=devices.is_main())
    devices.use_full_precision()
    progress.note(devices.in_words())
    devices.use_compilation_cache(settings.compilation_cache)
    mesh = devices.make_mesh()
    devices.check_batch_size(settings.batch_size, mesh)
    several = f"_population{settings.population}" if settings.population > 1 else ""
    folder = pathlib.Path(settings.workdir or f"{workdir}{several}").expanduser()
    key = jax.random.key(settings.seed)
    return Session(settings, folder, mesh, key, progress, watch_signals())


def members(session: Session) -> list[Session]:
    """The runs of `--population`, each with a seed and a folder of its own; one run as it is."""
    settings = session.settings
    if settings.population == 1:
        return [session]
    seeds = tuple(range(settings.seed, settings.seed + settings.population))
    return [
        session._replace(
            settings=settings._replace(seed=seed, config={**settings.config, "seed": seed}),
            folder=session.folder / f"seed{seed}",
            key=jax.random.key(seed),
            together=seeds,
        )
        for seed in seeds
    ]


def quiet(session: Session) -> Session:
    """The same, which says nothing: of several runs, one says what they all do at the start."""
    return session._replace(progress=_progress(session.settings, aloud=False))


def _progress(settings: Settings, *, aloud: bool) -> Progress:
    return Progress(settings.num_steps, stream=None if aloud else _nowhere())


def _nowhere() -> TextIO:
    """Where the other processes of a distributed run talk to."""
    return open(os.devnull, "w")
