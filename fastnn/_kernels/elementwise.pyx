"""Arithmetic of two arrays, or an array and a number, with NumPy's broadcasting.

Operands that lie alike in memory are walked flat. Otherwise the axes are taken in the order in
which the larger operand has them, neighbours that every operand steps through evenly become one,
and the two innermost are the rows of a matrix. An operand that repeats after a short period (a
bias) is first written out often enough for rows of TILE numbers.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.string cimport memcpy

from .dense cimport (
    MAX_DIMS, empty_in_order, empty_like, is_dense, memory_order, same_layout, same_shape,
)
from .memory cimport empty, is_plain
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef extern from "elementwise.h" nogil:
    enum:
        OP_ADD
        OP_SUBTRACT
        OP_MULTIPLY
        OP_DIVIDE
    void elementwise_run(size_t itemsize, int op, Py_ssize_t rows, Py_ssize_t n,
                         const void *x, Py_ssize_t xr, Py_ssize_t xs,
                         const void *y, Py_ssize_t yr, Py_ssize_t ys, void *z)

ADD, SUBTRACT, MULTIPLY, DIVIDE = OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE

cdef enum:
    CHUNK = 1 << 13  # elements that one thread takes at a time
    SLICE = 1 << 24  # elements between two looks for Ctrl-C
    TILE = 1 << 10   # elements that a shorter period is repeated to

# z = x op y. Dimensions innermost first; strides in bytes; z is dense.
cdef struct Walk:
    int op, ndim
    size_t itemsize
    const char *x
    const char *y
    char *z
    Py_ssize_t dims[MAX_DIMS]
    Py_ssize_t xs[MAX_DIMS]
    Py_ssize_t ys[MAX_DIMS]


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef void run_rows(Walk *w, Py_ssize_t first, Py_ssize_t last, Py_ssize_t begin,
                   Py_ssize_t end) noexcept nogil:
    """Elements [begin, end) of rows [first, last); rows count through all dimensions but one.
    Either one row or whole rows."""
    cdef Py_ssize_t index[MAX_DIMS]
    cdef Py_ssize_t row = first, rest = first, d, rows
    cdef const char *x = w.x + begin * w.xs[0]
    cdef const char *y = w.y + begin * w.ys[0]
    for d in range(1, w.ndim):
        index[d] = rest % w.dims[d]
        rest = rest // w.dims[d]
        x += index[d] * w.xs[d]
        y += index[d] * w.ys[d]
    while row < last:
        # As many rows as dimension 1 has left (it has one, of any stride, where ndim is 1).
        rows = min(last - row, w.dims[1] - index[1]) if w.ndim > 1 else 1
        elementwise_run(w.itemsize, w.op, rows, end - begin, x, w.xs[1], w.xs[0], y, w.ys[1],
                        w.ys[0], w.z + (row * w.dims[0] + begin) * w.itemsize)
        row += rows
        for d in range(1, w.ndim):
            x += rows * w.xs[d]
            y += rows * w.ys[d]
            index[d] += rows
            rows = 1
            if index[d] < w.dims[d]:
                break
            x -= index[d] * w.xs[d]
            y -= index[d] * w.ys[d]
            index[d] = 0


cdef int run_walk(Walk *w) except -1:
    """All of z: items of some runs, or of a part of one long run."""
    cdef Py_ssize_t n = w.dims[0], rows = 1, d, i, row, pieces, group, first, last, step
    cdef int nt
    for d in range(1, w.ndim):
        rows *= w.dims[d]
    if rows * n <= CHUNK:
        run_rows(w, 0, rows, 0, n)
        return 0
    pieces = ceil_div(n, CHUNK)  # of a row
    group = max(1, CHUNK // n)   # rows an item; more than one only where pieces is one
    step = max(1, SLICE // min(n, CHUNK) // group) * group
    for first in range(0, rows * pieces, step):
        last = min(rows * pieces, first + step)
        nt = threads_for(<double>(last - first) * min(n, CHUNK) * ELEMENT_WORK)
        if nt == 1 and last == rows * pieces and first == 0:
            run_rows(w, 0, rows, 0, n)
            return 0
        for i in prange(first, last, group, schedule="static", num_threads=nt, nogil=True):
            row = i // pieces
            run_rows(w, row, min(row + group, rows), i % pieces * CHUNK,
                     min(n, (i % pieces + 1) * CHUNK))
        PyErr_CheckSignals()
    return 0


cdef int run_flat(int op, size_t itemsize, Py_ssize_t n, const void *x, Py_ssize_t xs,
                  const void *y, Py_ssize_t ys, void *z) except -1:
    """z[0..n) = x op y; strides in bytes."""
    cdef Walk w
    if n == 0:
        return 0
    w.op, w.ndim, w.itemsize = op, 1, itemsize
    w.x, w.y, w.z = <const char *>x, <const char *>y, <char *>z
    w.dims[0], w.xs[0], w.ys[0], w.xs[1], w.ys[1] = n, xs, ys, 0, 0
    return run_walk(&w)


cdef inline bint repeats(const Py_ssize_t *s, const Py_ssize_t *other, const Walk *w) noexcept:
    """Whether one operand (strides s) is a short contiguous row, and the other dense."""
    cdef Py_ssize_t item = w.itemsize
    return (w.ndim == 2 and w.dims[0] <= TILE // 2 and s[0] == item and s[1] == 0
            and other[0] == item and other[1] == w.dims[0] * item)


cdef int run_repeated(Walk *w) except -1:
    """A short operand against a dense one, as a matrix with longer rows; the last may be cut."""
    cdef Py_ssize_t n = w.dims[0], item = w.itemsize, total = n * w.dims[1]
    cdef Py_ssize_t copies = min(w.dims[1], TILE // n), width = copies * n, i
    cdef Py_ssize_t rows = total // width, rest = total % width
    cdef bint x_repeats = w.xs[1] == 0
    cdef char tile[TILE * 8]
    cdef const char *source = w.x if x_repeats else w.y
    for i in range(copies):
        memcpy(tile + i * n * item, source, n * item)
    if x_repeats:
        w.x = tile
        w.ys[1] = width * item
    else:
        w.y = tile
        w.xs[1] = width * item
    w.dims[0], w.dims[1] = width, rows
    run_walk(w)
    if rest:
        w.x += rows * w.xs[1]
        w.y += rows * w.ys[1]
        w.z += rows * width * item
        w.dims[0], w.ndim = rest, 1
        run_walk(w)
    return 0


cdef bint has_all(int ndim, const cnp.npy_intp *shape, const cnp.npy_intp *strides) noexcept:
    """Whether an operand has every axis of the result itself."""
    cdef int i
    for i in range(ndim):
        if shape[i] != 1 and strides[i] == 0:
            return False
    return True


cdef cnp.ndarray broadcast(int op, cnp.ndarray a, cnp.ndarray b):
    """a op b for arrays of any strides and unequal shapes; None if the shapes do not broadcast."""
    cdef int na = cnp.PyArray_NDIM(a), nb = cnp.PyArray_NDIM(b), ndim = max(na, nb), i, axis
    cdef int order[MAX_DIMS]
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef cnp.npy_intp xs[MAX_DIMS]
    cdef cnp.npy_intp ys[MAX_DIMS]
    cdef Py_ssize_t da, db, size = 1
    cdef Walk w
    for i in range(ndim):
        da = cnp.PyArray_DIM(a, i - ndim + na) if i >= ndim - na else 1
        db = cnp.PyArray_DIM(b, i - ndim + nb) if i >= ndim - nb else 1
        if da != db and da != 1 and db != 1:
            return None
        shape[i] = db if da == 1 else da
        size *= shape[i]
        xs[i] = 0 if da == 1 else cnp.PyArray_STRIDE(a, i - ndim + na)
        ys[i] = 0 if db == 1 else cnp.PyArray_STRIDE(b, i - ndim + nb)
    # The order of the operand that has all axes; where neither has, C order.
    if has_all(ndim, shape, xs):
        memory_order(ndim, shape, xs, order)
    elif has_all(ndim, shape, ys):
        memory_order(ndim, shape, ys, order)
    else:
        for i in range(ndim):
            order[i] = i
    cdef cnp.ndarray z = empty_in_order(ndim, shape, order, cnp.PyArray_TYPE(a))
    if size == 0:
        return z
    w.op, w.itemsize = op, cnp.PyArray_ITEMSIZE(a)
    w.x = <const char *>cnp.PyArray_DATA(a)
    w.y = <const char *>cnp.PyArray_DATA(b)
    w.z = <char *>cnp.PyArray_DATA(z)
    w.ndim = 1
    w.dims[0], w.xs[0], w.ys[0], w.xs[1], w.ys[1] = 1, 0, 0, 0, 0
    for i in range(ndim - 1, -1, -1):
        axis = order[i]
        if shape[axis] == 1:
            continue
        if w.dims[w.ndim - 1] == 1:
            w.dims[w.ndim - 1], w.xs[w.ndim - 1], w.ys[w.ndim - 1] = shape[axis], xs[axis], ys[axis]
        elif (xs[axis] == w.xs[w.ndim - 1] * w.dims[w.ndim - 1]
                and ys[axis] == w.ys[w.ndim - 1] * w.dims[w.ndim - 1]):
            w.dims[w.ndim - 1] *= shape[axis]
        else:
            w.dims[w.ndim], w.xs[w.ndim], w.ys[w.ndim] = shape[axis], xs[axis], ys[axis]
            w.ndim += 1
    if repeats(w.xs, w.ys, &w) or repeats(w.ys, w.xs, &w):
        run_repeated(&w)
    else:
        run_walk(&w)
    return z


cdef cnp.ndarray with_number(int op, cnp.ndarray a, double number, bint number_first):
    """a op number, or number op a: the number takes a's dtype."""
    cdef double as_double = number
    cdef float as_float = <float>number
    cdef bint single = cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32
    cdef void *p = <void *>&as_float if single else <void *>&as_double
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(a)
    cdef cnp.ndarray z, s
    if not is_dense(a):
        s = empty(0, NULL, cnp.PyArray_TYPE(a))
        memcpy(cnp.PyArray_DATA(s), p, itemsize)
        return broadcast(op, s, a) if number_first else broadcast(op, a, s)
    z = empty_like(a)
    if number_first:
        run_flat(op, itemsize, cnp.PyArray_SIZE(a), p, 0, cnp.PyArray_DATA(a), itemsize,
                 cnp.PyArray_DATA(z))
    else:
        run_flat(op, itemsize, cnp.PyArray_SIZE(a), cnp.PyArray_DATA(a), itemsize, p, 0,
                 cnp.PyArray_DATA(z))
    return z


def binary(int op, object x, object y):
    """x op y. None if they are not plain arrays of one dtype, or one and a Python number, or if
    their shapes do not broadcast."""
    cdef cnp.ndarray a, b, z
    cdef Py_ssize_t itemsize
    if not is_plain(x):
        if isinstance(x, (float, int)) and is_plain(y):
            return with_number(op, <cnp.ndarray>y, x, True)
        return None
    a = <cnp.ndarray>x
    if not is_plain(y):
        if isinstance(y, (float, int)):
            return with_number(op, a, y, False)
        return None
    b = <cnp.ndarray>y
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b):
        return None
    if same_shape(a, b) and is_dense(a) and is_dense(b) and same_layout(a, b):
        z = empty_like(a)
        itemsize = cnp.PyArray_ITEMSIZE(a)
        run_flat(op, itemsize, cnp.PyArray_SIZE(a), cnp.PyArray_DATA(a), itemsize,
                 cnp.PyArray_DATA(b), itemsize, cnp.PyArray_DATA(z))
        return z
    return broadcast(op, a, b)
