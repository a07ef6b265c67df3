"""Convolution over sequences with the largest output over time, whose gradient is sparse.

    y[n, k] = bias[k] + max_i sum_{s, c} x[n, i + s - padding, c] w[s, k, c]

N sequences of C channels lie one after the other: sequence n's steps are the rows begin[n] to
begin[n + 1]. S taps, K outputs. Forward starts from p = x w^T, each step times each tap, which is
a matrix product with no step twice and no padding (see max_over_time.h).

Only the winning window of each (n, k) has a gradient, dy[n, k]: S steps of sequence n are added to
dw[:, k], and w[:, k] to the gradients of S steps. So backward's two products are sums of weighted
rows, N K S of them each, where a convolution's gradient would take as many for every window. A
dw[s, k] is one item's, and so are all steps of a sequence; windows whose dy is 0 are left out.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memset

from .memory cimport Block, block, empty
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef extern from "embedding.h" nogil:
    void sum_rows(size_t itemsize, const void *x, Py_ssize_t stride, const Py_ssize_t *order,
                  const void *weight, Py_ssize_t n, Py_ssize_t columns, bint add, void *y)

cdef extern from "max_over_time.h" nogil:
    void max_of "max_over_time"(size_t itemsize, const void *p, Py_ssize_t steps, Py_ssize_t taps,
                                Py_ssize_t padding, Py_ssize_t K, const void *bias, void *y,
                                void *at)

cdef enum:
    SLICE_WORK = 1 << 25  # elements between two looks for Ctrl-C


# ---- forward ------------------------------------------------------------------------------------


def forward(cnp.ndarray p, cnp.ndarray begin, Py_ssize_t padding, cnp.ndarray bias, cnp.ndarray y,
            cnp.ndarray at):
    """p (begin[N] - begin[0], S K) contiguous, begin (N + 1,) int64, bias (K,) contiguous or None
    -> y (N, K) and the winning windows at (N, K), given, integers as wide as y's numbers. Every
    sequence has a window."""
    cdef Py_ssize_t N = y.shape[0], K = y.shape[1], taps = p.shape[1] // K, n, first = 0, last
    cdef size_t itemsize = cnp.PyArray_ITEMSIZE(p)
    cdef const int64_t *starts = <const int64_t *>cnp.PyArray_DATA(begin)
    cdef const char *data = <const char *>cnp.PyArray_DATA(p)
    cdef const char *offset = NULL if bias is None else <const char *>cnp.PyArray_DATA(bias)
    cdef char *out = <char *>cnp.PyArray_DATA(y)
    cdef char *winners = <char *>cnp.PyArray_DATA(at)
    cdef int threads = threads_for(<double>ELEMENT_WORK * p.shape[0] * p.shape[1])
    cdef Py_ssize_t some = 1 + SLICE_WORK // (1 + p.shape[0] * p.shape[1] // max(N, 1))
    while first < N:
        last = min(first + some, N)
        for n in prange(first, last, schedule="static", num_threads=threads, nogil=True):
            max_of(itemsize, data + (starts[n] - starts[0]) * taps * K * itemsize,
                   starts[n + 1] - starts[n], taps, padding, K, offset, out + n * K * itemsize,
                   winners + n * K * itemsize)
        PyErr_CheckSignals()
        first = last


# ---- backward -----------------------------------------------------------------------------------

cdef struct Job:
    Py_ssize_t N, K, S, C, padding, length  # length: rows of x from one sequence to the next
    size_t itemsize
    const char *dy         # IN (N, K)
    const int64_t *at      # IN (N, K)
    const int64_t *steps   # IN (N,): of each sequence
    const char *rows       # IN x (N, length, C) for dw, w (S, K, C) for dx
    char *out              # OUT dw (S, K, C), or dx (N, length, C)


cdef inline bint is_zero(const Job *job, Py_ssize_t i) noexcept nogil:
    """dy's i-th number; NaN is none."""
    if job.itemsize == 4:
        return (<const float *>job.dy)[i] == 0
    return (<const double *>job.dy)[i] == 0


cdef inline void copy_weight(const Job *job, char *weight, Py_ssize_t to, Py_ssize_t i) noexcept nogil:
    if job.itemsize == 4:
        (<float *>weight)[to] = (<const float *>job.dy)[i]
    else:
        (<double *>weight)[to] = (<const double *>job.dy)[i]


cdef void sum_or_zero(const Job *job, const Py_ssize_t *order, const char *weight, Py_ssize_t n,
                      char *out) noexcept nogil:
    if n:
        sum_rows(job.itemsize, job.rows, job.C, order, weight, n, job.C, False, out)
    else:
        memset(out, 0, job.C * job.itemsize)


cdef void weight_of(const Job *job, Py_ssize_t k, Py_ssize_t *order, char *weight) noexcept nogil:
    """dw[:, k]: y[n, k] = ... + sum_s x[n, at + s - padding] w[s, k]"""
    cdef Py_ssize_t s, n, i, t, count
    for s in range(job.S):
        count = 0
        for n in range(job.N):
            i = n * job.K + k
            t = job.at[i] + s - job.padding
            if 0 <= t < job.steps[n] and not is_zero(job, i):
                order[count] = n * job.length + t
                copy_weight(job, weight, count, i)
                count += 1
        sum_or_zero(job, order, weight, count, job.out + (s * job.K + k) * job.C * job.itemsize)


cdef void data_of(const Job *job, Py_ssize_t n, Py_ssize_t *order, char *weight,
                  Py_ssize_t *start) noexcept nogil:
    """dx[n]: the (s, k) whose winning window has tap s on a step, sorted by step (start, length
    + 2 of them, counts two on at first, then where a step's begin)."""
    cdef Py_ssize_t s, k, t, base = n * job.K, steps = job.steps[n]
    memset(start, 0, (job.length + 2) * sizeof(Py_ssize_t))
    for k in range(job.K):
        if not is_zero(job, base + k):
            for s in range(job.S):
                t = job.at[base + k] + s - job.padding
                if 0 <= t < steps:
                    start[t + 2] += 1
    for t in range(2, job.length + 2):
        start[t] += start[t - 1]
    for k in range(job.K):
        if not is_zero(job, base + k):
            for s in range(job.S):
                t = job.at[base + k] + s - job.padding
                if 0 <= t < steps:
                    order[start[t + 1]] = s * job.K + k
                    copy_weight(job, weight, start[t + 1], base + k)
                    start[t + 1] += 1
    for t in range(job.length):
        sum_or_zero(job, order + start[t], weight + start[t] * job.itemsize,
                    start[t + 1] - start[t],
                    job.out + (n * job.length + t) * job.C * job.itemsize)


cdef void run_item(const Job *job, bint data, Py_ssize_t item, char *scratch,
                   Py_ssize_t most) noexcept nogil:
    """scratch: `most` places, as many weights of 8 bytes, length + 2 starts."""
    cdef Py_ssize_t *order = <Py_ssize_t *>scratch
    if data:
        data_of(job, item, order, <char *>(order + most), order + 2 * most)
    else:
        weight_of(job, item, order, <char *>(order + most))


def backward(cnp.ndarray dy, cnp.ndarray at, cnp.ndarray steps, cnp.ndarray rows, cnp.ndarray out,
             Py_ssize_t padding, bint data):
    """dy (N, K), at (N, K) and steps (N,) int64, all contiguous. data: rows w (S, K, C) -> out dx
    (N, length, C), 0 beyond a sequence's steps; else rows x (N, length, C) -> out dw (S, K, C)."""
    cdef Job job
    cdef cnp.ndarray x = out if data else rows
    cdef cnp.ndarray w = rows if data else out
    job.N, job.K, job.S, job.C = dy.shape[0], dy.shape[1], w.shape[0], w.shape[2]
    job.length, job.padding = x.shape[1], padding
    job.itemsize = cnp.PyArray_ITEMSIZE(dy)
    job.dy = <const char *>cnp.PyArray_DATA(dy)
    job.at = <const int64_t *>cnp.PyArray_DATA(at)
    job.steps = <const int64_t *>cnp.PyArray_DATA(steps)
    job.rows = <const char *>cnp.PyArray_DATA(rows)
    job.out = <char *>cnp.PyArray_DATA(out)
    cdef Py_ssize_t items = job.N if data else job.K, item, first = 0, last
    cdef Py_ssize_t most = job.K * job.S if data else job.N
    cdef Py_ssize_t nbytes = (2 * most + (job.length + 2 if data else 0)) * 8
    cdef double each = <double>(job.K if data else job.N) * job.S * (job.C + 8)
    cdef int threads = threads_for(ELEMENT_WORK * each * items)
    cdef Py_ssize_t some = 1 + <Py_ssize_t>(SLICE_WORK / (each + 1))
    nbytes = (nbytes + 63) // 64 * 64
    cdef Block scratch = block(threads * nbytes)
    while first < items:
        last = min(first + some, items)
        for item in prange(first, last, schedule="dynamic", num_threads=threads, nogil=True):
            run_item(&job, data, item, <char *>scratch.data + threadid() * nbytes, most)
        PyErr_CheckSignals()
        first = last
