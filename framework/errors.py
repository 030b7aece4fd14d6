"""What can go wrong, by class. Every message quotes the argument and its value and says what to do.

FrameworkError
├── ShapeError(ValueError)      shapes, axes, indices that do not fit
├── DTypeError(TypeError)       dtypes or kinds of values that do not fit
├── ArgumentError(ValueError)   an option or a number that is not allowed
├── TraceError(TypeError)       a value that is not there, or an assignment, while a function is traced
├── InPlaceError(RuntimeError)  writing to a tensor that a gradient or a trace still needs
├── GradientError(ValueError)   no gradient where one was asked for, or a rule that gave a wrong one
├── CheckpointError(ValueError) a file of tensors that is damaged, or does not fit what it is loaded into
├── WorkerError(RuntimeError)   a process that makes data failed
└── CustomError(RuntimeError)   a library or a function of an operator of one's own that is wrong
"""

from __future__ import annotations


class FrameworkError(Exception):
    """Root of all errors that the framework raises on purpose."""


class ShapeError(FrameworkError, ValueError):
    """Shapes, axes or indices do not fit each other."""


class DTypeError(FrameworkError, TypeError):
    """Dtypes, or kinds of values, do not fit each other."""


class ArgumentError(FrameworkError, ValueError):
    """An option or a number is not one of those allowed."""


class TraceError(FrameworkError, TypeError):
    """Python needed the value of a tensor that has none: it stands for every value while a function is
    traced. Or what is traced once assigned to a Parameter what it cannot mean.
    """


class InPlaceError(FrameworkError, RuntimeError):
    """Writing in place would change what a gradient or a trace still needs."""


class GradientError(FrameworkError, ValueError):
    """A gradient was asked for where there is none, or a rule gave a wrong one."""


class CheckpointError(FrameworkError, ValueError):
    """A file of tensors is damaged, or does not fit what it is loaded into."""


class WorkerError(FrameworkError, RuntimeError):
    """A worker process failed; the message has its traceback, or the signal that ended it."""


class CustomError(FrameworkError, RuntimeError):
    """The library, the source or the function of a custom operator cannot be used, or did wrong."""
