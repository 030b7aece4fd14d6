"""Transforms of functions: each is a walk over the recorded graph."""

from framework.transforms.autodiff import grad, jvp, value_and_grad, vjp
from framework.transforms.check import check_grads
from framework.transforms.custom import custom_vjp, recompute
from framework.transforms.jacobian import hessian, jacfwd, jacrev
from framework.transforms.vmap import vmap

__all__ = [
    "check_grads",
    "custom_vjp",
    "grad",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "recompute",
    "value_and_grad",
    "vjp",
    "vmap",
]
