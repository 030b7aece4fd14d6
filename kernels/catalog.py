"""The public functions and the folder under `ops/` that each comes from. Imports nothing."""

FUNCTIONS = {
    "attention": "attention",
    "attention_grad": "attention",
    "attention_decode": "attention_decode",
    "attention_decode_paged": "attention_decode",
    "matmul": "matmul",
    "grouped_matmul": "matmul",
    "matmul_int8": "matmul",
    "softmax": "softmax",
    "softmax_grad": "softmax",
    "log_softmax": "softmax",
    "log_softmax_grad": "softmax",
    "layer_norm": "layer_norm",
    "layer_norm_grad": "layer_norm",
    "rms_norm": "rms_norm",
    "rms_norm_grad": "rms_norm",
    "cross_entropy": "cross_entropy",
    "cross_entropy_grad": "cross_entropy",
    "top_k": "top_k",
    "argmax": "top_k",
}
