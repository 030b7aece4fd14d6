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
from framework.transforms import grad, hessian, jacfwd, jacrev, jvp, value_and_grad, vjp, vmap

__all__ = [
    "Parameter", "Tensor", "bfloat16", "bool_", "complex64", "complex128", "float16", "float32", "float64",
    "get_device", "grad", "hessian", "int8", "int16", "int32", "int64", "jacfwd", "jacrev", "jvp", "ops",
    "set_device", "uint8", "uint16", "uint32", "uint64", "value_and_grad", "vjp", "vmap",
]  # fmt: skip
