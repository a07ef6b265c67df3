"""Cross-entropy of log-probabilities over rows: N rows, V classes.

    loss[n] = -sum_v q[n, v] log_probs[n, v]
    q[n, v] = w[v] ((1 - e) target[n, v] + e / V),  target a one-hot row for a class number

with e the label smoothing. A row whose class number is ignore_index has q = 0. 0 log 0 is 0.
Rows are shared among the threads; the sum over rows is one thread's, in float64.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from .memory cimport Block, block, empty
from .threads cimport threads_for

cnp.import_array()

cdef extern from "softmax.h" nogil:
    void exp_run_f32(const float *x, float *y, Py_ssize_t n)
    void exp_run_f64(const double *x, double *y, Py_ssize_t n)

cdef enum:
    ITEM_ELEMENTS = 8192      # of one item, at least
    SLICE_ELEMENTS = 1 << 25  # between slices of items Ctrl-C is answered
    ROW_WORK = 16             # in units of threads_for: of a row,
    SUM_WORK = 8              # of an element that is added up,
    GRADIENT_WORK = 12        # of an element of the gradient

cdef struct Job:
    Py_ssize_t rows, classes, row_block
    const void *log_probs
    const int64_t *labels     # class numbers, or
    const void *probs         # probabilities (N, V)
    const double *weight      # (V,), NULL: ones
    double smoothing, weight_sum
    int64_t ignore_index
    bint single, backward
    double *losses            # forward: OUT (N,)
    const double *scale       # backward: dloss, one a row (already divided for a mean),
    Py_ssize_t scale_step     # or, with step 0, one for all
    void *dlogits             # backward: OUT (N, V)


cdef inline double weight_of(const Job *job, Py_ssize_t v) noexcept nogil:
    return 1.0 if job.weight == NULL else job.weight[v]


cdef inline double q_of(const Job *job, double target, Py_ssize_t v) noexcept nogil:
    return weight_of(job, v) * ((1 - job.smoothing) * target + job.smoothing / job.classes)


cdef double row_loss(const Job *job, Py_ssize_t row, floating *_) noexcept nogil:
    cdef const floating *lp = <const floating *>job.log_probs + row * job.classes
    cdef const floating *probs = <const floating *>job.probs + row * job.classes
    cdef double sum = 0, q, w, smooth = job.smoothing / job.classes
    cdef Py_ssize_t v
    if job.labels == NULL:
        for v in range(job.classes):
            q = q_of(job, probs[v], v)
            if q != 0:
                sum += q * lp[v]
        return -sum
    v = job.labels[row]
    if v == job.ignore_index:
        return 0
    q = weight_of(job, v) * (1 - job.smoothing)
    if q != 0:
        sum = q * lp[v]
    if smooth != 0:
        for v in range(job.classes):
            w = weight_of(job, v)
            if w != 0:
                sum += smooth * w * lp[v]
    return -sum


cdef void row_gradient(const Job *job, Py_ssize_t row, floating *_) noexcept nogil:
    """dlogits = scale (sum(q) exp(log_probs) - q), where the exp already stands there."""
    cdef floating *out = <floating *>job.dlogits + row * job.classes
    cdef const floating *probs = <const floating *>job.probs + row * job.classes
    cdef double scale = job.scale[row * job.scale_step], sum = 0
    cdef floating factor, share
    cdef Py_ssize_t v, label
    if job.labels == NULL:
        for v in range(job.classes):
            sum += q_of(job, probs[v], v)
        factor = <floating>(scale * sum)
        for v in range(job.classes):
            out[v] = factor * out[v] - <floating>(scale * q_of(job, probs[v], v))
        return
    label = job.labels[row]
    if label == job.ignore_index:
        for v in range(job.classes):
            out[v] *= 0
        return
    share = <floating>(scale * job.smoothing / job.classes)
    factor = <floating>(scale * (weight_of(job, label) * (1 - job.smoothing)
                                 + job.weight_sum * job.smoothing / job.classes))
    if share == 0:
        for v in range(job.classes):
            out[v] *= factor
    elif job.weight == NULL:
        for v in range(job.classes):
            out[v] = factor * out[v] - share
    else:
        for v in range(job.classes):
            out[v] = factor * out[v] - share * <floating>job.weight[v]
    out[label] -= <floating>(scale * weight_of(job, label) * (1 - job.smoothing))


cdef void run_item(const Job *job, Py_ssize_t item, floating *_) noexcept nogil:
    cdef Py_ssize_t row0 = item * job.row_block, row1 = min(row0 + job.row_block, job.rows), row
    cdef Py_ssize_t at = row0 * job.classes, n = (row1 - row0) * job.classes
    if not job.backward:
        for row in range(row0, row1):
            job.losses[row] = row_loss[floating](job, row, NULL)
        return
    if floating is float:
        exp_run_f32(<const float *>job.log_probs + at, <float *>job.dlogits + at, n)
    else:
        exp_run_f64(<const double *>job.log_probs + at, <double *>job.dlogits + at, n)
    for row in range(row0, row1):
        row_gradient[floating](job, row, NULL)


cdef int run(Job *job, double work) except -1:
    cdef Py_ssize_t items, item, first = 0, last, slice_items
    cdef int threads = threads_for(work)
    job.row_block = 1 + ITEM_ELEMENTS // max(job.classes, 1)
    items = (job.rows + job.row_block - 1) // job.row_block
    slice_items = 1 + SLICE_ELEMENTS // (job.row_block * max(job.classes, 1))
    while first < items:
        last = min(first + slice_items, items)
        with nogil:
            for item in prange(first, last, schedule="static", num_threads=threads):
                if job.single:
                    run_item[float](job, item, NULL)
                else:
                    run_item[double](job, item, NULL)
        PyErr_CheckSignals()
        first = last
    return 0


cdef Job job_of(cnp.ndarray log_probs, cnp.ndarray target, cnp.ndarray weight,
                int64_t ignore_index, double smoothing):
    cdef Job job
    cdef Py_ssize_t v
    job.rows, job.classes = log_probs.shape[0], log_probs.shape[1]
    job.single = cnp.PyArray_TYPE(log_probs) == cnp.NPY_FLOAT32
    job.log_probs = cnp.PyArray_DATA(log_probs)
    job.labels = NULL
    job.probs = NULL
    if target.ndim == 1:
        job.labels = <const int64_t *>cnp.PyArray_DATA(target)
    else:
        job.probs = cnp.PyArray_DATA(target)
    job.weight = NULL if weight is None else <const double *>cnp.PyArray_DATA(weight)
    job.smoothing, job.ignore_index = smoothing, ignore_index
    job.weight_sum = 0
    for v in range(job.classes):
        job.weight_sum += weight_of(&job, v)
    return job


cdef double total_of(const Job *job) noexcept nogil:
    """What the mean divides by: the weights of the rows' classes; for probabilities, N."""
    cdef double total = 0
    cdef Py_ssize_t row
    if job.labels == NULL:
        return job.rows
    for row in range(job.rows):
        if job.labels[row] != job.ignore_index:
            total += weight_of(job, job.labels[row])
    return total


def first_wrong_label(cnp.ndarray labels, Py_ssize_t classes, int64_t ignore_index):
    """The first row whose label (contiguous int64) is neither a class nor ignored; -1 for none."""
    cdef const int64_t *label = <const int64_t *>cnp.PyArray_DATA(labels)
    cdef Py_ssize_t row
    for row in range(labels.shape[0]):
        if not 0 <= label[row] < classes and label[row] != ignore_index:
            return row
    return -1


def cross_entropy(cnp.ndarray log_probs, cnp.ndarray target, cnp.ndarray weight,
                  int64_t ignore_index, double smoothing, str reduction):
    """log_probs (N, V) C-contiguous; target contiguous, int64 (N,) or log_probs' dtype (N, V);
    weight contiguous float64 (V,) or None -> loss: (N,) for 'none', else a 0-d array."""
    cdef Job job = job_of(log_probs, target, weight, ignore_index, smoothing)
    cdef Block losses = block(job.rows * sizeof(double))
    cdef cnp.npy_intp shape[1]
    cdef double sum = 0
    cdef Py_ssize_t row
    cdef cnp.ndarray loss
    shape[0] = job.rows
    job.backward = False
    job.losses = <double *>losses.data
    run(&job, job.rows * (ROW_WORK + (<double>SUM_WORK * job.classes
                                      if smoothing or job.labels == NULL else 0.0)))
    if reduction == "none":
        loss = empty(1, shape, cnp.PyArray_TYPE(log_probs))
        for row in range(job.rows):
            store(loss, row, job.losses[row])
        return loss
    for row in range(job.rows):
        sum += job.losses[row]
    loss = empty(0, shape, cnp.PyArray_TYPE(log_probs))
    store(loss, 0, sum / total_of(&job) if reduction == "mean" else sum)
    return loss


cdef inline void store(cnp.ndarray a, Py_ssize_t i, double value) noexcept:
    if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32:
        (<float *>cnp.PyArray_DATA(a))[i] = <float>value
    else:
        (<double *>cnp.PyArray_DATA(a))[i] = value


def cross_entropy_backward(cnp.ndarray dloss, cnp.ndarray log_probs, cnp.ndarray target,
                           cnp.ndarray weight, int64_t ignore_index, double smoothing,
                           bint mean):
    """dloss: contiguous float64, (N,) or 0-d -> dlogits (N, V). The other arguments as in
    cross_entropy."""
    cdef Job job = job_of(log_probs, target, weight, ignore_index, smoothing)
    cdef cnp.ndarray dlogits = empty(2, log_probs.shape, cnp.PyArray_TYPE(log_probs))
    cdef double scale
    job.backward = True
    job.dlogits = cnp.PyArray_DATA(dlogits)
    job.scale = <const double *>cnp.PyArray_DATA(dloss)
    job.scale_step = dloss.ndim
    if mean:
        scale = job.scale[0] / total_of(&job)
        job.scale = &scale
    run(&job, <double>GRADIENT_WORK * job.rows * job.classes)
    return dlogits
