"""What the schemas of the activations have in common, and their versions."""

from __future__ import annotations

from kernels.registry import Cpu, Cuda, Operator, Version
from kernels.schema import Array, Attribute, Schema, Work
from kernels.toolchain.grids import thread_per, vectors_of
from kernels.toolchain.isa import SIMD

ANY = "n*"
FOLDER = "kernels.ops.activations"
VERSIONS = (
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    Cpu("v2_vector", "v2_vector.cpp", levels=SIMD),
    Cuda("v1_naive", "v1_naive.cu", thread_per("n"), registers=32, dtypes=("f32",)),
    Cuda("v2_vector", "v2_vector.cu", vectors_of("n"), registers=64),
)
TABLE = (Cpu("v3_table", "v3_table.cpp", levels=("avx512",)),)


def elementwise(
    name: str,
    inputs: str,
    outputs: str,
    flops: int,
    attributes: tuple[Attribute, ...] = (),
    more: tuple[Version, ...] = (),
) -> Operator:
    """An operator on arrays of one shape, whose names are given with spaces between; `more` versions, better
    ones, than all of them have."""
    takes, gives = [[Array(each, ANY) for each in names.split()] for names in (inputs, outputs)]
    touched = len(takes) + len(gives)
    return Operator(
        Schema(name, takes, gives, attributes, in_place=True),
        Work(flops=lambda d: flops * d["n"], bytes=lambda d: touched * d["n"] * d["itemsize"]),
        FOLDER,
        [*VERSIONS, *more],
    )


SLOPE = (Attribute("slope", "float"),)
ALPHA = (Attribute("alpha", "float"),)
