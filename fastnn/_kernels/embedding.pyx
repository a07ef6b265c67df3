"""Embedding: rows of a table looked up by number, and the sums of gradients row by row.

    y[i] = weight[index[i]]                      N positions, V rows in the table, D columns
    dweight[v] = sum of the dy[i] with index[i] == v

Backward sorts the positions by their row (a counting sort: equal ones keep their order) and adds up
each row's. Threads share neither rows nor positions but slots: a row has one for itself and one
for every position that looks it up. Items are equally many slots, so that work is even however
often some rows are looked up (Merrill & Garland 2016, SC16, for sparse matrices); what an item sums
of a row that began in an earlier one goes to `parts`, and is added at the end.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .memory cimport Block, block, empty
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef extern from "embedding.h" nogil:
    void sum_rows(size_t itemsize, const void *x, Py_ssize_t stride, const Py_ssize_t *order,
                  const void *weight, Py_ssize_t n, Py_ssize_t columns, bint add, void *y)

cdef enum:
    ITEM_ROWS = 256            # of forward's items
    ITEM_SLOTS = 256           # of backward's
    MIN_COLUMNS = 16           # fewer take the time of about so many
    SLICE_ELEMENTS = 1 << 25   # between slices of items Ctrl-C is answered,
    SLICE_POSITIONS = 1 << 22  # and between slices of the sort


def first_outside(cnp.ndarray index, int64_t rows):
    """The first position in index (contiguous int64) of what is no row's number; -1 for none."""
    cdef const int64_t *number = <const int64_t *>cnp.PyArray_DATA(index)
    cdef Py_ssize_t i = 0, n = cnp.PyArray_SIZE(index)
    with nogil:
        while i < n and 0 <= number[i] < rows:
            i += 1
    return i if i < n else -1


# ---- forward ------------------------------------------------------------------------------------


cdef void copy_rows(const char *weight, Py_ssize_t stride, const int64_t *index, Py_ssize_t n,
                    size_t nbytes, char *y, Py_ssize_t y_stride) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(y + i * y_stride, weight + index[i] * stride, nbytes)


def embedding(cnp.ndarray index, cnp.ndarray weight, cnp.ndarray y):
    """index (N,) contiguous int64, in range; weight (V, D), its rows contiguous -> y (N, D), given
    with contiguous rows, or None for a new one."""
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = index.shape[0], weight.shape[1]
    if y is None:
        y = empty(2, shape, cnp.PyArray_TYPE(weight))
    cdef const char *table = <const char *>cnp.PyArray_DATA(weight)
    cdef const int64_t *number = <const int64_t *>cnp.PyArray_DATA(index)
    cdef char *out = <char *>cnp.PyArray_DATA(y)
    cdef Py_ssize_t n = shape[0], stride = weight.strides[0], y_stride = y.strides[0]
    cdef size_t nbytes = shape[1] * cnp.PyArray_ITEMSIZE(weight)
    cdef Py_ssize_t items = (n + ITEM_ROWS - 1) // ITEM_ROWS, item, first = 0, last
    cdef Py_ssize_t slice_items = 1 + SLICE_ELEMENTS // (ITEM_ROWS * max(shape[1], MIN_COLUMNS))
    cdef int threads = threads_for(<double>ELEMENT_WORK * n * shape[1])
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                copy_rows(table, stride, number + item * ITEM_ROWS,
                          min(<Py_ssize_t>ITEM_ROWS, n - item * ITEM_ROWS), nbytes,
                          out + item * ITEM_ROWS * y_stride, y_stride)
        PyErr_CheckSignals()
        first = last
    return y


# ---- backward -----------------------------------------------------------------------------------

cdef struct Job:
    Py_ssize_t rows, columns, slots, dy_stride  # the stride in elements
    size_t itemsize, row_bytes                  # row_bytes: of dweight, and of parts
    const char *dy                              # IN (N, D)
    char *dweight                               # OUT (V, D)
    char *parts                                 # (items, D)
    Py_ssize_t *start                           # (V + 2,): row v's positions are the
    Py_ssize_t *order                           # order[start[v]:start[v + 1]]


cdef void count_positions(Job *job, const int64_t *index, Py_ssize_t n,
                          Py_ssize_t left_out) noexcept nogil:
    """start[v + 2] += how many positions look up row v."""
    cdef Py_ssize_t i
    for i in range(n):
        if index[i] != left_out:
            job.start[index[i] + 2] += 1


cdef void place_positions(Job *job, const int64_t *index, Py_ssize_t begin, Py_ssize_t end,
                          Py_ssize_t left_out) noexcept nogil:
    """start[v + 1], from where row v's positions begin, moves to where they end."""
    cdef Py_ssize_t i
    for i in range(begin, end):
        if index[i] != left_out:
            job.order[job.start[index[i] + 1]] = i
            job.start[index[i] + 1] += 1


cdef int sort(Job *job, const int64_t *index, Py_ssize_t n, Py_ssize_t left_out) except -1:
    """Fills start and order; positions that look up row `left_out` (-1: none) are left out."""
    cdef Py_ssize_t first, v
    memset(job.start, 0, (job.rows + 2) * sizeof(Py_ssize_t))
    for first in range(0, n, SLICE_POSITIONS):
        with nogil:
            count_positions(job, index + first, min(<Py_ssize_t>SLICE_POSITIONS, n - first),
                            left_out)
        PyErr_CheckSignals()
    with nogil:
        for v in range(2, job.rows + 2):
            job.start[v] += job.start[v - 1]
    for first in range(0, n, SLICE_POSITIONS):
        with nogil:
            place_positions(job, index, first, min(first + SLICE_POSITIONS, n), left_out)
        PyErr_CheckSignals()
    return 0


cdef Py_ssize_t row_of(const Job *job, Py_ssize_t slot) noexcept nogil:
    """The row that a slot belongs to. Row v's begin with slot start[v] + v, its own."""
    cdef Py_ssize_t low = 0, high = job.rows, middle  # low's first slot <= slot < high's
    while high - low > 1:
        middle = (low + high) // 2
        if job.start[middle] + middle <= slot:
            low = middle
        else:
            high = middle
    return low


cdef void sum_item(const Job *job, Py_ssize_t item) noexcept nogil:
    """dweight of the rows that begin in this item, and the part of the one that began before."""
    cdef Py_ssize_t slot = item * ITEM_SLOTS, end = min(slot + ITEM_SLOTS, job.slots)
    cdef Py_ssize_t v = row_of(job, slot), own, begin, stop
    cdef char *out
    while slot < end:
        own = job.start[v] + v
        begin = max(slot, own + 1) - v - 1
        stop = min(end - v - 1, job.start[v + 1])
        out = job.dweight + v * job.row_bytes if slot == own else job.parts + item * job.row_bytes
        if begin < stop:
            sum_rows(job.itemsize, job.dy, job.dy_stride, job.order + begin, NULL,
                     stop - begin, job.columns, False, out)
        else:
            memset(out, 0, job.row_bytes)
        v += 1
        slot = job.start[v] + v


cdef void add_parts(const Job *job, Py_ssize_t items, const Py_ssize_t *each) noexcept nogil:
    """Complete the rows that began in one item and end in another. each: 0, 1, 2, ..."""
    cdef Py_ssize_t item = 1, last, v
    while item < items:
        v = row_of(job, item * ITEM_SLOTS)
        last = item
        if job.start[v] + v < item * ITEM_SLOTS:
            last = (job.start[v + 1] + v) // ITEM_SLOTS
            sum_rows(job.itemsize, job.parts, job.columns, each + item, NULL,
                     last - item + 1, job.columns, True, job.dweight + v * job.row_bytes)
        item = last + 1


def embedding_backward(cnp.ndarray dy, cnp.ndarray index, Py_ssize_t rows, Py_ssize_t left_out):
    """dy (N, D), its rows contiguous; index (N,) contiguous int64, in range -> dweight (rows, D).

    Positions that look up row `left_out` (-1: none) take no part."""
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = rows, dy.shape[1]
    cdef cnp.ndarray dweight = empty(2, shape, cnp.PyArray_TYPE(dy))
    cdef Py_ssize_t n = index.shape[0], items, item, first = 0, last, slice_items
    cdef Block tables = block((rows + 2 + n) * sizeof(Py_ssize_t)), parts, numbers
    cdef Py_ssize_t *each
    cdef Job job
    job.rows, job.columns = rows, shape[1]
    job.itemsize = cnp.PyArray_ITEMSIZE(dy)
    job.row_bytes = job.columns * job.itemsize
    job.dy = <const char *>cnp.PyArray_DATA(dy)
    job.dy_stride = dy.strides[0] // <Py_ssize_t>job.itemsize
    job.dweight = <char *>cnp.PyArray_DATA(dweight)
    job.start = <Py_ssize_t *>tables.data
    job.order = job.start + rows + 2
    sort(&job, <const int64_t *>cnp.PyArray_DATA(index), n, left_out)
    job.slots = job.start[rows] + rows
    items = (job.slots + ITEM_SLOTS - 1) // ITEM_SLOTS
    parts = block(items * job.row_bytes)
    job.parts = <char *>parts.data
    numbers = block(items * sizeof(Py_ssize_t))
    each = <Py_ssize_t *>numbers.data
    for item in range(items):
        each[item] = item
    slice_items = 1 + SLICE_ELEMENTS // (ITEM_SLOTS * max(job.columns, MIN_COLUMNS))
    cdef int threads = threads_for(<double>ELEMENT_WORK * job.slots * job.columns)
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                sum_item(&job, item)
        PyErr_CheckSignals()
        first = last
    with nogil:
        add_parts(&job, items, each)
    return dweight
