cdef extern from "vecmath.h" nogil:
    enum:
        ACT_NONE
        ACT_RELU
        ACT_SIGMOID
        ACT_TANH

    void activate_f32(float *x, Py_ssize_t n, int kind)
    void activate_f64(double *x, Py_ssize_t n, int kind)
