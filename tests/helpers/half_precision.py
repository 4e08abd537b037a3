"""What is computed in float16 and bfloat16, beside float64 on the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np
from common import quick

HALVES = {"float16": jnp.float16, "bfloat16": jnp.bfloat16}
SIZES = 1e-4, 1.0, 300.0


def cast(tree, dtype):
    """The tree with its floating-point numbers in this type."""
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def draw_in_float32(monkeypatch):
    """Random numbers of every type are those of float32: float64 has others of its own."""
    for name in ("normal", "uniform"):
        draw = getattr(jax.random, name)

        def drawn(key, shape=(), dtype=float, *, draw=draw, **options):
            return draw(key, shape, jnp.float32, **options).astype(dtype)

        monkeypatch.setattr(jax.random, name, drawn)


def beside_float64(f, inputs):
    """`{half: (got, expected)}` of f on every input, rounded to half precision."""

    @quick
    def both(stacked):
        rounded = {name: cast(stacked, half) for name, half in HALVES.items()}
        return {
            name: (jax.vmap(f)(numbers), jax.vmap(f)(cast(numbers, jnp.float64)))
            for name, numbers in rounded.items()
        }

    return both(jax.tree.map(lambda *leaves: jnp.stack(leaves), *inputs))


def assert_rounded(f, inputs, roundings):
    """Every entry of the dictionary `f(input)` is that of float64 but for so many roundings.

    Of an entry's greatest number, and of 32 of the type's smallest ones, or 1e-11 where float32's
    own rounding shows. An entry that its type cannot hold is left out; a float32 scalar never is.
    """
    for name, (got, expected) in beside_float64(f, inputs).items():
        kind, compared = jnp.finfo(name), 0
        for entry in expected:
            leaves = zip(*map(jax.tree.leaves, (got[entry], expected[entry])), strict=True)
            pairs = [
                [np.asarray(leaf).reshape(len(inputs), -1) for leaf in pair] for pair in leaves
            ]
            for i in range(len(inputs)):
                if any(np.any(np.abs(e[i]) > float(jnp.finfo(g.dtype).max)) for g, e in pairs):
                    continue
                ours, theirs = (
                    np.concatenate([leaf[i].astype(float) for leaf in side])
                    for side in zip(*pairs, strict=True)
                )
                least = max(32 * float(kind.smallest_subnormal), 1e-11)
                atol = roundings * float(kind.eps) * np.max(np.abs(theirs)) + least
                np.testing.assert_allclose(
                    ours, theirs, rtol=0, atol=atol, err_msg=f"{entry}, {name}, input {i}"
                )
                compared += 1
        assert compared > len(inputs) * len(expected) / 2
