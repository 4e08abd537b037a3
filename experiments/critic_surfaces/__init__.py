"""What a critic learns under clipped weights and under a gradient penalty, in the plane.

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), section 3 and Figure 1.
The discriminator of a Wasserstein GAN is a critic, which gives any number where that of a plain GAN
gives a probability, and whose slope has to be bounded: by clipping its weights, or by a penalty on
its gradient.

    python -m experiments.critic_surfaces --dataset=swiss_roll --recipe=wgan_gp
    python -m experiments.critic_surfaces --table=surfaces --seeds=3   # Figure 1a, and a number
    python -m experiments.critic_surfaces --table=gradients --seeds=3  # Figure 1b
    python -m experiments.critic_surfaces --smoke                      # a try, in a minute

In Figure 1a there is no generator to train: its samples are the data with N(0, I) added, so that a
critic can be trained to its optimum. The picture shows the critic's values over [−3, 3]². The paper
finds that with clipping the critic "ignores higher moments of the data distribution". A run
measures how well the critic tells the data from the gaps in them by more than means and
covariances, for which a quadratic function suffices. Let Q be the quadratic that fits the critic D
best over the square [−2, 2]². The measure is the area under the ROC curve of D − Q, over points a
of the data (modes, the roll) and points g in the gaps (half-way between neighbouring modes, the
roll turned half-way round).

    gap_auc = 100 · mean of [D(a) − Q(a) > D(g) − Q(g)]  per cent

A tie counts half. Every quadratic critic has 50, and a critic that is high at the data alone has
100. The optimal critic has less where it has to slope across gaps, as from arm to arm of the roll.

Figure 1b trains a generator too, on the Swiss roll; both networks have 12 layers of ReLU. It shows
the norms of ∂L/∂h_l, the gradient of the critic's loss L = E D(G(z)) − E D(x) with respect to the
outputs h_l of its layers, for a batch. A run measures their growth, which is the slope of log₁₀
‖∂L/∂h_l‖ over the layers from the score to the input. It also measures the growth's absolute value,
which is 0 where gradients neither vanish nor explode. A norm below float32's smallest normal
number, 1.2e-38, counts as that number. The penalty is left out of L: it is taken at points between
the data and the samples, which have activations of their own.

Data, networks, batch size, Adam, weight clipping and the 5 critic updates a step are those of the
authors' code, and so is λ = 0.1 (--penalty_weight); the paper has λ = 10 throughout. That code has
512 units a layer and 100,000 steps (--width=512 --num_steps=100000); the defaults here are chosen
for CPUs. RMSProp, with which weights are clipped, is that of `ganstab.recipes.wgan`, with a decay
of 0.99 where that code has 0.9. Initial weights are those of that code, but for the last layers',
see `critics.perceptron`. The paper does not say how wide the networks of Figure 1b are, nor how
long they are trained. Here they have 256 units, and are trained for 300 steps with batches of 64.
A critic of Figure 1a takes 38 s of a quiet CPU core, and took 2 to 13 minutes of a busy one. The
300 steps of Figure 1b took 37 to 67 s of a core that was mostly free, and up to 5 minutes of a busy
one.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.critic_surfaces import critics, tables, toys
from experiments.critic_surfaces.settings import CriticSurfaces
from ganstab import Batch, Pair
from ganstab.training import Evaluation, Experiment, Measure
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.types import Player, TrainState

LATENT = 2
SMOKE = {"samples": 64, "width": 16, "batch_size": 16}
MEASURES = (
    Measure("gap_auc", "data told from gaps by no quadratic, area under the curve, %", "AUC %"),
    Measure("steepness", "size of the gradient's growth, decades a layer", "", "lower"),
    Measure("growth", "the gradient's growth towards the input, decades a layer", "growth"),
)  # fmt: skip


def evaluation(config: CriticSurfaces, gen: Player):
    """Evaluates the critic over the plane, and its gradients at points that are always the same."""
    toy = toys.TOYS[config.dataset]

    @jax.jit
    def look(state: TrainState, key: jax.Array):
        data_key, prior_key = jax.random.split(key)
        real = toy.sample(data_key, config.samples)
        z = jax.random.normal(prior_key, (config.samples, LATENT))
        fake, _ = gen.apply(state.params.gen, state.carry.state.gen, (z, real), key, train=False)
        critic = functools.partial(critics.scores, state.params.disc)
        kernels = [layer["kernel"].ravel() for layer in state.params.disc]
        norms = critics.gradient_norms(state.params.disc, real, fake)
        arrays = {"samples": fake, "data": real, "norms": norms, "surface": critic(toys.plane())}
        return arrays, jnp.concatenate(kernels), critic(toys.places(toy))

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        found = look(state, key)
        arrays, weights, values = jax.tree.map(lambda x: np.asarray(x.addressable_data(0)), found)
        growth = critics.growth(arrays["norms"])
        auc = toys.gap_auc(values, toy)
        numbers = {"gap_auc": auc, "steepness": abs(growth), "growth": growth}
        most = np.quantile(np.abs(weights), 0.99)  # a few far out would leave the rest no width
        counts, edges = np.histogram(weights, bins=100, range=(-most, most))
        return Evaluation(numbers, {**arrays, "weights": counts, "edges": edges})

    return evaluate


def build(config: CriticSurfaces) -> Experiment:
    """One critic."""
    toy, hidden = toys.TOYS[config.dataset], [config.width] * config.depth

    def data(key: jax.Array, n: int) -> Batch:
        """Points, which the generator is shown as if they were labels."""
        points = toy.sample(key, n)
        return Batch(points, points)

    trained = critics.perceptron([LATENT, *hidden, 2], conditional=True)
    gen = trained if config.generator == "trained" else critics.noisy_data()
    return Experiment(
        title=f"A critic of {toy.title}, {tables.NAMES[config.recipe]}",
        description=prose(__doc__),
        players=Pair(gen, critics.perceptron([2, *hidden, 1])),
        recipe=config.whole_recipe(),
        prior=LATENT,
        data=data,
        evaluation=functools.partial(evaluation, config),
        measures=MEASURES,
    )


def run() -> None:
    """The program."""
    main(build, CriticSurfaces, tables=tables.TABLES, smoke=SMOKE)
