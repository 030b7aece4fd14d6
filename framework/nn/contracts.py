"""What the docstrings of cells have in common, appended by `framework.ops.contracts.finish`."""

from __future__ import annotations

CELLS = """
x of any shape gives the same shape; floating dtypes are kept, integers become float32. Raises DTypeError
for what is not made of numbers. Source: torch's module, MindSpore's cell of that name.
· ELU GELU HSigmoid HSwish LeakyReLU LogSigmoid LogSoftmax Mish PReLU ReLU ReLU6 SELU Sigmoid SiLU
· Softmax Softplus Softsign Tanh

Outputs and targets of one shape and floating dtype give a scalar, or that shape with `reduction="none"`.
Raises ShapeError for different shapes, ArgumentError for another reduction. Source: torch's loss of that
name.
· BCELoss BCEWithLogitsLoss HuberLoss KLDivLoss L1Loss MSELoss SmoothL1Loss

Outputs (n, classes, …) of a floating dtype and targets without the second axis give a scalar, or the
targets' shape with `reduction="none"`. Raises ShapeError for others, ArgumentError for another reduction.
Source: torch's loss of that name.
· CrossEntropyLoss NLLLoss

Vectors (n, width) and n targets of 1 or -1 give a scalar, or (n,) with `reduction="none"`, of their
floating dtype. Raises ShapeError for others, ArgumentError for another reduction. Source: torch's loss of
that name.
· CosineEmbeddingLoss

Floating dtypes are kept. Raises ShapeError for another shape, or where there is no room for a window.
Source: torch's module of that name.
· AdaptiveAvgPool2d AvgPool1d AvgPool2d MaxPool1d MaxPool2d

Floating dtypes are kept; parameters are float32 unless `to` or `to_float` says otherwise. Raises
ShapeError for an x that does not fit. Source: torch's module of that name.
· BatchNorm1d BatchNorm2d Conv1d Conv2d Dense Dropout Flatten GRU GroupNorm LSTM LayerNorm RMSNorm RNN

Shapes and dtypes are those of the cells it holds. Raises ArgumentError for what is no cell. Source:
MindSpore's cell of that name.
· CellDict CellList Identity Lambda SequentialCell
"""
