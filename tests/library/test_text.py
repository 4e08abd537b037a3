"""Lines of text: as codes and back, in batches; their n-grams; the networks that write them."""

import collections
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, quick, refusal
from flax import nnx

from ganstab import data, metrics, penalties
from ganstab.networks import text
from ganstab.networks.convolution import batch_major, batch_minor, im2col

LINES = ["abba", "a cab", "bb", "zebra crossing"]


def test_codes_are_by_frequency_and_come_back():
    lines = data.encode_lines(LINES, length=5)
    assert lines.code.dtype == np.uint16 and lines.code.shape == (4, 5)
    assert lines.characters == "\0�ba cerz"  # six, five, and then once each
    assert lines.code[0].tolist() == [3, 2, 2, 3, 0]
    assert data.decode_lines(lines.code, lines.characters) == ["abba", "a cab", "bb", "zebra"]
    assert data.decode_lines([[3, 0, 2, 0, 0]], lines.characters) == ["a b"]


def test_rare_characters_become_unknown():
    lines = data.encode_lines(["aab\N{REPLACEMENT CHARACTER}c", "ab"], length=5, most=4)
    assert lines.characters == "\0�ab"
    assert lines.code.tolist() == [[2, 2, 3, 1, 1], [2, 3, 0, 0, 0]]
    for wrong in ({"most": 2}, {"most": 2**16 + 1}, {"length": 0}):
        name, value = next(iter(wrong.items()))
        assert f"{name}={value}" in argument_refusal(lambda w=wrong: data.encode_lines(["a"], **w))
    assert "0 lines" in argument_refusal(lambda: data.encode_lines([]))


def test_batches_are_one_hot_lines():
    lines = data.encode_lines(LINES, length=5)
    source = data.Images(jnp.asarray(lines.code), jnp.zeros(4, jnp.int32))
    batch = data.draw(data.one_hot_lines(len(lines.characters)), source, jax.random.key(0), 6)
    assert batch.real.shape == (6, 5, len(lines.characters)) and batch.label is None
    assert set(np.unique(batch.real)) == {0, 1}
    written = data.decode_lines(np.argmax(batch.real, -1), lines.characters)
    assert set(written) <= {line[:5] for line in LINES} and len(set(written)) > 1


def test_lines_are_read_without_blank_ones(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeff  one\ttab \r\n\r\n \nzwei – ü\n\x0cthree".encode())
    assert data.read_lines(path) == ["one\ttab", "zwei – ü", "three"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no lines of text"),
        (b" \n\t\r\n", "no lines of text"),
        (b"caf\xe9\n", "no UTF-8 text: invalid continuation byte at byte 3"),
        ("text".encode("utf-16"), "no UTF-8 text"),
        (b"\x7fELF\x02\0\0\0", r"no text: it has the control character '\x00'"),
        (b"a\x1b[31mb\n", r"no text: it has the control character '\x1b'"),
        (None, "cannot read"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, told):
    path = tmp_path / "text"
    if content is not None:
        path.write_bytes(content)
    said = refusal(lambda: data.read_lines(path))
    assert told in said and str(path) in said and "\n" not in said
    assert "cannot read" in refusal(lambda: data.read_lines(tmp_path))


def test_pythons_help_is_a_text():
    lines = data.python_help()
    assert len(lines) > 1000 and all(line == line.strip() != "" for line in lines)
    assert sum("statement" in line for line in lines) > 50


def letters(*lines):
    return np.array([list(line) for line in lines])


def test_ngrams_counted_by_hand():
    first, second = letters("aab", "aba"), letters("abb")
    # Of one: a 4, b 2 against a 1, b 2. Of two: aa 1, ab 2, ba 1 against ab 1, bb 1.
    assert metrics.ngram_js(first, second, 1) == pytest.approx(by_hand([4, 2], [1, 2]), rel=1e-12)
    expected = by_hand([1, 2, 1, 0], [0, 1, 0, 1])
    assert metrics.ngram_js(first, second, 2) == pytest.approx(expected, rel=1e-12)
    assert metrics.ngram_js(first, second, 3) == pytest.approx(1, rel=1e-12)
    nats = metrics.ngram_js(first, second, 2, base=math.e)
    assert nats == pytest.approx(expected * math.log(2), rel=1e-12)
    assert metrics.ngram_js(first, np.tile(first, (3, 1)), 2) == pytest.approx(0, abs=1e-12)


def by_hand(p, q):
    p, q = ([x / sum(counts) for x in counts] for counts in (p, q))
    pairs = [*zip(p, q, strict=True), *zip(q, p, strict=True)]
    halves = [(x, (x + y) / 2) for x, y in pairs]
    return sum(x * math.log2(x / m) for x, m in halves if x) / 2


@pytest.mark.parametrize("n", [1, 2, 4])
def test_ngrams_of_many_codes_against_counters(n):
    rng = np.random.default_rng(0)
    lines, others = (rng.integers(0, 60_000, 9)[rng.integers(0, 9, (k, 8))] for k in (30, 20))
    others[:10] = lines[:10]
    p, q = (
        collections.Counter(tuple(line[i : i + n].tolist()) for line in part for i in range(9 - n))
        for part in (lines.astype(np.uint16), others.astype(np.uint16))
    )
    seen = list(p.keys() | q.keys())
    expected = by_hand([p[gram] for gram in seen], [q[gram] for gram in seen])
    found = metrics.ngram_js(lines.astype(np.uint16), others.astype(np.uint16), n)
    assert found == pytest.approx(expected, rel=1e-12) and 0 < found < 1


def test_the_floor_is_what_lines_of_the_same_source_have():
    rng = np.random.default_rng(1)
    shares = np.arange(1, 11) / 55

    def draw(count):
        return rng.choice(10, (count, 12), p=shares)

    text_lines = draw(4000)
    for n in (1, 2, 3):
        measured = np.mean([metrics.ngram_js(text_lines, draw(200), n) for _ in range(10)])
        floor = metrics.ngram_js_floor(text_lines, n, 200)
        assert floor == pytest.approx(measured, rel=0.4) and floor > 0
    assert metrics.ngram_js_floor(text_lines, 2, 800) < metrics.ngram_js_floor(text_lines, 2, 100)
    halves = metrics.ngram_js_floor(text_lines, 2, 10**6)
    assert halves == metrics.ngram_js_floor(text_lines, 2, 2000) > 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: metrics.ngram_js(letters("ab"), letters("abc"), 1), "(1, 2) and (1, 3)"),
        (lambda: metrics.ngram_js(letters("ab"), letters("ab"), 3), "3 or more for n=3"),
        (lambda: metrics.ngram_js(letters("ab"), letters("ab")[:0], 1), "(0, 2)"),
        (lambda: metrics.ngram_js([1, 2], [1, 2], 1), "(2,)"),
        (lambda: metrics.ngram_js(letters("ab"), letters("ab"), 0), "n "),
        (lambda: metrics.ngram_js_floor(letters("ab"), 1, 5), "number of lines"),
        (lambda: metrics.ngram_js_floor(letters("ab", "ba"), 1, 0), "samples"),
    ],
)
def test_lines_without_such_ngrams_are_refused(call, told):
    assert told in argument_refusal(call)


def test_the_networks_give_distributions_and_scores():
    gen = text.Generator(7, width=6, length=9, latent=4, rngs=nnx.Rngs(0))
    critic = text.Critic(7, width=6, length=9, rngs=nnx.Rngs(1))
    z = jax.random.normal(jax.random.key(2), (3, 4))
    lines = quick(lambda z: gen(z))(z)
    assert lines.shape == (3, 9, 7) and (np.asarray(lines) > 0).all()
    np.testing.assert_allclose(lines.sum(-1), np.ones((3, 9)), rtol=1e-5)
    assert len(np.unique(np.asarray(lines[:, 0, 0]))) == 3
    assert quick(lambda x: critic(x))(lines).shape == (3,)
    assert "width" in argument_refusal(lambda: text.Critic(7, width=0, rngs=nnx.Rngs(0)))


@pytest.mark.parametrize("ops", [batch_major, batch_minor, im2col])
def test_a_block_is_its_formula(ops):
    block = text._Block(ops, 2, rngs=nnx.Rngs(0))
    x = np.random.default_rng(0).standard_normal((1, 6, 2)).astype(np.float32)

    def conv(x, layer):
        padded = np.pad(x[0], ((2, 2), (0, 0)))
        kernel, bias = np.asarray(layer.kernel[0]), np.asarray(layer.bias[...])
        return (
            np.stack([np.einsum("ki,kio->o", padded[i : i + 5], kernel) for i in range(6)])[None]
            + bias
        )

    for layer, value in zip(block.convs, (0.1, -0.2), strict=True):
        layer.bias[...] = jnp.full(2, value)
    y = conv(np.maximum(conv(np.maximum(x, 0), block.convs[0]), 0), block.convs[1])
    found = ops.from_internal(block(ops.to_internal(jnp.asarray(x)[:, None])))[:, 0]
    np.testing.assert_allclose(found, x + 0.3 * y, rtol=1e-4, atol=1e-5)


def test_layouts_agree_on_the_penaltys_gradient(x64):
    """Twice differentiated, by the lines and then by the parameters; and a central difference."""
    draw = np.random.default_rng(0)
    real, fake = (jnp.asarray(draw.dirichlet(np.ones(5), (3, 9))) for _ in range(2))

    def penalty(ops):
        critic = text.Critic(5, width=4, length=9, convolutions=ops, rngs=nnx.Rngs(0))
        graph, params = nnx.split(critic)
        params = jax.tree.map(lambda leaf: leaf.astype(float), params)

        def value(params):
            score = nnx.merge(graph, params)
            return penalties.wgan_gp(score, real, fake, jax.random.key(1))

        return value, params

    values, grads = {}, {}
    for name, ops in {"major": batch_major, "minor": batch_minor, "im2col": im2col}.items():
        value, params = penalty(ops)
        values[name], grads[name] = quick(jax.value_and_grad(value))(params)
        flat = jax.tree.leaves(grads[name])
        assert values[name] > 0.01 and max(float(abs(leaf).max()) for leaf in flat) > 1e-3
    for name in ("minor", "im2col"):
        np.testing.assert_allclose(values[name], values["major"], rtol=1e-12)
        for one, other in zip(*map(jax.tree.leaves, (grads[name], grads["major"])), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)
    way = jax.tree.map(lambda leaf: jnp.asarray(draw.standard_normal(leaf.shape)), params)

    def moved(by):
        return value(jax.tree.map(lambda leaf, other: leaf + by * other, params, way))

    step = 1e-6
    difference = (moved(step) - moved(-step)) / (2 * step)
    slope = sum(map(jnp.vdot, *map(jax.tree.leaves, (grads["im2col"], way))))
    np.testing.assert_allclose(slope, difference, rtol=1e-5)


def test_the_papers_sizes():
    gen = nnx.eval_shape(lambda: text.Generator(100, rngs=nnx.Rngs(0)))
    critic = nnx.eval_shape(lambda: text.Critic(100, rngs=nnx.Rngs(0)))
    blocks = 5 * 2 * (5 * 512 * 512 + 512)

    def count(net):
        return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(net, nnx.Param)))

    assert count(gen) == 129 * 32 * 512 + blocks + 513 * 100
    assert count(critic) == 101 * 512 + blocks + 32 * 512 + 1


@pytest.mark.parametrize("lines", ["hello", ["a", None], ["a", 1], [b"ab"]])
def test_lines_that_are_no_strings_are_refused(lines):
    assert "encode_lines needs a list of strings" in argument_refusal(
        lambda: data.encode_lines(lines)
    )


@pytest.mark.parametrize("options", [{"length": 2.5}, {"most": 3.5}, {"length": float("nan")}])
def test_lengths_of_lines_are_whole_numbers(options):
    ((name, value),) = options.items()
    told = argument_refusal(lambda: data.encode_lines(["ab"], **options))
    assert told.startswith(f"{name} must be a whole number") and told.endswith(f"got {value}")


def test_lines_may_be_an_array_of_numpy():
    found = data.encode_lines(np.array(["ab", "c"]), 2)
    np.testing.assert_array_equal(found.code, data.encode_lines(["ab", "c"], 2).code)


@pytest.mark.parametrize("code", [-1, 4])
def test_codes_of_no_character_are_refused(code):
    told = argument_refusal(lambda: data.decode_lines([[2, code]], "\0?ab"))
    assert told == f"a code is {code}; 0 to 3 is expected"
