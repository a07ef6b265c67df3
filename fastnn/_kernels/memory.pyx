"""Cached memory for activations, gradients and packing buffers.

A fresh large array costs a page fault every 4 KiB of it, every training step. Blocks come in
size classes (four to each power of two), are aligned to 64 bytes (2 MiB and up: to large pages,
which the kernel is asked for), and go to a free list when their last array dies. The free lists
hold at most `cache_limit` bytes; `empty_cache` gives them back to the system. All of it runs
under the GIL.
"""

cimport numpy as cnp
from libc.stdlib cimport free
from libc.string cimport memset

cnp.import_array()

cdef extern from *:
    """
    #include <stdlib.h>
    #if defined(__linux__)
    #include <sys/mman.h>
    #endif
    #if defined(__GLIBC__)
    #include <malloc.h>
    #endif
    #define FASTNN_LARGE_PAGE ((size_t)1 << 21)
    static void *fastnn_allocate(size_t nbytes)
    {
        void *data = NULL;
        size_t align = nbytes >= FASTNN_LARGE_PAGE ? FASTNN_LARGE_PAGE : 64;
        if (posix_memalign(&data, align, nbytes)) return NULL;
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (nbytes >= FASTNN_LARGE_PAGE) madvise(data, nbytes, MADV_HUGEPAGE);
    #endif
        return data;
    }
    /* What was freed in the middle of the C library's heap goes back to the system too. */
    static void fastnn_trim(void)
    {
    #if defined(__GLIBC__)
        malloc_trim(0);
    #endif
    }
    """
    void *fastnn_allocate(size_t nbytes)
    void fastnn_trim()

cdef enum:
    SMALL = 4096  # arrays below come from NumPy, whose own small-block cache is quicker to reach
    CLASSES = 256
    DEPTH = 64  # free blocks kept a class

cdef void *free_blocks[CLASSES][DEPTH]
cdef int free_count[CLASSES]
memset(free_count, 0, sizeof(free_count))
cdef size_t cached_bytes = 0
cdef size_t cache_limit = <size_t>2 << 30


cdef inline int class_of(size_t nbytes) noexcept:
    """The smallest class that holds nbytes: class 4 e + q holds (4 + q) << e bytes."""
    cdef int e = 0
    while (<size_t>7 << e) < nbytes:
        e += 1
    cdef int q = 0
    while (<size_t>(4 + q) << e) < nbytes:
        q += 1
    return 4 * e + q


cdef inline size_t class_bytes(int size_class) noexcept:
    return <size_t>(4 + (size_class & 3)) << (size_class >> 2)


cdef class Block:
    def __dealloc__(self):
        global cached_bytes
        if self.data == NULL:
            return
        cdef int c = self.size_class
        cdef size_t nbytes = class_bytes(c)
        if free_count[c] < DEPTH and cached_bytes + nbytes <= cache_limit:
            free_blocks[c][free_count[c]] = self.data
            free_count[c] += 1
            cached_bytes += nbytes
        else:
            free(self.data)


cdef Block block(size_t nbytes):
    """A block of at least nbytes (uninitialised). Raises MemoryError."""
    global cached_bytes
    if nbytes >> 60:
        raise MemoryError(f"cannot allocate {nbytes} bytes")
    cdef Block b = Block.__new__(Block)
    # No block is smaller than a page: packing buffers may be read a vector past their end.
    cdef int c = class_of(max(nbytes, <size_t>SMALL))
    if free_count[c]:
        free_count[c] -= 1
        cached_bytes -= class_bytes(c)
        b.data = free_blocks[c][free_count[c]]
    else:
        b.data = fastnn_allocate(class_bytes(c))
        if b.data == NULL:
            raise MemoryError(f"cannot allocate {nbytes} bytes")
    b.size_class = c
    return b


cdef cnp.ndarray empty(int ndim, const cnp.npy_intp *shape, int typenum, bint channels_last=False):
    """An uninitialised array; channels_last: logical N, C, H, W with C fastest in memory."""
    cdef cnp.npy_intp strides[32]
    cdef size_t itemsize = 4 if typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_INT32 else 8
    cdef size_t nbytes = itemsize
    cdef int i
    for i in range(ndim):
        if shape[i] and nbytes > (<size_t>1 << 60) // <size_t>shape[i]:
            raise MemoryError("cannot allocate an array of more than 2**60 bytes")
        nbytes *= shape[i]
    if channels_last:
        strides[1] = itemsize
        strides[3] = itemsize * shape[1]
        strides[2] = strides[3] * shape[3]
        strides[0] = strides[2] * shape[2]
    elif nbytes < SMALL:
        return <cnp.ndarray>cnp.PyArray_EMPTY(ndim, <cnp.npy_intp *>shape, typenum, 0)
    cdef Block b = block(nbytes)
    cdef cnp.ndarray a = <cnp.ndarray>cnp.PyArray_New(
        cnp.ndarray, ndim, <cnp.npy_intp *>shape, typenum, strides if channels_last else NULL,
        b.data, 0, cnp.NPY_ARRAY_WRITEABLE if channels_last else cnp.NPY_ARRAY_CARRAY, None)
    cnp.set_array_base(a, b)
    return a


def empty_array(tuple shape, int typenum, bint channels_last=False):
    """`empty` for Python callers."""
    cdef cnp.npy_intp dims[32]
    cdef int i
    for i in range(len(shape)):
        dims[i] = shape[i]
    return empty(<int>len(shape), dims, typenum, channels_last)


cpdef bint is_plain(object x) noexcept:
    """Whether x is what the kernels take as it is: an aligned, native float32 or float64 array."""
    if not isinstance(x, cnp.ndarray):
        return False
    cdef int typenum = cnp.PyArray_TYPE(<cnp.ndarray>x)
    return ((typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_FLOAT64)
            and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>x))


def empty_cache():
    """Give all cached, unused blocks back to the system; returns how many bytes that was."""
    global cached_bytes
    cdef size_t given_back = cached_bytes
    cdef int c
    for c in range(CLASSES):
        while free_count[c]:
            free_count[c] -= 1
            free(free_blocks[c][free_count[c]])
    fastnn_trim()
    cached_bytes = 0
    return given_back


def set_cache_limit(size_t nbytes):
    """The most bytes that the free lists may hold."""
    global cache_limit
    cache_limit = nbytes
    if cached_bytes > nbytes:
        empty_cache()


def get_cached_bytes():
    """Bytes held by the free lists now."""
    return cached_bytes
