"""Sum, mean and maximum over any axes, and the backward of the maximum.

A dense array, seen in the order of its memory, is runs of kept and of reduced axes by turns. Each
reduced run, innermost first, is one pass over a box x[a, r, c] -> y[a, c]: `reduce_box`. The box
is cut into blocks by its shape alone; the blocks' results make a smaller box for the next pass.
So any number of threads gives the same bits.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from .dense cimport (
    MAX_DIMS, dense_copy, empty_in_order, empty_like, is_dense, memory_order,
    same_layout, same_shape,
)
from .memory cimport Block, block, is_plain
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef extern from "reduce.h" nogil:
    enum:
        RED_SUM
        RED_MAX
        RED_ROWS
    void reduce_rows(size_t itemsize, int op, const void *x, Py_ssize_t rows, Py_ssize_t n,
                     void *y)
    void reduce_columns(size_t itemsize, int op, const void *x, Py_ssize_t rows,
                        Py_ssize_t stride, Py_ssize_t columns, void *y)
    void divide_by(size_t itemsize, void *y, Py_ssize_t n, double by)
    void max_backward_run(size_t itemsize, const void *dy, const void *x, const void *y,
                          Py_ssize_t rows, Py_ssize_t stride, Py_ssize_t columns, double *count,
                          void *dx)

cdef enum:
    RED_MEAN = 2       # RED_SUM, then a division
    RUN = 1 << 15      # elements of a run in one block
    ROWS = 128         # rows in one block of columns
    COLUMNS = 1 << 12  # columns in one block
    NARROW = 64        # narrower rows are taken several at a time, for whole vectors,
    WIDE = 1 << 10     # or for long streams from memory, which the hardware foresees,
    LARGE = 1 << 16    # if the box has this many elements
    CHUNK = 1 << 14    # elements, of one block or several, that one thread takes at a time
    SLICE = 1 << 24    # elements between two looks for Ctrl-C

SUM, MAX, MEAN = RED_SUM, RED_MAX, RED_MEAN

# One pass: the box and the blocks that it is cut into.
cdef struct Pass:
    int op
    size_t itemsize
    const char *x       # IN  (a, r, c)
    char *y             # OUT (a, blocks * fold + rest, c)
    Py_ssize_t r, c
    Py_ssize_t fold     # rows taken as one wide row
    Py_ssize_t blocks   # of the reduced axis
    Py_ssize_t rest     # rows left over from folding, which go to y as they are
    Py_ssize_t pieces   # of the columns


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef void run_items(Pass *s, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t item
    if s.c == 1 and s.blocks == 1:
        reduce_rows(s.itemsize, s.op, s.x + first * s.r * s.itemsize, last - first, s.r,
                    s.y + first * s.itemsize)
        return
    for item in range(first, last):
        run_item(s, item)


cdef void run_item(Pass *s, Py_ssize_t item) noexcept nogil:
    """One block, of one piece of the columns."""
    cdef Py_ssize_t a = item // (s.blocks * s.pieces), block = item // s.pieces % s.blocks
    cdef Py_ssize_t begin, rows, wide, width, first
    cdef const char *x = s.x + a * s.r * s.c * s.itemsize
    cdef char *y = s.y + a * (s.blocks * s.fold + s.rest) * s.c * s.itemsize
    if s.c == 1:
        begin = block * RUN
        reduce_rows(s.itemsize, s.op, x + begin * s.itemsize, 1, min(RUN, s.r - begin),
                    y + block * s.itemsize)
        return
    rows = s.r // s.fold  # wide ones
    wide = s.fold * s.c
    begin = block * ROWS
    first = item % s.pieces * COLUMNS
    width = min(COLUMNS, wide - first)
    reduce_columns(s.itemsize, s.op, x + (begin * wide + first) * s.itemsize,
                   min(ROWS, rows - begin), wide, width, y + (block * wide + first) * s.itemsize)
    if s.rest and block == s.blocks - 1:
        memcpy(y + s.blocks * wide * s.itemsize, x + rows * wide * s.itemsize,
               s.rest * s.c * s.itemsize)


cdef int run_pass(Pass *s, Py_ssize_t a) except -1:
    cdef Py_ssize_t items = a * s.blocks * s.pieces, first, last, i, step
    cdef Py_ssize_t weight = max(1, a * s.r * s.c // items)  # elements an item
    cdef Py_ssize_t group = max(1, CHUNK // weight)
    cdef int nt
    step = max(1, SLICE // weight // group) * group
    for first in range(0, items, step):
        last = min(items, first + step)
        nt = threads_for(<double>(last - first) * weight * ELEMENT_WORK)
        if nt == 1:
            run_items(s, first, last)
        else:
            for i in prange(first, last, group, schedule="static", num_threads=nt, nogil=True):
                run_items(s, i, min(i + group, last))
        PyErr_CheckSignals()
    return 0


cdef int reduce_box(int op, size_t itemsize, const char *x, Py_ssize_t a, Py_ssize_t r,
                    Py_ssize_t c, char *y) except -1:
    """y[a, c] = op over r of x[a, r, c]; a, r, c >= 1."""
    cdef Pass s
    cdef Block partial
    s.op, s.itemsize, s.x, s.r, s.c = op, itemsize, x, r, c
    s.fold, s.rest, s.pieces = 1, 0, 1
    if c == 1:
        s.blocks = ceil_div(r, RUN)
    else:
        s.fold = max(1, min((WIDE if r * c >= LARGE else NARROW) // c, r // RED_ROWS))
        s.rest = r % s.fold
        s.blocks = ceil_div(r // s.fold, ROWS)
        s.pieces = ceil_div(s.fold * c, COLUMNS)
    cdef Py_ssize_t left = s.blocks * s.fold + s.rest
    if left == 1:
        s.y = y
        return run_pass(&s, a)
    partial = block(a * left * c * itemsize)
    s.y = <char *>partial.data
    run_pass(&s, a)
    return reduce_box(op, itemsize, s.y, a, left, c, y)


# The axes of a dense array as runs of kept and reduced ones, innermost first.
cdef struct Runs:
    int count
    Py_ssize_t length[MAX_DIMS]
    bint reduced[MAX_DIMS]


cdef void find_runs(cnp.ndarray a, const int *order, unsigned long long reduced,
                    Runs *runs) noexcept:
    cdef int i, axis
    cdef bint is_reduced
    runs.count = 0
    for i in range(cnp.PyArray_NDIM(a) - 1, -1, -1):
        axis = order[i]
        is_reduced = (reduced >> axis) & 1
        if cnp.PyArray_DIM(a, axis) == 1:
            continue
        if runs.count and runs.reduced[runs.count - 1] == is_reduced:
            runs.length[runs.count - 1] *= cnp.PyArray_DIM(a, axis)
        else:
            runs.length[runs.count] = cnp.PyArray_DIM(a, axis)
            runs.reduced[runs.count] = is_reduced
            runs.count += 1


cdef int reduce_runs(int op, size_t itemsize, const char *x, Runs *runs, char *y) except -1:
    """One pass for each reduced run; the last writes y."""
    cdef Py_ssize_t outer = 1, inner
    cdef int i, passes = 0, position = 0
    cdef Block held, partial
    for i in range(runs.count):
        outer *= runs.length[i]
        passes += runs.reduced[i]
    if passes == 0:
        memcpy(y, x, outer * itemsize)
        return 0
    inner = 1
    for i in range(runs.count):
        outer = outer // runs.length[i]
        if not runs.reduced[i]:
            inner *= runs.length[i]
            continue
        passes -= 1
        if passes == 0:
            return reduce_box(op, itemsize, x, outer, runs.length[i], inner, y)
        partial = block(outer * inner * itemsize)
        reduce_box(op, itemsize, x, outer, runs.length[i], inner, <char *>partial.data)
        held = partial  # keeps x's memory until the next pass is done
        x = <const char *>held.data
    return 0


cdef cnp.ndarray empty_kept(cnp.ndarray a, const int *order, unsigned long long reduced,
                            unsigned long long as_one):
    """The result's array: a's kept axes, in a's order in memory, and 1 for the axes as_one."""
    cdef int place[MAX_DIMS]
    cdef int out_order[MAX_DIMS]
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef int i, ndim = 0, n = 0
    for i in range(cnp.PyArray_NDIM(a)):
        place[i] = -1
        if not (reduced >> i) & 1 or (as_one >> i) & 1:
            place[i] = ndim
            shape[ndim] = 1 if (reduced >> i) & 1 else cnp.PyArray_DIM(a, i)
            ndim += 1
    for i in range(cnp.PyArray_NDIM(a)):
        if place[order[i]] >= 0:
            out_order[n] = place[order[i]]
            n += 1
    return empty_in_order(ndim, shape, out_order, cnp.PyArray_TYPE(a))


cdef cnp.ndarray reduce_axes(int op, cnp.ndarray a, unsigned long long reduced,
                             unsigned long long as_one):
    """a reduced over a set of axes, those in as_one kept with length 1; None for the maximum of
    nothing."""
    cdef int order[MAX_DIMS]
    cdef int i, ndim = cnp.PyArray_NDIM(a)
    cdef Runs runs
    cdef double count = 1  # elements that one of the result comes from
    cdef size_t itemsize = cnp.PyArray_ITEMSIZE(a)
    for i in range(ndim):
        if (reduced >> i) & 1:
            count *= cnp.PyArray_DIM(a, i)
    if op == RED_MAX and count == 0:
        return None
    if not is_dense(a):
        a = dense_copy(a)
    memory_order(ndim, cnp.PyArray_DIMS(a), cnp.PyArray_STRIDES(a), order)
    cdef cnp.ndarray y = empty_kept(a, order, reduced, as_one)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(y)
    if size == 0:
        return y
    if count == 0:
        memset(cnp.PyArray_DATA(y), 0, size * itemsize)
    else:
        find_runs(a, order, reduced, &runs)
        reduce_runs(RED_MAX if op == RED_MAX else RED_SUM, itemsize,
                    <const char *>cnp.PyArray_DATA(a), &runs, <char *>cnp.PyArray_DATA(y))
    if op == RED_MEAN:
        divide_by(itemsize, cnp.PyArray_DATA(y), size, count)
    return y


cdef bint add_axis(object axis, int ndim, unsigned long long *reduced):
    """Set the axis's bit; false if it is no int, out of range, or set already."""
    if type(axis) is not int or not -ndim <= axis < ndim:
        return False
    cdef int i = axis
    cdef unsigned long long bit = <unsigned long long>1 << (i if i >= 0 else i + ndim)
    if reduced[0] & bit:
        return False
    reduced[0] |= bit
    return True


cdef bint find_axes(object axis, int ndim, unsigned long long *reduced):
    """The set of axes that `axis` (None, an int, a tuple of ints) names; false if it is wrong."""
    cdef int i
    reduced[0] = 0
    if axis is None:
        for i in range(ndim):
            reduced[0] |= <unsigned long long>1 << i
        return True
    if type(axis) is not tuple:
        return add_axis(axis, ndim, reduced)
    for one in <tuple>axis:
        if not add_axis(one, ndim, reduced):
            return False
    return True


def reduce(int op, object x, object axis, bint keepdims):
    """SUM, MEAN or MAX of x over axes. None if x is not a plain array, the axes are wrong, or it
    would be the maximum of nothing."""
    cdef unsigned long long reduced
    if not is_plain(x) or not find_axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>x), &reduced):
        return None
    return reduce_axes(op, <cnp.ndarray>x, reduced, reduced if keepdims else 0)


def sum_to(object dy, tuple shape):
    """dy summed to shape, or dy itself if it has that shape. None if dy is not a plain array, or
    shape does not broadcast to dy's."""
    if not is_plain(dy):
        return None
    cdef cnp.ndarray a = <cnp.ndarray>dy
    cdef int ndim = cnp.PyArray_NDIM(a), lead = ndim - <int>len(shape), i
    cdef unsigned long long reduced = 0, stretched = 0
    cdef Py_ssize_t length
    if lead < 0:
        return None
    for i in range(ndim):
        if i < lead:
            reduced |= <unsigned long long>1 << i
            continue
        length = shape[i - lead]
        if length == cnp.PyArray_DIM(a, i):
            continue
        if length != 1:
            return None
        stretched |= <unsigned long long>1 << i
    if not (reduced | stretched):
        return a
    return reduce_axes(RED_SUM, a, reduced | stretched, stretched)


def max_backward(object dy, object x, object y, object axis, bint keepdims):
    """dx of y = max(x, axis, keepdims). None if they are not plain arrays of one dtype and
    fitting shapes, the axes are wrong, or not next to each other in x's memory."""
    if not (is_plain(dy) and is_plain(x) and is_plain(y)):
        return None
    cdef cnp.ndarray a = <cnp.ndarray>x, da = <cnp.ndarray>dy, ya = <cnp.ndarray>y
    cdef int typenum = cnp.PyArray_TYPE(a)
    cdef unsigned long long reduced
    cdef int order[MAX_DIMS]
    cdef int i, found = 0
    cdef Runs runs
    cdef Py_ssize_t outer = 1, rows = 1, columns = 1
    if (cnp.PyArray_TYPE(da) != typenum or cnp.PyArray_TYPE(ya) != typenum
            or not find_axes(axis, cnp.PyArray_NDIM(a), &reduced)):
        return None
    if not is_dense(a):
        a = dense_copy(a)
    memory_order(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_STRIDES(a), order)
    cdef cnp.ndarray kept = empty_kept(a, order, reduced, reduced if keepdims else 0)
    if not (same_shape(kept, da) and same_shape(kept, ya)):
        return None
    cdef cnp.ndarray dx = empty_like(a)
    if cnp.PyArray_SIZE(a) == 0:
        return dx
    find_runs(a, order, reduced, &runs)
    for i in range(runs.count):
        if runs.reduced[i]:
            rows = runs.length[i]
            found += 1
        elif found:
            outer *= runs.length[i]
        else:
            columns *= runs.length[i]
    if found > 1:
        return None
    if not (is_dense(da) and same_layout(da, kept)):
        da = dense_like(da, kept)
    if not (is_dense(ya) and same_layout(ya, kept)):
        ya = dense_like(ya, kept)
    run_max_backward(da, a, ya, outer, rows, columns, dx)
    return dx


cdef cnp.ndarray dense_like(cnp.ndarray a, cnp.ndarray like):
    """a's values in an array that lies as `like` does."""
    cdef cnp.ndarray copy = empty_like(like)
    cnp.PyArray_CopyInto(copy, a)
    return copy


cdef int run_max_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray y, Py_ssize_t outer,
                          Py_ssize_t rows, Py_ssize_t columns, cnp.ndarray dx) except -1:
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(x)
    cdef Py_ssize_t pieces = ceil_div(columns, COLUMNS), items = outer * pieces
    cdef Py_ssize_t weight = max(1, outer * rows * columns // items)
    cdef Py_ssize_t group = max(1, CHUNK // weight), first, last, i, j
    cdef Py_ssize_t step = max(1, SLICE // weight // group) * group, at, along, begin
    cdef const char *pdy = <const char *>cnp.PyArray_DATA(dy)
    cdef const char *px = <const char *>cnp.PyArray_DATA(x)
    cdef const char *py = <const char *>cnp.PyArray_DATA(y)
    cdef char *pdx = <char *>cnp.PyArray_DATA(dx)
    for first in range(0, items, step):
        last = min(items, first + step)
        for i in prange(first, last, group, schedule="static", nogil=True,
                        num_threads=threads_for(2.0 * (last - first) * weight * ELEMENT_WORK)):
            for j in range(i, min(i + group, last)):
                max_backward_item(itemsize, j // pieces, j % pieces * COLUMNS, rows, columns,
                                  pdy, px, py, pdx)
        PyErr_CheckSignals()
    return 0


cdef void max_backward_item(Py_ssize_t itemsize, Py_ssize_t a, Py_ssize_t first, Py_ssize_t rows,
                            Py_ssize_t columns, const char *dy, const char *x, const char *y,
                            char *dx) noexcept nogil:
    cdef double count[COLUMNS]
    cdef Py_ssize_t kept = (a * columns + first) * itemsize
    cdef Py_ssize_t begin = (a * rows * columns + first) * itemsize
    max_backward_run(itemsize, dy + kept, x + begin, y + kept, rows, columns,
                     min(COLUMNS, columns - first), count, dx + begin)
