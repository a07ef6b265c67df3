"""Max and average pooling over channels-last images (see pool.h for the rows themselves).

N batch, C channels, H W image, OH OW output. Arrays are C-contiguous (N, H, W, C); results are
new, channels-last arrays. Items are blocks of rows (in the scatter: images and blocks of
channels), each written by one thread, so any number of threads gives the same bits.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from .memory cimport Block, block, empty
from .threads cimport threads_for
from .window cimport window_of, window_t

cnp.import_array()

cdef enum:
    ITEM_WORK = 16384       # taps times channels in one item, at least
    MIN_LANES = 16          # few channels take the time of about this many
    SLICE_WORK = 1 << 27    # between slices of items Ctrl-C is answered
    SCATTER_SLICE = 1 << 24 # the same for the scatter, element by element
    SCATTER_CHANNELS = 16   # few images: channels of one item of the scatter, a line of floats
    MANY_IMAGES = 8         # enough to share: an item of the scatter is a whole image

cdef extern from "pool.h" nogil:
    void max_pool_rows(const window_t *w, size_t itemsize, const void *x, void *y,
                       int *index, Py_ssize_t oh0, Py_ssize_t oh1)
    int max_pool_scatter(const window_t *w, size_t itemsize, const void *dy, const int *index,
                         void *dx, Py_ssize_t c0, Py_ssize_t c1)
    void avg_pool_rows(const window_t *w, size_t itemsize, const void *divisor, const void *x,
                       void *y, Py_ssize_t oh0, Py_ssize_t oh1)
    void avg_pool_rows_backward(const window_t *w, size_t itemsize, const void *scale,
                                const void *dy, void *dx, Py_ssize_t ih0, Py_ssize_t ih1)
    void pool_divisors(const window_t *w, size_t itemsize, int count_pad, Py_ssize_t override,
                       void *out, int reciprocal)

cdef enum Op:
    MAX, AVG, AVG_BACKWARD

cdef struct Job:
    Op op
    window_t w
    size_t itemsize
    const char *source   # x, or dy
    char *target         # y, or dx
    int *index           # MAX: the winners
    void *divisor        # AVG: (OH, OW); AVG_BACKWARD: the reciprocals
    Py_ssize_t rows, row_block, blocks  # of target: rows an image, rows a block, blocks an image


cdef void run_item(Job *job, Py_ssize_t item) noexcept nogil:
    """Block of rows `item % blocks` of image `item // blocks`."""
    cdef window_t *w = &job.w
    cdef Py_ssize_t n = item // job.blocks, row0 = (item % job.blocks) * job.row_block
    cdef Py_ssize_t row1 = min(row0 + job.row_block, job.rows)
    cdef Py_ssize_t x_at = n * w.H * w.W * w.C, y_at = n * w.OH * w.OW * w.C
    cdef Py_ssize_t size = job.itemsize
    if job.op == MAX:
        max_pool_rows(w, size, job.source + x_at * size, job.target + y_at * size,
                      job.index + y_at, row0, row1)
    elif job.op == AVG:
        avg_pool_rows(w, size, job.divisor, job.source + x_at * size, job.target + y_at * size,
                      row0, row1)
    else:
        avg_pool_rows_backward(w, size, job.divisor, job.source + y_at * size,
                               job.target + x_at * size, row0, row1)


cdef int run(Job *job, Py_ssize_t images) except -1:
    """All images, in slices."""
    cdef window_t *w = &job.w
    cdef Py_ssize_t lanes = max(w.C, MIN_LANES)
    cdef Py_ssize_t row_work = max(1, w.OW * w.R * w.S * lanes)
    cdef Py_ssize_t item, first = 0, last, slice_items, items
    if job.op == AVG_BACKWARD:
        row_work = max(row_work, w.W * lanes)
    job.rows = w.H if job.op == AVG_BACKWARD else w.OH
    job.row_block = min(job.rows, 1 + ITEM_WORK // row_work)
    job.blocks = (job.rows + job.row_block - 1) // job.row_block
    items = images * job.blocks
    slice_items = 1 + SLICE_WORK // (row_work * job.row_block)
    cdef int threads = threads_for(<double>images * job.rows * row_work)
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                run_item(job, item)
        PyErr_CheckSignals()
        first = last
    return 0


cdef cnp.ndarray images_like(cnp.ndarray a, Py_ssize_t height, Py_ssize_t width, int typenum):
    """A new channels-last (N, C, height, width) for a's N and C; a is (N, ., ., C)."""
    cdef cnp.npy_intp shape[4]
    shape[0], shape[1], shape[2], shape[3] = a.shape[0], a.shape[3], height, width
    return empty(4, shape, typenum, True)


def max_pool2d(cnp.ndarray x, tuple output, tuple kernel, tuple stride, tuple padding,
               tuple dilation):
    """x (N, H, W, C) -> y (N, C, OH, OW), indices (int32, the same shape)."""
    cdef Job job
    job.op = MAX
    job.w = window_of(x.shape[3], (x.shape[1], x.shape[2]), output, kernel, stride, padding,
                      dilation)
    job.itemsize = cnp.PyArray_ITEMSIZE(x)
    cdef cnp.ndarray y = images_like(x, job.w.OH, job.w.OW, cnp.PyArray_TYPE(x))
    cdef cnp.ndarray indices = images_like(x, job.w.OH, job.w.OW, cnp.NPY_INT32)
    job.source = <const char *>cnp.PyArray_DATA(x)
    job.target = <char *>cnp.PyArray_DATA(y)
    job.index = <int *>cnp.PyArray_DATA(indices)
    run(&job, x.shape[0])
    return y, indices


def max_pool2d_backward(cnp.ndarray dy, cnp.ndarray indices, tuple image):
    """dy and int32 indices (N, OH, OW, C) -> dx (N, C, H, W), or None for an index out of range."""
    cdef window_t w = window_of(dy.shape[3], image, (dy.shape[1], dy.shape[2]), (1, 1), (1, 1),
                                (0, 0), (1, 1))
    cdef cnp.ndarray dx = images_like(dy, w.H, w.W, cnp.PyArray_TYPE(dy))
    cdef size_t size = cnp.PyArray_ITEMSIZE(dy)
    cdef Py_ssize_t x_size = w.H * w.W * w.C, y_size = w.OH * w.OW * w.C
    cdef Py_ssize_t channels = w.C if dy.shape[0] >= MANY_IMAGES else SCATTER_CHANNELS
    cdef Py_ssize_t blocks = (w.C + channels - 1) // channels if w.C else 0
    cdef Py_ssize_t items = dy.shape[0] * blocks, first = 0, last, item, n, c0
    cdef Py_ssize_t slice_items = 1 + SCATTER_SLICE // (
        max(channels, 1) * max(1, w.OH * w.OW, w.H * w.W))
    cdef const char *dy_data = <const char *>cnp.PyArray_DATA(dy)
    cdef const int *index = <const int *>cnp.PyArray_DATA(indices)
    cdef char *dx_data = <char *>cnp.PyArray_DATA(dx)
    cdef int threads = threads_for(<double>dy.shape[0] * (x_size + 4 * y_size))
    cdef int invalid = 0
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                n = item // blocks
                c0 = (item % blocks) * channels
                invalid += 1 - max_pool_scatter(
                    &w, size, dy_data + n * y_size * size, index + n * y_size,
                    dx_data + n * x_size * size, c0, min(c0 + channels, w.C))
        PyErr_CheckSignals()
        first = last
    return None if invalid else dx


def avg_pool2d(cnp.ndarray x, tuple output, tuple kernel, tuple stride, tuple padding,
               bint count_pad, Py_ssize_t divisor_override):
    """x (N, H, W, C) -> y (N, C, OH, OW). divisor_override 0: none."""
    cdef Job job
    job.op = AVG
    job.w = window_of(x.shape[3], (x.shape[1], x.shape[2]), output, kernel, stride, padding, (1, 1))
    job.itemsize = cnp.PyArray_ITEMSIZE(x)
    cdef Block divisors = block(job.w.OH * job.w.OW * job.itemsize)
    job.divisor = divisors.data
    pool_divisors(&job.w, job.itemsize, count_pad, divisor_override, job.divisor, False)
    cdef cnp.ndarray y = images_like(x, job.w.OH, job.w.OW, cnp.PyArray_TYPE(x))
    job.source = <const char *>cnp.PyArray_DATA(x)
    job.target = <char *>cnp.PyArray_DATA(y)
    run(&job, x.shape[0])
    return y


def avg_pool2d_backward(cnp.ndarray dy, tuple image, tuple kernel, tuple stride, tuple padding,
                        bint count_pad, Py_ssize_t divisor_override):
    """dy (N, OH, OW, C) -> dx (N, C, H, W)."""
    cdef Job job
    job.op = AVG_BACKWARD
    job.w = window_of(dy.shape[3], image, (dy.shape[1], dy.shape[2]), kernel, stride, padding,
                      (1, 1))
    job.itemsize = cnp.PyArray_ITEMSIZE(dy)
    cdef Block scales = block(job.w.OH * job.w.OW * job.itemsize)
    job.divisor = scales.data
    pool_divisors(&job.w, job.itemsize, count_pad, divisor_override, job.divisor, True)
    cdef cnp.ndarray dx = images_like(dy, job.w.H, job.w.W, cnp.PyArray_TYPE(dy))
    job.source = <const char *>cnp.PyArray_DATA(dy)
    job.target = <char *>cnp.PyArray_DATA(dx)
    run(&job, dy.shape[0])
    return dx
