"""What is special about sampling: how often each token is drawn, which may be drawn at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.sampling import SAMPLE_TOP_P
from tests.kernels.ops.differences import versions

VERSIONS = ["oracle", *versions(SAMPLE_TOP_P)]
rng = np.random.default_rng(23)


@pytest.mark.parametrize("version", VERSIONS)
def test_tokens_come_as_often_as_their_probability_says(version: str) -> None:
    shares = np.array([0.05, 0.4, 0.15, 0.3, 0.1])
    u = ((np.arange(1000) + 0.5) / 1000).astype(np.float32)
    logits = np.broadcast_to(np.log(shares), (1000, 5)).astype(np.float32)
    drawn = np.bincount(kernels.sample_top_p(logits, u, version=version), minlength=5)
    np.testing.assert_allclose(drawn, 1000 * shares, atol=1)
    # 0.4 + 0.3 is less than 0.8; with 0.15 it is more.
    drawn = np.bincount(kernels.sample_top_p(logits, u, p=0.8, version=version), minlength=5)
    np.testing.assert_allclose(drawn, 1000 * np.array([0, 0.4, 0.15, 0.3, 0]) / 0.85, atol=1)
    drawn = np.bincount(
        kernels.sample_top_p(logits, u, top_k=2, temperature=0.5, version=version), minlength=5
    )
    np.testing.assert_allclose(drawn, 1000 * np.array([0, 0.16, 0, 0.09, 0]) / 0.25, atol=1)


@pytest.mark.parametrize("version", VERSIONS)
def test_tokens_are_drawn_in_falling_order(version: str) -> None:
    logits = np.tile(rng.permutation(50).astype(np.float32) / 10, (200, 1))
    drawn = kernels.sample_top_p(logits, np.linspace(0, 0.999, 200, dtype=np.float32), version=version)
    found = np.take_along_axis(logits, drawn[:, None], -1)[:, 0]
    assert (np.diff(found) <= 0).all()
    assert found[0] == logits.max()


@pytest.mark.parametrize("attributes", [{"p": 0.0}, {"temperature": 0.0}, {"top_k": 1}])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_likeliest_alone_is_the_first_largest(version: str, attributes: dict[str, Any]) -> None:
    logits = rng.integers(0, 4, (60, 9)).astype(np.float32)
    drawn = kernels.sample_top_p(
        logits, rng.uniform(0, 1, 60).astype(np.float32), version=version, **attributes
    )
    np.testing.assert_array_equal(drawn, logits.argmax(-1))


def test_at_full_size_bins_and_sorting_agree() -> None:
    logits = (rng.standard_normal((6, 30_000)) * 3).astype(np.float32)
    u = rng.uniform(0, 1, 6).astype(np.float32)
    for attributes in ({"p": 0.9}, {"p": 1.0, "temperature": 3.0}, {"p": 0.7, "top_k": 5000}):
        found = [kernels.sample_top_p(logits, u, version=each, **attributes) for each in VERSIONS]
        np.testing.assert_array_equal(found[1:], found[:-1])


@pytest.mark.parametrize(
    ("setting", "value"), [("p", 1.5), ("p", -0.1), ("temperature", -1.0), ("top_k", -1), ("p", np.nan)]
)
def test_settings_out_of_range_are_refused(setting: str, value: float) -> None:
    settings: dict[str, Any] = {setting: value}
    with pytest.raises(BadArgument, match=f"{setting} is {value}"):
        kernels.sample_top_p(np.zeros((2, 3), np.float32), np.zeros(2, np.float32), **settings)
