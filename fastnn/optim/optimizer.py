"""What all optimisers share: parameter groups, per-parameter state, saving and loading both."""

from collections import defaultdict

import numpy as np

from .. import kernels
from ..autograd import Tensor, enable_grad

_GROUP_KEYS = {"params", "name", "initial_lr"}  # of a group, beside its hyper-parameters


class Optimizer:
    """Base of the optimisers.

    params    an iterable of Tensors, or of dicts {"params": ..., "lr": ..., ...}, one a group
    defaults  hyper-parameters of groups that don't give their own

    ``param_groups`` is a list of dicts; whoever changes ``group["lr"]`` changes the next step.
    ``state[p]`` is a dict of arrays of p's shape and dtype, and numbers.

    A subclass writes `_update(group, params, grad_scale)`, one kernel call over all of `params`,
    and `_check(group)`, which raises ValueError for hyper-parameters out of range.

    Raises TypeError for what are no Tensors, ValueError for no parameters, one that appears
    twice, one that an operation computed, or a hyper-parameter that is unknown or out of range.
    """

    def __init__(self, params, defaults):
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                "dicts, but got a Tensor"
            )
        self._check(defaults)
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _check(self, group):
        """Raise ValueError for hyper-parameters out of range."""

    def _update(self, group, params, grad_scale):
        raise NotImplementedError(f"{type(self).__name__} has no _update")

    def add_param_group(self, param_group):
        """Add {"params": Tensor or iterable of them, hyper-parameters that differ: ...}."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        if "params" not in param_group:
            raise ValueError(f"param_group has no 'params', only {sorted(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be in an ordered collection, a set's order is "
                "another in every run"
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        unknown = sorted(param_group.keys() - self.defaults.keys() - _GROUP_KEYS)
        if unknown:  # most likely misspelt
            raise ValueError(f"param_group has {unknown}, which {type(self).__name__} has not")
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p)}"
                )
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(p) in seen:
                raise ValueError(f"a parameter of shape {p.shape} appears more than once")
            seen.add(id(p))
        group = {**self.defaults, **param_group, "params": params}
        self._check(group)
        self.param_groups.append(group)

    def step(self, closure=None, *, grad_scale=1.0):
        """Update every parameter that has a gradient, one kernel call a group.

        closure     computes the loss anew and its gradients; step returns what it returns.
        grad_scale  every gradient counts times this; saves a pass over memory where gradients
                    are clipped or averaged.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            dtypes = {p.data.dtype for p in params}
            if len(dtypes) == 1:
                self._update(group, params, grad_scale)
            else:  # a kernel call takes one dtype
                for dtype in dtypes:
                    self._update(group, [p for p in params if p.data.dtype == dtype], grad_scale)
        return loss

    def zero_grad(self, set_to_none=True):
        """Forget all gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else np.zeros_like(p.grad)

    def _buffers(self, params, key, initial=0):
        """The state arrays `key` of these parameters; full of `initial` where there are none."""
        buffers = []
        for p in params:
            state = self.state[p]
            if key not in state:
                state[key] = kernels.full_like(p.data, initial)
            buffers.append(state[key])
        return buffers

    def _steps(self, params):
        """How many steps each of these parameters has had with the coming one."""
        return [self.state[p].get("step", 0) + 1 for p in params]

    def _count(self, params, steps):
        """Note `steps` once they are done."""
        for p, step in zip(params, steps, strict=True):
            self.state[p]["step"] = step

    def state_dict(self):
        """{"state": {i: {...}}, "param_groups": [...]}: parameter i is the i-th of all groups.

        The arrays are the optimiser's own, not copies.
        """
        index = {id(p): i for i, p in enumerate(self._params())}
        groups = [
            {**group, "params": [index[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {index[id(p)]: dict(values) for p, values in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` gave, also PyTorch's; arrays are copied.

        Hyper-parameters that this optimiser has not are left out. Raises ValueError when groups,
        parameters or shapes don't match, and changes nothing then.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, this optimizer has {len(self.param_groups)}"
            )
        groups, params = [], {}
        for i, (ours, theirs) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(ours["params"]) != len(theirs["params"]):
                raise ValueError(
                    f"loaded state dict has {len(theirs['params'])} parameters in group {i}, "
                    f"this optimizer has {len(ours['params'])}"
                )
            params.update(zip(theirs["params"], ours["params"], strict=True))
            known = ours.keys() | _GROUP_KEYS
            group = {**ours, **{k: v for k, v in theirs.items() if k in known}}
            group["params"] = ours["params"]
            if "betas" in group:
                group["betas"] = tuple(group["betas"])  # a list, if it has been JSON
            self._check(group)
            groups.append(group)
        state = defaultdict(dict)
        for index, values in state_dict["state"].items():
            if index not in params:
                raise ValueError(f"loaded state dict has state for parameter {index} of no group")
            p = params[index]
            for key, value in values.items():
                if value is not None:
                    state[p][key] = _restored(value, p, f"{key} of parameter {index}")
        for ours, group in zip(self.param_groups, groups, strict=True):
            ours.update(group)
        self.state = state

    def _params(self):
        return (p for group in self.param_groups for p in group["params"])

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _restored(value, p, what):
    """A copy of state array `value` laid out as parameter p; the number of steps as an int."""
    value = np.asarray(value)
    if value.ndim == 0 and what.startswith("step "):  # in PyTorch a 0-d float tensor
        return int(value)
    if value.shape != p.shape:
        raise ValueError(f"loaded state dict: {what} has shape {value.shape}, not {p.shape}")
    array = kernels.empty_like(p.data)
    array[...] = value
    return array


def flatten_state(state_dict):
    """An optimiser's `state_dict` as (arrays, rest), for `fastnn.save`.

    arrays  {"3.exp_avg": array, ...}: name `i.key` for parameter i
    rest    everything else, ready for `json.dumps`

    `unflatten_state` is the inverse, also after the rest has been JSON.
    """
    arrays, state = {}, {}
    for index, values in state_dict["state"].items():
        state[str(index)] = numbers = {}
        for key, value in values.items():
            if isinstance(value, np.ndarray):
                arrays[f"{index}.{key}"] = value
            else:
                numbers[key] = value
    return arrays, {"state": state, "param_groups": state_dict["param_groups"]}


def unflatten_state(arrays, rest):
    """The `state_dict` that `flatten_state` took apart."""
    state = {int(index): dict(numbers) for index, numbers in rest["state"].items()}
    for name, array in arrays.items():
        index, key = name.split(".", 1)
        state[int(index)][key] = array
    return {"state": state, "param_groups": rest["param_groups"]}
