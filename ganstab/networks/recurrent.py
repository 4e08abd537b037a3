"""A recurrent generator of images, which writes one column after the other.

Metz et al. 2017 (arXiv:1611.02163, appendix C): a dense layer of 256 with ReLU maps the noise to
the initial state of an LSTM (Hochreiter and Schmidhuber 1997). The LSTM runs for 28 steps, one for
each column of MNIST, and a dense layer with tanh makes 28 pixels of each of its outputs. Kernels
start as in Glorot and Bengio 2010. The rest is our reading: the LSTM's size, that its forget bias
starts at 1, that its hidden state and its cell state start alike, and that its only input is its
own last output.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._checks import check_count
from ganstab._precision import in_float32, wide

__all__ = ["Generator", "lstm"]


class Generator(nnx.Module):
    """z [n, latent] -> images [n, height, columns, 1] in (-1, 1).

    With the input gate i, the forget gate f and the output gate o, `sigmoid(W h + b)`, and the
    candidate `g = tanh(W h + b)`, each of a W and b of its own, a column is

        c = f c + i g,    h = o tanh(c),    pixels = tanh(V h + v)

    Args:
      latent: length of z.
      hidden: size of the first dense layer and of the LSTM's two states.
      columns: steps of the LSTM, which is the width of the image.
      height: pixels a column.
      forget_bias: what is added to the forget gate's bias, which is else zero.
    """

    def __init__(
        self,
        latent: int = 256,
        hidden: int = 256,
        columns: int = 28,
        height: int = 28,
        *,
        forget_bias: float = 1.0,
        rngs: nnx.Rngs,
    ):
        check_count("columns", columns)
        init = nnx.initializers.glorot_uniform()
        self.latent, self.columns = latent, columns
        self.dense = nnx.Linear(latent, hidden, kernel_init=init, rngs=rngs)

        def gates_bias(key, shape, dtype=jnp.float32):
            return jnp.zeros(shape, dtype).at[hidden : 2 * hidden].set(forget_bias)

        self.gates = nnx.Linear(
            hidden, 4 * hidden, kernel_init=init, bias_init=gates_bias, rngs=rngs
        )
        self.to_column = nnx.Linear(hidden, height, kernel_init=init, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, height, columns, 1].

        Raises:
          ValueError: if z has another shape.
        """
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(f"Generator takes z [n, {self.latent}], got shape {z.shape}")
        start = jax.nn.relu(self.dense(z))

        def step(state: tuple[Array, Array], _) -> tuple[tuple[Array, Array], Array]:
            cell, hidden = state
            state = lstm(cell, self.gates(hidden))
            return state, state[1]

        _, outputs = jax.lax.scan(step, (wide(start), start), length=self.columns)
        columns = in_float32(jnp.tanh)(self.to_column(outputs))
        return columns.transpose(1, 2, 0)[..., None]


def lstm(cell: Array, gates: Array) -> tuple[Array, Array]:
    """One step of an LSTM.

    Args:
      cell: c [n, H].
      gates: [n, 4H], before any activation: i, f, g and o of `Generator`, side by side.

    Returns:
      The next c and the next h, [n, H] each, in the types of c and of the gates.
    """
    i, f, g, o = jnp.split(wide(gates), 4, axis=1)
    new = jax.nn.sigmoid(f) * wide(cell) + jax.nn.sigmoid(i) * jnp.tanh(g)
    hidden = jax.nn.sigmoid(o) * jnp.tanh(new)
    return new.astype(cell.dtype), hidden.astype(gates.dtype)
