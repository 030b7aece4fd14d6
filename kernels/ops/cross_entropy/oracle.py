"""Cross-entropy and its gradient in NumPy, in the dtype of the logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.errors import BadArgument
from kernels.schema import FAULTS


def cross_entropy(logits: Any, targets: Any, ignore_index: int) -> Any:
    return _loss_and_grad("cross_entropy", logits, targets, ignore_index)[0]


def cross_entropy_grad(logits: Any, targets: Any, dloss: Any, ignore_index: int) -> Any:
    loss, grad = _loss_and_grad("cross_entropy_grad", logits, targets, ignore_index)
    return grad if dloss is None else grad * dloss.astype(logits.dtype)[..., None], loss


def _loss_and_grad(op: str, logits: Any, targets: Any, ignore_index: int) -> tuple[Any, Any]:
    kept, n, zero = targets != ignore_index, logits.shape[-1], logits.dtype.type(0)
    if np.any(kept & ((targets < 0) | (targets >= n))):
        raise BadArgument(f"{op}: {FAULTS[2]}")
    if n == 0:
        return np.zeros(targets.shape, logits.dtype), logits
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = logits - np.max(logits, axis=-1, keepdims=True)
        e = np.exp(shifted)
        total = np.sum(e, axis=-1, keepdims=True)
        place = np.where(kept, targets, 0)[..., None]
        loss = np.log(total) - np.take_along_axis(shifted, place, axis=-1)
        grad = e / total
    np.put_along_axis(grad, place, np.take_along_axis(grad, place, axis=-1) - logits.dtype.type(1), axis=-1)
    return np.where(kept, loss[..., 0], zero), np.where(kept[..., None], grad, zero)
