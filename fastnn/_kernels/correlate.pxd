from .layout cimport Tensor4


cdef struct Axis:
    # One spatial axis of a correlation: y[o] reads x[o * step + tap[t] + start] for each t.
    Py_ssize_t x_size       # size of x
    Py_ssize_t y_size       # outputs
    Py_ssize_t step         # x positions from one output to the next
    Py_ssize_t start        # x position of output 0 with tap 0; < 0: padding
    Py_ssize_t taps
    const Py_ssize_t *tap   # offsets >= 0, ascending
    const Py_ssize_t *tap_w # where each tap's weights lie (elements)


cdef struct Epilogue:
    # y = activation(scale (x * w) + bias + residual)
    const void *bias        # (outer,), or NULL
    const void *scale       # (outer,), or NULL
    const void *residual    # lies as y does, or NULL
    int activation


cdef int correlate(Py_ssize_t N, Py_ssize_t inner, Py_ssize_t outer, Axis *h, Axis *w,
                   Tensor4 *x, const void *weights, Py_ssize_t w_inner, Py_ssize_t w_outer,
                   const Epilogue *end, Tensor4 *y, bint single) except -1
