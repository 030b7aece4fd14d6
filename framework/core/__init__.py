"""Tensors, primitives and the recorded graph. Knows no operator and no transform."""
