"""word2vec: vectors of words from the words around them. V words, D numbers in a vector.

Mikolov, Chen, Corrado and Dean 2013, arXiv:1301.3781 (CBOW, skip-gram); Mikolov, Sutskever, Chen,
Corrado and Dean 2013, arXiv:1310.4546 (negative sampling, sub-sampling). A window is a word with
its contexts, the words of its sentence up to r places away, r drawn from 1..window. Every context
(skip-gram), or the contexts' mean (CBOW), is to tell the window's word.
"""

from typing import NamedTuple

import numpy as np

from .._kernels import embedding as _embedding
from .._kernels import memory as _memory
from .._kernels import word2vec as _word2vec
from . import _checks
from .embedding import embedding, embedding_backward
from .linalg import gemm
from .softmax import softmax_cross_entropy, softmax_cross_entropy_backward

LINE_BYTES = (
    64  # rows that are so many bytes, or twice, three times ... so many, are trained in place
)
MOST_NEGATIVES = 255
MOST_WINDOWS = 1 << 16  # of a block: between blocks Ctrl-C is answered


class NegativeSampling(NamedTuple):
    """`negatives` words a window, drawn by an alias table (threshold, alias), each (V,)."""

    negatives: int
    threshold: np.ndarray
    alias: np.ndarray


class HuffmanTree(NamedTuple):
    """Word v's way from the root: node[start[v]:start[v + 1]], of V - 1, and code, the branches."""

    start: np.ndarray
    node: np.ndarray
    code: np.ndarray


def negative_sampling(counts, negatives=5, *, power=0.75):
    """Words drawn with a probability that is proportional to counts[v] ** power.

    counts: V numbers >= 0, not all 0 -> `NegativeSampling`, the alias table of Walker 1977: a word
    is had from two random numbers, whatever V. Raises ValueError for other counts, and where
    `negatives` is not in 1..255.
    """
    op = "negative_sampling"
    negatives = _checks.count(op, "negatives", negatives)
    if negatives > MOST_NEGATIVES:
        raise ValueError(f"{op}: negatives must be <= {MOST_NEGATIVES}, got {negatives}")
    weights = _counts(op, counts).astype(np.float64) ** _checks.number(op, "power", power)
    if not (np.isfinite(weights).all() and weights.sum() > 0):
        raise ValueError(f"{op}: counts ** power must be finite, and one of them more than 0")
    return NegativeSampling(negatives, *_word2vec.alias_table(weights))


def huffman_tree(counts):
    """The binary tree in which frequent words lie near the root (Huffman 1952).

    counts: V integers >= 0 -> `HuffmanTree`. Raises ValueError for other counts.
    """
    op = "huffman_tree"
    counts = _counts(op, counts)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"{op}: counts must be integers, got {counts.dtype}")
    order = np.argsort(-counts.astype(np.int64), kind="stable")
    start, node, code = _word2vec.huffman_tree(np.ascontiguousarray(counts[order], np.int64))
    rank = np.argsort(order)  # of a word among the sorted ones
    length = np.diff(start)[rank]
    begin = np.concatenate([[0], np.cumsum(length)])
    at = np.repeat(start[rank] - begin[:-1], length) + np.arange(begin[-1])
    return HuffmanTree(begin, node[at], code[at])


def word2vec(
    inputs,
    outputs,
    words,
    bounds=None,
    targets=None,
    *,
    window=5,
    cbow=False,
    lr=0.025,
    seed=0,
    first=0,
    block=128,
    losses=False,
):
    """One pass over words: both tables are changed, in place, against the gradient of

        skip-gram  sum over windows, over their contexts c, of  L(inputs[c], word)
        CBOW       sum over windows of  L(mean over their contexts of inputs[c], word)

        L(h, w) = -log softmax(outputs @ h)[w]                                 targets None
                = -log s(outputs[w].h) - sum_k log s(-outputs[n_k].h)          NegativeSampling
                = -sum over w's way of  log s((2 code - 1) outputs[node].h)    HuffmanTree

    s is the sigmoid. A window's words n_k are drawn once and serve all its contexts (Ji et al.
    2016, arXiv:1604.04661), those that are w left out: so a window is one product of small
    matrices.

    inputs   (V, D): the vectors of contexts, which are the words' vectors
    outputs  (V, D), or (V - 1, D) for a tree's nodes; both float32 or both float64, not overlapping
    words    (N,) integers in 0..V-1: a text, without what sub-sampling leaves out
    bounds   (S + 1,) integers from 0 to N, not falling: sentence i is words[bounds[i]:bounds[i+1]];
             None: all is one sentence
    targets  of `negative_sampling` or `huffman_tree`, or None for the full softmax
    lr       the rate, or (at the first word, behind the last one): linear in between, the same for
             the windows of a block
    seed     0..2**64 - 1; what a word's window draws depends on it and on `first` + its position
    block    windows whose errors (probability minus label) are those of the tables before the
             block. With `block=1` this is stochastic gradient descent, window by window. The steps
             follow window by window, each from the rows as they then are; with the full softmax a
             block is one step from the tables before it. A row that most windows use (a tree's
             root) gets that many steps from one snapshot: with too many the tables diverge.

    Returns the losses, float64 (N,), of each word's window (a sum over its contexts) as the block
    found it if `losses`, else None. The order of blocks and sums depends on the arguments only, not
    on the number of threads. Rows whose D numbers make whole lines of 64 bytes are trained where
    they lie, other tables in a copy. Raises TypeError for dtypes, ValueError for shapes or numbers
    that do not fit.
    """
    op = "word2vec"
    tables = [_table(op, name, x) for name, x in (("inputs", inputs), ("outputs", outputs))]
    words, bounds = _text(op, words, bounds, inputs.shape[0])
    _check_tables(op, inputs, outputs, targets)
    window, block = _checks.count(op, "window", window), _checks.count(op, "block", block)
    if block > MOST_WINDOWS:
        raise ValueError(f"{op}: block must be <= {MOST_WINDOWS}, got {block}")
    seed, first = _checks.count(op, "seed", seed, 0), _checks.count(op, "first", first, 0)
    if seed >= 2**64:
        raise ValueError(f"{op}: seed must be below 2**64, got {seed}")
    rates = lr if isinstance(lr, (tuple, list)) else (lr, lr)
    if len(rates) != 2:
        raise ValueError(f"{op}: lr must be a number or two, got {lr!r}")
    rates = tuple(_checks.number(op, "lr", rate) for rate in rates)
    found = np.zeros(len(words)) if losses else None
    if targets is None:
        _full_softmax(*tables, words, bounds, window, cbow, rates, seed, first, block, found)
    else:
        sampled = isinstance(targets, NegativeSampling)
        _word2vec.train(
            *tables, words, bounds, window=window, cbow=cbow, rate=rates[0], last_rate=rates[1],
            negatives=targets.negatives if sampled else 0,
            table=tuple(targets[1:] if sampled else targets),
            seed=seed, first=first, block_windows=block, losses=found,
        )  # fmt: skip
    for x, table in zip((inputs, outputs), tables, strict=True):
        if table is not x:
            x[...] = table[:, : x.shape[1]]
    return found


def word_table(rows, columns, dtype=np.float32):
    """Zeros (rows, columns), the columns rounded up to whole lines of 64 bytes, and aligned to
    them: what `word2vec` trains fastest. Columns that are zero in both tables stay so."""
    dtype = np.dtype(dtype)
    lines = -(-columns * dtype.itemsize // LINE_BYTES)
    table = _memory.empty_array((rows, lines * LINE_BYTES // dtype.itemsize), dtype.num)
    table[...] = 0
    return table


# ---- the full softmax ----------------------------------------------------------------------------


def _full_softmax(inputs, outputs, words, bounds, window, cbow, rates, seed, first, block, losses):
    reach = _word2vec.reaches(seed, first, len(words), window)
    sentence = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    low = np.maximum(bounds[sentence], np.arange(len(words)) - reach)
    high = np.minimum(bounds[sentence + 1], np.arange(len(words)) + reach + 1)
    for begin in range(0, len(words), block):
        at = np.arange(begin, min(begin + block, len(words)))
        offsets = np.arange(-window, window + 1)
        near = at[:, None] + offsets
        row, place = np.nonzero((near >= low[at, None]) & (near < high[at, None]) & (offsets != 0))
        rate = rates[0] + (rates[1] - rates[0]) * begin / len(words)
        found = _softmax_step(inputs, outputs, words[near[row, place]], words[at], row, cbow, rate)
        if losses is not None:
            losses[at] = found


def _softmax_step(inputs, outputs, contexts, words, row, cbow, rate):
    """One step for windows of `words`; contexts[i] belongs to window row[i], ascending. Returns the
    windows' losses."""
    h = embedding(contexts, inputs)
    size = np.bincount(row, minlength=len(words))
    if cbow:
        share = (1 / np.maximum(size, 1)).astype(h.dtype)
        h = embedding_backward(h, row, len(words)) * share[:, None]
        target = np.where(size > 0, words, -100)  # a window without contexts takes no part
    else:
        target = words[row]
    loss, log_probs = softmax_cross_entropy(
        gemm(h, outputs, trans_b=True), target, reduction="none"
    )
    dlogits = softmax_cross_entropy_backward(
        np.ones_like(loss), log_probs, target, reduction="none"
    )
    dh, doutputs = gemm(dlogits, outputs), gemm(dlogits, h, trans_a=True)
    if cbow:
        dh = embedding(row, dh * share[:, None])
    else:
        loss = np.bincount(row, loss, len(words))
    inputs -= h.dtype.type(rate) * embedding_backward(dh, contexts, len(inputs))
    outputs -= h.dtype.type(rate) * doutputs
    return loss


# ---- checks --------------------------------------------------------------------------------------


def _counts(op, counts):
    counts = np.asarray(counts)
    if counts.ndim != 1 or not 0 < len(counts) < 2**31 or counts.dtype.kind not in "iuf":
        raise ValueError(
            f"{op}: counts must be a row of at least one number, got {counts.dtype} of shape "
            f"{counts.shape}"
        )
    if not (counts >= 0).all():
        raise ValueError(f"{op}: counts must be >= 0, got {counts.min()}")
    return counts


def _table(op, name, x):
    """x itself, or a copy, with rows of whole lines, zeros behind the columns of x."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{op}: {name} must be a NumPy array, got {type(x).__name__}")
    if not x.flags.writeable:
        raise ValueError(f"{op}: {name} is read-only")
    plain = _checks.array(op, name, x, 2)
    if plain is x and x.strides[1] == x.itemsize and x.shape[1] * x.itemsize % LINE_BYTES == 0:
        return x
    table = word_table(*x.shape, plain.dtype)
    table[:, : x.shape[1]] = plain
    return table


def _check_tables(op, inputs, outputs, targets):
    if inputs.dtype.newbyteorder("=") != outputs.dtype.newbyteorder("="):
        raise TypeError(
            f"{op}: outputs must be {inputs.dtype.name} like inputs, got {outputs.dtype.name}"
        )
    if targets is not None and not isinstance(targets, (NegativeSampling, HuffmanTree)):
        raise TypeError(
            f"{op}: targets must come from negative_sampling or huffman_tree, or be None, "
            f"got {type(targets).__name__}"
        )
    tree = isinstance(targets, HuffmanTree)
    expected = (max(inputs.shape[0] - tree, 0), inputs.shape[1])
    if outputs.shape != expected:
        raise ValueError(f"{op}: outputs must have the shape {expected}, got {outputs.shape}")
    if np.shares_memory(inputs, outputs):
        raise ValueError(f"{op}: inputs and outputs must not share memory")
    if targets is not None:
        _check_targets(op, targets, inputs.shape[0], tree)


def _check_targets(op, targets, rows, tree):
    """That the tables are as `negative_sampling` or `huffman_tree` made them, for so many rows."""
    dtypes = (np.int64, np.int32, np.int8) if tree else (np.uint32, np.int32)
    for table, dtype in zip(targets if tree else targets[1:], dtypes, strict=True):
        if table.dtype != dtype or table.ndim != 1 or not table.flags.carray:
            raise ValueError(f"{op}: targets are not as {type(targets).__name__}'s maker made them")
    known = len(targets.start) - 1 if tree else len(targets.threshold)
    if known != rows:
        raise ValueError(f"{op}: targets are of {known} words, inputs of {rows}")
    numbers, most = (targets.node, rows - 1) if tree else (targets.alias, rows)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < most:
        raise ValueError(f"{op}: targets must be rows 0..{most - 1} of outputs")


def _text(op, words, bounds, rows):
    """words and bounds as contiguous int64, checked."""
    words = _integers(op, "words", words)
    wrong = _embedding.first_outside(words, rows)
    if wrong >= 0:
        raise ValueError(
            f"{op}: words must be in 0..{rows - 1} (V = {rows}), got {words[wrong]} at {wrong}"
        )
    bounds = _integers(op, "bounds", [0, len(words)] if bounds is None else bounds)
    if (
        len(bounds) == 0
        or bounds[0] != 0
        or bounds[-1] != len(words)
        or (np.diff(bounds) < 0).any()
    ):
        raise ValueError(f"{op}: bounds must go from 0 to {len(words)} (N) and never fall")
    return words, bounds


def _integers(op, name, x):
    x = np.asarray(x)
    if x.ndim != 1 or (x.dtype.kind not in "iu" and x.size):
        raise TypeError(f"{op}: {name} must be a row of integers, got {x.dtype} {x.shape}")
    return np.require(x, np.int64, "CA")
