"""Linear-chain conditional random fields: how likely tags are, the gradient of that, best tags.

N sequences of T positions or fewer, K tags. The score of tags y given emissions e is

    start(y_0) + e_0(y_0) + sum_{t > 0} (A(y_{t-1}, y_t) + e_t(y_t)) + end(y_last)

and its log-likelihood is that less log Z, the logarithm of the sum of exp(score) over all y.
crf.h has the arithmetic of a step; here are the loops over positions, sequences and threads. All is
computed in double, emissions are read and gradients written in their own dtype.

Items are runs of sequences, each one thread's; the gradients of A, start and end are an item's own
until they are added up, item after item. Items follow from the shape, so any number of threads
gives the same bits. Between spans of positions, after which every sequence goes on from what it has
saved, Ctrl-C is answered.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY, isfinite, log
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .memory cimport Block, block, empty
from .threads cimport threads_for

cnp.import_array()

cdef enum:
    MOST_ITEMS = 32
    ITEM_GRADIENTS = 1 << 23  # numbers in all items' gradients, at most, unless one has more
    SPAN = 1 << 27            # multiply-adds between two looks for Ctrl-C
    TAG_WORK = 40             # of a tag at a position, beside the products: exp, log

cdef extern from "crf.h" nogil:
    enum:
        CRF_LANES

    ctypedef struct crf_t:
        Py_ssize_t K, P
        const double *A
        const double *E
        double shift

    double crf_weights(const double *a, double *p, Py_ssize_t n)
    void crf_exp(const double *x, double shift, double *y, Py_ssize_t n)
    double crf_sum(const double *x, Py_ssize_t n)
    double crf_advance(const crf_t *g, const double *a, double *p, double *b)
    void crf_retreat(const crf_t *g, const double *a, const double *b, double *d, double *dA,
                     double *p, double *r)
    void crf_advance_best(const crf_t *g, const double *a, double *b)

ctypedef enum Task:
    LIKELIHOOD
    GRADIENT
    DECODE

cdef struct Job:
    crf_t g
    Task task
    Py_ssize_t T, N, items
    size_t itemsize
    const void *emissions    # IN (T, N, K)
    const int64_t *tags      # IN (T, N)
    const int64_t *lengths   # IN (N)
    const double *start      # IN (P), its padding 0
    const double *end        # IN (P), likewise
    double *before           # (T, N, K): b of crf.h, each relative to the shifts before it
    double *shifts           # (N): their sums; then log Z, or the best score
    double *rooms            # (items, 4, P)
    const double *scale      # IN (N): gradient of the likelihoods
    double *d                # (N, P): gradient of a at the position where a span ended
    double *dA               # (items, K + 2, P): gradients of A, start, end, all less the tags' own
    void *demissions         # OUT (T, N, K)
    int64_t *best            # OUT (T, N)


cdef inline Py_ssize_t at(const Job *job, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return (t * job.N + n) * job.g.K


cdef inline double emission(const Job *job, Py_ssize_t t, Py_ssize_t n,
                            Py_ssize_t k) noexcept nogil:
    if job.itemsize == sizeof(float):
        return (<const float *>job.emissions)[at(job, t, n) + k]
    return (<const double *>job.emissions)[at(job, t, n) + k]


cdef void add_emissions(const Job *job, Py_ssize_t t, Py_ssize_t n, double *a) noexcept nogil:
    """a = e_t + b_t, -inf in the padding."""
    cdef const double *b = job.before + at(job, t, n)
    cdef Py_ssize_t k
    for k in range(job.g.K):
        a[k] = emission(job, t, n, k) + b[k]
    for k in range(job.g.K, job.g.P):
        a[k] = -INFINITY


cdef void add_end(const Job *job, double *a) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(job.g.P):
        a[k] += job.end[k]


cdef void keep(const Job *job, Py_ssize_t t, Py_ssize_t n, const double *b) noexcept nogil:
    memcpy(job.before + at(job, t, n), b, job.g.K * sizeof(double))


cdef void begin(const Job *job, Py_ssize_t n) noexcept nogil:
    """b_0 = start."""
    keep(job, 0, n, job.start)
    job.shifts[n] = 0


cdef void clear(const Job *job, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    """Beyond a sequence's length."""
    memset(job.before + at(job, t, n), 0, job.g.K * sizeof(double))


cdef void forward(const Job *job, Py_ssize_t n, Py_ssize_t t0, Py_ssize_t t1,
                  double *a, double *b, double *p) noexcept nogil:
    cdef Py_ssize_t length = job.lengths[n], t
    if t0 == 0 < length:
        begin(job, n)
    for t in range(max(t0, 1), min(t1, length)):
        add_emissions(job, t - 1, n, a)
        job.shifts[n] += crf_advance(&job.g, a, p, b)
        keep(job, t, n, b)
    if t0 < length <= t1:
        add_emissions(job, length - 1, n, a)
        add_end(job, a)
        job.shifts[n] += crf_weights(a, p, job.g.P)
        job.shifts[n] += log(crf_sum(p, job.g.P))
    for t in range(max(t0, length), t1):
        clear(job, t, n)


cdef void backward(const Job *job, Py_ssize_t n, Py_ssize_t t0, Py_ssize_t t1, double *gradients,
                   double *a, double *b, double *p, double *r) noexcept nogil:
    """log Z = log sum_j exp(a_last(j) + end(j)); d is its gradient by a_t, and so by e_t."""
    cdef Py_ssize_t length = job.lengths[n], t, k, K = job.g.K, P = job.g.P
    cdef double *d = job.d + n * P
    cdef double factor
    if t0 < length <= t1:
        add_emissions(job, length - 1, n, a)
        add_end(job, a)
        crf_weights(a, d, P)
        factor = job.scale[n] / crf_sum(d, P)
        for k in range(P):
            d[k] *= factor
            gradients[(K + 1) * P + k] += d[k]
    t = min(t1, length)
    while t > t0:
        t -= 1
        put_gradient(job, t, n, d)
        if t > 0:
            add_emissions(job, t - 1, n, a)
            memcpy(b, job.before + at(job, t, n), K * sizeof(double))
            for k in range(K, P):
                b[k] = job.g.shift
            crf_retreat(&job.g, a, b, d, gradients, p, r)
        else:
            for k in range(K):
                gradients[K * P + k] += d[k]
    for t in range(max(t0, length), t1):
        put_nothing(job, t, n)


cdef void put_gradient(const Job *job, Py_ssize_t t, Py_ssize_t n, const double *d) noexcept nogil:
    """de_t(j) = scale [j is t's tag] - d_j"""
    cdef Py_ssize_t tag = job.tags[t * job.N + n]
    if job.itemsize == sizeof(float):
        put_row[float](<float *>job.demissions + at(job, t, n), d, job.g.K, tag, job.scale[n])
    else:
        put_row[double](<double *>job.demissions + at(job, t, n), d, job.g.K, tag, job.scale[n])


cdef inline void put_row(floating *out, const double *d, Py_ssize_t K, Py_ssize_t tag,
                         double scale) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(K):
        out[k] = <floating>-d[k]
    out[tag] = <floating>(scale - d[tag])


cdef void put_nothing(const Job *job, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    memset(<char *>job.demissions + at(job, t, n) * job.itemsize, 0, job.g.K * job.itemsize)


cdef void decode(const Job *job, Py_ssize_t n, Py_ssize_t t0, Py_ssize_t t1,
                 double *a, double *b) noexcept nogil:
    """Viterbi 1967, with max in place of log sum exp. Going back, a tag's predecessor is found
    again from the scores, which are kept."""
    cdef Py_ssize_t length = job.lengths[n], t, tag
    if t0 == 0 < length:
        begin(job, n)
    for t in range(max(t0, 1), min(t1, length)):
        add_emissions(job, t - 1, n, a)
        crf_advance_best(&job.g, a, b)
        keep(job, t, n, b)
    if t0 < length <= t1:
        add_emissions(job, length - 1, n, a)
        add_end(job, a)
        tag = best_of(job, a, &job.shifts[n])
        job.best[(length - 1) * job.N + n] = tag
        t = length - 1
        while t > 0:
            t -= 1
            add_emissions(job, t, n, a)
            add_column(job, tag, a)
            tag = best_of(job, a, NULL)
            job.best[t * job.N + n] = tag
    for t in range(max(t0, length), t1):
        job.best[t * job.N + n] = -1


cdef void add_column(const Job *job, Py_ssize_t tag, double *a) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(job.g.K):
        a[k] += job.g.A[k * job.g.P + tag]


cdef Py_ssize_t best_of(const Job *job, const double *a, double *value) noexcept nogil:
    """The first of the largest; of NaN, the first NaN."""
    cdef Py_ssize_t k, best = 0
    for k in range(1, job.g.K):
        if a[k] > a[best] or (a[k] != a[k] and a[best] == a[best]):
            best = k
    if value != NULL:
        value[0] = a[best]
    return best


cdef void run_item(const Job *job, Py_ssize_t item, Py_ssize_t t0, Py_ssize_t t1) noexcept nogil:
    cdef Py_ssize_t n, P = job.g.P
    cdef double *a = job.rooms + item * 4 * P
    cdef double *b = a + P
    cdef double *p = b + P
    for n in range(item * job.N // job.items, (item + 1) * job.N // job.items):
        if job.task == LIKELIHOOD:
            forward(job, n, t0, t1, a, b, p)
        elif job.task == GRADIENT:
            backward(job, n, t0, t1, job.dA + item * (job.g.K + 2) * P, a, b, p, p + P)
        else:
            decode(job, n, t0, t1, a, b)


cdef int run(const Job *job) except -1:
    """All items, span of positions after span; of the gradient, from the last one to the first."""
    cdef double position = <double>job.N * job.g.K * (job.g.P + TAG_WORK)
    cdef Py_ssize_t step = 1 + <Py_ssize_t>(SPAN / (position + 1)), spans, i, item, t0, t1
    cdef int threads = threads_for(position * job.T)
    spans = (job.T + step - 1) // step
    for i in range(spans):
        t0 = (spans - 1 - i if job.task == GRADIENT else i) * step
        t1 = min(t0 + step, job.T)
        for item in prange(job.items, schedule="dynamic", num_threads=threads, nogil=True):
            run_item(job, item, t0, t1)
        PyErr_CheckSignals()
    return 0


# ---- arrays -------------------------------------------------------------------------------------


cdef double item_at(cnp.ndarray x, Py_ssize_t i):
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        return (<const float *>cnp.PyArray_DATA(x))[i]
    return (<const double *>cnp.PyArray_DATA(x))[i]


cdef class Field:
    """A Job, and the memory that it points to."""

    cdef Job job
    cdef Block scores, shifts, rooms, d, dA
    cdef object arrays

    def __cinit__(self, int task, cnp.ndarray emissions, cnp.ndarray transitions,
                  cnp.ndarray start, cnp.ndarray end, cnp.ndarray lengths):
        cdef Job *job = &self.job
        cdef Py_ssize_t K = emissions.shape[2], P, i, j
        cdef double *A
        cdef double *E
        job.task = <Task>task
        job.T, job.N = emissions.shape[0], emissions.shape[1]
        job.items = max(1, min(job.N, MOST_ITEMS, ITEM_GRADIENTS // (K * K)))
        job.g.K = K
        job.g.P = P = (K + CRF_LANES - 1) // CRF_LANES * CRF_LANES
        job.itemsize = cnp.PyArray_ITEMSIZE(emissions)
        job.emissions = cnp.PyArray_DATA(emissions)
        job.lengths = <const int64_t *>cnp.PyArray_DATA(lengths)
        self.arrays = emissions, lengths
        self.scores = block((2 * K + 2) * P * sizeof(double))
        A = <double *>self.scores.data
        E = A + K * P
        job.g.A, job.g.E = A, E
        job.start, job.end = E + K * P, E + (K + 1) * P
        job.g.shift = -INFINITY
        for i in range(K):
            for j in range(K):
                A[i * P + j] = item_at(transitions, i * K + j)
                if isfinite(A[i * P + j]):
                    job.g.shift = max(job.g.shift, A[i * P + j])
        if job.g.shift == -INFINITY:
            job.g.shift = 0
        for i in range(K):
            for j in range(K, P):
                A[i * P + j] = job.g.shift
        crf_exp(A, -job.g.shift, E, K * P)
        for j in range(P):
            E[K * P + j] = item_at(start, j) if j < K else 0
            E[(K + 1) * P + j] = item_at(end, j) if j < K else 0
        self.shifts = block(job.N * sizeof(double))
        job.shifts = <double *>self.shifts.data
        self.rooms = block(job.items * 4 * P * sizeof(double))
        job.rooms = <double *>self.rooms.data


def first_wrong_tag(cnp.ndarray tags, cnp.ndarray lengths, Py_ssize_t K):
    """The first (position, sequence) whose tag is not in 0..K-1; None where there is none."""
    cdef const int64_t *tag = <const int64_t *>cnp.PyArray_DATA(tags)
    cdef const int64_t *length = <const int64_t *>cnp.PyArray_DATA(lengths)
    cdef Py_ssize_t t, n, T = tags.shape[0], N = tags.shape[1]
    for t in range(T):
        for n in range(N):
            if t < length[n] and not 0 <= tag[t * N + n] < K:
                return t, n
    return None


cdef double score_of(const Job *job, Py_ssize_t n) noexcept:
    """Of a sequence of at least one position."""
    cdef Py_ssize_t t, tag = job.tags[n], last
    cdef double score = job.start[tag] + emission(job, 0, n, tag)
    for t in range(1, job.lengths[n]):
        last, tag = tag, job.tags[t * job.N + n]
        score += job.g.A[last * job.g.P + tag] + emission(job, t, n, tag)
    return score + job.end[tag]


def log_likelihood(cnp.ndarray emissions, cnp.ndarray tags, cnp.ndarray transitions,
                   cnp.ndarray start, cnp.ndarray end, cnp.ndarray lengths):
    """emissions (T, N, K), transitions (K, K), start, end (K,): one dtype; tags (T, N), lengths
    (N,): int64. All C-contiguous. -> the log-likelihoods (N,), and what the backward needs."""
    cdef Field field = Field(LIKELIHOOD, emissions, transitions, start, end, lengths)
    cdef Job *job = &field.job
    cdef cnp.ndarray before = empty(3, emissions.shape, cnp.NPY_FLOAT64)
    cdef cnp.ndarray found = empty(1, &emissions.shape[1], cnp.PyArray_TYPE(emissions))
    cdef Py_ssize_t n
    job.before = <double *>cnp.PyArray_DATA(before)
    job.tags = <const int64_t *>cnp.PyArray_DATA(tags)
    run(job)
    for n in range(job.N):
        put(found, n, score_of(job, n) - job.shifts[n] if job.lengths[n] else 0.0)
    return found, before


cdef inline void put(cnp.ndarray x, Py_ssize_t i, double value):
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        (<float *>cnp.PyArray_DATA(x))[i] = <float>value
    else:
        (<double *>cnp.PyArray_DATA(x))[i] = value


def log_likelihood_backward(cnp.ndarray dll, cnp.ndarray emissions, cnp.ndarray tags,
                            cnp.ndarray transitions, cnp.ndarray start, cnp.ndarray end,
                            cnp.ndarray before, cnp.ndarray lengths):
    """dll: contiguous float64 (N,); before: what `log_likelihood` saved -> the gradients of
    emissions, transitions, start and end."""
    cdef Field field = Field(GRADIENT, emissions, transitions, start, end, lengths)
    cdef Job *job = &field.job
    cdef int dtype = cnp.PyArray_TYPE(emissions)
    cdef cnp.ndarray demissions = empty(3, emissions.shape, dtype)
    cdef cnp.ndarray dtransitions = empty(2, transitions.shape, dtype)
    cdef cnp.ndarray dstart = empty(1, start.shape, dtype), dend = empty(1, end.shape, dtype)
    cdef Py_ssize_t K = job.g.K, P = job.g.P, size = (K + 2) * P, item, i, j
    cdef double *sums
    field.d = block(job.N * P * sizeof(double))
    field.dA = block(job.items * size * sizeof(double))
    memset(field.dA.data, 0, job.items * size * sizeof(double))
    job.before = <double *>cnp.PyArray_DATA(before)
    job.tags = <const int64_t *>cnp.PyArray_DATA(tags)
    job.scale = <const double *>cnp.PyArray_DATA(dll)
    job.demissions = cnp.PyArray_DATA(demissions)
    job.d, job.dA = <double *>field.d.data, <double *>field.dA.data
    run(job)
    sums = job.dA
    for item in range(1, job.items):
        for i in range(size):
            sums[i] += sums[item * size + i]
    subtract_tags(job, sums)
    for i in range(K):
        for j in range(K):
            put(dtransitions, i * K + j, -sums[i * P + j])
        put(dstart, i, -sums[K * P + i])
        put(dend, i, -sums[(K + 1) * P + i])
    return demissions, dtransitions, dstart, dend


cdef void subtract_tags(const Job *job, double *sums) noexcept:
    """The gradients of the tags' own scores."""
    cdef Py_ssize_t t, n, tag, last, K = job.g.K, P = job.g.P
    for n in range(job.N):
        if job.lengths[n] == 0:
            continue
        tag = job.tags[n]
        sums[K * P + tag] -= job.scale[n]
        for t in range(1, job.lengths[n]):
            last, tag = tag, job.tags[t * job.N + n]
            sums[last * P + tag] -= job.scale[n]
        sums[(K + 1) * P + tag] -= job.scale[n]


def best_tags(cnp.ndarray emissions, cnp.ndarray transitions, cnp.ndarray start, cnp.ndarray end,
              cnp.ndarray lengths):
    """Arguments as of `log_likelihood` -> tags int64 (T, N), -1 beyond a sequence's length, and
    their scores (N,)."""
    cdef Field field = Field(DECODE, emissions, transitions, start, end, lengths)
    cdef Job *job = &field.job
    cdef Block before = block(emissions.size * sizeof(double))
    cdef cnp.ndarray tags = empty(2, emissions.shape, cnp.NPY_INT64)
    cdef cnp.ndarray scores = empty(1, &emissions.shape[1], cnp.PyArray_TYPE(emissions))
    cdef Py_ssize_t n
    job.before = <double *>before.data
    job.best = <int64_t *>cnp.PyArray_DATA(tags)
    run(job)
    for n in range(job.N):
        put(scores, n, job.shifts[n] if job.lengths[n] else 0.0)
    return tags, scores
