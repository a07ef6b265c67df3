"""Which instruction sets this machine, and its operating system, can run.

The compiler's run-time library reads CPUID and XGETBV for `__builtin_cpu_supports`.
"""

cdef extern from *:
    """
    #if defined(__x86_64__)
    static int fastnn_has_avx2(void)
    {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
            && __builtin_cpu_supports("bmi2");
    }
    static int fastnn_has_avx512(void)
    {
        return fastnn_has_avx2() && __builtin_cpu_supports("avx512f")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
    #else
    static int fastnn_has_avx2(void) { return 0; }
    static int fastnn_has_avx512(void) { return 0; }
    #endif
    """
    bint fastnn_has_avx2()
    bint fastnn_has_avx512()


def supported():
    """ISA names that can run here, best first."""
    names = ["baseline"]
    if fastnn_has_avx2():
        names.insert(0, "avx2")
    if fastnn_has_avx512():
        names.insert(0, "avx512")
    return names
