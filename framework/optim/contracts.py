"""What docstrings of optimisers and schedules have in common; `framework.ops.contracts.finish` appends it."""

from __future__ import annotations

OPTIMISERS = """
Parameters of any shape and floating dtype; of 16-bit ones moments and updates are computed in float32.
Raises ArgumentError for no parameters, for one that stands twice and for numbers out of range; when
called, ShapeError for gradients of other shapes.
· Adafactor Adam AdamW LAMB Lion SGD

The step is an int or an integer tensor of shape (), the rate float32 of shape (). Raises ArgumentError
for numbers out of range. Source: MindSpore's schedule of that name.
· CosineDecayLR ExponentialDecayLR PiecewiseConstantLR PolynomialDecayLR WarmUpLR

Tensors of any shapes and floating dtypes, which are kept; a norm is a scalar. Raises ArgumentError for a
bound that is not above 0. Source: torch.nn.utils.
· clip_by_global_norm clip_by_value global_norm

Shapes and dtypes are those of the parameters. Source: the usual formulas, stated above.
· ExponentialMovingAverage GradientAccumulation Optimizer
"""
