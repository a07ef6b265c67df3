"""im2col and its transpose, col2im: the matrix of the patches of an image (see window.h).

Items are planes (one channel of one image), each copied into, or summed in, a zero-padded plane of
the thread's own: no tap needs a bounds check, and sums run over the taps in order.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset

from .memory cimport Block, block, empty
from .threads cimport threads_for
from .window cimport window_of, window_t

cnp.import_array()

cdef enum:
    SLICE_WORK = 1 << 26  # between slices of items Ctrl-C is answered

cdef struct Job:
    window_t w
    Py_ssize_t plane_h, plane_w    # of the padded plane
    Py_ssize_t sn, sc, sh, sw      # strides of the images, in elements
    char *images                   # (N, C, H, W)
    char *cols                     # (N, C, R, S, OH, OW)
    char *planes                   # one a thread
    bint to_cols, single


cdef void gather(Job *job, const floating *x, floating *plane, floating *cols) noexcept nogil:
    """cols[r, s, oh, ow] = padded x[oh * stride_h + r * dil_h, ow * stride_w + s * dil_w]"""
    cdef window_t *w = &job.w
    cdef Py_ssize_t h, i, r, s, oh, ow
    cdef floating *row
    memset(plane, 0, job.plane_h * job.plane_w * sizeof(floating))
    for h in range(w.H):
        row = plane + (h + w.pad_h) * job.plane_w + w.pad_w
        for i in range(w.W):
            row[i] = x[h * job.sh + i * job.sw]
    for r in range(w.R):
        for s in range(w.S):
            for oh in range(w.OH):
                row = plane + (oh * w.stride_h + r * w.dil_h) * job.plane_w + s * w.dil_w
                if w.stride_w == 1:
                    memcpy(cols, row, w.OW * sizeof(floating))
                else:
                    for ow in range(w.OW):
                        cols[ow] = row[ow * w.stride_w]
                cols += w.OW


cdef void scatter(Job *job, floating *x, floating *plane, const floating *cols) noexcept nogil:
    """The transpose of gather: x = the sum of all cols[r, s, oh, ow] that were copied from it."""
    cdef window_t *w = &job.w
    cdef Py_ssize_t h, i, r, s, oh, ow
    cdef floating *row
    memset(plane, 0, job.plane_h * job.plane_w * sizeof(floating))
    for r in range(w.R):
        for s in range(w.S):
            for oh in range(w.OH):
                row = plane + (oh * w.stride_h + r * w.dil_h) * job.plane_w + s * w.dil_w
                if w.stride_w == 1:
                    for ow in range(w.OW):
                        row[ow] += cols[ow]
                else:
                    for ow in range(w.OW):
                        row[ow * w.stride_w] += cols[ow]
                cols += w.OW
    for h in range(w.H):
        row = plane + (h + w.pad_h) * job.plane_w + w.pad_w
        for i in range(w.W):
            x[h * job.sh + i * job.sw] = row[i]


cdef void run_item(Job *job, Py_ssize_t item, int thread, floating *_) noexcept nogil:
    """Channel `item % C` of image `item // C`."""
    cdef window_t *w = &job.w
    cdef floating *image = <floating *>job.images + (item // w.C) * job.sn + (item % w.C) * job.sc
    cdef floating *plane = <floating *>job.planes + thread * job.plane_h * job.plane_w
    cdef floating *cols = <floating *>job.cols + item * w.R * w.S * w.OH * w.OW
    if job.to_cols:
        gather[floating](job, image, plane, cols)
    else:
        scatter[floating](job, image, plane, cols)


cdef int run(Job *job, cnp.ndarray images, cnp.ndarray cols, bint to_cols) except -1:
    cdef window_t *w = &job.w
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(images), item, first = 0, last
    cdef Py_ssize_t items = images.shape[0] * w.C
    job.plane_h = max(w.H + 2 * w.pad_h, (w.OH - 1) * w.stride_h + (w.R - 1) * w.dil_h + 1)
    job.plane_w = max(w.W + 2 * w.pad_w, (w.OW - 1) * w.stride_w + (w.S - 1) * w.dil_w + 1)
    job.sn, job.sc = images.strides[0] // size, images.strides[1] // size
    job.sh, job.sw = images.strides[2] // size, images.strides[3] // size
    cdef Py_ssize_t item_work = job.plane_h * job.plane_w + w.R * w.S * w.OH * w.OW
    cdef Py_ssize_t slice_items = 1 + SLICE_WORK // item_work
    cdef int threads = threads_for(<double>items * item_work)
    cdef Block planes = block(<size_t>threads * job.plane_h * job.plane_w * size)
    job.planes = <char *>planes.data
    job.images = <char *>cnp.PyArray_DATA(images)
    job.cols = <char *>cnp.PyArray_DATA(cols)
    job.to_cols = to_cols
    job.single = size == 4
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


def im2col(cnp.ndarray x, tuple output, tuple kernel, tuple stride, tuple padding, tuple dilation):
    """x (N, C, H, W) of any strides -> cols (N, C * R * S, OH * OW)."""
    cdef Job job
    cdef cnp.npy_intp shape[3]
    job.w = window_of(x.shape[1], (x.shape[2], x.shape[3]), output, kernel, stride, padding,
                      dilation)
    shape[0] = x.shape[0]
    shape[1] = job.w.C * job.w.R * job.w.S
    shape[2] = job.w.OH * job.w.OW
    cdef cnp.ndarray cols = empty(3, shape, cnp.PyArray_TYPE(x))
    run(&job, x, cols, True)
    return cols


def col2im(cnp.ndarray cols, tuple image, tuple output, tuple kernel, tuple stride, tuple padding,
           tuple dilation):
    """cols (N, C * R * S, OH * OW), C-contiguous -> x (N, C, H, W), channels-last."""
    cdef Job job
    cdef cnp.npy_intp shape[4]
    cdef Py_ssize_t taps = kernel[0] * kernel[1]
    job.w = window_of(cols.shape[1] // taps, image, output, kernel, stride, padding, dilation)
    shape[0], shape[1], shape[2], shape[3] = cols.shape[0], job.w.C, job.w.H, job.w.W
    cdef cnp.ndarray x = empty(4, shape, cnp.PyArray_TYPE(cols), True)
    run(&job, x, cols, False)
    return x
