"""What is special about rotary embedding: both layouts, both styles, positions, the way back."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.rope import oracle
from tests.kernels.ops.differences import slope

STYLES = ["half", "interleaved"]
rng = np.random.default_rng(5)


def tables(length: int, half: int) -> tuple[np.ndarray, np.ndarray]:
    angles = np.arange(length)[:, None] * 10000.0 ** (-np.arange(half) / half)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


@pytest.mark.parametrize("style", STYLES)
def test_the_gradient_of_the_oracle_is_its_slope(style: str) -> None:
    x, dy = rng.standard_normal((2, 3, 2, 6))
    cos, sin = (table.astype(np.float64) for table in tables(5, 2))
    found = oracle.rope_grad(dy, cos, sin, None, 1, style)
    np.testing.assert_allclose(
        found, slope(lambda v: oracle.rope(v, cos, sin, None, 1, style), x, dy), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("style", STYLES)
def test_the_gradient_turns_back(style: str) -> None:
    x = rng.standard_normal((2, 4, 9, 64)).astype(np.float32)
    cos, sin = tables(9, 32)
    there = kernels.rope(x, cos, sin, style=style)
    np.testing.assert_allclose(kernels.rope_grad(there, cos, sin, style=style), x, rtol=1e-5, atol=1e-6)


def test_pairs_turn_as_complex_numbers_do() -> None:
    x = rng.standard_normal((7, 10)).astype(np.float32)
    cos, sin = tables(7, 5)
    turned = x.view(np.complex64) * (cos + 1j * sin)
    found = kernels.rope(x, cos, sin, style="interleaved")
    np.testing.assert_allclose(found, turned.astype(np.complex64).view(np.float32), rtol=1e-5, atol=1e-6)
    shuffled = np.concatenate([x[:, ::2], x[:, 1::2]], -1)
    halves = kernels.rope(shuffled, cos, sin)
    np.testing.assert_array_equal(halves, np.concatenate([found[:, ::2], found[:, 1::2]], -1))


@pytest.mark.parametrize("style", STYLES)
def test_heads_may_stand_before_or_behind_tokens(style: str) -> None:
    x = rng.standard_normal((2, 3, 5, 8)).astype(np.float32)  # batch, heads, tokens
    cos, sin = tables(40, 4)
    positions = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 35]])
    before = kernels.rope(x, cos, sin, positions[:, None], style=style, offset=2)
    behind = kernels.rope(
        np.ascontiguousarray(x.swapaxes(1, 2)), cos, sin, positions, style=style, offset=2, seq_axis=-3
    )
    np.testing.assert_array_equal(before, behind.swapaxes(1, 2))


def test_an_offset_goes_on_where_a_cache_ends() -> None:
    x = rng.standard_normal((1, 2, 6, 8)).astype(np.float32)
    cos, sin = tables(6, 4)
    whole = kernels.rope(x, cos, sin)
    np.testing.assert_array_equal(kernels.rope(x[:, :, 4:], cos, sin, offset=4), whole[:, :, 4:])
    counted = kernels.rope(x, cos, sin, np.arange(6, dtype=np.int32))
    np.testing.assert_array_equal(counted, whole)


@pytest.mark.parametrize("seq_axis", [-2, -3])
def test_the_result_may_go_where_the_argument_is(seq_axis: int) -> None:
    x = rng.standard_normal((2, 5, 5, 20)).astype(np.float32)
    cos, sin = tables(5, 8)
    expected = kernels.rope(x, cos, sin, seq_axis=seq_axis)
    assert kernels.rope(x, cos, sin, seq_axis=seq_axis, out=x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("version", ["oracle", "v1_naive", "v2_vector"])
@pytest.mark.parametrize(("positions", "offset"), [(None, 3), ([0, -1], 0), ([0, 4], 0), ([2**62, 0], 1)])
def test_positions_outside_the_tables_are_refused(
    version: str, positions: list[int] | None, offset: int
) -> None:
    x, (cos, sin) = np.zeros((2, 4), np.float32), tables(4, 2)
    given = None if positions is None else np.array(positions)
    with pytest.raises(BadArgument):
        kernels.rope(x, cos, sin, given, offset=offset, version=version)


def test_what_does_not_fit_is_told() -> None:
    x, (cos, sin) = np.zeros((3, 2, 4), np.float32), tables(4, 3)
    with pytest.raises(BadArgument, match="cos has 3 columns, which turn 6 values; the last axis of x has 4"):
        kernels.rope(x, cos, sin)
    cos, sin = tables(4, 2)
    with pytest.raises(BadArgument, match="offset is -1"):
        kernels.rope(x, cos, sin, offset=-1)
    with pytest.raises(BadArgument, match="seq_axis is 1"):
        kernels.rope(x, cos, sin, seq_axis=1)
    with pytest.raises(BadArgument, match=r"shape \(5,\), which does not broadcast to \(3, 2\)"):
        kernels.rope(x, cos, sin, np.arange(5))
    with pytest.raises(BadArgument, match="style is 'both'; allowed: half, interleaved"):
        kernels.rope(x, cos, sin, style="both")
