"""word2vec against the reference, which goes window by window with the same random numbers."""

import heapq
import tracemalloc

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, same_for_any_threads
from reference.word2vec import drawn
from zoo import VARIANTS

from fastnn import kernels

V = 30
RNG = np.random.default_rng(0)
WORDS = RNG.integers(0, V, 137)
WORDS[:40:3] = 2  # a frequent word: twice among contexts, and among the negatives
BOUNDS = [0, 5, 5, 6, 60, 137]  # an empty sentence, and one without contexts
COUNTS = np.bincount(WORDS, minlength=V)
TARGETS = {
    "softmax": None,
    "5 negatives": kernels.negative_sampling(COUNTS),
    "13 negatives": kernels.negative_sampling(COUNTS, 13, power=1),
    "tree": kernels.huffman_tree(COUNTS),
}


def tables(d, targets, dtype=np.float64, rows=V, seed=0):
    rng = np.random.default_rng([seed, d])
    nodes = rows - isinstance(targets, type(TARGETS["tree"]))
    return rng.standard_normal((rows, d)).astype(dtype), rng.standard_normal((nodes, d)).astype(
        dtype
    )


def assert_like(actual, expected, dtype, roundings=400):
    bound = roundings * np.finfo(dtype).eps * max(1, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_against_reference(name, cbow, dtype):
    targets = TARGETS[name]
    for d, blocks in ((1, [7]), (3, [1]), (16, [1000]), (50, [64]), (100, [1, 7])):
        for block in blocks:
            x, y = tables(d, targets, dtype)
            options = dict(
                window=3, cbow=cbow, lr=(0.05, 0.01), seed=2**40 + 3, first=77, block=block
            )
            expected = reference.word2vec(x, y, WORDS, BOUNDS, targets, **options)
            losses = kernels.word2vec(x, y, WORDS, BOUNDS, targets, losses=True, **options)
            assert losses.dtype == np.float64
            for actual, one in zip((x, y, losses), expected, strict=True):
                assert_like(actual, one, dtype)


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_a_block_of_one_steps_against_the_gradient_of_its_loss(name, cbow):
    """The step divided by the rate is minus the central difference of the returned losses."""
    targets, words = TARGETS[name], WORDS[:1].repeat(2)
    words[1] = 7
    at = tables(4, targets)

    def loss(*tables):
        options = dict(window=1, cbow=cbow, lr=0.0, seed=5, losses=True)
        return kernels.word2vec(*(t.copy() for t in tables), words, None, targets, **options)[0]

    alone = [[0, 2]]  # the second window's step would come on top: its rate is 0
    stepped = [t.copy() for t in at]
    options = dict(window=1, cbow=cbow, lr=(1.0, -1.0), seed=5, block=1)
    kernels.word2vec(*stepped, words, alone[0], targets, **options)
    for which, table in enumerate(at):
        for place in np.ndindex(table.shape):
            near = [t.copy() for t in at]
            near[which][place] += 1e-6
            above = loss(*near)
            near[which][place] -= 2e-6
            slope = (above - loss(*near)) / 2e-6
            assert table[place] - stepped[which][place] == pytest.approx(slope, abs=1e-7)


def test_windows_draw_their_numbers_by_their_place():
    """The second half of a text, with `first`, goes on as the whole text does."""
    for targets in TARGETS.values():
        whole, parts = tables(10, targets), tables(10, targets)
        kernels.word2vec(*whole, WORDS, [0, 64, 137], targets, block=1, seed=9)
        kernels.word2vec(*parts, WORDS[:64], None, targets, block=1, seed=9)
        kernels.word2vec(*parts, WORDS[64:], None, targets, block=1, seed=9, first=64)
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(a, b)
        other = tables(10, targets)
        kernels.word2vec(*other, WORDS, [0, 64, 137], targets, block=1, seed=10)
        assert (other[0] != whole[0]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_any_number_of_threads(name, cbow, dtype):
    rows = 40 if name == "softmax" else 500
    words = np.random.default_rng(1).integers(0, rows, 300 if name == "softmax" else 2500)
    counts = np.bincount(words, minlength=rows)
    made = {
        "softmax": None,
        "tree": kernels.huffman_tree(counts),
        "5 negatives": kernels.negative_sampling(counts),
        "13 negatives": kernels.negative_sampling(counts, 13),
    }
    targets = made[name]

    def run():
        results = []
        for d in (100, 304):
            x, y = tables(d, targets, dtype, rows)
            losses = kernels.word2vec(
                x, y, words, [0, 110, len(words)], targets, cbow=cbow, block=500, losses=True
            )
            results += [x, y, losses]
        return results

    same_for_any_threads(run)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TARGETS)
def test_odd_arrays(name, dtype):
    targets, options = TARGETS[name], dict(seed=3, window=2)
    for d in (5, 16):
        x, y = tables(d, targets, dtype)
        expected = [x.copy(), y.copy()]
        kernels.word2vec(*expected, WORDS, BOUNDS, targets, **options)
        for variant in VARIANTS:
            odd = [variant(a.copy()) for a in (x, y, WORDS)]
            if not odd[0].flags.writeable:
                with pytest.raises(ValueError, match="word2vec: inputs is read-only"):
                    kernels.word2vec(*odd, BOUNDS, targets, **options)
                continue
            kernels.word2vec(*odd, BOUNDS, targets, **options)
            for actual, one in zip(odd, expected, strict=False):
                np.testing.assert_array_equal(actual, one, err_msg=variant.__name__)


def test_whole_lines_are_trained_where_they_lie():
    targets = TARGETS["5 negatives"]
    x, y = (kernels.word_table(V, 100) for _ in range(2))
    assert x.shape == (V, 112) and x.dtype == np.float32 and x.ctypes.data % 64 == 0
    assert kernels.word_table(V, 3, np.float64).shape == (V, 8)
    narrow = tables(100, targets, np.float32)
    x[:, :100], y[:, :100] = narrow
    tracemalloc.start()
    kernels.word2vec(x, y, WORDS, BOUNDS, targets)
    assert tracemalloc.get_traced_memory()[1] < x.nbytes
    tracemalloc.stop()
    kernels.word2vec(*narrow, WORDS, BOUNDS, targets)
    np.testing.assert_array_equal(x[:, :100], narrow[0])
    assert not x[:, 100:].any() and not y[:, 100:].any()


@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("name", TARGETS)
def test_special_numbers_come_through(name, special):
    """To the loss and the rows of a window that meets them, and no others."""
    targets = TARGETS[name]
    x, y = tables(20, targets)
    before = x.copy()
    x[4, 7] = special
    words, bounds = np.array([4, 9, 20, 21]), [0, 2, 4]
    losses = kernels.word2vec(x, y, words, bounds, targets, block=1, seed=1, losses=True)
    assert not np.isfinite(x[9]).all() or not np.isfinite(x[4]).all()
    assert np.isnan(losses[1]) or np.isinf(losses[1]) or special == np.inf
    untouched = np.setdiff1d(np.arange(V), words)
    np.testing.assert_array_equal(x[untouched], before[untouched])


@pytest.mark.parametrize("name", TARGETS)
def test_tables_may_lie_between_each_other(name):
    targets = TARGETS[name]
    x, y = tables(8, targets)
    both = np.zeros((V, 16))
    beside = both[:, :8], both[: len(y), 8:]
    for part, table in zip(beside, (x, y), strict=True):
        part[...] = table
    for pair in ((x, y), beside):
        kernels.word2vec(*pair, WORDS, BOUNDS, targets)
    for part, table in zip(beside, (x, y), strict=True):
        np.testing.assert_array_equal(part, table)


def test_nothing_to_learn():
    for targets in TARGETS.values():
        x, y = tables(6, targets)
        before = x.copy(), y.copy()
        for words, bounds in (([], None), ([], [0]), ([3, 4], [0, 1, 2])):
            losses = kernels.word2vec(x, y, words, bounds, targets, losses=True)
            np.testing.assert_array_equal(losses, np.zeros(len(words)))
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(y, before[1])


# ---- what windows draw ---------------------------------------------------------------------------


def test_alias_table_has_the_shares():
    for counts in ([1], [5, 0, 0], [1, 1, 1], RNG.integers(0, 50, 1000), [1e-9, 1.0, 1e9]):
        made = kernels.negative_sampling(counts, 1, power=0.75)
        rows, stands = len(made.threshold), made.threshold / 2.0**32
        shares = stands / rows + np.bincount(made.alias, (1 - stands) / rows, rows)
        weights = np.asarray(counts, float) ** 0.75
        np.testing.assert_allclose(shares, weights / weights.sum(), atol=1e-9)


def test_reach_and_negatives_are_drawn_as_often_as_they_should():
    words = np.zeros(5_000, int)
    targets = kernels.negative_sampling([0, 1, 3], 2, power=1)
    windows = drawn(words, [0, len(words)], targets, 4, 11, 0)
    reach = np.bincount([len(contexts) for _, contexts, _, _ in windows[4:-4]]) / len(windows)
    np.testing.assert_allclose(reach[2::2], 0.25, atol=0.03)
    rows = np.bincount([row for _, _, rows, _ in windows for row in rows[1:]]) / len(words) / 2
    np.testing.assert_allclose(rows, [0, 0.25, 0.75], atol=0.03)


def test_huffman_tree_is_the_shortest_and_a_prefix_code():
    for counts in ([4], [1, 1], [3, 0, 0, 1], [1, 2, 4, 8, 16], RNG.integers(0, 40, 300)):
        tree, counts = kernels.huffman_tree(counts), np.asarray(counts)
        length = np.diff(tree.start)
        heap, cost = sorted(counts.tolist()), 0
        while len(heap) > 1:
            pair = heapq.heappop(heap) + heapq.heappop(heap)
            heapq.heappush(heap, pair)
            cost += pair
        assert (length * counts).sum() == cost
        ways, children = set(), {}
        for begin, end in zip(tree.start[:-1], tree.start[1:], strict=True):
            nodes, codes = tree.node[begin:end].tolist(), tree.code[begin:end].tolist()
            ways.add(tuple(codes))
            for step in zip(nodes[:-1], codes[:-1], nodes[1:], strict=True):
                assert children.setdefault(step[:2], step[2]) == step[2]
        assert len(ways) == len(counts)
        assert all(tuple(way[:i]) not in ways for way in ways for i in range(len(way)))
        assert set(tree.node.tolist()) == set(range(len(counts) - 1))


# ---- errors --------------------------------------------------------------------------------------

X, Y = np.zeros((2, 4, 3))
NEGATIVES, TREE = kernels.negative_sampling([1] * 4), kernels.huffman_tree([1] * 4)


def call(inputs=X, outputs=Y, words=(0, 1), bounds=None, targets=NEGATIVES, **options):
    return lambda: kernels.word2vec(inputs, outputs, np.array(words), bounds, targets, **options)


ERRORS = [
    (call(X.tolist()), TypeError, "word2vec: inputs must be a NumPy array, got list"),
    (call(X.astype(int)), TypeError, "word2vec: inputs must be float32 or float64, got int64"),
    (call(X[0]), ValueError, "word2vec: inputs must have 2 dimensions"),
    (call(X, X.astype(np.float32)), TypeError, "outputs must be float64 like inputs, got float32"),
    (call(X, X[:3]), ValueError, r"outputs must have the shape \(4, 3\), got \(3, 3\)"),
    (call(X, X), ValueError, "word2vec: inputs and outputs must not share memory"),
    (
        call(X, X[:3], targets=TREE),
        ValueError,
        "word2vec: inputs and outputs must not share memory",
    ),
    (call(targets=TREE), ValueError, r"outputs must have the shape \(3, 3\), got \(4, 3\)"),
    (call(X[:3], Y[:3]), ValueError, "targets are of 4 words, inputs of 3"),
    (call(targets=(1, 2)), TypeError, "targets must come from negative_sampling or huffman_tree"),
    (
        call(targets=NEGATIVES._replace(alias=NEGATIVES.alias + 3)),
        ValueError,
        r"targets must be rows 0\.\.3 of outputs",
    ),
    (
        call(targets=NEGATIVES._replace(threshold=np.ones(4))),
        ValueError,
        "targets are not as NegativeSampling's maker made them",
    ),
    (call(words=[0, 4]), ValueError, r"words must be in 0\.\.3 \(V = 4\), got 4 at 1"),
    (call(words=[0.5]), TypeError, "words must be a row of integers, got float64"),
    (call(bounds=[0, 1]), ValueError, r"bounds must go from 0 to 2 \(N\) and never fall"),
    (call(bounds=[0, 2, 1, 2]), ValueError, "bounds must go from 0 to 2"),
    (call(window=0), ValueError, "window must be >= 1, got 0"),
    (call(block=0), ValueError, "block must be >= 1, got 0"),
    (call(block=2**16 + 1), ValueError, "block must be <= 65536, got 65537"),
    (call(seed=-1), ValueError, "seed must be >= 0, got -1"),
    (call(seed=2**64), ValueError, "seed must be below 2"),
    (call(lr="fast"), TypeError, "lr must be a number, got 'fast'"),
    (call(lr=(1, 2, 3)), ValueError, "lr must be a number or two"),
    (lambda: kernels.negative_sampling([1, -1]), ValueError, "counts must be >= 0, got -1"),
    (lambda: kernels.negative_sampling([0, 0]), ValueError, "one of them more than 0"),
    (lambda: kernels.negative_sampling([]), ValueError, "counts must be a row of at least one"),
    (lambda: kernels.negative_sampling([1], 256), ValueError, "negatives must be <= 255, got 256"),
    (lambda: kernels.negative_sampling([1], 0), ValueError, "negatives must be >= 1, got 0"),
    (lambda: kernels.huffman_tree([0.5, 1]), TypeError, "counts must be integers, got float64"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
