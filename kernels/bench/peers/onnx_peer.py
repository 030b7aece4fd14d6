"""How onnxruntime does the operators: a graph of one node, inputs and outputs bound to existing buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

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
    except Exception:  # noqa: BLE001 - the binding raises classes of its own, none of them public
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


PEERS: dict[str, Callable[[Call], Run | None]] = {
    "softmax": _rows("Softmax"),
    "log_softmax": _rows("LogSoftmax"),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "matmul": _matmul,
    "top_k": _top_k,
    "attention": _attention,
    "gelu": _elementwise("Gelu"),
    "gelu_tanh": _elementwise("Gelu", approximate="tanh"),
    "relu": _elementwise("Relu"),
    "sigmoid": _elementwise("Sigmoid"),
    "tanh": _elementwise("Tanh"),
    "softplus": _elementwise("Softplus"),
    "mish": _elementwise("Mish"),
    "hardswish": _elementwise("HardSwish"),
}
