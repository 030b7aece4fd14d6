"""Transforms of functions: each is a walk over the recorded graph."""

from framework.transforms.autodiff import grad, jvp, value_and_grad, vjp
from framework.transforms.jacobian import hessian, jacfwd, jacrev
from framework.transforms.vmap import vmap

__all__ = ["grad", "hessian", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp", "vmap"]
