"""The window geometry from the pairs that the array API has checked."""


cdef window_t window_of(Py_ssize_t channels, tuple image, tuple output, tuple kernel, tuple stride,
                        tuple padding, tuple dilation):
    """Each pair is (h, w)."""
    cdef window_t w
    w.C = channels
    w.H, w.W = image
    w.OH, w.OW = output
    w.R, w.S = kernel
    w.stride_h, w.stride_w = stride
    w.pad_h, w.pad_w = padding
    w.dil_h, w.dil_w = dilation
    return w
