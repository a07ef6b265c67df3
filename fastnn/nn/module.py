"""Module and Parameter: who owns the weights, and in which mode (train or eval) a model is.

A module keeps its parameters, buffers and children as ordinary instance attributes, so that
``self.weight`` in a forward is a plain attribute look-up. ``_parameters``, ``_buffers`` and
``_modules`` record only their names, in order of registration.
"""

from collections import namedtuple

import numpy as np

from ..autograd import Tensor

IncompatibleKeys = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])


class Parameter(Tensor):
    """A Tensor that a Module registers as its own when it is assigned to an attribute.

    data: Tensor or anything ``np.asarray`` takes; its memory is shared where possible.
    """

    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        super().__init__(data.data if isinstance(data, Tensor) else data, requires_grad)

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()


class HookHandle:
    """What ``register_forward_hook`` returns: ``remove()`` undoes it; also a context manager."""

    def __init__(self, hooks):
        self._hooks = hooks

    def remove(self):
        self._hooks.pop(self, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


class Module:
    """Base class of everything with parameters, children or a train/eval mode.

    A subclass calls ``super().__init__()``, assigns Parameters and Modules to attributes and
    defines ``forward``. Calling the module runs ``forward``, then its forward hooks.
    """

    def __init__(self):
        self.__dict__.update(
            training=True,
            _parameters={},  # name -> None; the values are instance attributes
            _buffers={},  # name -> whether state_dict holds it
            _modules={},  # name -> None
            _forward_hooks={},  # HookHandle -> hook
        )

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args, **kwargs):
        output = self.forward(*args, **kwargs)
        if self._forward_hooks:
            for hook in tuple(self._forward_hooks.values()):
                replaced = hook(self, args, output)
                if replaced is not None:
                    output = replaced
        return output

    def register_forward_hook(self, hook):
        """Run ``hook(module, args, output)`` after every forward; what it returns, unless None,
        replaces the output. Returns a handle with ``remove()``."""
        handle = HookHandle(self._forward_hooks)
        self._forward_hooks[handle] = hook
        return handle

    # ---- attributes -------------------------------------------------------------------------

    def __setattr__(self, name, value):
        if isinstance(value, Parameter):
            self._own("_parameters", name, value)
        elif isinstance(value, Module):
            self._own("_modules", name, value)
        else:
            attributes = self.__dict__
            if value is not None:
                for kind, expected in (("_parameters", "a Parameter"), ("_modules", "a Module")):
                    if name in attributes.get(kind, ()):
                        raise TypeError(
                            f"{type(self).__name__}.{name}: expected {expected} or None, "
                            f"got {type(value).__name__}"
                        )
                if name in attributes.get("_buffers", ()) and not isinstance(value, Tensor):
                    value = Tensor(value)
            object.__setattr__(self, name, value)

    def __delattr__(self, name):
        object.__delattr__(self, name)
        for kind in ("_parameters", "_buffers", "_modules"):
            self.__dict__[kind].pop(name, None)

    def _own(self, kind, name, value, mark=None):
        """Set attribute `name` and enter it in exactly one of the three name tables."""
        attributes = self.__dict__
        if "_modules" not in attributes:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before assigning {name!r}"
            )
        for other in ("_parameters", "_buffers", "_modules"):
            if other != kind:
                attributes[other].pop(name, None)
        attributes[kind][name] = mark
        attributes[name] = value

    def _check_name(self, op, kind, name):
        if not isinstance(name, str):
            raise TypeError(f"{op}: name must be a str, got {type(name).__name__}")
        if not name or "." in name:
            raise ValueError(f"{op}: name must be non-empty and without '.', got {name!r}")
        if hasattr(self, name) and name not in self.__dict__[kind]:
            raise ValueError(f"{op}: {type(self).__name__} already has an attribute {name!r}")

    def register_parameter(self, name, param):
        """Add a Parameter, or None to reserve the name."""
        self._check_name("register_parameter", "_parameters", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"register_parameter: {name!r} must be a Parameter or None, "
                f"got {type(param).__name__}"
            )
        self._own("_parameters", name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """Add state that is not trained: an array or Tensor, or None to reserve the name.
        state_dict() holds it if `persistent`."""
        self._check_name("register_buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            tensor = Tensor(tensor)
        self._own("_buffers", name, tensor, persistent)

    def add_module(self, name, module):
        """Add a child, or None to reserve the name."""
        self._check_name("add_module", "_modules", name)
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"add_module: {name!r} must be a Module or None, got {type(module).__name__}"
            )
        self._own("_modules", name, module)

    register_module = add_module

    # ---- walking ----------------------------------------------------------------------------

    def named_children(self):
        """(name, child) of each direct child, each child once."""
        seen = set()
        for name in self._modules:
            child = self.__dict__[name]
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self):
        for _, child in self.named_children():
            yield child

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted name, module) of this module and all below it, parents before children."""
        memo = set() if memo is None else memo
        if remove_duplicate:
            if id(self) in memo:
                return
            memo.add(id(self))
        yield prefix, self
        for name in self._modules:
            child = self.__dict__[name]
            if child is not None:
                yield from child.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self):
        for _, module in self.named_modules():
            yield module

    def _named_members(self, kind, prefix, recurse, remove_duplicate):
        seen = set()
        modules = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in modules:
            for name in getattr(module, kind):
                value = module.__dict__[name]
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield _join(path, name), value

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, Parameter) of every parameter; a shared one comes once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def apply(self, fn):
        """Call ``fn(module)`` on every child, then on this module (to initialise weights, say)."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # ---- modes and dtype --------------------------------------------------------------------

    def train(self, mode=True):
        """Switch this module and all below it to training mode (or to evaluation)."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode must be a bool, got {type(mode).__name__}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        for param in self.parameters():
            param.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none=True):
        for param in self.parameters():
            if set_to_none or param.grad is None:
                param.grad = None
            else:
                param.grad = np.zeros_like(param.grad)

    def to(self, dtype):
        """Cast parameters, their gradients and floating-point buffers to float32 or float64."""
        try:
            wanted = np.dtype(dtype)
        except TypeError:
            wanted = np.dtype(object)
        if wanted not in (np.float32, np.float64):
            raise TypeError(f"Module.to: dtype must be float32 or float64, got {dtype!r}")
        for kind in ("_parameters", "_buffers"):
            for _, tensor in self._named_members(kind, "", True, True):
                if tensor.data.dtype.kind == "f":
                    tensor.data = tensor.data.astype(wanted, copy=False)
                    if tensor.grad is not None:
                        tensor.grad = tensor.grad.astype(wanted, copy=False)
        return self

    def float(self):
        return self.to(np.float32)

    def double(self):
        return self.to(np.float64)

    # ---- state ------------------------------------------------------------------------------

    def _named_state(self):
        """(key, Tensor) of all that state_dict holds; a shared Tensor comes under every key."""
        for path, module in self.named_modules(remove_duplicate=False):
            persistent = (name for name, kept in module._buffers.items() if kept)
            for name in (*module._parameters, *persistent):
                value = module.__dict__[name]
                if value is not None:
                    yield _join(path, name), value

    def state_dict(self, prefix=""):
        """{dotted name: NumPy array} of parameters and persistent buffers, PyTorch's keys.
        `prefix` is put before every name as it is, dot included.

        The arrays share memory with the module: copy them to keep a snapshot.
        """
        return {prefix + key: t.data for key, t in self._named_state()}

    def load_state_dict(self, state_dict, strict=True):
        """Copy arrays (or Tensors) into the module's own memory, cast to the module's dtype.

        Either all is loaded or, on an error, nothing. Keys that only one side has are an error
        if `strict`, else they are returned as ``(missing_keys, unexpected_keys)``.
        Raises ValueError for keys or shapes, TypeError for values that are no numbers.
        """
        own = dict(self._named_state())
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        problems = []
        if strict and missing:
            problems.append("missing keys: " + ", ".join(missing))
        if strict and unexpected:
            problems.append("unexpected keys: " + ", ".join(map(str, unexpected)))
        loads = []
        for key, tensor in own.items():
            if key not in state_dict:
                continue
            value = state_dict[key]
            array = value.data if isinstance(value, Tensor) else np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise TypeError(
                    f"load_state_dict: {key} must be an array of numbers, "
                    f"got dtype {array.dtype} from {type(value).__name__}"
                )
            if array.shape != tensor.data.shape:
                problems.append(
                    f"{key} has shape {array.shape}, the module's has {tensor.data.shape}"
                )
            loads.append((tensor, array))
        if problems:
            raise ValueError(f"load_state_dict: {type(self).__name__}: " + "; ".join(problems))
        for tensor, array in loads:
            tensor.data[...] = array
        return IncompatibleKeys(missing, unexpected)

    # ---- text -------------------------------------------------------------------------------

    def extra_repr(self):
        """The arguments shown between the parentheses of repr()."""
        return ""

    def _child_reprs(self):
        return [f"({name}): " + _indent(repr(self.__dict__[name])) for name in self._modules]

    def __repr__(self):
        extra, children = self.extra_repr(), self._child_reprs()
        name = type(self).__name__
        if not children and "\n" not in extra:
            return f"{name}({extra})"
        lines = extra.split("\n") if extra else []
        return f"{name}(\n  " + "\n  ".join(lines + children) + "\n)"


def _join(prefix, name):
    return f"{prefix}.{name}" if prefix else name


def _indent(text):
    return text.replace("\n", "\n  ")
