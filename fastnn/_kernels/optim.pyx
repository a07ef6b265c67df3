"""Optimiser steps over all parameters at once, and the norm of all gradients.

One call builds a table of the arrays, cuts all of them into chunks of CHUNK elements and shares
the chunks among the threads; a chunk's result depends on its elements only. Everything is checked
before anything is changed, and a step is never interrupted half-way: Ctrl-C waits for its end.
"""

cimport numpy as cnp
from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport pow, sqrt

from .memory cimport Block, block
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef extern from "optim.h" nogil:
    ctypedef struct adam_t:
        int l2, amsgrad
        double grad_scale, l2_decay, shrink, beta1, beta2, eps

    ctypedef struct sgd_t:
        int l2, momentum, nesterov
        double grad_scale, l2_decay, mu, grad_share, lr

    ctypedef struct adagrad_t:
        int l2
        double grad_scale, l2_decay, eps

    ctypedef struct adadelta_t:
        int l2
        double grad_scale, l2_decay, rho, eps, lr

    ctypedef struct rmsprop_t:
        int l2, centered, momentum
        double grad_scale, l2_decay, alpha, eps, mu, lr

    void adam_run_f32(const adam_t *k, double step_size, double root, void **a, Py_ssize_t n)
    void adam_run_f64(const adam_t *k, double step_size, double root, void **a, Py_ssize_t n)
    void sgd_run_f32(const sgd_t *k, int first, void **a, Py_ssize_t n)
    void sgd_run_f64(const sgd_t *k, int first, void **a, Py_ssize_t n)
    void adagrad_run_f32(const adagrad_t *k, double step_size, void **a, Py_ssize_t n)
    void adagrad_run_f64(const adagrad_t *k, double step_size, void **a, Py_ssize_t n)
    void adadelta_run_f32(const adadelta_t *k, void **a, Py_ssize_t n)
    void adadelta_run_f64(const adadelta_t *k, void **a, Py_ssize_t n)
    void rmsprop_run_f32(const rmsprop_t *k, void **a, Py_ssize_t n)
    void rmsprop_run_f64(const rmsprop_t *k, void **a, Py_ssize_t n)
    double squares_run_f32(const float *x, Py_ssize_t n)
    double squares_run_f64(const double *x, Py_ssize_t n)

cdef enum:
    CHUNK = 16384       # elements of one item: 4 arrays of floats are 256 KiB, in L2
    PIECE = 512         # elements that the strided path copies at a time
    MAX_ARRAYS = 5      # of one parameter: p, g, and up to three of state
    GRADIENT = 1        # the one that is only read
    MAX_DIMS = 64
    SGD_WORK = 4        # in units of threads_for, an element
    ROOT_WORK = 8       # where there are a square root and a division too

cdef enum Rule:
    SGD
    ADAM
    ADAGRAD
    ADADELTA
    RMSPROP

cdef struct Entry:      # one parameter with its gradient and state
    void *data[MAX_ARRAYS]
    const cnp.npy_intp *strides[MAX_ARRAYS]
    const cnp.npy_intp *shape
    int ndim
    bint contiguous[MAX_ARRAYS]  # in C order
    bint direct         # all lie in memory alike and without gaps: elements run in memory order
    bint single         # float32
    Py_ssize_t size
    Py_ssize_t first_chunk
    double step_size    # Adam, Adagrad
    double root_correction  # Adam
    bint first          # SGD: the buffer starts as the gradient

cdef struct Job:
    Entry *entries
    Py_ssize_t count, chunks, elements
    int arrays
    Rule rule
    sgd_t sgd
    adam_t adam
    adagrad_t adagrad
    adadelta_t adadelta
    rmsprop_t rmsprop


cdef bint is_dense(const cnp.npy_intp *shape, const cnp.npy_intp *strides, int ndim,
                   Py_ssize_t size, Py_ssize_t itemsize) noexcept:
    """Whether the elements fill a piece of memory without gaps, in some order of the axes."""
    cdef Py_ssize_t filled = itemsize, before = 0
    cdef int i
    while filled != before:
        before = filled
        for i in range(ndim):
            if shape[i] > 1 and strides[i] == filled:
                filled *= shape[i]
                break
    return filled == size * itemsize


cdef bint add_arrays(Entry *e, tuple arrays, Py_ssize_t i, int count) noexcept:
    """Enter array i of every tuple in e. False if they are not plain arrays of one shape and dtype,
    writeable except for the gradient."""
    cdef cnp.ndarray p, a
    cdef object candidate
    cdef int k, axis, typenum
    for k in range(count):
        candidate = (<tuple>arrays[k])[i]
        if not isinstance(candidate, cnp.ndarray):
            return False
        a = <cnp.ndarray>candidate
        if k == 0:
            p = a
            typenum = cnp.PyArray_TYPE(p)
            if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
                return False
            e.single = typenum == cnp.NPY_FLOAT32
            e.ndim, e.shape, e.size = p.ndim, p.shape, cnp.PyArray_SIZE(p)
            e.direct = True
        elif cnp.PyArray_TYPE(a) != typenum or a.ndim != e.ndim:
            return False
        if not (cnp.PyArray_ISBEHAVED_RO(a) if k == GRADIENT else cnp.PyArray_ISBEHAVED(a)):
            return False
        for axis in range(e.ndim):
            if a.shape[axis] != e.shape[axis]:
                return False
            if e.shape[axis] > 1 and a.strides[axis] != p.strides[axis]:
                e.direct = False
        e.data[k], e.strides[k] = cnp.PyArray_DATA(a), a.strides
        e.contiguous[k] = cnp.PyArray_CHKFLAGS(a, cnp.NPY_ARRAY_C_CONTIGUOUS)
    if e.direct and not e.contiguous[0]:
        e.direct = is_dense(e.shape, e.strides[0], e.ndim, e.size, 4 if e.single else 8)
    return True


cdef void copy_piece(Entry *e, int k, Py_ssize_t begin, Py_ssize_t n, bint back,
                     floating *piece) noexcept nogil:
    """Elements [begin, begin + n) in C order of the strided array k, to the piece or back."""
    cdef Py_ssize_t index[MAX_DIMS]
    cdef Py_ssize_t rest = begin, axis, run, j
    cdef Py_ssize_t last = e.ndim - 1  # a 0-d array is always direct
    cdef Py_ssize_t step = e.strides[k][last]
    cdef char *at = <char *>e.data[k]
    for axis in range(last, -1, -1):
        index[axis] = rest % e.shape[axis]
        rest //= e.shape[axis]
        at += index[axis] * e.strides[k][axis]
    while n > 0:
        run = min(n, e.shape[last] - index[last])
        for j in range(run):
            if back:
                (<floating *>(at + j * step))[0] = piece[j]
            else:
                piece[j] = (<floating *>(at + j * step))[0]
        piece += run
        n -= run
        at -= index[last] * step
        index[last] = 0
        axis = last - 1
        while axis >= 0:
            index[axis] += 1
            at += e.strides[k][axis]
            if index[axis] < e.shape[axis]:
                break
            at -= index[axis] * e.strides[k][axis]
            index[axis] = 0
            axis -= 1


cdef inline void update(Job *job, Entry *e, void **data, Py_ssize_t n) noexcept nogil:
    if job.rule == ADAM:
        if e.single:
            adam_run_f32(&job.adam, e.step_size, e.root_correction, data, n)
        else:
            adam_run_f64(&job.adam, e.step_size, e.root_correction, data, n)
    elif job.rule == SGD:
        if e.single:
            sgd_run_f32(&job.sgd, e.first, data, n)
        else:
            sgd_run_f64(&job.sgd, e.first, data, n)
    elif job.rule == ADAGRAD:
        if e.single:
            adagrad_run_f32(&job.adagrad, e.step_size, data, n)
        else:
            adagrad_run_f64(&job.adagrad, e.step_size, data, n)
    elif job.rule == ADADELTA:
        if e.single:
            adadelta_run_f32(&job.adadelta, data, n)
        else:
            adadelta_run_f64(&job.adadelta, data, n)
    elif e.single:
        rmsprop_run_f32(&job.rmsprop, data, n)
    else:
        rmsprop_run_f64(&job.rmsprop, data, n)


cdef void update_strided(Job *job, Entry *e, Py_ssize_t begin, Py_ssize_t n,
                         floating *_) noexcept nogil:
    """Elements [begin, begin + n) in C order, piece by piece: of an array that is not contiguous,
    through a copy that is."""
    cdef floating copies[MAX_ARRAYS * PIECE]
    cdef void *data[MAX_ARRAYS]
    cdef Py_ssize_t at = begin, end = begin + n, length
    cdef int k
    for k in range(job.arrays):
        data[k] = copies + k * PIECE
    while at < end:
        length = min(<Py_ssize_t>PIECE, end - at)
        for k in range(job.arrays):
            if e.contiguous[k]:
                data[k] = <floating *>e.data[k] + at
            else:
                copy_piece[floating](e, k, at, length, False, <floating *>data[k])
        update(job, e, data, length)
        for k in range(job.arrays):
            if k != GRADIENT and not e.contiguous[k]:
                copy_piece[floating](e, k, at, length, True, <floating *>data[k])
        at += length


cdef Entry *entry_of(Job *job, Py_ssize_t chunk) noexcept nogil:
    """The entry with this chunk: the last that begins at or before it."""
    cdef Py_ssize_t low = 0, high = job.count, middle
    while high - low > 1:
        middle = (low + high) // 2
        if job.entries[middle].first_chunk <= chunk:
            low = middle
        else:
            high = middle
    return job.entries + low


cdef void run_chunk(Job *job, Py_ssize_t chunk) noexcept nogil:
    cdef Entry *e = entry_of(job, chunk)
    cdef void *data[MAX_ARRAYS]
    cdef Py_ssize_t begin = (chunk - e.first_chunk) * CHUNK, n = min(<Py_ssize_t>CHUNK, e.size - begin)
    cdef int k
    if e.direct:
        for k in range(job.arrays):
            data[k] = <char *>e.data[k] + begin * (4 if e.single else 8)
        update(job, e, data, n)
    elif e.single:
        update_strided[float](job, e, begin, n, NULL)
    else:
        update_strided[double](job, e, begin, n, NULL)


cdef Block fill_table(Job *job, tuple arrays):
    """The table of all parameters that have elements, or None if some array is not plain."""
    cdef Py_ssize_t count = len(<tuple>arrays[0]), i
    cdef Block table = block(count * sizeof(Entry))
    cdef Entry *e = <Entry *>table.data
    job.entries = e
    job.count = count
    job.arrays = <int>len(arrays)
    job.chunks = job.elements = 0
    for i in range(count):
        if not add_arrays(e, arrays, i, job.arrays):
            return None
        e.first_chunk = job.chunks
        job.chunks += (e.size + CHUNK - 1) // CHUNK
        job.elements += e.size
        e += 1
    return table


cdef void run(Job *job, double work) noexcept:
    cdef Py_ssize_t chunk
    cdef int threads = threads_for(work * job.elements)
    with nogil:
        for chunk in prange(job.chunks, schedule="static", num_threads=threads):
            run_chunk(job, chunk)


def adam_step(tuple arrays, tuple steps, double lr, double beta1, double beta2, double eps,
              double weight_decay, double grad_scale, bint decoupled, bint maximize):
    """arrays: tuples of params, grads, exp_avgs, exp_avg_sqs and perhaps max_exp_avg_sqs, all of
    the length of steps. Returns False, with nothing changed, if some array is not plain."""
    cdef Job job
    cdef Py_ssize_t i
    cdef double step, last = 0, step_size = 0, root_correction = 0
    cdef Block table = fill_table(&job, arrays)
    if table is None:
        return False
    job.rule = ADAM
    job.adam.amsgrad = job.arrays == 5
    job.adam.grad_scale = -grad_scale if maximize else grad_scale
    job.adam.l2 = weight_decay != 0 and not decoupled
    job.adam.l2_decay = weight_decay
    job.adam.shrink = 1 - lr * weight_decay if decoupled else 1
    job.adam.beta1, job.adam.beta2, job.adam.eps = beta1, beta2, eps
    for i in range(job.count):
        step = steps[i]
        if step != last:
            step_size = lr / (1 - pow(beta1, step))
            root_correction = sqrt(1 - pow(beta2, step))
            last = step
        job.entries[i].step_size, job.entries[i].root_correction = step_size, root_correction
    run(&job, ROOT_WORK)
    return True


def sgd_step(tuple arrays, tuple first, double lr, double momentum, double dampening,
             double weight_decay, double grad_scale, bint nesterov, bint maximize):
    """arrays: tuples of params, grads and, with momentum, buffers; first: empty, or one flag a
    parameter. Returns False, with nothing changed, if some array is not plain."""
    cdef Job job
    cdef Py_ssize_t i
    cdef Block table = fill_table(&job, arrays)
    if table is None:
        return False
    job.rule = SGD
    job.sgd.momentum = job.arrays == 3
    job.sgd.nesterov = nesterov
    job.sgd.grad_scale = -grad_scale if maximize else grad_scale
    job.sgd.l2 = weight_decay != 0
    job.sgd.l2_decay = weight_decay
    job.sgd.mu, job.sgd.grad_share, job.sgd.lr = momentum, 1 - dampening, lr
    for i in range(job.count):
        job.entries[i].first = bool(first[i]) if first else False
    run(&job, SGD_WORK)
    return True


def adagrad_step(tuple arrays, tuple steps, double lr, double lr_decay, double eps,
                 double weight_decay, double grad_scale, bint maximize):
    """arrays: tuples of params, grads and sums, all of the length of steps. Returns False, with
    nothing changed, if some array is not plain."""
    cdef Job job
    cdef Py_ssize_t i
    cdef double step
    cdef Block table = fill_table(&job, arrays)
    if table is None:
        return False
    job.rule = ADAGRAD
    job.adagrad.grad_scale = -grad_scale if maximize else grad_scale
    job.adagrad.l2 = weight_decay != 0
    job.adagrad.l2_decay, job.adagrad.eps = weight_decay, eps
    for i in range(job.count):
        step = steps[i]
        job.entries[i].step_size = lr / (1 + (step - 1) * lr_decay)
    run(&job, ROOT_WORK)
    return True


def adadelta_step(tuple arrays, double lr, double rho, double eps, double weight_decay,
                  double grad_scale, bint maximize):
    """arrays: tuples of params, grads, square_avgs and acc_deltas. Returns False, with nothing
    changed, if some array is not plain."""
    cdef Job job
    cdef Block table = fill_table(&job, arrays)
    if table is None:
        return False
    job.rule = ADADELTA
    job.adadelta.grad_scale = -grad_scale if maximize else grad_scale
    job.adadelta.l2 = weight_decay != 0
    job.adadelta.l2_decay = weight_decay
    job.adadelta.rho, job.adadelta.eps, job.adadelta.lr = rho, eps, lr
    run(&job, ROOT_WORK)
    return True


def rmsprop_step(tuple arrays, double lr, double alpha, double eps, double weight_decay,
                 double momentum, double grad_scale, bint centered, bint maximize):
    """arrays: tuples of params, grads, square_avgs, then grad_avgs if centered, then momentum
    buffers if there is momentum. Returns False, with nothing changed, if some array is not
    plain."""
    cdef Job job
    cdef Block table = fill_table(&job, arrays)
    if table is None:
        return False
    job.rule = RMSPROP
    job.rmsprop.centered, job.rmsprop.momentum = centered, momentum != 0
    job.rmsprop.grad_scale = -grad_scale if maximize else grad_scale
    job.rmsprop.l2 = weight_decay != 0
    job.rmsprop.l2_decay = weight_decay
    job.rmsprop.alpha, job.rmsprop.eps = alpha, eps
    job.rmsprop.mu, job.rmsprop.lr = momentum, lr
    run(&job, ROOT_WORK)
    return True


cdef void sum_chunk(Job *job, Py_ssize_t chunk, double *sums) noexcept nogil:
    cdef Entry *e = entry_of(job, chunk)
    cdef Py_ssize_t begin = (chunk - e.first_chunk) * CHUNK, n = min(<Py_ssize_t>CHUNK, e.size - begin)
    if e.single:
        sums[chunk] = squares_run_f32(<const float *>e.data[0] + begin, n)
    else:
        sums[chunk] = squares_run_f64(<const double *>e.data[0] + begin, n)


def global_norm(tuple arrays):
    """sqrt(sum of squares), or None if some array is not plain or has gaps."""
    cdef Py_ssize_t count = len(arrays), chunks = 0, elements = 0, chunk, i
    cdef Block table = block(count * sizeof(Entry)), sums_block
    cdef Entry *e = <Entry *>table.data
    cdef cnp.ndarray a
    cdef double *sums
    cdef double total = 0
    cdef int typenum, threads
    cdef Job job
    job.entries = e
    job.count = count
    for i in range(count):
        if not isinstance(arrays[i], cnp.ndarray):
            return None
        a = <cnp.ndarray>arrays[i]
        typenum = cnp.PyArray_TYPE(a)
        e.single = typenum == cnp.NPY_FLOAT32
        e.size = cnp.PyArray_SIZE(a)
        if not ((e.single or typenum == cnp.NPY_FLOAT64) and cnp.PyArray_ISBEHAVED_RO(a)
                and (cnp.PyArray_CHKFLAGS(a, cnp.NPY_ARRAY_C_CONTIGUOUS)
                     or is_dense(a.shape, a.strides, a.ndim, e.size, 4 if e.single else 8))):
            return None
        e.data[0] = cnp.PyArray_DATA(a)
        e.first_chunk = chunks
        chunks += (e.size + CHUNK - 1) // CHUNK
        elements += e.size
        e += 1
    sums_block = block(chunks * sizeof(double))
    sums = <double *>sums_block.data
    threads = threads_for(<double>elements * ELEMENT_WORK)
    with nogil:
        for chunk in prange(chunks, schedule="static", num_threads=threads):
            sum_chunk(&job, chunk, sums)
    for chunk in range(chunks):
        total += sums[chunk]
    return sqrt(total)
