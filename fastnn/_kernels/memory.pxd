cimport numpy as cnp


cdef class Block:
    """A 64-byte-aligned piece of memory that goes back to the cache when it is let go."""
    cdef void *data
    cdef int size_class


cdef Block block(size_t nbytes)
cdef cnp.ndarray empty(int ndim, const cnp.npy_intp *shape, int typenum, bint channels_last=*)


cpdef bint is_plain(object x) noexcept
