"""The backward pass: any acyclic graph, accumulation, freeing, depth, threads."""

import gc
import os
import threading
import weakref

import numpy as np
import pytest
from opcheck import draw

from fastnn import Tensor, grad, no_grad
from fastnn.autograd import record, record_together


def leaf(*values):
    return Tensor(np.array(values, dtype=np.float64), requires_grad=True)


# -- graphs -------------------------------------------------------------------------------------


def test_shared_subexpressions():
    x = leaf(2.0, 3.0)
    a = x * x
    b = a * x + a  # x^3 + x^2
    (b * b + a).sum().backward()
    v = x.data
    np.testing.assert_allclose(x.grad, 2 * (v**3 + v**2) * (3 * v**2 + 2 * v) + 2 * v)


def test_one_tensor_as_both_operands():
    x = leaf(3.0)
    (x + x).backward()
    np.testing.assert_array_equal(x.grad, [2])
    x.grad = None
    (x - x).backward()
    np.testing.assert_array_equal(x.grad, [0])


def test_a_diamond_of_doublings_is_walked_once():
    """60 doublings have 2^60 paths and 60 nodes."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad[0] == 2.0**60


def test_late_use_of_an_early_node():
    """An early node waits for all of its users, however late they were made."""
    x = leaf(2.0)
    early = x * x
    late = x
    for _ in range(5):
        late = late + 1
    (late * early).backward()  # x^2 (x + 5)
    np.testing.assert_allclose(x.grad, [3 * 4 + 10 * 2])


def test_several_losses_accumulate():
    x = leaf(1.0, 2.0)
    shared = x * x
    shared.sum().backward(retain_graph=True)
    (3 * shared).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data * 4)
    x.sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data * 4 + 1)


STEPS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: (a - b).tanh(),
    lambda a, b: a.sigmoid(),
)


def random_graph(leaves, rng):
    """A scalar computed by 15 random steps, each from any two earlier values."""
    values = list(leaves)
    for _ in range(15):
        a, b = (values[i] for i in rng.integers(len(values), size=2))
        values.append(STEPS[rng.integers(len(STEPS))](a, b))
    return sum(v.sum() for v in values)


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_match_torch(seed):
    torch = pytest.importorskip("torch")
    arrays = [draw(*shape, seed=seed) for shape in ((2, 3), (3,), (2, 1))]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    random_graph(ours, np.random.default_rng(seed)).backward()
    random_graph(theirs, np.random.default_rng(seed)).backward()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-9)


def test_deep_graph():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 1.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [1])
    assert y.data[0] == 10_001


@pytest.mark.parametrize("saved", [True, False])
def test_deep_graph_is_dropped_without_recursion(saved):
    """Dropped before any backward pass, whether backwards hold arrays or their parents."""
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        parent = y
        y = record(y.data, (y,), (lambda dy, p=parent: (dy,)) if saved else (lambda dy: (dy,)))
    del y, parent
    gc.collect()


# -- what ends up in grad -----------------------------------------------------------------------


def assert_own(*arrays):
    """No two of these share memory."""
    for i, a in enumerate(arrays):
        for b in arrays[:i]:
            assert not np.shares_memory(a, b)


def test_grad_aliases_nothing():
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    dy = np.array([1.0, 1.0])
    ((a + b) + c.reshape(2, 1).reshape(2)).backward(dy)
    assert_own(a.grad, b.grad, c.grad, dy)
    for t in (a, b, c):
        np.testing.assert_array_equal(t.grad, [1, 1])
        assert t.grad.flags.writeable


def test_grad_of_a_leaf_itself():
    a = leaf(1.0, 2.0)
    dy = np.ones(2)
    a.backward(dy)
    a.backward(dy)
    assert_own(a.grad, dy)
    np.testing.assert_array_equal(a.grad, [2, 2])


def test_grad_does_not_alias_what_a_backward_keeps():
    kept = np.array([7.0])
    a = leaf(1.0)
    y = record(a.data * 7, (a,), lambda dy: (kept,))
    y.backward(retain_graph=True)
    a.grad *= 0
    assert kept[0] == 7
    b = leaf(1.0)
    view = kept[:]
    record(b.data * 7, (b,), lambda dy: (view,)).backward()
    assert_own(b.grad, kept)


def test_a_fresh_gradient_is_not_copied():
    made = []
    a = leaf(1.0)

    def backward(dy):
        dx = 2 * dy
        made.append(dx.__array_interface__["data"][0])
        return (dx,)

    record(a.data * 2, (a,), backward).backward()
    assert a.grad.__array_interface__["data"][0] == made[0]


def test_a_fresh_gradient_that_is_a_view_is_not_copied():
    made = []
    a = Tensor(np.ones((2, 3)).T, requires_grad=True)

    def backward(dy):
        dx = np.full((2, 3), 2.0).T  # as a convolution's weight: its axes in another order
        made.append(dx.__array_interface__["data"][0])
        return (dx,)

    record(a.data.sum(), (a,), backward).backward()
    assert a.grad.__array_interface__["data"][0] == made[0]


@pytest.mark.parametrize("view", [lambda x: x.T, lambda x: x[:1].T, lambda x: x[::-1].T])
def test_a_view_of_what_somebody_holds_is_copied(view):
    kept = np.full((2, 3), 7.0)
    a = Tensor(view(np.ones((2, 3))), requires_grad=True)
    record(a.data.sum(), (a,), lambda dy: (view(kept),)).backward()
    a.grad[...] = 0
    assert np.all(kept == 7)


def test_a_gradient_that_cannot_be_written_is_copied():
    a = Tensor(np.ones((1, 3)), requires_grad=True)
    record(a.data.sum(), (a,), lambda dy: (np.broadcast_to(np.ones(3), (1, 3)),)).backward()
    a.grad[...] = 0


def test_accumulating_leaves_an_earlier_grad_alone():
    a = leaf(1.0)
    (a * 2).backward()
    first = a.grad
    (a * 3).backward()
    assert first[0] == 2 and a.grad[0] == 5


def test_results_have_no_grad():
    x = leaf(1.0)
    y = x * 2
    (y * y).backward()
    assert y.grad is None and x.grad[0] == 8


def test_grad_has_the_layout_of_its_leaf():
    x = Tensor(draw(3, 4), requires_grad=True)
    (x.T @ draw(3, 2)).sum().backward()
    x.T.sum().backward()
    assert x.grad.shape == (3, 4)
    y = Tensor(draw(3, 4), requires_grad=True)
    y.T.sum().backward()
    assert y.grad.flags.c_contiguous


def test_only_wanted_gradients_are_kept():
    x, c = leaf(1.0), Tensor(np.ones(1))
    (x * c + c).backward()
    assert c.grad is None


# -- several outputs ----------------------------------------------------------------------------


def product_and_sum(x, y):
    """x y and x + y as one operation; backwards are told apart by what they were given."""
    given = []

    def backward(dp, ds):
        given.append((dp is not None, ds is not None))
        dp, ds = (np.zeros(x.shape) if d is None else d for d in (dp, ds))
        return dp * y.data + ds, dp * x.data + ds

    outs = record_together((x.data * y.data, x.data + y.data), (x, y), backward)
    return *outs, given


def test_outputs_together():
    x, y = leaf(2.0, 3.0), leaf(5.0, 7.0)
    p, s, given = product_and_sum(x, y)
    (p * s + p).sum().backward()  # x^2 y + x y^2 + x y
    assert given == [(True, True)]
    np.testing.assert_array_equal(x.grad, 2 * x.data * y.data + y.data**2 + y.data)
    np.testing.assert_array_equal(y.grad, x.data**2 + 2 * x.data * y.data + x.data)


def test_some_of_the_outputs():
    x, y = leaf(2.0), leaf(5.0)
    for picked, seen, dx in ((0, (True, False), 5.0), (1, (False, True), 1.0)):
        *outs, given = product_and_sum(x, y)
        (dx_found,) = grad(outs[picked], x, np.ones(1))
        assert given == [seen] and dx_found[0] == dx
    with no_grad():
        assert not any(out.requires_grad for out in product_and_sum(x, y)[:2])
    constants = product_and_sum(Tensor(x.data), Tensor(y.data))[:2]
    assert not any(out.requires_grad for out in constants)


def test_losses_of_outputs_together():
    """One after the other on a graph that is kept, and on one that is freed by the first."""
    x, y = leaf(2.0), leaf(5.0)
    p, s, given = product_and_sum(x, y)
    p.backward(retain_graph=True)
    s.backward(retain_graph=True)
    (p + s).backward()
    assert given == [(True, False), (False, True), (True, True)]
    np.testing.assert_array_equal(x.grad, [5 + 1 + 6])
    with pytest.raises(RuntimeError, match="freed"):
        s.backward()
    p, s, _ = product_and_sum(x, y)
    p.backward()
    with pytest.raises(RuntimeError, match="freed"):
        s.backward()


def test_deep_chain_of_outputs_together():
    x, y = leaf(1.0), leaf(1.0)
    p, s = x, y
    for _ in range(3_000):
        p, s, _ = product_and_sum(p, s * 0)
    s.backward()
    np.testing.assert_array_equal(x.grad, [0])


# -- freeing ------------------------------------------------------------------------------------


def test_second_backward_needs_retain_graph():
    x = leaf(1.0)
    y = (x * 2).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad[0] == 4
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        y.backward()
    assert x.grad[0] == 4


def test_freed_part_of_a_new_graph():
    x = leaf(1.0)
    shared = x * 2
    shared.sum().backward()
    with pytest.raises(RuntimeError, match="freed"):
        (shared * 3).sum().backward()


def test_saved_arrays_are_freed():
    class Watched(np.ndarray):
        pass

    saved = np.zeros(1).view(Watched)
    watch = weakref.ref(saved)
    x = leaf(1.0)
    y = record(x.data * 2, (x,), lambda dy, saved=saved: (dy + saved,))
    del saved
    assert watch() is not None
    y.backward()
    assert watch() is None


def test_no_reference_cycles():
    class Watched(Tensor):
        __slots__ = ("__weakref__",)

    gc.collect()
    gc.disable()
    try:
        x = Watched(np.ones((2, 2)), requires_grad=True)
        watch = weakref.ref(x)
        y = ((x @ x).relu() * x.exp() + x[0]).var()
        del x, y
        assert watch() is None
    finally:
        gc.enable()


# -- errors -------------------------------------------------------------------------------------


def test_backward_errors():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"only a scalar .* of shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"must have the tensor's shape \(2,\), got \(3,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(RuntimeError, match=r"shape \(1,\) requires no gradient"):
        Tensor([1.0]).backward()


def test_wrong_gradient_shape_is_told():
    x = leaf(1.0, 2.0)
    y = record(x.data.sum(keepdims=True), (x,), lambda dy: (dy,))
    with pytest.raises(RuntimeError, match=r"leaf of shape \(2,\) .* gradient of shape \(1,\)"):
        y.backward()
    assert x.grad is None


def test_a_failing_backward_leaves_grad_alone():
    def fail(dy):
        raise ZeroDivisionError

    x = leaf(1.0)
    y = x * 2 + record(x.data, (x,), fail)
    with pytest.raises(ZeroDivisionError):
        y.backward()
    assert x.grad is None


# -- grad ---------------------------------------------------------------------------------------


def test_grad_function():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * w
    y = (h * h).sum()
    dx, dh = grad(y, [x, h], retain_graph=True)
    np.testing.assert_array_equal(dh, 2 * h.data)
    np.testing.assert_array_equal(dx, 2 * h.data * w.data)
    assert x.grad is None and w.grad is None
    (dw,) = grad(y, w)
    np.testing.assert_array_equal(dw, 2 * h.data * x.data)
    with pytest.raises(RuntimeError, match="freed"):
        grad(y, w)


def test_grad_of_several_outputs():
    x = leaf(1.0, 2.0)
    (dx,) = grad([x * 2, (x * x).sum()], x, [np.array([1.0, 10.0]), None])
    np.testing.assert_array_equal(dx, [2 + 2, 20 + 4])


def test_grad_of_one_tensor_twice():
    x = leaf(1.0)
    a, b = grad(x * 2, [x, x])
    assert a[0] == b[0] == 2
    assert_own(a, b)


def test_grad_errors():
    x, other = leaf(1.0), leaf(2.0)
    with pytest.raises(RuntimeError, match=r"do not depend on inputs\[1\]"):
        grad(x * 2, [x, other])
    assert grad(x * 2, [x, other], allow_unused=True)[1] is None
    with pytest.raises(ValueError, match="2 outputs need as many"):
        grad([x * 2, x * 3], x, np.ones(1))
    with pytest.raises(RuntimeError, match="requires no gradient"):
        grad(x * 2, Tensor([1.0]))


# -- threads and processes ----------------------------------------------------------------------


def test_threads_share_leaves():
    """Each thread has graphs of its own over a common leaf: no gradient is lost."""
    x = leaf(*np.ones(64))

    def work():
        for _ in range(50):
            y = x
            for _ in range(4):
                y = y * 1.0
            y.sum().backward()
            with no_grad():
                assert not (x * 2).requires_grad

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(x.grad, np.full(64, 200.0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_backward_in_a_forked_child():
    """Even where another thread was accumulating at the moment of the fork."""
    from fastnn.autograd import tape

    with tape._accumulating:  # as the other thread
        pid = os.fork()
        if not pid:
            x = leaf(1.0)
            (x * 2).backward()
            os._exit(0 if x.grad[0] == 2 else 1)
    assert os.waitpid(pid, 0)[1] == 0
