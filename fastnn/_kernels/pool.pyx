"""Max and average pooling over channels-last images (see pool.h for the rows themselves).

N batch, C channels, H W image, OH OW output. Arrays are C-contiguous (N, H, W, C); results are
new, channels-last arrays. Items are blocks of rows of the result, each written by one thread, so
any number of threads gives the same bits.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from .memory cimport Block, block, empty
from .threads cimport ELEMENT_WORK, threads_for
from .window cimport span_t

cnp.import_array()

cdef enum:
    ITEM_WORK = 16384     # taps times channels in one item, at least
    MIN_LANES = 8         # few channels take the time of about this many
    SLICE_WORK = 1 << 27  # between slices of items Ctrl-C is answered

cdef extern from "pool.h" nogil:
    ctypedef struct axis_t:
        Py_ssize_t size, out, dil, taps
        span_t *window
        span_t *over
        Py_ssize_t *places

    ctypedef struct pool_t:
        Py_ssize_t C
        axis_t h, w
        void *divisor

    ctypedef void (*pool_rows_p)(const pool_t *p, const void *source, Py_ssize_t readable,
                                 void *target, int *index, Py_ssize_t row0,
                                 Py_ssize_t row1) noexcept
    int POOL_MAX, POOL_MAX_BACKWARD, POOL_AVG, POOL_AVG_BACKWARD
    void sliding_windows(axis_t *a, Py_ssize_t taps, Py_ssize_t stride, Py_ssize_t pad)
    void adaptive_windows(axis_t *a)
    pool_rows_p pool_rows(int op, size_t itemsize, Py_ssize_t channels)
    void pool_divisors(const pool_t *p, size_t itemsize, int count_pad, Py_ssize_t override,
                       void *out, int reciprocal)

cdef struct Job:
    pool_t p
    pool_rows_p run
    size_t itemsize
    Py_ssize_t images
    Py_ssize_t source_size, target_size, index_size  # elements of one image; index_size may be 0
    const char *source
    char *target
    int *index
    Py_ssize_t rows, row_block, blocks  # of the target: rows an image, rows a block, blocks an image


cdef Py_ssize_t overlap(const axis_t *a) noexcept:
    """Windows over a pixel in the middle."""
    return a.over[a.size // 2].count if a.size else 0


cdef class Windows:
    """The windows of a pooling operation over (H, W) images: -> (OH, OW) outputs."""
    cdef pool_t p
    cdef Py_ssize_t overlap  # windows over a pixel, about
    cdef Block tables

    def __init__(self, tuple image, tuple output, tuple kernel=None, tuple stride=None,
                 tuple padding=None, tuple dilation=None):
        """Each pair is (h, w). kernel None: adaptive windows."""
        cdef axis_t *h = &self.p.h
        cdef axis_t *w = &self.p.w
        h.size, w.size = image
        h.out, w.out = output
        h.dil, w.dil = dilation or (1, 1)
        self.lay_tables()
        if kernel is None:
            adaptive_windows(h)
            adaptive_windows(w)
        else:
            sliding_windows(h, kernel[0], stride[0], padding[0])
            sliding_windows(w, kernel[1], stride[1], padding[1])
        self.overlap = overlap(h) * overlap(w)

    cdef void lay_tables(self):
        cdef axis_t *h = &self.p.h
        cdef axis_t *w = &self.p.w
        cdef Py_ssize_t spans = h.size + h.out + w.size + w.out + 2
        self.tables = block(spans * sizeof(span_t) + (h.out + w.out) * sizeof(Py_ssize_t))
        h.window = <span_t *>self.tables.data
        h.over = h.window + h.out + 1
        w.window = h.over + h.size
        w.over = w.window + w.out + 1
        h.places = <Py_ssize_t *>(w.over + w.size)
        w.places = h.places + h.out


cdef int run(int op, Windows windows, cnp.ndarray source, cnp.ndarray target, cnp.ndarray index,
             void *divisor) except -1:
    """All images, in slices. source is (N, ., ., C); index: None where op has none."""
    cdef Job job
    cdef bint backward = op == POOL_MAX_BACKWARD or op == POOL_AVG_BACKWARD
    job.p = windows.p
    job.p.C = source.shape[3]
    job.p.divisor = divisor
    job.images = source.shape[0]
    job.itemsize = cnp.PyArray_ITEMSIZE(source)
    job.run = pool_rows(op, job.itemsize, job.p.C)
    cdef Py_ssize_t x_size = job.p.h.size * job.p.w.size * job.p.C
    cdef Py_ssize_t y_size = job.p.h.out * job.p.w.out * job.p.C
    job.source_size = y_size if backward else x_size
    job.target_size = x_size if backward else y_size
    job.source = <const char *>cnp.PyArray_DATA(source)
    job.target = <char *>cnp.PyArray_DATA(target)
    job.index, job.index_size = NULL, 0
    if index is not None:
        job.index, job.index_size = <int *>cnp.PyArray_DATA(index), y_size

    cdef axis_t *h = &job.p.h
    cdef axis_t *w = &job.p.w
    cdef Py_ssize_t steps = w.size * (windows.overlap + 1) if backward else w.out * h.taps * w.taps
    cdef Py_ssize_t row_work = max(1, steps * max(job.p.C, MIN_LANES))
    job.rows = h.size if backward else h.out
    job.row_block = min(job.rows, 1 + ITEM_WORK // row_work)
    job.blocks = (job.rows + job.row_block - 1) // job.row_block if job.rows else 0
    cdef Py_ssize_t items = job.images * job.blocks, first = 0, last
    cdef Py_ssize_t slice_items = 1 + SLICE_WORK // (row_work * job.row_block) if items else 1
    cdef int threads = threads_for(ELEMENT_WORK * <double>job.images * job.rows * row_work)
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            run_items(&job, first, last, threads)
        PyErr_CheckSignals()
        first = last
    return 0


cdef void run_items(const Job *job, Py_ssize_t first, Py_ssize_t last, int nt) noexcept nogil:
    cdef Py_ssize_t item
    if nt == 1:  # without the cost of a parallel region
        for item in range(first, last):
            run_item(job, item)
        return
    for item in prange(first, last, schedule="static", num_threads=nt):
        run_item(job, item)


cdef void run_item(const Job *job, Py_ssize_t item) noexcept nogil:
    """Block of rows `item % blocks` of image `item // blocks`."""
    cdef Py_ssize_t n = item // job.blocks, row0 = (item % job.blocks) * job.row_block
    job.run(&job.p, job.source + n * job.source_size * job.itemsize,
            (job.images - n) * job.source_size, job.target + n * job.target_size * job.itemsize, job.index + n * job.index_size,
            row0, min(row0 + job.row_block, job.rows))


cdef cnp.ndarray images_like(cnp.ndarray a, const axis_t *h, const axis_t *w, bint output,
                             int typenum):
    """A new channels-last (N, C, ., .), of the output's size or the image's; a is (N, ., ., C)."""
    cdef cnp.npy_intp shape[4]
    shape[0], shape[1] = a.shape[0], a.shape[3]
    shape[2] = h.out if output else h.size
    shape[3] = w.out if output else w.size
    return empty(4, shape, typenum, True)


def max_pool2d(cnp.ndarray x, Windows windows):
    """x (N, H, W, C) -> y (N, C, OH, OW), indices (int32, the same shape)."""
    cdef cnp.ndarray y = images_like(x, &windows.p.h, &windows.p.w, True, cnp.PyArray_TYPE(x))
    cdef cnp.ndarray indices = images_like(x, &windows.p.h, &windows.p.w, True, cnp.NPY_INT32)
    run(POOL_MAX, windows, x, y, indices, NULL)
    return y, indices


def max_pool2d_backward(cnp.ndarray dy, cnp.ndarray indices, Windows windows):
    """dy and int32 indices (N, OH, OW, C) -> dx (N, C, H, W)."""
    cdef cnp.ndarray dx = images_like(dy, &windows.p.h, &windows.p.w, False, cnp.PyArray_TYPE(dy))
    run(POOL_MAX_BACKWARD, windows, dy, dx, indices, NULL)
    return dx


cdef Block divisors(Windows windows, int itemsize, bint count_pad, Py_ssize_t override,
                    bint reciprocal):
    cdef Block b = block(windows.p.h.out * windows.p.w.out * itemsize)
    pool_divisors(&windows.p, itemsize, count_pad, override, b.data, reciprocal)
    return b


def avg_pool2d(cnp.ndarray x, Windows windows, bint count_pad, Py_ssize_t divisor_override):
    """x (N, H, W, C) -> y (N, C, OH, OW). divisor_override 0: none."""
    cdef cnp.ndarray y = images_like(x, &windows.p.h, &windows.p.w, True, cnp.PyArray_TYPE(x))
    cdef Block d = divisors(windows, cnp.PyArray_ITEMSIZE(x), count_pad, divisor_override, False)
    run(POOL_AVG, windows, x, y, None, d.data)
    return y


def avg_pool2d_backward(cnp.ndarray dy, Windows windows, bint count_pad,
                        Py_ssize_t divisor_override):
    """dy (N, OH, OW, C) -> dx (N, C, H, W)."""
    cdef cnp.ndarray dx = images_like(dy, &windows.p.h, &windows.p.w, False, cnp.PyArray_TYPE(dy))
    cdef Block d = divisors(windows, cnp.PyArray_ITEMSIZE(dy), count_pad, divisor_override, True)
    run(POOL_AVG_BACKWARD, windows, dy, dx, None, d.data)
    return dx
