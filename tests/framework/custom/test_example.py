"""The operator of the package's README works as written there."""

import re
from pathlib import Path

import pytest

import framework
from kernels.toolchain import cc


@pytest.mark.skipif(not cc.available(), reason="needs gcc")
def test_the_example_s_operator_has_the_gradient_that_is_known() -> None:
    text = (Path(framework.__file__).parent / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## An operator of your own") :]
    source = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(source, "README.md", "exec"), names)
    assert names["slope"].shape == (5,)
