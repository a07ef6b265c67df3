"""Layer normalisation of the rows of a matrix: see layer_norm.h.

Items are blocks of rows, each one thread's. The gradients of weight and bias are left to be added
up over the items, whose number the shape decides: so any number of threads gives the same bits.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from .memory cimport empty
from .threads cimport threads_for

cnp.import_array()

cdef enum:
    ITEM = 16384      # numbers of an item, at least
    ITEM_ROWS = 32    # and rows: an item's gradients are two rows
    SLICE = 1 << 25   # numbers between two looks for Ctrl-C
    WORK = 6          # of a number, in units of threads_for

cdef extern from "layer_norm.h" nogil:
    enum:
        VEC_BYTES
        LAYER_NORM_STEP

    ctypedef struct layer_norm_t:
        Py_ssize_t n
        double eps
        const void *weight
        const void *bias

    void layer_norm_rows(size_t itemsize, const layer_norm_t *g, const void *x, Py_ssize_t rows,
                         Py_ssize_t room, void *y, double *mean, double *var)
    void layer_norm_rows_backward(size_t itemsize, const layer_norm_t *g, const void *dy,
                                  const void *x, const double *mean, const double *var,
                                  Py_ssize_t rows, Py_ssize_t room, void *dx, void *gradients)

cdef struct Job:
    layer_norm_t g
    size_t itemsize
    Py_ssize_t rows, item      # item: rows of one
    const char *dy             # NULL: forward
    const char *x
    char *out                  # y, or dx
    double *mean
    double *var
    char *gradients            # (items, 2, n + a vector)


cdef void run_item(const Job *job, Py_ssize_t item) noexcept nogil:
    cdef Py_ssize_t row = item * job.item, rows = min(job.item, job.rows - row)
    cdef Py_ssize_t at = row * job.g.n * job.itemsize, room = (job.rows - row) * job.g.n
    if job.dy == NULL:
        layer_norm_rows(job.itemsize, &job.g, job.x + at, rows, room, job.out + at,
                        job.mean + row, job.var + row)
    else:
        layer_norm_rows_backward(
            job.itemsize, &job.g, job.dy + at, job.x + at, job.mean + row, job.var + row, rows,
            room, job.out + at, job.gradients + item * 2 * (job.g.n * job.itemsize + VEC_BYTES))


cdef inline Py_ssize_t items_of(const Job *job) noexcept:
    return (job.rows + job.item - 1) // job.item


cdef int run(const Job *job) except -1:
    cdef Py_ssize_t items = items_of(job), i, begin, end
    cdef Py_ssize_t step = 1 + SLICE // (job.item * job.g.n)
    cdef int threads = threads_for(<double>job.rows * job.g.n * WORK)
    for begin in range(0, items, step):
        end = min(begin + step, items)
        for i in prange(begin, end, schedule="static", num_threads=threads, nogil=True):
            run_item(job, i)
        PyErr_CheckSignals()
    return 0


cdef Job job_of(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mean,
                cnp.ndarray var, double eps):
    cdef Job job
    job.itemsize = cnp.PyArray_ITEMSIZE(x)
    job.rows, job.g.n = x.shape[0], x.shape[1]
    job.item = max(ITEM_ROWS, ITEM // job.g.n)
    job.item = (job.item + LAYER_NORM_STEP - 1) // LAYER_NORM_STEP * LAYER_NORM_STEP
    job.g.eps = eps
    job.g.weight, job.g.bias = cnp.PyArray_DATA(weight), cnp.PyArray_DATA(bias)
    job.dy, job.gradients = NULL, NULL
    job.x = <const char *>cnp.PyArray_DATA(x)
    job.mean, job.var = <double *>cnp.PyArray_DATA(mean), <double *>cnp.PyArray_DATA(var)
    return job


def layer_norm(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mean,
               cnp.ndarray var, double eps):
    """x (rows, n), not empty -> y; writes mean and var, float64 (rows). weight, bias (n).
    All are C-contiguous."""
    cdef Job job = job_of(x, weight, bias, mean, var, eps)
    cdef cnp.ndarray y = empty(2, x.shape, cnp.PyArray_TYPE(x))
    job.out = <char *>cnp.PyArray_DATA(y)
    run(&job)
    return y


def layer_norm_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray weight, cnp.ndarray mean,
                        cnp.ndarray var, double eps):
    """-> dx, and (items, 2, more than n): sums of dy xhat and of dy over blocks of rows, in the
    first n columns. Arguments as of `layer_norm`; dy as x."""
    cdef Job job = job_of(x, weight, weight, mean, var, eps)
    cdef cnp.ndarray dx = empty(2, x.shape, cnp.PyArray_TYPE(x)), gradients
    cdef cnp.npy_intp shape[3]
    shape[0], shape[1] = items_of(&job), 2
    shape[2] = job.g.n + VEC_BYTES // <Py_ssize_t>job.itemsize
    gradients = empty(3, shape, cnp.PyArray_TYPE(x))
    job.dy, job.out = <const char *>cnp.PyArray_DATA(dy), <char *>cnp.PyArray_DATA(dx)
    job.gradients = <char *>cnp.PyArray_DATA(gradients)
    run(&job)
    return dx, gradients
