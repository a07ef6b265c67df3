"""Batch, group and instance normalisation over channels-last images: see norm.h.

N batch, C channels, H W image. A batch's or an image's pixels are a segment, which norm.h cuts into
items by its shape; here is decided who works on which, so any number of threads gives the same
bits.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport sqrt
from libc.string cimport memset

from .layout cimport with_contiguous_pixels
from .memory cimport Block, block, empty
from .threads cimport threads_for

cnp.import_array()

cdef enum:
    SHARE = 4          # runs of segments for each thread, for them to be done in one go
    NEAR = 1 << 24     # and bytes of a segment, at most
    RUNS = 128         # runs of segments, at most
    SLICE = 1 << 25    # elements between two looks for Ctrl-C
    WORK = 4           # of an element, in units of threads_for

cdef extern from "norm.h" nogil:
    enum:
        NORM_PARAMS
        NORM_ALL
        NORM_WHERE_X
        NORM_WHERE_Y

    ctypedef struct norm_t:
        size_t itemsize
        Py_ssize_t pixels, channels, groups
        Py_ssize_t fold, lanes
        Py_ssize_t chunk, item, items
        double eps
        int relu
        int mask, fixed
        const void *weight
        const void *bias
        double *mean
        double *var
        const void *x
        const void *residual
        const void *dy
        const void *y
        void *dz
        void *out
        void *params
        double *partial
        char *rows

    void norm_cut(norm_t *g, Py_ssize_t segments)
    size_t norm_rows_bytes(const norm_t *g)
    void norm_moments(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot, Py_ssize_t item,
                      int thread)
    void norm_statistics(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot)
    void norm_params(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot)
    void norm_apply(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot, Py_ssize_t item)
    void norm_backward_sums(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot, Py_ssize_t item,
                            int thread)
    void norm_total(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot)
    void norm_backward_params(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot,
                              double *dweight, double *dbias)
    void norm_backward_apply(const norm_t *g, Py_ssize_t segment, Py_ssize_t slot,
                             Py_ssize_t item)

cdef struct Job:
    norm_t g
    bint backward
    bint first, second  # which passes there are
    Py_ssize_t segments
    Py_ssize_t run      # segments of a run: gradients of weight and bias are sums of runs
    double *gradients   # backward: (runs, 2, C), dweight and dbias


cdef inline Py_ssize_t runs_of(const Job *job) noexcept nogil:
    return (job.segments + job.run - 1) // job.run


cdef void before(const Job *job, Py_ssize_t segment, Py_ssize_t slot) noexcept nogil:
    if job.backward:
        norm_params(&job.g, segment, slot)


cdef void first_pass(const Job *job, Py_ssize_t segment, Py_ssize_t slot, Py_ssize_t item,
                     int thread) noexcept nogil:
    if job.backward:
        norm_backward_sums(&job.g, segment, slot, item, thread)
    else:
        norm_moments(&job.g, segment, slot, item, thread)


cdef void between(const Job *job, Py_ssize_t segment, Py_ssize_t slot) noexcept nogil:
    cdef double *gradients
    if job.backward:
        gradients = job.gradients + segment // job.run * 2 * job.g.channels
        norm_total(&job.g, segment, slot)
        norm_backward_params(&job.g, segment, slot, gradients, gradients + job.g.channels)
        return
    if job.first:
        norm_statistics(&job.g, segment, slot)
    norm_params(&job.g, segment, slot)


cdef void second_pass(const Job *job, Py_ssize_t segment, Py_ssize_t slot,
                      Py_ssize_t item) noexcept nogil:
    if job.backward:
        norm_backward_apply(&job.g, segment, slot, item)
    else:
        norm_apply(&job.g, segment, slot, item)


cdef void run_of_segments(const Job *job, Py_ssize_t run, int thread) noexcept nogil:
    """Segment by segment, so that the second pass finds what the first one read in a cache."""
    cdef Py_ssize_t segment, item
    for segment in range(run * job.run, min((run + 1) * job.run, job.segments)):
        before(job, segment, thread)
        if job.first:
            for item in range(job.g.items):
                first_pass(job, segment, thread, item, thread)
        between(job, segment, thread)
        if job.second:
            for item in range(job.g.items - 1, -1, -1):
                second_pass(job, segment, thread, item)


cdef void one_item(const Job *job, Py_ssize_t i, bint second, int thread) noexcept nogil:
    cdef Py_ssize_t segment = i // job.g.items, item = i % job.g.items
    if second:
        second_pass(job, segment, segment, item)
    else:
        first_pass(job, segment, segment, item, thread)


cdef int by_runs(const Job *job, int threads) except -1:
    cdef Py_ssize_t runs = runs_of(job), i, begin, end
    cdef Py_ssize_t step = 1 + SLICE // (job.run * job.g.pixels * job.g.channels)
    for begin in range(0, runs, step):
        end = min(begin + step, runs)
        for i in prange(begin, end, schedule="static", num_threads=threads, nogil=True):
            run_of_segments(job, i, threadid())
        PyErr_CheckSignals()
    return 0


cdef int one_pass(const Job *job, bint second, int threads) except -1:
    """The second pass goes backwards: what the first one read last may still be in a cache."""
    cdef Py_ssize_t items = job.segments * job.g.items, i, begin, end
    cdef Py_ssize_t step = 1 + SLICE // (job.g.item * job.g.channels)
    for begin in range(0, items, step):
        end = min(begin + step, items)
        for i in prange(begin, end, schedule="static", num_threads=threads, nogil=True):
            one_item(job, items - 1 - i if second else i, second, threadid())
        PyErr_CheckSignals()
    return 0


cdef int by_items(const Job *job, int threads) except -1:
    cdef Py_ssize_t segment
    for segment in range(job.segments):
        before(job, segment, segment)
    if job.first:
        one_pass(job, False, threads)
    for segment in range(job.segments):
        between(job, segment, segment)
    if job.second:
        one_pass(job, True, threads)
    return 0


cdef int run(Job *job) except -1:
    """All passes, with scratch. A slot holds what is known of the segment at work on."""
    cdef norm_t *g = &job.g
    cdef Py_ssize_t size = g.pixels * g.channels
    cdef int threads = threads_for(<double>job.segments * size * WORK)
    cdef bint in_runs = (runs_of(job) >= SHARE * threads and size * g.itemsize <= NEAR
                         or g.items == 1)
    cdef Py_ssize_t slots = threads if in_runs else job.segments
    cdef Block params = block(slots * NORM_PARAMS * g.lanes * g.itemsize)
    cdef Block partial = block(slots * g.items * 2 * g.channels * sizeof(double))
    cdef Block rows = block(threads * norm_rows_bytes(g))
    g.params, g.partial, g.rows = params.data, <double *>partial.data, <char *>rows.data
    if in_runs:
        return by_runs(job, threads)
    return by_items(job, threads)


cdef Job job_of(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mean,
                cnp.ndarray var, double eps):
    """mean and var are (groups), or (N, groups) where each image has its own. Nothing is empty."""
    cdef Job job
    cdef Py_ssize_t pixels = x.shape[2] * x.shape[3]
    memset(&job, 0, sizeof(Job))
    job.segments = x.shape[0] if mean.ndim == 2 else 1
    job.run = (job.segments + RUNS - 1) // RUNS
    job.g.itemsize = cnp.PyArray_ITEMSIZE(x)
    job.g.pixels = pixels if mean.ndim == 2 else x.shape[0] * pixels
    job.g.channels = x.shape[1]
    job.g.groups = mean.shape[mean.ndim - 1]
    norm_cut(&job.g, job.segments)
    job.g.eps = eps
    job.g.weight = cnp.PyArray_DATA(weight) if weight is not None else NULL
    job.g.bias = cnp.PyArray_DATA(bias) if bias is not None else NULL
    job.g.mean = <double *>cnp.PyArray_DATA(mean)
    job.g.var = <double *>cnp.PyArray_DATA(var)
    return job


def normalise(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mean,
              cnp.ndarray var, bint fixed, double eps, cnp.ndarray residual, bint relu):
    """x (N, C, H, W), not empty -> y, new and channels-last.

    weight, bias (C) and residual, of x's shape, may be None. mean and var, float64, (groups) or
    (N, groups), are written unless `fixed`. All but x and residual are C-contiguous.
    """
    cdef Job job = job_of(x, weight, bias, mean, var, eps)
    cdef cnp.ndarray y = empty(4, x.shape, cnp.PyArray_TYPE(x), True)
    x = with_contiguous_pixels(x, True)
    if residual is not None:
        residual = with_contiguous_pixels(residual, True)
        job.g.residual = cnp.PyArray_DATA(residual)
    job.first, job.second = not fixed, True
    job.g.x, job.g.out, job.g.relu = cnp.PyArray_DATA(x), cnp.PyArray_DATA(y), relu
    run(&job)
    return y


def normalise_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray y, cnp.ndarray weight,
                       cnp.ndarray bias, cnp.ndarray mean, cnp.ndarray var, bint fixed,
                       double eps, bint relu, bint needs_dx):
    """-> dx (None unless needed), dweight and dbias (float64), dz

    Arguments as of `normalise`; dy and y have x's shape. dz is dy where y > 0; None unless y is
    given, which it must be if there was a residual before the activation, relu.
    """
    cdef Job job = job_of(x, weight, bias, mean, var, eps)
    cdef cnp.npy_intp shape[3]
    cdef cnp.ndarray dx = None, dz = None, gradients
    dy, x = with_contiguous_pixels(dy, True), with_contiguous_pixels(x, True)
    job.backward, job.first, job.second = True, True, needs_dx
    job.g.fixed = fixed
    job.g.dy, job.g.x, job.g.y = cnp.PyArray_DATA(dy), cnp.PyArray_DATA(x), cnp.PyArray_DATA(x)
    job.g.mask = NORM_WHERE_X if relu else NORM_ALL
    if needs_dx:
        dx = empty(4, x.shape, cnp.PyArray_TYPE(x), True)
        job.g.out = job.g.dz = cnp.PyArray_DATA(dx)
    if y is not None:
        y = with_contiguous_pixels(y, True)
        dz = empty(4, x.shape, cnp.PyArray_TYPE(x), True)
        job.g.y, job.g.dz, job.g.mask = cnp.PyArray_DATA(y), cnp.PyArray_DATA(dz), NORM_WHERE_Y
    shape[0] = runs_of(&job)
    shape[1], shape[2] = 2, x.shape[1]
    gradients = empty(3, shape, cnp.NPY_FLOAT64)
    job.gradients = <double *>cnp.PyArray_DATA(gradients)
    memset(job.gradients, 0, cnp.PyArray_NBYTES(gradients))
    run(&job)
    return dx, gradients, dz


cdef inline void fold_channels(const floating *mean, const floating *var, const floating *weight,
                               const floating *bias, const floating *conv_bias, double eps,
                               Py_ssize_t channels, floating *scale, floating *shift) noexcept nogil:
    cdef Py_ssize_t c
    cdef double a
    for c in range(channels):
        a = (1.0 if weight == NULL else weight[c]) / sqrt(var[c] + eps)
        scale[c] = <floating>a
        shift[c] = <floating>(((0.0 if conv_bias == NULL else conv_bias[c]) - mean[c]) * a
                              + (0.0 if bias == NULL else bias[c]))


def fold(cnp.ndarray mean, cnp.ndarray var, cnp.ndarray weight, cnp.ndarray bias,
         cnp.ndarray conv_bias, double eps):
    """-> scale, shift (C), of contiguous arrays (C) of one dtype; the last three may be None."""
    cdef cnp.ndarray scale = empty(1, mean.shape, cnp.PyArray_TYPE(mean), False)
    cdef cnp.ndarray shift = empty(1, mean.shape, cnp.PyArray_TYPE(mean), False)
    cdef void *w = NULL if weight is None else cnp.PyArray_DATA(weight)
    cdef void *b = NULL if bias is None else cnp.PyArray_DATA(bias)
    cdef void *before = NULL if conv_bias is None else cnp.PyArray_DATA(conv_bias)
    cdef Py_ssize_t channels = mean.shape[0]
    cdef bint single = cnp.PyArray_TYPE(mean) == cnp.NPY_FLOAT32
    with nogil:
        if single:
            fold_channels[float](<float *>mean.data, <float *>var.data, <float *>w, <float *>b,
                                 <float *>before, eps, channels, <float *>scale.data,
                                 <float *>shift.data)
        else:
            fold_channels[double](<double *>mean.data, <double *>var.data, <double *>w,
                                  <double *>b, <double *>before, eps, channels,
                                  <double *>scale.data, <double *>shift.data)
    return scale, shift
