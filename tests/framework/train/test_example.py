"""The classifier of the package's README is trained as written there."""

import re
from pathlib import Path

import pytest

import framework
from framework.train import Checkpoint


@pytest.mark.slow
def test_the_example_learns_and_leaves_a_run_that_can_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (Path(framework.__file__).parent / "README.md").read_text()
    section = text[text.index("## Networks and training") :]
    source = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    names = {"__name__": "example"}
    exec(compile(source, "README.md", "exec"), names)
    accuracy, answers = capsys.readouterr().out.splitlines()
    assert float(accuracy) > 0.95
    said, right = re.findall(r"\[.*?\]", answers)
    assert said == right
    again = names["model"].fit(20, names["seen"], resume=Checkpoint.latest("run"), progress=False)
    assert again == names["history"]
