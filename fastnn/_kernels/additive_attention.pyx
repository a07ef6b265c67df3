"""Additive attention of T queries a sequence over its source positions: see additive_attention.h.

Items are the sequences of the batch: one thread's, all queries one after the other, so that the
gradients of keys and values, to which every query adds, have one owner and one order.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from .memory cimport Block, block
from .threads cimport threads_for

cnp.import_array()

cdef enum:
    TANH_WORK = 12     # of a term of an energy, in multiply-adds
    SLICE = 1 << 28    # multiply-adds between two looks for Ctrl-C

cdef extern from "additive_attention.h" nogil:
    ctypedef struct attention_t:
        Py_ssize_t A, M, S
        const void *v

    ctypedef struct attended_t:
        Py_ssize_t length
        const void *keys
        const void *values
        void *dkeys
        void *dvalues
        void *dv

    void attend(size_t itemsize, const attention_t *g, const attended_t *x, const void *query,
                void *weights, void *context)
    void attend_backward(size_t itemsize, const attention_t *g, const attended_t *x,
                         const void *query, const void *weights, const void *dcontext,
                         const void *dweights, void *dquery, void *spare)

cdef struct Job:
    attention_t g
    size_t itemsize
    Py_ssize_t T, N             # queries: row n of every step belongs to sequence n
    const Py_ssize_t *lengths   # (at least N), NULL: S
    const char *keys            # (at least N, S, A)
    const char *values          # (at least N, S, M)
    const char *query           # (T, N, A)
    char *weights               # (T, N, S)
    char *context               # (T, N, M), or its gradient
    Py_ssize_t context_row      # bytes from row to row
    char *dquery                # NULL: forward
    const char *dweights        # or NULL
    char *dkeys
    char *dvalues
    char *dv                    # (at least N, A)
    char *spare                 # (threads, S)


cdef void run_item(const Job *job, Py_ssize_t n, int thread) noexcept nogil:
    cdef Py_ssize_t size = job.itemsize, A = job.g.A, M = job.g.M, S = job.g.S, t, row
    cdef attended_t x
    cdef const void *dweights = NULL
    x.length = job.lengths[n] if job.lengths != NULL else S
    x.keys = job.keys + n * S * A * size
    x.values = job.values + n * S * M * size
    if job.dquery != NULL:
        x.dkeys = job.dkeys + n * S * A * size
        x.dvalues = job.dvalues + n * S * M * size
        x.dv = job.dv + n * A * size
    for t in range(job.T):
        row = t * job.N + n
        if job.dquery == NULL:
            attend(size, &job.g, &x, job.query + row * A * size, job.weights + row * S * size,
                   job.context + row * job.context_row)
            continue
        if job.dweights != NULL:
            dweights = job.dweights + row * S * size
        attend_backward(size, &job.g, &x, job.query + row * A * size,
                        job.weights + row * S * size, job.context + row * job.context_row,
                        dweights, job.dquery + row * A * size, job.spare + thread * S * size)


cdef int run(Job *job) except -1:
    cdef double work = <double>job.T * job.g.S * (job.g.A * TANH_WORK + 2 * job.g.M) + 1
    cdef Py_ssize_t step = 1 + <Py_ssize_t>(SLICE / work), begin, end, n
    cdef int threads = threads_for(work * job.N)
    cdef Block spare = block(threads * job.g.S * job.itemsize)
    job.spare = <char *>spare.data
    for begin in range(0, job.N, step):
        end = min(begin + step, job.N)
        for n in prange(begin, end, schedule="dynamic", num_threads=threads, nogil=True):
            run_item(job, n, threadid())
        PyErr_CheckSignals()
    return 0


cdef Job job_of(cnp.ndarray query, cnp.ndarray keys, cnp.ndarray values, cnp.ndarray v,
                cnp.ndarray lengths, cnp.ndarray weights, cnp.ndarray context):
    cdef Job job
    job.itemsize = cnp.PyArray_ITEMSIZE(query)
    job.T, job.N, job.g.A = query.shape[0], query.shape[1], query.shape[2]
    job.g.S, job.g.M = values.shape[1], values.shape[2]
    job.g.v = cnp.PyArray_DATA(v)
    job.lengths = NULL if lengths is None else <const Py_ssize_t *>cnp.PyArray_DATA(lengths)
    job.keys, job.values = <const char *>cnp.PyArray_DATA(keys), <const char *>cnp.PyArray_DATA(values)
    job.query, job.weights = <const char *>cnp.PyArray_DATA(query), <char *>cnp.PyArray_DATA(weights)
    job.context, job.context_row = <char *>cnp.PyArray_DATA(context), context.strides[0]
    job.dquery = job.dkeys = job.dvalues = job.dv = NULL
    job.dweights = NULL
    return job


def forward(cnp.ndarray query, cnp.ndarray keys, cnp.ndarray values, cnp.ndarray v,
            cnp.ndarray lengths, cnp.ndarray weights, cnp.ndarray context):
    """Fills weights (T, N, S) and context (T N, M), whose rows may lie apart.

    query (T, N, A); keys (at least N, S, A), values (at least N, S, M), v (A); lengths (at least
    N), intp, or None. All but context are C-contiguous.
    """
    cdef Job job = job_of(query, keys, values, v, lengths, weights, context)
    run(&job)


def backward(cnp.ndarray query, cnp.ndarray keys, cnp.ndarray values, cnp.ndarray v,
             cnp.ndarray lengths, cnp.ndarray weights, cnp.ndarray dcontext, cnp.ndarray dweights,
             cnp.ndarray dquery, cnp.ndarray dkeys, cnp.ndarray dvalues, cnp.ndarray dv):
    """Fills dquery (T, N, A); adds to dkeys, dvalues, of the shapes of keys and values, and dv (at
    least N, A), which is v's gradient sequence by sequence. dweights: (T, N, S) or None; the others
    as of `forward`."""
    cdef Job job = job_of(query, keys, values, v, lengths, weights, dcontext)
    job.dquery = <char *>cnp.PyArray_DATA(dquery)
    job.dkeys, job.dvalues = <char *>cnp.PyArray_DATA(dkeys), <char *>cnp.PyArray_DATA(dvalues)
    job.dv = <char *>cnp.PyArray_DATA(dv)
    if dweights is not None:
        job.dweights = <const char *>cnp.PyArray_DATA(dweights)
    run(&job)
