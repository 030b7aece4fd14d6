"""The block's forward pass in onnxruntime, with its own fused operators where it finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from framework.bench.workloads import Chain, Workload


def contenders(work: Workload | Chain) -> dict[str, Callable[[], Any]]:
    if isinstance(work, Chain) or work.training:
        return {}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(_model(work), options, providers=["CPUExecutionProvider"])
    return {"onnxruntime": lambda: session.run(None, {"x": work.x})[0]}


class _Graph:
    """Nodes and constants of a model under construction."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.nodes: list[Any] = []
        self.constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]

    def constant(self, value: Any, dtype: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, kind: str, *ins: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        names = [f"{kind}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(ins), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def dense(self, x: str, layer: str) -> str:
        result: str = self.add("Add", self.add("MatMul", x, f"{layer}_w"), f"{layer}_b")
        return result

    def reshaped(self, x: str, *shape: int) -> str:
        result: str = self.add("Reshape", x, self.constant(shape, np.int64))
        return result


def _model(work: Workload) -> bytes:
    batch, length, width = work.x.shape
    heads, size = work.heads, width // work.heads
    g = _Graph(work.weights)
    h = g.add("LayerNormalization", "x", "norm1_w", "norm1_b", axis=-1, epsilon=1e-5)
    q, k, v = g.add("Split", g.dense(h, "qkv"), outputs=3, axis=-1, num_outputs=3)
    split = [g.reshaped(each, batch, length, heads, size) for each in (q, k, v)]
    q, v = (g.add("Transpose", each, perm=[0, 2, 1, 3]) for each in (split[0], split[2]))
    k = g.add("Transpose", split[1], perm=[0, 2, 3, 1])
    scores = g.add("Mul", g.add("MatMul", q, k), g.constant(size**-0.5, np.float32))
    hidden = np.where(np.tri(length, dtype=bool), np.float32(0), np.float32(-np.inf))
    weights = g.add("Softmax", g.add("Add", scores, g.constant(hidden, np.float32)), axis=-1)
    a = g.add("Transpose", g.add("MatMul", weights, v), perm=[0, 2, 1, 3])
    x = g.add("Add", "x", g.dense(g.reshaped(a, batch, length, width), "out"))
    h = g.add("LayerNormalization", x, "norm2_w", "norm2_b", axis=-1, epsilon=1e-5)
    h = g.add("Gelu", g.dense(h, "up"), approximate="tanh")
    y = g.add("Add", x, g.dense(h, "down"))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, work.x.shape) for name in ("x", y)]
    graph = helper.make_graph(g.nodes, "block", values[:1], values[1:], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    result: bytes = model.SerializeToString()
    return result
