"""How onnxruntime does the operators: a graph of one node, inputs and outputs bound to existing buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernel

from kernels.bench.peers import Call, Run

OPSET, IR_VERSION = 23, 10
_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def session(
    node: str, inputs: Mapping[str, Any], outs: Mapping[str, Any], threads: int, **attributes: Any
) -> Run | None:
    """Run one node on these buffers; None where the installed version has no such node for them."""
    if any(each.dtype not in _TYPES for each in (*inputs.values(), *outs.values())):
        return None
    graph = helper.make_graph(
        [helper.make_node(node, list(inputs), list(outs), **attributes)],
        node,
        [helper.make_tensor_value_info(name, _TYPES[a.dtype], a.shape) for name, a in inputs.items()],
        [helper.make_tensor_value_info(name, _TYPES[a.dtype], a.shape) for name, a in outs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        made = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidGraph, NoKernel):
        return None
    binding = made.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    results = {name: np.empty_like(array) for name, array in outs.items()}
    for name, array in results.items():
        binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def run() -> list[Any]:
        made.run_with_iobinding(binding)
        return list(results.values())

    return run


def _rows(node: str) -> Callable[[Call], Run | None]:
    return lambda call: session(node, {"x": call.inputs["x"]}, {"y": call.outs[0]}, call.threads, axis=-1)


def _elementwise(node: str, **attributes: Any) -> Callable[[Call], Run | None]:
    return lambda call: session(
        node, {"x": call.inputs["x"]}, {"y": call.outs[0]}, call.threads, **attributes
    )


def _layer_norm(call: Call) -> Run | None:
    given = {name: call.inputs[name] for name in ("x", "weight", "bias")}
    if any(each is None for each in given.values()):
        return None
    return session(
        "LayerNormalization",
        given,
        {"y": call.outs[0]},
        call.threads,
        axis=-1,
        epsilon=call.attributes["eps"],
    )


def _rms_norm(call: Call) -> Run | None:
    if call.inputs["weight"] is None:
        return None
    given = {"x": call.inputs["x"], "weight": call.inputs["weight"]}
    epsilon = call.attributes["eps"]
    return session("RMSNormalization", given, {"y": call.outs[0]}, call.threads, axis=-1, epsilon=epsilon)


def _matmul(call: Call) -> Run | None:
    options = call.attributes
    if (
        options["transpose_a"]
        or options["transpose_b"]
        or options["alpha"] != 1
        or call.inputs["bias"] is not None
    ):
        return None
    return session(
        "MatMul", {"a": call.inputs["a"], "b": call.inputs["b"]}, {"y": call.outs[0]}, call.threads
    )


def _top_k(call: Call) -> Run | None:
    k = np.array([call.attributes["k"]], np.int64)
    values, indices = call.outs
    return session(
        "TopK", {"x": call.inputs["x"], "k": k}, {"v": values, "i": indices}, call.threads, axis=-1
    )


def _attention(call: Call) -> Run | None:
    if call.inputs["mask"] is not None or call.inputs["key_mask"] is not None:
        return None
    given = {name: call.inputs[name] for name in ("q", "k", "v")}
    options = {"is_causal": int(call.attributes["causal"]), "scale": float(call.attributes["scale"])}
    if options["is_causal"] and given["q"].shape[2] != given["k"].shape[2]:
        return None
    return session("Attention", given, {"y": call.outs[0]}, call.threads, **options)


def _reduction(node: str) -> Callable[[Call], Run | None]:
    axes = np.array([1], np.int64)
    return lambda call: session(
        node, {"x": call.inputs["x"], "axes": axes}, {"y": call.outs[0]}, call.threads, keepdims=0
    )


def _cumsum(call: Call) -> Run | None:
    given = {"x": call.inputs["x"], "axis": np.array([1], np.int64)}
    return session("CumSum", given, {"y": call.outs[0]}, call.threads, exclusive=call.attributes["exclusive"])


def _transpose(call: Call) -> Run | None:
    axes = list(range(call.inputs["x"].ndim))
    order = [*axes[:-2], axes[-1], axes[-2]]
    return session("Transpose", {"x": call.inputs["x"]}, {"y": call.outs[0]}, call.threads, perm=order)


def _embedding(call: Call) -> Run | None:
    given = {name: call.inputs[name] for name in ("table", "indices")}
    return session("Gather", given, {"y": call.outs[0]}, call.threads, axis=0)


def _pooling(node: str, *outs: str) -> Callable[[Call], Run | None]:
    def make(call: Call) -> Run | None:
        o = call.attributes
        options: dict[str, Any] = {
            "kernel_shape": [o["kernel_h"], o["kernel_w"]],
            "strides": [o["stride_h"], o["stride_w"]],
            "pads": [o["pad_h"], o["pad_w"]] * 2,
        }
        if node == "AveragePool":
            options["count_include_pad"] = int(o["count_padding"])
        results = {name: each[None] for name, each in zip(outs, call.outs, strict=True)}
        run = session(node, {"x": call.inputs["x"][None]}, results, call.threads, **options)
        # Its indices count through all planes, so only the values are compared.
        return run and (lambda: run()[0][0])

    return make


def _rope(call: Call) -> Run | None:
    """With a head's values side by side, as in our layout; the table without positions is one per token."""
    x, n = call.inputs["x"], call.inputs["x"].shape[-3]
    if x.ndim != 4 or call.inputs["positions"] is not None or call.attributes["offset"]:
        return None
    flat = {"x": x.reshape(*x.shape[:2], -1)}
    tables = {name: np.repeat(call.inputs[name][None, :n], len(x), 0) for name in ("cos", "sin")}
    options = {"num_heads": x.shape[2], "interleaved": int(call.attributes["style"] == "interleaved")}
    out = {"y": call.outs[0].reshape(flat["x"].shape)}
    return session("RotaryEmbedding", flat | tables, out, call.threads, **options)


PEERS: dict[str, Callable[[Call], Run | None]] = {
    "softmax": _rows("Softmax"),
    "log_softmax": _rows("LogSoftmax"),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "matmul": _matmul,
    "top_k": _top_k,
    "attention": _attention,
    "argmax": lambda call: session(
        "ArgMax", {"x": call.inputs["x"]}, {"y": call.outs[0]}, call.threads, axis=-1, keepdims=0
    ),
    "reduce_sum": _reduction("ReduceSum"),
    "reduce_mean": _reduction("ReduceMean"),
    "reduce_prod": _reduction("ReduceProd"),
    "reduce_max": _reduction("ReduceMax"),
    "reduce_min": _reduction("ReduceMin"),
    "reduce_l2": _reduction("ReduceL2"),
    "cumsum": _cumsum,
    "transpose": _transpose,
    "embedding": _embedding,
    "rope": _rope,
    "max_pool2d": _pooling("MaxPool", "y"),
    "max_pool2d_indices": _pooling("MaxPool", "y", "i"),
    "avg_pool2d": _pooling("AveragePool", "y"),
    "leaky_relu": lambda call: _elementwise("LeakyRelu", alpha=call.attributes["slope"])(call),
    "elu": lambda call: _elementwise("Elu", alpha=call.attributes["alpha"])(call),
    "gelu": _elementwise("Gelu"),
    "gelu_tanh": _elementwise("Gelu", approximate="tanh"),
    "relu": _elementwise("Relu"),
    "sigmoid": _elementwise("Sigmoid"),
    "tanh": _elementwise("Tanh"),
    "softplus": _elementwise("Softplus"),
    "mish": _elementwise("Mish"),
    "hardswish": _elementwise("HardSwish"),
}
