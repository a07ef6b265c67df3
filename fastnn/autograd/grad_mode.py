"""Whether operations are recorded: a switch each thread has of its own, on at first."""

import functools
import threading


class _GradMode(threading.local):
    enabled = True


mode = _GradMode()


def is_grad_enabled():
    """True where operations of this thread are recorded."""
    return mode.enabled


class _Switch:
    """Sets the mode inside a ``with`` block or a decorated function, and puts it back after."""

    __slots__ = ("_before",)
    enabled: bool

    def __new__(cls, function=None):
        switch = object.__new__(cls)
        return switch if function is None else switch(function)

    def __enter__(self):
        self._before = mode.enabled
        mode.enabled = self.enabled

    def __exit__(self, *exc_info):
        mode.enabled = self._before

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with type(self)():  # one a call: calls may overlap, in any thread
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):
    """``with no_grad():`` or ``@no_grad``: nothing is recorded, results require no gradient."""

    __slots__ = ()
    enabled = False


class enable_grad(_Switch):
    """``with enable_grad():`` or ``@enable_grad``: recorded, even inside ``no_grad``."""

    __slots__ = ()
    enabled = True
