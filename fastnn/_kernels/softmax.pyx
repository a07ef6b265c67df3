"""Softmax and log-softmax over any axis (see softmax.h).

An array is (outer, V, inner), C-contiguous; the softmax runs over V: outer * inner rows. Long rows
along the last axis are done where they lie; others VLEN at a time, transposed into scratch. Items
are blocks of rows; a row's result depends on the row alone.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.string cimport memcpy

from .memory cimport Block, block, empty
from .threads cimport threads_for
from .tile cimport VEC_BYTES

cnp.import_array()

cdef extern from "softmax.h" nogil:
    void softmax_row_f32(const float *x, float *y, Py_ssize_t n, int as_log)
    void softmax_row_f64(const double *x, double *y, Py_ssize_t n, int as_log)
    void softmax_backward_row_f32(const float *dy, const float *y, float *dx, Py_ssize_t n, int as_log)
    void softmax_backward_row_f64(const double *dy, const double *y, double *dx, Py_ssize_t n, int as_log)
    void softmax_lanes_f32(float *a, float *spare, Py_ssize_t n, int as_log)
    void softmax_lanes_f64(double *a, double *spare, Py_ssize_t n, int as_log)
    void softmax_backward_lanes_f32(float *a, const float *y, Py_ssize_t n, int as_log)
    void softmax_backward_lanes_f64(double *a, const double *y, Py_ssize_t n, int as_log)

cdef enum:
    ITEM_ELEMENTS = 8192    # of one item, at least
    SLICE_ELEMENTS = 1 << 25  # between slices of items Ctrl-C is answered
    ELEMENT_WORK = 12       # in units of threads_for
    MAX_LANES = VEC_BYTES // 4
    LONG_ROW = 2            # vectors; shorter rows are done VLEN at a time

cdef struct Job:
    Py_ssize_t rows, classes, inner, row_block
    bint single, as_log, backward, in_place  # in_place: rows are done where they lie
    const void *x   # x, or dy
    const void *y   # backward: the output
    void *out       # y, or dx
    void *scratch   # two times V vectors a thread


cdef void copy_lanes(const Job *job, const Py_ssize_t *base, Py_ssize_t lanes, bint back,
                     floating *array, floating *block) noexcept nogil:
    """block[v, j] = array[base[j] + v * inner] for all lanes (the last row again beyond `lanes`),
    or back."""
    cdef Py_ssize_t vlen = VEC_BYTES // sizeof(floating), v, j
    cdef floating *row
    if lanes == vlen and base[vlen - 1] - base[0] == vlen - 1:  # neighbours in memory
        for v in range(job.classes):
            if back:
                memcpy(array + base[0] + v * job.inner, block + v * vlen, VEC_BYTES)
            else:
                memcpy(block + v * vlen, array + base[0] + v * job.inner, VEC_BYTES)
        return
    for j in range(lanes if back else vlen):
        row = array + base[min(j, lanes - 1)]
        if back:
            for v in range(job.classes):
                row[v * job.inner] = block[v * vlen + j]
        else:
            for v in range(job.classes):
                block[v * vlen + j] = row[v * job.inner]


cdef void run_lanes(const Job *job, Py_ssize_t row0, Py_ssize_t lanes, int thread,
                    floating *_) noexcept nogil:
    """Rows [row0, row0 + lanes), lanes <= VLEN, through scratch."""
    cdef Py_ssize_t n = job.classes, j
    cdef Py_ssize_t base[MAX_LANES]
    cdef floating *a = <floating *>(<char *>job.scratch + thread * 2 * n * VEC_BYTES)
    cdef floating *b = <floating *>(<char *>a + n * VEC_BYTES)
    for j in range(lanes):
        base[j] = ((row0 + j) // job.inner) * n * job.inner + (row0 + j) % job.inner
    copy_lanes[floating](job, base, lanes, False, <floating *>job.x, a)
    if job.backward:
        copy_lanes[floating](job, base, lanes, False, <floating *>job.y, b)
        if floating is float:
            softmax_backward_lanes_f32(a, b, n, job.as_log)
        else:
            softmax_backward_lanes_f64(a, b, n, job.as_log)
    else:
        if floating is float:
            softmax_lanes_f32(a, b, n, job.as_log)
        else:
            softmax_lanes_f64(a, b, n, job.as_log)
    copy_lanes[floating](job, base, lanes, True, <floating *>job.out, a)


cdef void run_item(const Job *job, Py_ssize_t item, int thread, floating *_) noexcept nogil:
    cdef Py_ssize_t row = item * job.row_block, end = min(row + job.row_block, job.rows)
    cdef Py_ssize_t vlen = VEC_BYTES // sizeof(floating), n = job.classes, lanes
    cdef const floating *x = <const floating *>job.x
    cdef const floating *y = <const floating *>job.y
    cdef floating *out = <floating *>job.out
    while row < end:
        if not job.in_place:
            lanes = min(vlen, end - row)
            run_lanes[floating](job, row, lanes, thread, NULL)
            row += lanes
            continue
        if floating is float:
            if job.backward:
                softmax_backward_row_f32(x + row * n, y + row * n, out + row * n, n, job.as_log)
            else:
                softmax_row_f32(x + row * n, out + row * n, n, job.as_log)
        else:
            if job.backward:
                softmax_backward_row_f64(x + row * n, y + row * n, out + row * n, n, job.as_log)
            else:
                softmax_row_f64(x + row * n, out + row * n, n, job.as_log)
        row += 1


cdef int run(Job *job) except -1:
    cdef Py_ssize_t n = job.classes, vlen = VEC_BYTES // (4 if job.single else 8)
    cdef Py_ssize_t items, item, first = 0, last, slice_items
    cdef int threads = threads_for(<double>job.rows * n * ELEMENT_WORK)
    cdef Block scratch
    if job.rows == 0 or n == 0:
        return 0
    job.in_place = job.inner == 1 and n >= LONG_ROW * vlen
    job.row_block = vlen * (1 + ITEM_ELEMENTS // (n * vlen))
    if job.in_place:
        job.row_block = 1 + ITEM_ELEMENTS // n
    else:
        scratch = block(<size_t>threads * 2 * n * VEC_BYTES)
        job.scratch = scratch.data
    items = (job.rows + job.row_block - 1) // job.row_block
    slice_items = 1 + SLICE_ELEMENTS // (job.row_block * n)
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                if job.single:
                    run_item[float](job, item, threadid(), NULL)
                else:
                    run_item[double](job, item, threadid(), NULL)
        PyErr_CheckSignals()
        first = last
    return 0


cdef Job job_over(cnp.ndarray a, int axis):
    """The geometry of a softmax over `axis`."""
    cdef Job job
    cdef int i
    job.rows = job.inner = 1
    for i in range(a.ndim):
        if i > axis:
            job.inner *= a.shape[i]
        if i != axis:
            job.rows *= a.shape[i]
    job.classes = a.shape[axis] if a.ndim else 1
    job.single = cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32
    job.scratch = NULL
    return job


def softmax(cnp.ndarray x, int axis, bint as_log):
    """x C-contiguous -> y = softmax(x) over axis, or its logarithm."""
    cdef cnp.ndarray y = empty(x.ndim, x.shape, cnp.PyArray_TYPE(x))
    cdef Job job = job_over(x, axis)
    job.as_log, job.backward = as_log, False
    job.x, job.y, job.out = cnp.PyArray_DATA(x), NULL, cnp.PyArray_DATA(y)
    run(&job)
    return y


def softmax_backward(cnp.ndarray dy, cnp.ndarray y, int axis, bint as_log):
    """dy, and the output y of softmax, both C-contiguous -> dx."""
    cdef cnp.ndarray dx = empty(y.ndim, y.shape, cnp.PyArray_TYPE(y))
    cdef Job job = job_over(y, axis)
    job.as_log, job.backward = as_log, True
    job.x, job.y, job.out = cnp.PyArray_DATA(dy), cnp.PyArray_DATA(y), cnp.PyArray_DATA(dx)
    run(&job)
    return dx
