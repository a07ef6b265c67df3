"""Dropout: y_i = x_i / (1 - p) where u_i >= p, else 0 x_i (see dropout.h for the u_i). And
Bernoulli numbers: y_i = 1 where u_i < x_i, else 0.

i is the position in C order, whatever the layout: chunks of a C-contiguous array are done in one
pass; for a channels-last one the mask comes first, in C order.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t

from .memory cimport Block, block, empty
from .threads cimport threads_for

cnp.import_array()

cdef extern from "dropout.h" nogil:
    void dropout_f32(const float *x, float *y, Py_ssize_t begin, Py_ssize_t n, uint64_t seed,
                     uint32_t threshold, double scale)
    void dropout_f64(const double *x, double *y, Py_ssize_t begin, Py_ssize_t n, uint64_t seed,
                     uint32_t threshold, double scale)
    void bernoulli_f32(const float *x, float *y, Py_ssize_t begin, Py_ssize_t n, uint64_t seed)
    void bernoulli_f64(const double *x, double *y, Py_ssize_t begin, Py_ssize_t n, uint64_t seed)
    void dropout_mask(unsigned char *keep, Py_ssize_t begin, Py_ssize_t n, uint64_t seed,
                      uint32_t threshold)

cdef enum:
    CHUNK = 16384         # elements of one item, a multiple of the generator's block of 64
    SLICE_CHUNKS = 4096   # between slices Ctrl-C is answered
    ELEMENT_WORK = 8      # in units of threads_for

cdef struct Job:
    const char *x
    char *y
    unsigned char *keep
    Py_ssize_t size, pixels, channels  # of the array; of an image, when x is channels-last
    bint single, bernoulli
    uint64_t seed
    uint32_t threshold
    double scale


cdef void drop_chunk(Job *job, Py_ssize_t chunk) noexcept nogil:
    """x, y in C order; without y, only the mask."""
    cdef Py_ssize_t begin = chunk * CHUNK, n = min(<Py_ssize_t>CHUNK, job.size - begin)
    if job.bernoulli and job.single:
        bernoulli_f32(<const float *>job.x + begin, <float *>job.y + begin, begin, n, job.seed)
    elif job.bernoulli:
        bernoulli_f64(<const double *>job.x + begin, <double *>job.y + begin, begin, n, job.seed)
    elif job.y == NULL:
        dropout_mask(job.keep + begin, begin, n, job.seed, job.threshold)
    elif job.single:
        dropout_f32(<const float *>job.x + begin, <float *>job.y + begin, begin, n, job.seed,
                    job.threshold, job.scale)
    else:
        dropout_f64(<const double *>job.x + begin, <double *>job.y + begin, begin, n, job.seed,
                    job.threshold, job.scale)


cdef void apply_pixel(Job *job, Py_ssize_t pixel, floating *_) noexcept nogil:
    """One pixel of channels-last x, y; the mask is in C order."""
    cdef Py_ssize_t c, image = pixel // job.pixels
    cdef const floating *x = <const floating *>job.x + pixel * job.channels
    cdef floating *y = <floating *>job.y + pixel * job.channels
    cdef floating scale = <floating>job.scale
    cdef const unsigned char *keep = (
        job.keep + image * job.pixels * job.channels + pixel - image * job.pixels)
    for c in range(job.channels):
        y[c] = x[c] * (scale * keep[c * job.pixels])  # no branch: half of them would be mispredicted


cdef int drop_all(Job *job) except -1:
    cdef Py_ssize_t chunks = (job.size + CHUNK - 1) // CHUNK, chunk, first = 0, last
    cdef int threads = threads_for(<double>job.size * ELEMENT_WORK)
    while first < chunks:
        last = min(first + SLICE_CHUNKS, chunks)
        with nogil:
            for chunk in prange(first, last, schedule="static", num_threads=threads):
                drop_chunk(job, chunk)
        PyErr_CheckSignals()
        first = last
    return 0


cdef int apply_all(Job *job) except -1:
    cdef Py_ssize_t pixels = job.size // max(job.channels, 1), pixel, first = 0, last
    cdef Py_ssize_t slice_pixels = 1 + SLICE_CHUNKS * CHUNK // max(job.channels, 1)
    cdef int threads = threads_for(<double>job.size * ELEMENT_WORK)
    while first < pixels:
        last = min(first + slice_pixels, pixels)
        with nogil:
            for pixel in prange(first, last, schedule="static", num_threads=threads):
                if job.single:
                    apply_pixel[float](job, pixel, NULL)
                else:
                    apply_pixel[double](job, pixel, NULL)
        PyErr_CheckSignals()
        first = last
    return 0


def dropout(cnp.ndarray x, uint64_t seed, uint32_t threshold, double scale, bint channels_last):
    """x C-contiguous, or with channels_last 4-D (N, C, H, W) in that layout -> y, laid out alike."""
    cdef int typenum = cnp.PyArray_TYPE(x)
    cdef cnp.ndarray y = empty(x.ndim, x.shape, typenum, channels_last)
    cdef Job job
    cdef Block mask
    job.x = <const char *>cnp.PyArray_DATA(x)
    job.y = <char *>cnp.PyArray_DATA(y)
    job.size = cnp.PyArray_SIZE(x)
    job.single = typenum == cnp.NPY_FLOAT32
    job.bernoulli = False
    job.seed, job.threshold, job.scale = seed, threshold, scale
    if not channels_last:
        drop_all(&job)
        return y
    mask = block(job.size)
    job.keep = <unsigned char *>mask.data
    job.channels, job.pixels = x.shape[1], x.shape[2] * x.shape[3]
    job.y = NULL
    drop_all(&job)
    job.y = <char *>cnp.PyArray_DATA(y)
    apply_all(&job)
    return y


def bernoulli(cnp.ndarray p, uint64_t seed):
    """p C-contiguous -> y, of the same shape and dtype."""
    cdef int typenum = cnp.PyArray_TYPE(p)
    cdef cnp.ndarray y = empty(p.ndim, p.shape, typenum, False)
    cdef Job job
    job.x = <const char *>cnp.PyArray_DATA(p)
    job.y = <char *>cnp.PyArray_DATA(y)
    job.size = cnp.PyArray_SIZE(p)
    job.single = typenum == cnp.NPY_FLOAT32
    job.bernoulli = True
    job.seed = seed
    drop_all(&job)
    return y
