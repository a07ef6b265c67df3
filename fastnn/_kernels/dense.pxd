"""How an array lies in memory: which arrays can be walked flat, and outputs that lie alike.

An order is a permutation of the axes, slowest in memory first. Modules that cimport this call
`import_array()` themselves.
"""

cimport numpy as cnp

from .memory cimport empty

cdef enum:
    MAX_DIMS = 64  # NumPy's own limit


cdef inline void memory_order(int ndim, const cnp.npy_intp *shape, const cnp.npy_intp *strides,
                              int *order) noexcept nogil:
    """Axes by decreasing distance in memory; axes of length 1 stay where they are among equals."""
    cdef int i, j
    cdef Py_ssize_t distance
    for i in range(ndim):
        j = i
        distance = strides[i] if strides[i] >= 0 else -strides[i]
        while j > 0 and shape[i] > 1 and (
                shape[order[j - 1]] == 1
                or distance > (strides[order[j - 1]] if strides[order[j - 1]] >= 0
                               else -strides[order[j - 1]])):
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


cdef inline bint is_dense(cnp.ndarray a) noexcept:
    """Whether a fills one piece of memory, its axes in any order, none reversed."""
    cdef int flags = cnp.PyArray_FLAGS(a)
    if flags & (cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS):
        return True
    cdef int order[MAX_DIMS]
    cdef int i, axis
    cdef int ndim = cnp.PyArray_NDIM(a)
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(a)
    cdef cnp.npy_intp *strides = cnp.PyArray_STRIDES(a)
    cdef Py_ssize_t expected = cnp.PyArray_ITEMSIZE(a)
    memory_order(ndim, shape, strides, order)
    for i in range(ndim - 1, -1, -1):
        axis = order[i]
        if shape[axis] != 1 and strides[axis] != expected:
            return False
        expected *= shape[axis]
    return True


cdef inline bint same_shape(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int ndim = cnp.PyArray_NDIM(a), i
    if cnp.PyArray_NDIM(b) != ndim:
        return False
    for i in range(ndim):
        if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
            return False
    return True


cdef inline bint same_layout(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether equal positions in memory are equal indices; a and b are dense, of one shape."""
    cdef int i
    if cnp.PyArray_FLAGS(a) & cnp.PyArray_FLAGS(b) & cnp.NPY_ARRAY_C_CONTIGUOUS:
        return True
    for i in range(cnp.PyArray_NDIM(a)):
        if (cnp.PyArray_STRIDE(a, i) != cnp.PyArray_STRIDE(b, i)
                and cnp.PyArray_DIM(a, i) != 1):
            return False
    return True


cdef inline cnp.ndarray empty_in_order(int ndim, const cnp.npy_intp *shape, const int *order,
                                       int typenum):
    """An uninitialised dense array with its axes in this order in memory."""
    cdef cnp.npy_intp strides[MAX_DIMS]
    cdef cnp.npy_intp size = 1, step = 4 if typenum == cnp.NPY_FLOAT32 else 8
    cdef int i
    cdef bint in_c_order = True
    for i in range(ndim):
        in_c_order = in_c_order and order[i] == i
        size *= shape[i]
    if in_c_order:
        return empty(ndim, shape, typenum)
    for i in range(ndim - 1, -1, -1):
        strides[order[i]] = step
        step *= shape[order[i]]
    cdef cnp.ndarray memory = empty(1, &size, typenum)
    cdef cnp.ndarray a = <cnp.ndarray>cnp.PyArray_New(
        cnp.ndarray, ndim, <cnp.npy_intp *>shape, typenum, strides, cnp.PyArray_DATA(memory), 0,
        cnp.NPY_ARRAY_WRITEABLE, None)
    cnp.set_array_base(a, memory)
    return a


cdef inline cnp.ndarray empty_like(cnp.ndarray a):
    """An uninitialised dense array that lies in memory as a does, without a's gaps."""
    cdef int order[MAX_DIMS]
    cdef int ndim = cnp.PyArray_NDIM(a)
    if cnp.PyArray_FLAGS(a) & cnp.NPY_ARRAY_C_CONTIGUOUS:
        return empty(ndim, cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a))
    memory_order(ndim, cnp.PyArray_DIMS(a), cnp.PyArray_STRIDES(a), order)
    return empty_in_order(ndim, cnp.PyArray_DIMS(a), order, cnp.PyArray_TYPE(a))


cdef inline cnp.ndarray dense_copy(cnp.ndarray a):
    cdef cnp.ndarray copy = empty_like(a)
    cnp.PyArray_CopyInto(copy, a)
    return copy
