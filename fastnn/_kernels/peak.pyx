"""What the machine could do: the denominator of every roofline in bench/."""


cdef extern from "peak.h" nogil:
    double peak_f32(Py_ssize_t rounds)
    double peak_f64(Py_ssize_t rounds)


def fma(Py_ssize_t rounds, bint double=False):
    """Run `rounds` rounds of independent multiply-adds in registers, on one thread, and return
    the number of floating-point operations that was (two a multiply-add)."""
    return peak_f64(rounds) if double else peak_f32(rounds)
