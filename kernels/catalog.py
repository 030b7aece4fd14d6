"""The public functions and the folder under `ops/` that each comes from. Imports nothing."""

FUNCTIONS = {
    "softmax": "softmax",
    "softmax_grad": "softmax",
    "log_softmax": "softmax",
    "log_softmax_grad": "softmax",
}
