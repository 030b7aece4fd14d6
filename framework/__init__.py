"""The bundled AI framework. Useful alone; computes with `kernels`, knows nothing of the site."""

from framework import ops
from framework.core.backend import get_device, set_device
from framework.core.dtypes import (
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from framework.core.tensor import Parameter, Tensor
from framework.jit import jit
from framework.ops import from_numpy, set_seed
from framework.transforms import (
    check_grads,
    custom_vjp,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    recompute,
    value_and_grad,
    vjp,
    vmap,
)

__all__ = [
    "Parameter",
    "Tensor",
    "bfloat16",
    "bool_",
    "check_grads",
    "complex64",
    "complex128",
    "custom_vjp",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "get_device",
    "grad",
    "hessian",
    "int8",
    "int16",
    "int32",
    "int64",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "ops",
    "recompute",
    "set_device",
    "set_seed",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "value_and_grad",
    "vjp",
    "vmap",
]  # fmt: skip
