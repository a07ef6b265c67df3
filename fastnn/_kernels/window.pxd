cdef extern from "window.h" nogil:
    ctypedef struct window_t:
        Py_ssize_t C, H, W
        Py_ssize_t OH, OW
        Py_ssize_t R, S
        Py_ssize_t stride_h, stride_w, pad_h, pad_w, dil_h, dil_w

    ctypedef struct span_t:
        Py_ssize_t first, count

cdef window_t window_of(Py_ssize_t channels, tuple image, tuple output, tuple kernel, tuple stride,
                        tuple padding, tuple dilation)
