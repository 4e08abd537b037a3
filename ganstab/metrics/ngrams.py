"""How far the n-grams of generated lines are from those of a text; on the host, in float64."""

import numpy as np
from numpy.typing import ArrayLike

from ganstab._checks import check_count
from ganstab.metrics.divergences import js_divergence

__all__ = ["ngram_js", "ngram_js_floor"]


def ngram_js(lines: ArrayLike, others: ArrayLike, n: int, *, base: float = 2.0) -> float:
    """Jensen-Shannon divergence of the n-grams of two sets of lines, from 0 to log_base(2).

    JS = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, where p(g) and q(g) are the shares of
    the n-gram g among all overlapping ones, which do not run from one line into the next. Padding
    counts as a character, as in the code of Gulrajani et al. (2017, arXiv:1704.00028), who measure
    n = 1 to 4 in bits; the paper itself has no such number.

    Args:
      lines: characters or their codes [N, length].
      others: [M, length].
      n: characters in an n-gram.
      base: of the logarithm: 2 gives bits, e nats.

    Raises:
      ValueError: lines or others are not [N > 0, length], differ in length, or n is not from 1 to
        length.
    """
    given = [np.asarray(lines), np.asarray(others)]
    check_count("n", n)
    if any(x.ndim != 2 or x.shape[1] < n or not len(x) for x in given) or (
        given[0].shape[1] != given[1].shape[1]
    ):
        raise ValueError(
            f"lines and others must be [N > 0, length] of one length, {n} or more for n={n}, got "
            f"{given[0].shape} and {given[1].shape}"
        )
    ngrams = _numbered(np.concatenate(given), n)
    first, second = np.split(ngrams, [len(given[0])])
    size = int(ngrams.max()) + 1
    p, q = (np.bincount(part.ravel(), minlength=size) for part in (first, second))
    return js_divergence(p, q, base)


def ngram_js_floor(lines: ArrayLike, n: int, samples: int, *, base: float = 2.0) -> float:
    """`ngram_js` of lines that are held out, against the rest of the text: a perfect sampler's.

    What is measured of `samples` generated lines would be about this if they were of the text's own
    source. It falls with more samples and with more text.

    Args:
      lines: of the text, [N, length], N >= 2.
      n: as of `ngram_js`, and so is base.
      samples: lines that are held out, the same at every call; at most half of the text.
      base: of the logarithm.

    Raises:
      ValueError: as of `ngram_js`, or there are fewer than two lines or one sample.
    """
    text = np.asarray(lines)
    check_count("samples", samples)
    check_count("the number of lines", len(text), 2)
    order = np.random.default_rng(0).permutation(len(text))
    held, rest = np.split(text[order], [min(samples, len(text) // 2)])
    return ngram_js(rest, held, n, base=base)


def _numbered(lines: np.ndarray, n: int) -> np.ndarray:
    """Each n-gram's number among those that occur, [N, length - n + 1]."""
    letters = ngrams = _ranks(lines)
    for i in range(1, n):
        ngrams = _ranks(ngrams[:, :-1] * (letters.max() + 1) + letters[:, i:])
    return ngrams


def _ranks(array: np.ndarray) -> np.ndarray:
    return np.unique(array, return_inverse=True)[1].reshape(array.shape).astype(np.int64)
