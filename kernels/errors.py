"""What a call can be refused for. Every message quotes what was given and what is allowed."""

from __future__ import annotations


class KernelError(Exception):
    """Anything this package refuses or cannot do."""


class BadArgument(KernelError, ValueError):
    """A shape, an attribute or a value that the operator does not take."""


class BadDtype(KernelError, TypeError):
    """A dtype, or an object that is no array, where the operator takes none such."""


class NoVersion(KernelError, NotImplementedError):
    """No registered version serves this dtype, shape and machine."""


class BuildFailed(KernelError, RuntimeError):
    """The compiler refused a kernel, or there is none and one is needed."""
