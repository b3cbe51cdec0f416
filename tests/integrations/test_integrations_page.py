"""The examples of docs/integrations.md run, and print what stands behind them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
NUMBER = r"\d+\.\d+"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("example", EXAMPLES, ids=["nn", "workers", "deepinv", "skimage"])
def test_an_example_prints_what_it_says(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "deepinv" in example:
        pytest.importorskip("deepinv")
    exec(compile(example, "integrations.md", "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out.splitlines()
    expected = re.findall(r"print\(.+\)  # (.+)|^# (.+)", example, re.MULTILINE)
    said = [beside or below for beside, below in expected]
    assert said
    if "DataLoader" in example:
        said *= 2  # one line a batch
    assert [re.sub(NUMBER, "x", line) for line in printed] == [re.sub(NUMBER, "x", line) for line in said]
    found, told = (re.findall(NUMBER, " ".join(lines)) for lines in (printed, said))
    assert [float(each) for each in found] == pytest.approx([float(each) for each in told], abs=0.3)
