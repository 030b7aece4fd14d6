"""Cells: what networks are made of. Names are MindSpore's, defaults and names of weights torch's."""

from framework.core.arguments import check_classes as _check_classes
from framework.core.arguments import worded as _worded
from framework.nn import contracts as _contracts
from framework.nn import init
from framework.nn.activation import (
    ELU,
    GELU,
    SELU,
    HSigmoid,
    HSwish,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from framework.nn.attention import MultiHeadAttention
from framework.nn.cell import Cell
from framework.nn.containers import CellDict, CellList, Lambda, SequentialCell
from framework.nn.conv import (
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    MaxPool1d,
    MaxPool2d,
)
from framework.nn.linear import Dense, Dropout, Embedding, Flatten, Identity
from framework.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from framework.nn.norm import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from framework.nn.recurrent import GRU, LSTM, RNN
from framework.ops.contracts import finish as _finish

__all__ = [
    "ELU", "GELU", "GRU", "LSTM", "RNN", "SELU", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "BCELoss",
    "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Cell", "CellDict", "CellList", "Conv1d",
    "Conv2d", "CosineEmbeddingLoss", "CrossEntropyLoss", "Dense", "Dropout", "Embedding", "Flatten",
    "GroupNorm", "HSigmoid", "HSwish", "HuberLoss", "Identity", "KLDivLoss", "L1Loss", "Lambda",
    "LayerNorm", "LeakyReLU", "LogSigmoid", "LogSoftmax", "MSELoss", "MaxPool1d", "MaxPool2d", "Mish",
    "MultiHeadAttention", "NLLLoss", "PReLU", "RMSNorm", "ReLU", "ReLU6", "SequentialCell", "SiLU",
    "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus", "Softsign", "Tanh", "init",
]  # fmt: skip
_finish(globals(), _contracts.CELLS)
_check_classes(globals(), __all__)
# A layer that is given no tensor says so. Containers call what users wrote, whose errors stay as they are.
_OPEN = ("framework.nn.cell", "framework.nn.containers")
for _name in __all__:
    for _kind in getattr(globals()[_name], "__mro__", ()):
        _construct = vars(_kind).get("construct")
        if _construct and _kind.__module__ not in _OPEN and not hasattr(_construct, "__wrapped__"):
            _kind.construct = _worded(_construct)
