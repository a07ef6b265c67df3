"""word2vec: CBOW and skip-gram with negative sampling or hierarchical softmax.

A window is a word and its contexts, the words of its sentence up to r places before and after it; r
is drawn for each window, from 1 to `window`. Skip-gram's contexts each, or CBOW's mean of them, are
set against the window's targets (word2vec.h): the word itself and K words that are drawn for the
window, or the inner nodes on the word's way from the root of a Huffman tree.

Windows go in blocks. The errors of a block's windows are those of the tables before the block; then
the windows take their steps, one after the other. Blocks of one window make it stochastic gradient
descent, window by window.

A thread owns columns of both tables and does their part of every window; parts of scores are all
that threads tell each other. Columns are cut into pieces by D alone, a score is the sum of the
pieces' parts in their order, and a number of a table is changed by one thread, window by window: so
the number of threads shows in no bit. Blocks take turns with two places for scores, and so threads
wait for each other once a block.

Window n draws the same numbers whoever draws them: the 1 + 2 K that begin with number n (1 + 2 K) of
Philox's under the key `seed`.
"""

import numpy as np

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from .memory cimport Block, block
from .threads cimport threads_for

cnp.import_array()

cdef extern from "word2vec.h" nogil:
    enum:
        LINE_BYTES
    int omp_get_thread_num()
    int omp_get_num_threads()
    void wait_for_all()

    void window_scores_f32(float **x, Py_ssize_t m, float **y, Py_ssize_t t, Py_ssize_t begin,
                           Py_ssize_t end, void *sums, float *score)
    void window_scores_f64(double **x, Py_ssize_t m, double **y, Py_ssize_t t, Py_ssize_t begin,
                           Py_ssize_t end, void *sums, double *score)
    void window_errors_f32(const float *score, Py_ssize_t parts, Py_ssize_t stride, Py_ssize_t m,
                           Py_ssize_t t, const int8_t *label, const uint8_t *times, double rate,
                           float *g)
    void window_errors_f64(const double *score, Py_ssize_t parts, Py_ssize_t stride, Py_ssize_t m,
                           Py_ssize_t t, const int8_t *label, const uint8_t *times, double rate,
                           double *g)
    double window_loss_f32(const float *score, Py_ssize_t parts, Py_ssize_t stride, Py_ssize_t m,
                           Py_ssize_t t, const int8_t *label, const uint8_t *times)
    double window_loss_f64(const double *score, Py_ssize_t parts, Py_ssize_t stride, Py_ssize_t m,
                           Py_ssize_t t, const int8_t *label, const uint8_t *times)
    void mean_rows_f32(float **x, Py_ssize_t m, Py_ssize_t begin, Py_ssize_t end, float *h)
    void mean_rows_f64(double **x, Py_ssize_t m, Py_ssize_t begin, Py_ssize_t end, double *h)
    void add_shares_f32(float **x, Py_ssize_t m, const float *d, Py_ssize_t begin, Py_ssize_t end)
    void add_shares_f64(double **x, Py_ssize_t m, const double *d, Py_ssize_t begin, Py_ssize_t end)
    void window_step_f32(float **x, float **to, Py_ssize_t m, float **y, Py_ssize_t t,
                         const float *g, Py_ssize_t begin, Py_ssize_t end, void *d)
    void window_step_f64(double **x, double **to, Py_ssize_t m, double **y, Py_ssize_t t,
                         const double *g, Py_ssize_t begin, Py_ssize_t end, void *d)

cdef extern from "philox.h" nogil:
    enum:
        PHILOX_BLOCK
    void philox_block(uint64_t block, uint64_t key, uint32_t *out)

cdef enum:
    SLICE_WINDOWS = 1024  # drawn together; between slices Ctrl-C is answered
    PIECE_LINES = 3       # a piece of columns has, at least
    MOST_PIECES = 16
    ROUND = 64            # bytes: of a vector at most, so that buffers hold whole ones

ctypedef fused real:
    float
    double


# ---- random numbers, and tables to draw from -----------------------------------------------------

cdef struct Stream:
    uint64_t key, block
    uint32_t number[64]


cdef inline uint32_t number_at(Stream *s, uint64_t i) noexcept nogil:
    """Number i of the stream: 32 bits."""
    if i // PHILOX_BLOCK != s.block:
        s.block = i // PHILOX_BLOCK
        philox_block(s.block, s.key, s.number)
    return s.number[i % PHILOX_BLOCK]


cdef inline Py_ssize_t below(uint32_t r, Py_ssize_t n) noexcept nogil:
    """0..n-1, from 32 random bits."""
    return <Py_ssize_t>((<uint64_t>r * <uint64_t>n) >> 32)


def reaches(uint64_t seed, uint64_t first, Py_ssize_t count, Py_ssize_t window):
    """The r of windows first, first + 1, ... without negatives: int64 (count,)."""
    cdef cnp.ndarray out = np.empty(count, np.int64)
    cdef int64_t *r = <int64_t *>cnp.PyArray_DATA(out)
    cdef Stream random
    cdef Py_ssize_t i
    random.key, random.block = seed, <uint64_t>-1
    with nogil:
        for i in range(count):
            r[i] = 1 + below(number_at(&random, first + i), window)
    return out


def alias_table(cnp.ndarray weights):
    """weights (V,) contiguous float64, >= 0, their sum > 0 -> threshold uint32, alias int32 (V,).

    Row i = 0..V-1, all alike, stands if 32 random bits are below threshold[i], alias[i] otherwise:
    row v in the share weights[v] / sum. Walker 1977 (ACM TOMS 3), built as by Vose 1991 (IEEE TSE
    17): `less` grows from the bottom and `more` from the top of one list.
    """
    cdef Py_ssize_t rows = weights.shape[0], less = 0, more = rows, i, low, high
    cdef cnp.ndarray scaled = weights * (rows / weights.sum())
    cdef cnp.ndarray threshold = np.full(rows, 0xFFFFFFFF, np.uint32)
    cdef cnp.ndarray alias = np.arange(rows, dtype=np.int32), lists = np.empty(rows, np.int64)
    cdef double *share = <double *>cnp.PyArray_DATA(scaled)
    cdef uint32_t *bound = <uint32_t *>cnp.PyArray_DATA(threshold)
    cdef int32_t *other = <int32_t *>cnp.PyArray_DATA(alias)
    cdef int64_t *member = <int64_t *>cnp.PyArray_DATA(lists)
    with nogil:
        for i in range(rows):
            if share[i] < 1:
                member[less] = i
                less += 1
            else:
                more -= 1
                member[more] = i
        while less > 0 and more < rows:
            less -= 1
            low, high = member[less], member[more]
            bound[low] = <uint32_t>(share[low] * 4294967296.0)
            other[low] = <int32_t>high
            share[high] -= 1 - share[low]
            if share[high] < 1:
                more += 1
                member[less] = high
                less += 1
    return threshold, alias


def huffman_tree(cnp.ndarray counts):
    """counts (V,) contiguous int64, falling -> the ways from the root to each of V leaves:
    start int64 (V + 1,), node int32, code int8: leaf v's are node[start[v]:start[v + 1]], inner
    nodes 0..V-2 (V-2 is the root), and which branch each takes there.

    Leaves and inner nodes come up in two queues, each the rarest first (van Leeuwen 1976), so that
    the two rarest are always at their fronts; an inner node is V + its number.
    """
    cdef Py_ssize_t rows = counts.shape[0], leaf = rows - 1, inner = 0, made, v, at, depth, k
    cdef cnp.ndarray sums = np.zeros(max(rows - 1, 1), np.int64)
    cdef cnp.ndarray parents = np.zeros(2 * rows, np.int32), branches = np.zeros(2 * rows, np.int8)
    cdef cnp.ndarray start = np.zeros(rows + 1, np.int64), node, code
    cdef const int64_t *count = <const int64_t *>cnp.PyArray_DATA(counts)
    cdef int64_t *total = <int64_t *>cnp.PyArray_DATA(sums)
    cdef int64_t *begin = <int64_t *>cnp.PyArray_DATA(start)
    cdef int32_t *parent = <int32_t *>cnp.PyArray_DATA(parents)
    cdef int8_t *branch = <int8_t *>cnp.PyArray_DATA(branches)
    cdef int32_t *nodes
    cdef int8_t *codes
    with nogil:
        for made in range(rows - 1):
            for k in range(2):
                if leaf >= 0 and (inner == made or count[leaf] <= total[inner]):
                    at, leaf = leaf, leaf - 1
                    total[made] += count[at]
                else:
                    at, inner = rows + inner, inner + 1
                    total[made] += total[at - rows]
                parent[at] = <int32_t>made
                branch[at] = <int8_t>k
        for v in range(rows):
            depth, at = 0, v
            while at < 2 * rows - 2:
                depth, at = depth + 1, rows + parent[at]
            begin[v + 1] = begin[v] + depth
    node, code = np.empty(start[rows], np.int32), np.empty(start[rows], np.int8)
    nodes, codes = <int32_t *>cnp.PyArray_DATA(node), <int8_t *>cnp.PyArray_DATA(code)
    with nogil:
        for v in range(rows):
            depth, at = begin[v + 1], v
            while at < 2 * rows - 2:
                depth -= 1
                nodes[depth], codes[depth] = parent[at], branch[at]
                at = rows + parent[at]
    return start, node, code


# ---- windows -------------------------------------------------------------------------------------

cdef struct Window:
    Py_ssize_t at, begin, end   # of words: its own, its first context, past its last one
    Py_ssize_t t
    const int32_t *target       # (t,) rows, distinct
    const int8_t *label
    const uint8_t *times

cdef struct Job:
    char *inputs                # (V, D), rows so many bytes apart
    char *outputs
    Py_ssize_t input_row, output_row
    Py_ssize_t lines, pieces    # of a row
    const int64_t *words        # (count,)
    const int64_t *bounds       # (sentences + 1,)
    Py_ssize_t count, sentences, window, block
    bint cbow
    uint64_t seed, first
    double rate, last_rate
    double *losses              # (count,), or NULL
    Py_ssize_t negatives, rows  # drawn of so many rows; or 0,
    const uint32_t *threshold
    const int32_t *alias
    const int64_t *start        # and a tree
    const int32_t *node
    const int8_t *code
    Py_ssize_t most, room       # targets of a window; scores of a window, in whole vectors
    Window *windows             # of a slice
    int32_t *drawn              # (windows, most)
    uint8_t *times              # (windows, most)
    int8_t *label               # (most,): 1, 0, 0, ...
    char *scores                # (2, block, pieces, room)
    char *scratch               # a thread's
    Py_ssize_t scratch_bytes


cdef Py_ssize_t sentence_of(const Job *job, Py_ssize_t word) noexcept nogil:
    cdef Py_ssize_t low = 0, high = job.sentences, middle  # low's begin <= word < high's
    while high - low > 1:
        middle = (low + high) // 2
        if job.bounds[middle] <= word:
            low = middle
        else:
            high = middle
    return low


cdef void draw_targets(const Job *job, Stream *random, uint64_t number, Window *w, int32_t *target,
                       uint8_t *times) noexcept nogil:
    """The window's word, and K drawn ones; one drawn again counts `times`, the word not at all."""
    cdef Py_ssize_t k, j, row, t = 1
    target[0], times[0] = <int32_t>job.words[w.at], 1
    for k in range(job.negatives):
        row = below(number_at(random, number + 2 * k), job.rows)
        if number_at(random, number + 2 * k + 1) >= job.threshold[row]:
            row = job.alias[row]
        j = 0
        while j < t and target[j] != row:
            j += 1
        if j == t:
            target[t], times[t] = <int32_t>row, 1
            t += 1
        elif j > 0:
            times[j] += 1
    w.t, w.target, w.label, w.times = t, target, job.label, times


cdef void draw(const Job *job, Py_ssize_t first, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Windows [begin, end) of the slice whose first word is `first`."""
    cdef Py_ssize_t i, word, reach, sentence = sentence_of(job, first + begin)
    cdef uint64_t number
    cdef const int64_t *start
    cdef Window *w
    cdef Stream random
    random.key, random.block = job.seed, <uint64_t>-1
    for i in range(begin, end):
        w, word = job.windows + i, first + i
        while job.bounds[sentence + 1] <= word:
            sentence += 1
        number = (job.first + word) * (1 + 2 * job.negatives)
        reach = 1 + below(number_at(&random, number), job.window)
        w.at = word
        w.begin = max(job.bounds[sentence], word - reach)
        w.end = min(job.bounds[sentence + 1], word + reach + 1)
        if job.negatives > 0:
            draw_targets(job, &random, number + 1, w, job.drawn + i * job.most,
                         job.times + i * job.most)
        else:
            start = job.start + job.words[word]
            w.t, w.target, w.label = start[1] - start[0], job.node + start[0], job.code + start[0]
            w.times = job.times


# ---- a thread's part -----------------------------------------------------------------------------

cdef struct Scratch:   # of a thread; R stands for the dtype
    void **x           # (2 window,) R *: context rows
    void **y           # (most,) R *: target rows
    void *g            # (room,) R
    void *sums         # (room,) vectors
    void *h            # (D,) R: CBOW's mean,
    void *dh           # (D,) R: and its step


cdef Py_ssize_t whole(Py_ssize_t nbytes) noexcept nogil:
    return (nbytes + ROUND - 1) // ROUND * ROUND


cdef Py_ssize_t lay_out(const Job *job, char *data, size_t itemsize, Scratch *s) noexcept nogil:
    """Bytes that a thread's scratch takes; where its parts lie."""
    cdef Py_ssize_t at = 0
    s.x = <void **>data
    at += whole(2 * job.window * sizeof(void *))
    s.y = <void **>(data + at)
    at += whole(job.most * sizeof(void *))
    s.g = data + at
    at += whole(job.room * itemsize)
    s.sums = data + at
    at += job.room * ROUND
    s.h = data + at
    at += job.lines * LINE_BYTES
    s.dh = data + at
    return at + job.lines * LINE_BYTES


cdef inline Py_ssize_t find_rows(const Job *job, const Window *w, Scratch *s) noexcept nogil:
    """s.x and s.y; the number of contexts."""
    cdef Py_ssize_t i, m = 0
    for i in range(w.begin, w.end):
        if i != w.at:
            s.x[m] = job.inputs + job.words[i] * job.input_row
            m += 1
    for i in range(w.t):
        s.y[i] = job.outputs + w.target[i] * job.output_row
    return m


cdef inline Py_ssize_t piece_begin(const Job *job, Py_ssize_t piece, size_t itemsize) noexcept nogil:
    """First column of a piece."""
    return job.lines * piece // job.pieces * (LINE_BYTES // itemsize)


cdef void score_window(const Job *job, const Window *w, Py_ssize_t piece, Py_ssize_t pieces,
                       Scratch *s, real *scores) noexcept nogil:
    """scores[p, i t + j] = piece p's part of x[i] . y[j], pieces [piece, pieces)."""
    cdef Py_ssize_t m = find_rows(job, w, s), p, begin, end
    cdef real **x = <real **>s.x
    cdef real **y = <real **>s.y
    cdef real *h = <real *>s.h
    if m == 0:
        return
    for p in range(piece, pieces):
        begin, end = piece_begin(job, p, sizeof(real)), piece_begin(job, p + 1, sizeof(real))
        if job.cbow:
            if real is float:
                mean_rows_f32(x, m, begin, end, h)
                window_scores_f32(&h, 1, y, w.t, begin, end, s.sums, scores + p * job.room)
            else:
                mean_rows_f64(x, m, begin, end, h)
                window_scores_f64(&h, 1, y, w.t, begin, end, s.sums, scores + p * job.room)
        elif real is float:
            window_scores_f32(x, m, y, w.t, begin, end, s.sums, scores + p * job.room)
        else:
            window_scores_f64(x, m, y, w.t, begin, end, s.sums, scores + p * job.room)


cdef void step_window(const Job *job, const Window *w, Py_ssize_t begin, Py_ssize_t end,
                      Scratch *s, const real *scores, double rate) noexcept nogil:
    """The window's step in columns [begin, end)."""
    cdef Py_ssize_t m = find_rows(job, w, s), contexts = m
    cdef real **x = <real **>s.x
    cdef real **y = <real **>s.y
    cdef real **to = x
    cdef real *h = <real *>s.h
    cdef real *dh = <real *>s.dh
    cdef real *g = <real *>s.g
    if m == 0:
        return
    if job.cbow:
        m, to = 1, &dh
        memset(dh + begin, 0, (end - begin) * sizeof(real))
    if real is float:
        window_errors_f32(scores, job.pieces, job.room, m, w.t, w.label, w.times, rate, g)
        if job.cbow:
            mean_rows_f32(x, contexts, begin, end, h)
        window_step_f32(&h if job.cbow else x, to, m, y, w.t, g, begin, end, s.sums)
        if job.cbow:
            add_shares_f32(x, contexts, dh, begin, end)
    else:
        window_errors_f64(scores, job.pieces, job.room, m, w.t, w.label, w.times, rate, g)
        if job.cbow:
            mean_rows_f64(x, contexts, begin, end, h)
        window_step_f64(&h if job.cbow else x, to, m, y, w.t, g, begin, end, s.sums)
        if job.cbow:
            add_shares_f64(x, contexts, dh, begin, end)


cdef double loss_of(const Job *job, const Window *w, const real *scores) noexcept nogil:
    cdef Py_ssize_t contexts = w.end - w.begin - 1, m = min(contexts, 1) if job.cbow else contexts
    if real is float:
        return window_loss_f32(scores, job.pieces, job.room, m, w.t, w.label, w.times)
    else:
        return window_loss_f64(scores, job.pieces, job.room, m, w.t, w.label, w.times)


cdef void train_slice(const Job *job, Py_ssize_t first, Py_ssize_t n, int thread, int threads,
                      real *_) noexcept nogil:
    """One of the threads' part in the windows of words first, ..., first + n - 1."""
    cdef Py_ssize_t i, b = 0, last, window_size = job.pieces * job.room
    cdef Py_ssize_t piece = job.pieces * thread // threads
    cdef Py_ssize_t pieces = job.pieces * (thread + 1) // threads
    cdef Py_ssize_t begin = piece_begin(job, piece, sizeof(real))
    cdef Py_ssize_t end = piece_begin(job, pieces, sizeof(real))
    cdef real *scores
    cdef double rate
    cdef Scratch scratch
    lay_out(job, job.scratch + thread * job.scratch_bytes, sizeof(real), &scratch)
    draw(job, first, n * thread // threads, n * (thread + 1) // threads)
    if threads > 1:
        wait_for_all()
    while b < n:
        last = min(b + job.block, n)
        scores = <real *>job.scores + (b // job.block % 2) * job.block * window_size
        rate = job.rate + (job.last_rate - job.rate) * (first + b) / job.count
        for i in range(b, last):
            score_window(job, job.windows + i, piece, pieces, &scratch,
                         scores + (i - b) * window_size)
        if threads > 1:
            wait_for_all()
        for i in range(b, last):
            if job.losses != NULL and i % threads == thread:
                job.losses[first + i] = loss_of(job, job.windows + i,
                                                <const real *>scores + (i - b) * window_size)
            step_window(job, job.windows + i, begin, end, &scratch,
                        <const real *>scores + (i - b) * window_size, rate)
        b = last


# ---- the entry point -----------------------------------------------------------------------------


def train(cnp.ndarray inputs, cnp.ndarray outputs, cnp.ndarray words, cnp.ndarray bounds, *,
          Py_ssize_t window, bint cbow, Py_ssize_t negatives, tuple table, double rate,
          double last_rate, uint64_t seed, uint64_t first, Py_ssize_t block_windows,
          cnp.ndarray losses):
    """Train the tables inputs (V, D), outputs (., D) in place, whose rows are whole lines.

    words (N,) contiguous int64, numbers of rows; bounds (S + 1,) contiguous int64, from 0 to N, not
    falling: where sentences begin and end. table: `alias_table`'s arrays, or without negatives
    `huffman_tree`'s. losses (N,) contiguous float64, to be filled, or None.
    """
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(inputs), begin = 0, n
    cdef Py_ssize_t slice_windows = -(-SLICE_WINDOWS // block_windows) * block_windows
    cdef bint single = itemsize == sizeof(float)
    cdef Job job
    cdef Scratch layout
    memset(&job, 0, sizeof(Job))
    job.inputs, job.outputs = <char *>cnp.PyArray_DATA(inputs), <char *>cnp.PyArray_DATA(outputs)
    job.input_row, job.output_row = inputs.strides[0], outputs.strides[0]
    job.lines = inputs.shape[1] * itemsize // LINE_BYTES
    job.pieces = max(1, min(<Py_ssize_t>MOST_PIECES, job.lines // PIECE_LINES))
    job.words = <const int64_t *>cnp.PyArray_DATA(words)
    job.bounds = <const int64_t *>cnp.PyArray_DATA(bounds)
    job.count, job.sentences = words.shape[0], bounds.shape[0] - 1
    job.window, job.block, job.cbow = window, min(block_windows, max(job.count, 1)), cbow
    job.seed, job.first, job.rate, job.last_rate = seed, first, rate, last_rate
    if losses is not None:
        job.losses = <double *>cnp.PyArray_DATA(losses)
    job.negatives, job.rows = negatives, outputs.shape[0]
    if negatives > 0:
        job.most = 1 + negatives
        job.threshold = <const uint32_t *>cnp.PyArray_DATA(table[0])
        job.alias = <const int32_t *>cnp.PyArray_DATA(table[1])
    else:
        job.most = max(np.diff(table[0]).max(), 1)
        job.start = <const int64_t *>cnp.PyArray_DATA(table[0])
        job.node = <const int32_t *>cnp.PyArray_DATA(table[1])
        job.code = <const int8_t *>cnp.PyArray_DATA(table[2])
    job.room = whole(2 * window * job.most * itemsize) // itemsize
    cdef int threads = min(  # a block's work: they wait for each other as often
        threads_for(3.0 * job.block * window * job.most * inputs.shape[1]), job.pieces)
    cdef Block windows = block(slice_windows * sizeof(Window))
    cdef Block drawn = block(slice_windows * job.most * sizeof(int32_t))
    cdef Block times = block(slice_windows * job.most), label = block(job.most)
    cdef Block scores = block(2 * job.block * job.pieces * job.room * itemsize)
    job.scratch_bytes = lay_out(&job, NULL, itemsize, &layout)
    cdef Block scratch = block(threads * job.scratch_bytes)
    job.windows, job.drawn = <Window *>windows.data, <int32_t *>drawn.data
    job.times, job.label = <uint8_t *>times.data, <int8_t *>label.data
    job.scores, job.scratch = <char *>scores.data, <char *>scratch.data
    memset(job.times, 1, slice_windows * job.most)
    memset(job.label, 0, job.most)
    job.label[0] = 1
    while begin < job.count:
        n = min(slice_windows, job.count - begin)
        with nogil, parallel(num_threads=threads):
            if single:
                train_slice(&job, begin, n, omp_get_thread_num(), omp_get_num_threads(),
                            <float *>NULL)
            else:
                train_slice(&job, begin, n, omp_get_thread_num(), omp_get_num_threads(),
                            <double *>NULL)
        PyErr_CheckSignals()
        begin += n
