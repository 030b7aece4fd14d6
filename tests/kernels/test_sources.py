"""The sources of kernels and the functions around them: indices of 64 bits, warnings, what is said where."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path

import pytest

import kernels
from kernels import compiled
from kernels.catalog import FUNCTIONS
from kernels.dtypes import BY_NAME
from kernels.registry import PACKAGE, Operator, folders, operators
from kernels.schema import Binding
from kernels.toolchain import cc, isa
from tests.kernels.trying import Trial, a_few, truth

SOURCES = sorted(
    path
    for suffix in ("c", "cpp", "cu", "h", "cuh")
    for path in PACKAGE.rglob(f"*.{suffix}")
    if path.is_file()
)
KERNELS = [path for path in SOURCES if path.parent.parent.name == "ops" and path.suffix not in (".h", ".cuh")]


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


# ---- indices beyond 2^31

NARROW = r"(?:unsigned(?: int)?|int|int32_t|uint32_t|short)"
WIDE = r"(?:u?int64_t|[iu]64|long long|unsigned long long|size_t|long|double|float|vf|auto)"
# Numbers of a launch that may go up to 2^31 by themselves.
OF_A_GRID = r"(?:blockIdx|gridDim)\.[xyz]"


def declared(kind: str, text: str) -> set[str]:
    """Names of variables and parameters of a kind of type, anywhere in a file."""
    found = set()
    for match in re.finditer(rf"(?<!constexpr )(?<!constexpr static )\b{kind}\s+(?=[A-Za-z_])", text):
        for each in re.split(",", at_this_depth(text[match.end() : match.end() + 400])):
            if name := re.fullmatch(r"\s*(\w+)(\[\])?\s*(?:[=:].*)?", each, re.DOTALL):
                found.add(name[1])
            else:  # `, int b`: a parameter of a type of its own
                break
    return found


def at_this_depth(text: str) -> str:
    """Up to the end of a declaration, without what stands in brackets."""
    depth, kept = 0, []
    for letter in text:
        depth += letter in "([{"
        if depth == 0 and letter in ";)}":
            break
        if depth == 0 or letter in "[]":
            kept.append(letter)
        depth -= letter in ")]}"
    return "".join(kept)


def plain(text: str) -> str:
    """Without comments and strings."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)


def narrow_products(text: str) -> list[str]:
    """Products in 32 bits of two numbers known only when it runs, or of one that a grid may make large."""
    text = plain(text)
    wide = declared(WIDE, text)
    narrow = {name for name in declared(NARROW, text) - wide if not name.isupper()}  # capitals are constants
    found = []
    for match in re.finditer(r"(?<![\w.>])([A-Za-z_][\w.]*)\s*\*\s*([A-Za-z_][\w.]*|\d+)(?![\w(.])", text):
        before = text[max(0, match.start() - 40) : match.start()]
        if re.search(r"(?:int64_t|size_t|long long|double|float)\s*[({)]\s*$|\.0f?\s*\*\s*$|\*\s*$", before):
            continue
        left, right = match[1], match[2]
        large = re.fullmatch(OF_A_GRID, left) or re.fullmatch(OF_A_GRID, right)
        if not {left, right} & wide and (large or {left, right} <= narrow):
            found.append(match[0])
    return found


# What stays small: elements of shared memory.
SMALL = {"include/cuda/columns.cuh": {"which * n", "e * stride"}}


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_index_is_worked_out_in_32_bits(path: Path) -> None:
    assert set(narrow_products(path.read_text())) <= SMALL.get(named(path), set())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("void f(int i, int n) { p[i * n]; }", ["i * n"]),
        ("int a = 1, b = 2; p += a * b;", ["a * b"]),
        ("x = blockIdx.x * 256 + threadIdx.x;", ["blockIdx.x * 256"]),
        ("x = blockIdx.x * blockDim.x;", ["blockIdx.x * blockDim.x"]),
        ("x = (long long)blockIdx.x * 256;", []),
        ("x = int64_t(i) * n; int i, n;", []),
        ("void f(int64_t i, int n) { p[i * n]; }", []),
        ("constexpr int W = 8; void f(int i) { p[i * W]; } // i * i", []),
    ],
)
def test_products_in_32_bits_are_found(text: str, found: list[str]) -> None:
    assert narrow_products(text) == found


# ---- what the compiler and a reader are told


@pytest.mark.slow
@pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")
@pytest.mark.parametrize("level", ["baseline", "amx"])
@pytest.mark.parametrize("module", folders(), ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_compiler_has_nothing_to_warn_of(module: object, level: str) -> None:
    # The headers of gcc 12 set off the last one, and those of AVX-512 the one after.
    strict = ["-Wall", "-Wextra", "-Werror", "-Wno-maybe-uninitialized"]
    if level != isa.BASELINE:
        strict += ["-Wno-uninitialized"]
    for unit in compiled.units(module.__name__, level):  # type: ignore[attr-defined]
        compiler, standard = cc.COMPILERS[unit.source.suffix]
        command = [compiler, standard, *cc.COMMON, *unit.flags, *strict, "-iquote", str(cc.INCLUDE)]
        done = subprocess.run(
            [*command, "-c", str(unit.source), "-o", "/dev/null"], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{named(unit.source)} at {level}: {done.stderr[-3000:]}"


@pytest.mark.parametrize("path", KERNELS, ids=named)
def test_a_version_says_what_it_does_and_what_it_taught(path: Path) -> None:
    opening = re.match(r"(?://[^\n]*\n)+", path.read_text())
    assert opening, "it opens with a comment"
    assert "Learned:" in opening[0]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_flag_changes_the_arithmetic_of_the_process(path: Path) -> None:
    assert not re.search(
        r"fast-math|_MM_SET_FLUSH_ZERO_MODE|_mm_setcsr|#pragma GCC optimize", path.read_text()
    )


def test_every_source_belongs_to_a_version() -> None:
    used = {each.folder / version.file for each in operators().values() for version in each.versions}
    assert [named(path) for path in KERNELS if path not in used] == []


def told_of(name: str, seen: set[str]) -> str:
    """A function's docstring and those of the functions it refers to."""
    seen.add(name)
    own = inspect.getdoc(getattr(kernels, name)) or ""
    others = [each for each in re.findall(r"`(\w+)`", own) if each in FUNCTIONS and each not in seen]
    return "\n".join([own, *(told_of(each, seen) for each in others)])


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_public_function_says_what_it_takes_gives_and_refuses(name: str) -> None:
    function = getattr(kernels, name)
    told, taken = told_of(name, set()), inspect.signature(function).parameters
    assert inspect.getdoc(function)
    assert function.__name__ == name
    assert "version" in taken or name not in operators()
    for part in ("Args:", "Raises:", "BadArgument"):
        assert part in told
    assert "Returns:" in told or inspect.signature(function).return_annotation in (None, "None")
    arguments = told.partition("Args:")[2]
    assert [each for each in taken if each != "version" and not re.search(rf"\b{each}\b", arguments)] == []
    assert re.search(r"float32|bfloat16|dtype|uint8", arguments), "dtypes"
    assert re.search(r"shape|\[|axes", arguments), "shapes"


def test_functions_and_operators_go_together() -> None:
    """Every function belongs to a folder with operators; every folder has a function."""
    by_folder = {module.__name__.rpartition(".")[2]: module for module in folders()}
    assert set(by_folder) == set(FUNCTIONS.values())
    assert all(module.OPERATORS for module in by_folder.values())
    on_disk = {path.parent.name for path in (PACKAGE / "ops").glob("*/__init__.py")}
    assert on_disk == set(by_folder)


# ---- work


def dimensions(operator: Operator, trial: Trial) -> dict[str, int]:
    """What a work formula may ask for."""
    schema, binding = operator.schema, Binding(operator.name)
    for attribute, value in zip(schema.attributes, trial.attributes, strict=True):
        if attribute.kind != "float":
            binding.dims[attribute.name] = int(attribute.encode(operator.name, value))
    for array, value in zip(schema.inputs, trial.inputs(), strict=True):
        if value is not None:
            binding.read(array, value.shape)
    if schema.derive:
        binding.dims.update(schema.derive(binding.dims))
    itemsize = BY_NAME[dict(trial.kinds).get("T", "f32")].itemsize
    return dict.fromkeys(schema.dimensions(), 0) | binding.dims | {"itemsize": itemsize}


@pytest.mark.parametrize("name", sorted(operators()))
def test_the_work_of_a_call_is_known(name: str) -> None:
    operator = operators()[name]
    trial = a_few(name, count=1, largest=10**6)[0]
    dims = dimensions(operator, trial)
    touched = [each for each in (*trial.inputs(), *truth(trial, None)) if each is not None]
    assert operator.work.flops(dims) >= 0
    assert 0 < operator.work.bytes(dims) <= 4 * sum(each.nbytes for each in touched) + 4096
    assert operator.work.arithmetic in ("f32", "i8", "T")
