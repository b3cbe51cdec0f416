"""Programs as rows: what they are given, what they must write, and what is said of those that do not."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import cli
from PIL import Image, ImageFilter
from protocols_at_hand import CLEAN

from restore.errors import ConfigError, RestoreError
from restore.evaluation.cases import Given, from_bytes, to_bytes
from restore.evaluation.peers import peer_method
from restore.evaluation.program_peers import Program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "median_peer.py"


def test_the_example_of_the_page_is_a_median_filter() -> None:
    (command,) = re.findall(r"--peer '(Median=.*?)'", PAGE)
    command = command.replace("python ", f"{shlex.quote(sys.executable)} ")
    peer = peer_method(command.replace("examples/", f"{shlex.quote(str(EXAMPLE.parent))}/"), "cpu")
    result = peer.run(Given(CLEAN))
    expected = Image.fromarray(to_bytes(CLEAN)).filter(ImageFilter.MedianFilter(3))
    assert (peer.name, peer.kind, peer.device) == ("Median", "peer", "cpu 8 bits")
    assert torch.equal(result, from_bytes(np.asarray(expected)))
    code = EXAMPLE.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert code.endswith(shown)


def test_the_one_line_of_the_page_scores_as_the_noisy_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = re.findall(r"--peer '(As it is=.*?)'", PAGE)
    monkeypatch.chdir(tmp_path)
    Path("two words").mkdir()
    Image.fromarray(to_bytes(CLEAN)).save("two words/a b.png")
    words = ["eval", "denoise", "--data", "two words", "--sigma", 25, "--no-own", "--no-baselines"]
    done = cli(*words, "--peer", command, "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if "As it is" in line]
    assert re.search(r"\b2[01]\.\d", row)  # 20.2 dB before clipping


def test_what_a_program_is_told(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"echo {{sigma}} {{scale}} > {told}; cp {{mask}} {{output}}; test -f {{input}}"
    hole = torch.zeros(1, 1, *CLEAN.shape[-2:])
    hole[..., :5] = 1
    result = Program(("sh", "-c", script))(Given(CLEAN, sigma=12.5, scale=2, hole=hole))
    assert told.read_text() == "12.5 2\n"
    assert torch.equal(result, hole.expand(1, 3, -1, -1))


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    import cv2

    deep = tmp_path / "deep.png"
    cv2.imwrite(str(deep), np.full((4, 6, 3), 257 * 100 + 60, np.uint16))
    result = Program(("cp", str(deep), "{output}"))(Given(CLEAN))
    assert result.shape == (1, 3, 4, 6)
    assert result.mul(255).unique().tolist() == [100.0]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo first >&2; echo out of cheese >&2; exit 3", r"sh ended with exit code 3: out of cheese"),
        ("exit 1", r"sh ended with exit code 1: it said nothing"),
        ("kill -9 $$", r"sh ended with exit code -9: it said nothing"),
        ("cat {input}", r"sh wrote nothing at the path \{output\}; expected a PNG file"),
        ("echo text > {output}", r"sh wrote no picture that can be read \(\{output\}: .*\)"),
        (": > {output}", r"sh wrote no picture that can be read \(\{output\}: .*\)"),
        ("exec sleep 60", r"sh had not ended after 0\.2 s: it was stopped"),
        ("cp {mask} {output}", r"sh asks for \{mask\}, which this protocol does not tell"),
    ],
)
def test_programs_that_fail_are_one_line(script: str, message: str) -> None:
    with pytest.raises(RestoreError, match=message) as caught:
        Program(("sh", "-c", script), seconds=0.2 if "sleep" in script else 60)(Given(CLEAN))
    assert "\n" not in str(caught.value)
    assert "/tmp" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("A=cp {input}", r"expected both \{input\} and \{output\} in the command, got no \{output\}"),
        ("cp {output}", r"got no \{input\}"),
        ("cp {input} {output} {strength}", r"expected .*\{mask\}.*, got \{strength\}"),
        ("no-such-program {input} {output}", r"there is no program no-such-program; install it"),
        ("A=cp '{input} {output}", r"cannot be split \(No closing quotation\)"),
    ],
)
def test_commands_that_cannot_be(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        peer_method(spec, "cpu")
    assert "\n" not in str(caught.value)


def test_names_of_rows() -> None:
    assert peer_method("cp {input} {output}", "cpu").name == "cp"
    assert peer_method("cp --target={input} {output}", "cpu").name == "cp"
    assert peer_method("My own=cp --target={input} {output}", "cpu").name == "My own"


def test_a_result_of_another_size_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Image.fromarray(to_bytes(CLEAN)).save("in/a.png")
    Image.new("RGB", (9, 8)).save("small.png")
    words = [
        "eval",
        "denoise",
        "--data",
        "in",
        "--sigma",
        25,
        "--no-own",
        "--no-baselines",
        "--device",
        "cpu",
    ]
    done = cli(*words, "--peer", "Small=sh -c 'cp small.png {output}; : {input}'")
    assert done.exit_code == 1
    assert "Small" in done.stderr + done.stdout
    assert "gives 9x8 (w x h), the reference is" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
