"""Public operators: functions of tensors, arrays and numbers. A module per group; all are here by name."""

from framework.core.arguments import worded as _worded
from framework.ops.arrange import *  # noqa: F403
from framework.ops.control import *  # noqa: F403
from framework.ops.create import *  # noqa: F403
from framework.ops.elementwise import *  # noqa: F403
from framework.ops.index import *  # noqa: F403
from framework.ops.linalg import *  # noqa: F403
from framework.ops.nn import *  # noqa: F403
from framework.ops.random import *  # noqa: F403
from framework.ops.reduce import *  # noqa: F403
from framework.ops.shape import *  # noqa: F403
from framework.ops.windows import *  # noqa: F403

from framework.custom import Custom, CustomRegOp  # isort: skip  # noqa: F401 (its record needs the operators)
from framework.ops import fft as fft  # isort: skip
from framework.ops import linalg as linalg  # isort: skip
from framework.ops import contracts, methods  # isort: skip

contracts.finish({**globals(), **{name: getattr(fft, name) for name in fft.__all__}}, contracts.OPERATORS)
# What the groups define, without what they import in order to do so.
__all__ = sorted(
    name
    for name, each in globals().items()
    if getattr(each, "__module__", "").startswith(("framework.ops.", "framework.custom."))
    and (each.__module__ != "framework.ops.coerce" or name == "cast")
    and name not in ("Stream", "as_shape", "unary_float_attrs", "wide")
)
# Not elementwise operators, which have no options, nor what calls functions of the user's.
_CALLING = ("cond", "scan", "while_loop")
for _space, _names in ((globals(), __all__), (vars(fft), fft.__all__), (vars(linalg), linalg.__all__)):
    for _name in _names:
        _each = _space[_name]
        if getattr(_each, "__annotations__", None) and not isinstance(_each, type) and _name not in _CALLING:
            _space[_name] = _worded(_each)
methods.install()
