"""One run, from a config to a folder: what every experiment, and a user's own program, trains with.

| module | what it has |
| --- | --- |
| `config` | `RunConfig`: the settings as a frozen value; `option` makes a field of one |
| `experiment`, `measures` | `Experiment`: players × recipe × data × measures |
| `train`, `seed_run`, `parts` | restore, train, evaluate, save, report |
| `loop`, `batches`, `recorder` | the compiled loop, its batches, what is kept of it |
| `kept_programs` | the loop's trace on disk, for a second start |
| `samples`, `figures` | samples kept and drawn; curves |
| `run_folder`, `restore`, `compare` | a run's folder, and what is read from it again |
| `images` | settings and sources of runs on images |
| `cli` | a program's command line |
| `distributed`, `provenance`, `progress`, `signals` | devices, versions, the bar, Ctrl-C |
"""

from ganstab.training.config import RunConfig, option
from ganstab.training.experiment import Evaluation, Experiment, Findings
from ganstab.training.images import ImageConfig
from ganstab.training.measures import Measure, Published
from ganstab.training.samples import View, make_sampler
from ganstab.training.train import Trained, train, train_together

__all__ = [
    "Evaluation",
    "Experiment",
    "Findings",
    "ImageConfig",
    "Measure",
    "Published",
    "RunConfig",
    "Trained",
    "View",
    "make_sampler",
    "option",
    "train",
    "train_together",
]
