"""Correlation of groups with few channels, depthwise convolution's single one above all.

    y[n, o, k] = act(bias[k] + sum over taps t, j < inner of x[n, o step + t + start, (k's group) j]
                                                            W[t, j, k])

Vector lanes run over y's channels, whatever their groups. A row of x is spread first: each pixel's
values are put where a lane needs them (for a depthwise convolution: where they are), with zeros on
both sides. The rows that an output row needs are kept in a ring, so that x, y and dy are each gone
through once, in the order of memory, and everything else happens in the caches. Then every product
is lane by lane, and a dozen neighbouring pixels are summed at once. Rows outside x are skipped.

Backward weight, dw[t, j, k] = sum over o of x[o step + t + start, (k's group) j] dy[o, k], spreads
dy's rows likewise, and keeps up to nine (t, j) of one vector of lanes in registers along a row.
Sums are taken by row, strip, part and in all, each from zero; parts, a fixed number of strips one
after the other, are what threads own.

Where a ring of all channels would not stay in cache, channels are taken in slabs.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memset

from .correlate cimport Axis
from .layout cimport Tensor4
from .memory cimport Block, block
from .threads cimport threads_for
from .tile cimport VEC_BYTES, activate, ceil_div
from .vecmath cimport ACT_NONE

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef extern from "grouped.h" nogil:
    enum:
        SUM_STEPS

    ctypedef struct spread_t:
        Py_ssize_t channels, inner, block, blocks, windows, extent, pitch
        Py_ssize_t *first
        void *index

    ctypedef struct terms_t:
        Py_ssize_t pixels, step, terms
        const Py_ssize_t *at

    void spread_fill(size_t itemsize, spread_t *s, Py_ssize_t groups, Py_ssize_t outer)
    Py_ssize_t block_channel(size_t itemsize, Py_ssize_t block, Py_ssize_t channels)
    void spread_row(size_t itemsize, const spread_t *s, const void *x, Py_ssize_t size,
                    Py_ssize_t start, Py_ssize_t columns, void *spare, void *out)
    void grouped_row(size_t itemsize, const spread_t *s, const terms_t *t, const void *x,
                     const void *w, Py_ssize_t w_block, const void *bias, void *y,
                     Py_ssize_t y_step, Py_ssize_t channels)
    void grouped_weight_row(size_t itemsize, const spread_t *s, const terms_t *t, const void *x,
                            const void *dy, Py_ssize_t dy_pitch, void *total,
                            Py_ssize_t total_block)

cdef enum:
    LEAST_PAIRS = 64          # (input, output) channels of a group, for a convolution of its own
    RING_BYTES = 131072       # of spread rows: a share of the second-level cache
    LEAST_ITEMS = 16          # if there are rows enough: work for many threads
    STRIP_SUMS = 64           # rows, or parts of long ones, that one strip adds up
    LEAST_PARTS = 16
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C
    LINE = 64

cdef struct Plan:
    size_t itemsize
    Py_ssize_t vlen
    Py_ssize_t outer                  # channels of y, all groups together
    Axis h, w
    Tensor4 x, y                      # y: dy in backward weight
    spread_t x_spread, dy_spread
    Py_ssize_t slab                   # blocks taken together
    Py_ssize_t strips                 # of one image
    Py_ssize_t items                  # all strips
    Py_ssize_t slots, columns         # rows in the ring, pixels of one
    Py_ssize_t block_size             # weights of one block: taps x inner x lanes
    char *scratch                     # of all threads; in one thread's there are, at these bytes:
    size_t thread_size, tag_at, spare_at, ring_at, dy_at, total_at
    const char *weights               # [block][tap][j][lane]
    const char *bias                  # [block][lane]
    int activation
    Py_ssize_t parts                  # sums of backward weight:
    char *totals                      # [part][block][tap][j][lane]


cdef bint grouped_fits(Py_ssize_t inner, Py_ssize_t outer) noexcept nogil:
    return inner * outer < LEAST_PAIRS


cdef size_t lines(size_t nbytes) noexcept nogil:
    """Bytes of the whole cache lines that hold so many."""
    return (nbytes + LINE - 1) // LINE * LINE


cdef Py_ssize_t odd_lines(size_t nbytes) noexcept nogil:
    return (lines(nbytes) // LINE | 1) * LINE


cdef Block spread(spread_t *s, size_t itemsize, Py_ssize_t groups, Py_ssize_t inner,
                  Py_ssize_t outer):
    """Sets s, but for its pitch; returns the tables' memory."""
    cdef Py_ssize_t blocks = ceil_div(groups * outer * itemsize, VEC_BYTES)
    cdef Block tables = block(blocks * inner * (VEC_BYTES + sizeof(Py_ssize_t)))
    s.channels, s.inner, s.block, s.blocks = groups * inner, inner, 0, blocks
    s.index = tables.data
    s.first = <Py_ssize_t *>(<char *>tables.data + blocks * inner * VEC_BYTES)
    spread_fill(itemsize, s, groups, outer)
    return tables


cdef spread_t slab_of(const spread_t *s, Py_ssize_t number, Py_ssize_t count) noexcept nogil:
    """`count` blocks; fewer in the last slab."""
    cdef spread_t slab = s[0]
    cdef Py_ssize_t first = number * count
    slab.block, slab.blocks = first, min(count, s.blocks - first)
    slab.first = s.first + first * s.inner
    slab.index = <char *>s.index + first * s.inner * VEC_BYTES
    return slab


cdef void plan_rows(Plan *s, Py_ssize_t N, bint backward_weight) noexcept nogil:
    """Slabs, strips and the scratch of a thread."""
    cdef Py_ssize_t taps = s.h.taps * s.w.taps, inner = s.x_spread.inner, pitch, extent
    cdef Py_ssize_t sums = ceil_div(s.w.y_size, SUM_STEPS) * s.h.y_size
    s.strips = max(ceil_div(LEAST_ITEMS, N), ceil_div(sums, STRIP_SUMS))
    s.strips = min(s.strips, s.h.y_size)
    s.items = N * s.strips
    s.slots = min(s.h.tap[s.h.taps - 1] + 1, s.h.x_size)
    s.columns = (s.w.y_size - 1) * s.w.step + s.w.tap[s.w.taps - 1] + 1
    s.slab = RING_BYTES // max(1, s.slots * s.columns * inner * VEC_BYTES)
    s.slab = min(max(s.slab, LINE // VEC_BYTES), s.x_spread.blocks)
    pitch = odd_lines(s.slab * inner * VEC_BYTES)
    s.x_spread.pitch = pitch // s.itemsize
    s.block_size = taps * inner * s.vlen
    extent = s.x_spread.extent
    s.tag_at = lines(taps * inner * sizeof(Py_ssize_t))
    s.spare_at = s.tag_at + lines(s.slots * sizeof(Py_ssize_t))
    if backward_weight:
        extent = max(extent, s.dy_spread.extent)
        s.dy_spread.pitch = odd_lines(s.slab * VEC_BYTES) // s.itemsize
    s.ring_at = s.spare_at + lines(extent * s.itemsize)
    s.dy_at = s.ring_at + s.slots * s.columns * pitch
    s.thread_size = s.dy_at
    if backward_weight:
        s.total_at = s.dy_at + s.w.y_size * s.dy_spread.pitch * s.itemsize
        s.thread_size = s.total_at + s.x_spread.blocks * s.block_size * s.itemsize


cdef Py_ssize_t fill_ring(Plan *s, const spread_t *slab, const char *x, Py_ssize_t o, char *scratch,
                          terms_t *terms) noexcept nogil:
    """Spreads the rows of x that row o of y needs and that are not in the ring. terms: those of its
    taps inside x; returns the first one's number."""
    cdef Py_ssize_t *at = <Py_ssize_t *>scratch
    cdef Py_ssize_t *tag = <Py_ssize_t *>(scratch + s.tag_at)
    cdef Py_ssize_t row_size = s.columns * slab.pitch, begin = o * s.h.step + s.h.start
    cdef Py_ssize_t r, t, j, row, slot, first = 0
    terms.terms = 0
    for r in range(s.h.taps):
        row = begin + s.h.tap[r]
        if row < 0:
            first += s.w.taps * slab.inner
        if not 0 <= row < s.h.x_size:
            continue
        slot = row % s.slots
        if tag[slot] != row:
            spread_row(s.itemsize, slab, x + row * s.x.h * s.itemsize, s.w.x_size, s.w.start,
                       s.columns, scratch + s.spare_at,
                       scratch + s.ring_at + slot * row_size * s.itemsize)
            tag[slot] = row
        for t in range(s.w.taps):
            for j in range(slab.inner):
                at[terms.terms] = slot * row_size + s.w.tap[t] * slab.pitch + j * s.vlen
                terms.terms += 1
    terms.pixels, terms.step, terms.at = s.w.y_size, s.w.step * slab.pitch, at
    return first


cdef void activate_row(Plan *s, const spread_t *slab, floating *y) noexcept nogil:
    """The slab's channels, which it has just computed, in a row of y."""
    cdef Py_ssize_t p, c = block_channel(s.itemsize, slab.block, s.outer)
    cdef Py_ssize_t end = block_channel(s.itemsize, slab.block + slab.blocks - 1, s.outer)
    end = min(end + s.vlen, s.outer)
    for p in range(s.w.y_size):
        activate(y + p * s.y.w + c, end - c, s.activation)


cdef void forward_strip(Plan *s, Py_ssize_t item, char *scratch) noexcept nogil:
    cdef Py_ssize_t n = item // s.strips, strip = item % s.strips
    cdef Py_ssize_t o, i, b, first
    cdef Py_ssize_t *tag = <Py_ssize_t *>(scratch + s.tag_at)
    cdef const char *x = <const char *>s.x.data + n * s.x.n * s.itemsize
    cdef char *y
    cdef spread_t slab
    cdef terms_t terms
    for b in range(ceil_div(s.x_spread.blocks, s.slab)):
        slab = slab_of(&s.x_spread, b, s.slab)
        for i in range(s.slots):
            tag[i] = -1
        for o in range(strip * s.h.y_size // s.strips, (strip + 1) * s.h.y_size // s.strips):
            first = fill_ring(s, &slab, x, o, scratch, &terms)
            y = <char *>s.y.data + (n * s.y.n + o * s.y.h) * s.itemsize
            grouped_row(s.itemsize, &slab, &terms, scratch + s.ring_at,
                        s.weights + first * VEC_BYTES, s.block_size, s.bias, y, s.y.w, s.outer)
            if s.activation != ACT_NONE:
                if s.itemsize == sizeof(float):
                    activate_row[float](s, &slab, <float *>y)
                else:
                    activate_row[double](s, &slab, <double *>y)


cdef void weight_strip(Plan *s, Py_ssize_t item, char *scratch) noexcept nogil:
    """The strip's sums, to the scratch."""
    cdef Py_ssize_t n = item // s.strips, strip = item % s.strips
    cdef Py_ssize_t o, i, b, first
    cdef Py_ssize_t *tag = <Py_ssize_t *>(scratch + s.tag_at)
    cdef const char *x = <const char *>s.x.data + n * s.x.n * s.itemsize
    cdef const char *dy = <const char *>s.y.data + n * s.y.n * s.itemsize
    cdef spread_t slab, dy_slab
    cdef terms_t terms
    memset(scratch + s.total_at, 0, s.x_spread.blocks * s.block_size * s.itemsize)
    for b in range(ceil_div(s.x_spread.blocks, s.slab)):
        slab, dy_slab = slab_of(&s.x_spread, b, s.slab), slab_of(&s.dy_spread, b, s.slab)
        for i in range(s.slots):
            tag[i] = -1
        for o in range(strip * s.h.y_size // s.strips, (strip + 1) * s.h.y_size // s.strips):
            first = fill_ring(s, &slab, x, o, scratch, &terms)
            if terms.terms == 0:
                continue
            spread_row(s.itemsize, &dy_slab, dy + o * s.y.h * s.itemsize, s.w.y_size, 0, s.w.y_size,
                       scratch + s.spare_at, scratch + s.dy_at)
            grouped_weight_row(s.itemsize, &slab, &terms, scratch + s.ring_at, scratch + s.dy_at,
                               dy_slab.pitch, scratch + s.total_at + first * VEC_BYTES, s.block_size)


cdef void forward_strips(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt) noexcept nogil:
    cdef Py_ssize_t item
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        forward_strip(s, item, s.scratch + omp_get_thread_num() * s.thread_size)


cdef void weight_part(Plan *s, Py_ssize_t part, Py_ssize_t first, Py_ssize_t last,
                      floating *_) noexcept nogil:
    """Adds strips [first, last) of a part to its sums."""
    cdef char *scratch = s.scratch + omp_get_thread_num() * s.thread_size
    cdef Py_ssize_t size = s.x_spread.blocks * s.block_size, begin = part * s.items // s.parts, item, i
    cdef const floating *strip = <const floating *>(scratch + s.total_at)
    cdef floating *total = <floating *>s.totals + part * size
    for item in range(begin + first, min(begin + last, (part + 1) * s.items // s.parts)):
        weight_strip(s, item, scratch)
        for i in range(size):
            total[i] += strip[i]


cdef void weight_parts(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt,
                       floating *_) noexcept nogil:
    cdef Py_ssize_t part
    for part in prange(s.parts, schedule="dynamic", num_threads=nt):
        weight_part[floating](s, part, first, last, NULL)


cdef void pack(Plan *s, Py_ssize_t outer, const floating *w, Py_ssize_t w_group, Py_ssize_t w_inner,
               Py_ssize_t w_outer, const floating *bias, floating *packed,
               floating *packed_bias) noexcept nogil:
    """[block][tap][j][lane] and [block][lane], which are zero."""
    cdef Py_ssize_t b, k, lane, r, t, j
    cdef const floating *at
    cdef floating *to
    for b in range(s.x_spread.blocks):
        for lane in range(s.vlen):
            k = block_channel(s.itemsize, b, s.outer) + lane
            if k >= s.outer:
                continue
            if bias != NULL:
                packed_bias[b * s.vlen + lane] = bias[k]
            to = packed + b * s.block_size + lane
            for r in range(s.h.taps):
                for t in range(s.w.taps):
                    at = w + k // outer * w_group + k % outer * w_outer + s.h.tap_w[r] + s.w.tap_w[t]
                    for j in range(s.x_spread.inner):
                        to[0] = at[j * w_inner]
                        to += s.vlen


cdef void sum_parts(Plan *s, floating *dw) noexcept nogil:
    """dw[tap, j, k]: the parts' sums, in order."""
    cdef Py_ssize_t size = s.x_spread.blocks * s.block_size, terms = s.block_size // s.vlen
    cdef Py_ssize_t b, t, part, lane, k
    cdef const floating *total
    for b in range(s.x_spread.blocks):
        k = block_channel(s.itemsize, b, s.outer)
        for t in range(terms):
            for lane in range(min(s.vlen, s.outer)):
                total = <const floating *>s.totals + b * s.block_size + t * s.vlen + lane
                dw[t * s.outer + k + lane] = total[0]
                for part in range(1, s.parts):
                    dw[t * s.outer + k + lane] += total[part * size]


cdef int correlate_grouped(Py_ssize_t N, Py_ssize_t groups, Py_ssize_t inner, Py_ssize_t outer,
                           Axis *h, Axis *w, Tensor4 *x, const void *weights, Py_ssize_t w_group,
                           Py_ssize_t w_inner, Py_ssize_t w_outer, const void *bias, int activation,
                           Tensor4 *y, bint single) except -1:
    """The module's equation; inner and outer: channels of a group. x: pixels contiguous; y: channels
    contiguous, pixels any strides; weights: a group's, inner and outer strides here, the taps' in
    the axes; bias (groups * outer,) or NULL."""
    cdef Plan s
    cdef size_t itemsize = 4 if single else 8
    cdef Block tables = spread(&s.x_spread, itemsize, groups, inner, outer), packed, scratch
    cdef Py_ssize_t blocks = s.x_spread.blocks, item, slice_items
    cdef double work = <double>N * h.y_size * w.y_size * groups * outer * inner * h.taps * w.taps
    cdef int nt = threads_for(work)
    cdef size_t bias_at
    s.itemsize, s.vlen, s.outer = itemsize, VEC_BYTES // itemsize, groups * outer
    s.h, s.w, s.x, s.y, s.activation = h[0], w[0], x[0], y[0], activation
    plan_rows(&s, N, False)
    scratch = block(nt * s.thread_size)
    s.scratch = <char *>scratch.data
    bias_at = blocks * s.block_size * itemsize
    packed = block(bias_at + blocks * VEC_BYTES)
    s.weights = <char *>packed.data
    s.bias = s.weights + bias_at
    memset(packed.data, 0, bias_at + blocks * VEC_BYTES)
    if single:
        pack[float](&s, outer, <const float *>weights, w_group, w_inner, w_outer,
                    <const float *>bias, <float *>s.weights, <float *>s.bias)
    else:
        pack[double](&s, outer, <const double *>weights, w_group, w_inner, w_outer,
                     <const double *>bias, <double *>s.weights, <double *>s.bias)
    slice_items = max(nt, <Py_ssize_t>(SLICE_WORK / (work / s.items + 1)))
    for item in range(0, s.items, slice_items):
        with nogil:
            forward_strips(&s, item, min(s.items, item + slice_items), nt)
        PyErr_CheckSignals()
    return 0


cdef int grouped_weight(Py_ssize_t N, Py_ssize_t groups, Py_ssize_t inner, Py_ssize_t outer, Axis *h,
                        Axis *w, Tensor4 *x, Tensor4 *dy, void *dw, bint single) except -1:
    """dw, contiguous (R, S, inner, groups * outer), of the forward axes; pixels of x and dy
    contiguous."""
    cdef Plan s
    cdef size_t itemsize = 4 if single else 8
    cdef Block x_tables = spread(&s.x_spread, itemsize, groups, inner, outer)
    cdef Block dy_tables = spread(&s.dy_spread, itemsize, groups * outer, 1, 1), scratch, totals
    cdef double work = <double>N * h.y_size * w.y_size * groups * outer * inner * h.taps * w.taps
    cdef int nt = threads_for(work)
    cdef Py_ssize_t first, longest, slice_items
    cdef size_t nbytes
    s.itemsize, s.vlen, s.outer = itemsize, VEC_BYTES // itemsize, groups * outer
    s.h, s.w, s.x, s.y = h[0], w[0], x[0], dy[0]
    plan_rows(&s, N, True)
    s.parts = min(s.items, max(LEAST_PARTS, ceil_div(s.items, STRIP_SUMS)))
    scratch = block(nt * s.thread_size)
    s.scratch = <char *>scratch.data
    nbytes = s.parts * s.x_spread.blocks * s.block_size * itemsize
    totals = block(nbytes)
    s.totals = <char *>totals.data
    memset(s.totals, 0, nbytes)
    longest = ceil_div(s.items, s.parts)
    slice_items = max(1, <Py_ssize_t>(SLICE_WORK / (work / s.items + 1)) // s.parts)
    for first in range(0, longest, slice_items):
        with nogil:
            if single:
                weight_parts[float](&s, first, first + slice_items, nt, NULL)
            else:
                weight_parts[double](&s, first, first + slice_items, nt, NULL)
        PyErr_CheckSignals()
    if single:
        sum_parts[float](&s, <float *>dw)
    else:
        sum_parts[double](&s, <double *>dw)
    return 0
