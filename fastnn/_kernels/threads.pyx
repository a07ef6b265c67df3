"""How many threads a kernel may use.

A kernel asks `threads_for(work)` once, passes the answer to `num_threads=`, and derives its
block grid from shapes alone: the answer changes who computes a block, never the result.
"""

cdef extern from "openmp.h" nogil:
    int omp_in_parallel()

cdef extern from *:
    """
    #include <pthread.h>
    #ifdef _OPENMP
    #define FASTNN_OPENMP _OPENMP
    #else
    #define FASTNN_OPENMP 0
    #endif
    #if defined(__clang__)
    #define FASTNN_COMPILER "clang " __clang_version__
    #else
    #define FASTNN_COMPILER "gcc " __VERSION__
    #endif
    static volatile int fastnn_forked = 0;
    static void fastnn_after_fork(void) { fastnn_forked = 1; }
    static int fastnn_watch_forks(void) { return pthread_atfork(0, 0, fastnn_after_fork); }
    """
    int FASTNN_OPENMP
    const char *FASTNN_COMPILER
    int fastnn_forked
    int fastnn_watch_forks()

# The OpenMP pool does not survive a fork (libgomp's child would wait for threads that are not
# there), so a forked child computes serially.
fastnn_watch_forks()

# Multiply-adds that one more thread must bring: OpenBLAS's rule (interface/gemm.c, SMP_THRESHOLD_MIN x GEMM_MULTITHREAD_THRESHOLD).
cdef double WORK_PER_THREAD = 262144.0

cdef int limit = 1


cdef int threads_for(double work) noexcept nogil:
    """Threads for `work` multiply-adds (elements: times ELEMENT_WORK): 1 when small, nested in a
    parallel region, or forked."""
    cdef double useful = work / WORK_PER_THREAD
    if useful < 2.0 or limit == 1 or fastnn_forked or omp_in_parallel():
        return 1
    return limit if useful >= limit else <int>useful


def set_limit(int n):
    """Set the most threads a kernel may use. n >= 1 (checked by the caller)."""
    global limit
    limit = n


def get_limit():
    """The most threads a kernel may use now: 1 in a forked child."""
    return 1 if fastnn_forked else limit


def openmp_version():
    """The value of the compiler's _OPENMP macro (e.g. 201511), 0 when built without."""
    return FASTNN_OPENMP


def compiler():
    """The compiler that built the kernels."""
    return FASTNN_COMPILER.decode()
