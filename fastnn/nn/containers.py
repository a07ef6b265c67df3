"""Modules made of modules: Sequential, ModuleList, ModuleDict."""

from functools import partial

from .activation import ReLU, Sigmoid, Tanh
from .fusion import conv_bn, folds
from .module import Module, _indent
from .norm import BatchNorm2d

# Activations that a module may compute with its own output (see Sequential).
FUSED = {ReLU: "relu", Sigmoid: "sigmoid", Tanh: "tanh"}


def _position(op, index, length):
    """A list index, negative counting from the end, as 0 <= position < length."""
    if not hasattr(index, "__index__"):
        raise TypeError(f"{op}: index must be an int or a slice, got {type(index).__name__}")
    position = index.__index__()
    if not -length <= position < length:
        raise IndexError(f"{op}: index {position} is out of range for {length} modules")
    return position % length


class _ModuleSequence(Module):
    """What Sequential and ModuleList share: children named by their position.

    The names of a Sequential built from a dict are its own; those added later are positions.
    """

    def _renumber(self, modules):
        for name in list(self._modules):
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        attributes = self.__dict__
        return iter([attributes[name] for name in self._modules])

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._slice(index)
        return self.__dict__[self._name_at(index)]

    def _name_at(self, index):
        return list(self._modules)[_position(type(self).__name__, index, len(self))]

    def __setitem__(self, index, module):
        self._own("_modules", self._name_at(index), _checked(type(self).__name__, module))

    def __delitem__(self, index):
        kept = list(self)
        if isinstance(index, slice):
            del kept[index]
        else:
            del kept[_position(type(self).__name__, index, len(self))]
        self._renumber(kept)

    def append(self, module):
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        for module in modules:
            self.append(module)
        return self

    def insert(self, index, module):
        children = list(self)
        children.insert(index, _checked(type(self).__name__, module))
        self._renumber(children)
        return self


def _checked(op, module):
    if not isinstance(module, Module):
        raise TypeError(f"{op}: expected a Module, got {type(module).__name__}")
    return module


def _fuses(module, activation):
    return (
        # The class's own: a subclass may have a forward without the argument.
        "fuses_activation" in type(module).__dict__
        and not module._forward_hooks
        and not activation._forward_hooks
    )


class Sequential(_ModuleSequence):
    """y = f_n(... f_2(f_1(x))): children called one after the other.

    Sequential(f_1, f_2, ...) or Sequential({"name": f_1, ...}).

    An activation after a layer that can compute it with its own output (``fuses_activation``:
    linear, convolution, batch norm) is left to that layer, and in evaluation under ``no_grad`` a
    batch normalisation to the convolution before it (see `fusion.conv_bn`), which saves passes over
    memory and changes no result beyond rounding. Not so where one of them has forward hooks.
    """

    def __init__(self, *modules):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(modules):
                self.add_module(str(i), module)

    def forward(self, input):
        modules = iter([*self, None])
        module, following = next(modules), next(modules, None)
        while module is not None:
            compute = module
            if type(following) is BatchNorm2d and folds(module, following):
                compute, module = partial(conv_bn, module, following), following
                following = next(modules)
            activation = FUSED.get(type(following))
            if activation and _fuses(module, following):
                compute = module.forward if compute is module else compute
                input = compute(input, activation=activation)
                following = next(modules)
            else:
                input = compute(input)
            module, following = following, next(modules, None)
        return input

    def _slice(self, index):
        return Sequential({name: self.__dict__[name] for name in list(self._modules)[index]})


class ModuleList(_ModuleSequence):
    """A list of modules that the owning module sees; it has no forward of its own."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _slice(self, index):
        return ModuleList(list(self)[index])

    def _child_reprs(self):
        """As torch: a run of children that print alike takes one line, ``(0-3): 4 x ...``."""
        lines, start = [], 0
        texts = [repr(module) for module in self]
        for i in range(1, len(texts) + 1):
            if i == len(texts) or texts[i] != texts[start]:
                count = i - start
                label = f"({start}): " if count == 1 else f"({start}-{i - 1}): {count} x "
                lines.append(label + _indent(texts[start]))
                start = i
        return lines


class ModuleDict(Module):
    """A dict of modules that the owning module sees; it has no forward of its own.

    The children live in attributes of the same names, so a name must not be one that Module
    uses itself ("forward", "train", ...).
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        if key not in self._modules:
            raise KeyError(key)
        return self.__dict__[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        self.pop(key)

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def keys(self):
        return self._modules.keys()

    def values(self):
        return [self.__dict__[name] for name in self._modules]

    def items(self):
        return [(name, self.__dict__[name]) for name in self._modules]

    def update(self, modules):
        """`modules`: a dict or an iterable of (key, Module)."""
        for key, module in modules.items() if hasattr(modules, "items") else modules:
            self[key] = module

    def pop(self, key):
        module = self[key]
        delattr(self, key)
        return module

    def clear(self):
        for key in list(self._modules):
            delattr(self, key)
