"""Timing the framework beside torch, JAX and onnxruntime: `python -m framework.bench`."""
