"""Resizing and padding of channels-last images, and the gradients of both (see resample.h).

N batch, C channels, H W image, OH OW output. Arrays are C-contiguous (N, H, W, C); results are
new, channels-last arrays. Items are blocks of rows of the result, each written by one thread, so
any number of threads gives the same bits.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from .memory cimport Block, block, empty
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef enum:
    ITEM_WORK = 16384     # sources times channels in one item, at least
    MIN_LANES = 8         # few channels take the time of about this many
    SLICE_WORK = 1 << 26  # between slices of items Ctrl-C is answered

cdef extern from "resample.h" nogil:
    ctypedef struct map_t:
        Py_ssize_t ins "in", out
        Py_ssize_t *start
        Py_ssize_t *source
        double *weight

    ctypedef struct resample_t:
        Py_ssize_t C
        map_t h, w
        double fill

    ctypedef void (*resample_rows_p)(const resample_t *p, const void *source, Py_ssize_t readable,
                                     void *target, void *scratch, Py_ssize_t row0,
                                     Py_ssize_t row1) noexcept
    int RESAMPLE_SLACK
    int MAP_NEAREST, MAP_LINEAR, MAP_CORNERS, MAP_CONSTANT, MAP_REFLECT, MAP_REPLICATE
    void map_resized(map_t *m, int mode, double scale)
    void map_padded(map_t *m, int mode, Py_ssize_t before)
    void map_transpose(const map_t *m, map_t *t)
    void map_finish(map_t *m, size_t itemsize)
    resample_rows_p resample_rows(size_t itemsize, Py_ssize_t channels)

cdef struct Job:
    resample_t p
    resample_rows_p run
    size_t itemsize
    Py_ssize_t images, source_size, target_size  # elements of one image
    const char *source
    char *target
    char *scratch
    size_t scratch_size  # of a thread, in bytes
    Py_ssize_t rows, row_block, blocks  # of the target: rows an image, rows a block, blocks an image


cdef Block lay_map(map_t *m, Py_ssize_t ins, Py_ssize_t out, Py_ssize_t entries):
    """Memory for a map of at most `entries`."""
    cdef Block memory = block((out + 1 + entries) * sizeof(Py_ssize_t) + entries * sizeof(double))
    m.ins, m.out = ins, out
    m.weight = <double *>memory.data
    m.start = <Py_ssize_t *>(m.weight + entries)
    m.source = m.start + out + 1
    return memory


cdef class Plan:
    """How (OH, OW) pixels come from (H, W) of an image."""
    cdef map_t h, w
    cdef Block h_memory, w_memory

    def __init__(self, tuple image, tuple output):
        """At most two sources a pixel along each axis: the caller fills the maps."""
        self.h_memory = lay_map(&self.h, image[0], output[0], 2 * output[0])
        self.w_memory = lay_map(&self.w, image[1], output[1], 2 * output[1])

    def transposed(self):
        """How (H, W) pixels of a gradient come from (OH, OW)."""
        cdef Plan t = Plan.__new__(Plan)
        t.h_memory = lay_map(&t.h, self.h.out, self.h.ins, self.h.start[self.h.out])
        t.w_memory = lay_map(&t.w, self.w.out, self.w.ins, self.w.start[self.w.out])
        map_transpose(&self.h, &t.h)
        map_transpose(&self.w, &t.w)
        return t


MODES = {
    "nearest": MAP_NEAREST, "linear": MAP_LINEAR, "corners": MAP_CORNERS,
    "constant": MAP_CONSTANT, "reflect": MAP_REFLECT, "replicate": MAP_REPLICATE,
}


def resized(tuple image, tuple output, str mode, double h_scale, double w_scale):
    """mode nearest, linear, or corners: linear, corner pixels on corner pixels. Scales: how many
    pixels of the image go to one of the output."""
    cdef Plan plan = Plan(image, output)
    map_resized(&plan.h, MODES[mode], h_scale)
    map_resized(&plan.w, MODES[mode], w_scale)
    return plan


def padded(tuple image, tuple output, str mode, tuple before):
    """mode constant, reflect, replicate. before (h, w): pixels above and left of the image."""
    cdef Plan plan = Plan(image, output)
    map_padded(&plan.h, MODES[mode], before[0])
    map_padded(&plan.w, MODES[mode], before[1])
    return plan


cdef void run_item(const Job *job, Py_ssize_t item, int thread) noexcept nogil:
    """Block of rows `item % blocks` of image `item // blocks`."""
    cdef Py_ssize_t n = item // job.blocks, row0 = (item % job.blocks) * job.row_block
    job.run(&job.p, job.source + n * job.source_size * job.itemsize,
            (job.images - n) * job.source_size, job.target + n * job.target_size * job.itemsize,
            job.scratch + thread * job.scratch_size, row0, min(row0 + job.row_block, job.rows))


def resample(cnp.ndarray x, Plan plan, double fill):
    """x (N, H, W, C) -> (N, C, OH, OW). A plan serves once: its weights take x's dtype."""
    cdef Job job
    cdef cnp.npy_intp shape[4]
    shape[0], shape[1], shape[2], shape[3] = x.shape[0], x.shape[3], plan.h.out, plan.w.out
    cdef cnp.ndarray y = empty(4, shape, cnp.PyArray_TYPE(x), True)
    job.itemsize = cnp.PyArray_ITEMSIZE(x)
    # Additions and multiplications a row, of all rows together about.
    cdef Py_ssize_t sources = plan.w.start[plan.w.out] * (
        1 + plan.h.start[plan.h.out] // max(1, plan.h.out))
    cdef Py_ssize_t row_work = max(1, (sources + plan.w.out) * max(x.shape[3], MIN_LANES))
    map_finish(&plan.h, job.itemsize)
    map_finish(&plan.w, job.itemsize)
    job.p.C, job.p.fill = x.shape[3], fill
    job.p.h, job.p.w = plan.h, plan.w
    job.run = resample_rows(job.itemsize, job.p.C)
    job.images = x.shape[0]
    job.source_size = plan.h.ins * plan.w.ins * job.p.C
    job.target_size = plan.h.out * plan.w.out * job.p.C
    job.source = <const char *>cnp.PyArray_DATA(x)
    job.target = <char *>cnp.PyArray_DATA(y)
    job.rows = plan.h.out
    job.row_block = min(job.rows, 1 + ITEM_WORK // row_work)
    job.blocks = (job.rows + job.row_block - 1) // job.row_block if job.rows else 0
    cdef Py_ssize_t items = job.images * job.blocks if job.target_size else 0
    cdef Py_ssize_t item, first = 0, last
    cdef Py_ssize_t slice_items = 1 + SLICE_WORK // (row_work * max(1, job.row_block))
    cdef int threads = threads_for(ELEMENT_WORK * <double>job.images * job.rows * row_work)
    job.scratch_size = plan.w.ins * job.p.C * job.itemsize + RESAMPLE_SLACK
    cdef Block scratch = block(threads * job.scratch_size)
    job.scratch = <char *>scratch.data
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                run_item(&job, item, threadid())
        PyErr_CheckSignals()
        first = last
    return y
