"""Restorers of other people are rows, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from protocols_at_hand import CLEAN

from restore.errors import ConfigError, WeightsError
from restore.evaluation.cases import Given
from restore.evaluation.peers import peer_method
from restore.evaluation.protocols import BicubicDown, Holes


def test_a_peer_is_a_function_of_a_file(tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text(
        "def gray(path, device):\n"
        "    level = float(path.read_text())\n"
        "    return lambda given: given.image * 0 + level\n"
        "def plain(device):\n"
        "    return lambda given: given.image\n"
    )
    (tmp_path / "w.txt").write_text("0.25")
    peer = peer_method(f"Mine={code}:gray:{tmp_path / 'w.txt'}", "cpu")
    assert (peer.name, peer.kind, len(peer.weights)) == ("Mine", "peer", 12)
    assert (peer.run(Given(CLEAN)) == 0.25).all()
    assert peer_method(f"{code}:plain", "cpu").name == "plain"
    (tmp_path / "beside.py").write_text("LEVEL = 0.5\n")
    (tmp_path / "typed.py").write_text(
        "from __future__ import annotations\nimport dataclasses\nfrom beside import LEVEL\n"
        "@dataclasses.dataclass\nclass A:\n    x: int = 0\n"
        "def f(device):\n    return lambda given: given.image * 0 + LEVEL\n"
    )
    assert (peer_method(f"{tmp_path / 'typed.py'}:f", "cpu").run(Given(CLEAN)) == 0.5).all()
    (tmp_path / "wrong.py").write_text("def f(\n")
    with pytest.raises(ConfigError, match=r"wrong.py cannot be loaded \(SyntaxError"):
        peer_method(f"{tmp_path / 'wrong.py'}:f", "cpu")
    with pytest.raises(ConfigError, match=r"gray cannot be set up \(TypeError.*; it is called with the dev"):
        peer_method(f"{code}:gray", "cpu")
    with pytest.raises(ConfigError, match="has no function none"):
        peer_method(f"{code}:none", "cpu")
    with pytest.raises(ConfigError, match="no such file"):
        peer_method(f"{tmp_path / 'other.py'}:f", "cpu")
    with pytest.raises(WeightsError, match="cannot read the weights"):
        peer_method(f"{code}:gray:{tmp_path / 'none'}", "cpu")


@pytest.mark.slow
def test_a_peer_is_a_model_that_spandrel_knows(tmp_path: Path) -> None:
    """SRVGGNet-compact (Real-ESRGAN's small network) with weights drawn at random."""
    pytest.importorskip("spandrel")
    from spandrel.architectures.Compact import Compact

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=2)
    torch.save(network.state_dict(), tmp_path / "small.pth")
    peer = peer_method(str(tmp_path / "small.pth"), "cpu")
    case = BicubicDown(2).apply(CLEAN)
    with torch.inference_mode():
        expected = network(case.given.image).clamp(0, 1)
    torch.testing.assert_close(peer.run(case.given).clamp(0, 1), expected)
    assert peer.name == "small"
    with pytest.raises(ConfigError, match="enlarges x2, the protocol x4"):
        peer.run(BicubicDown(4).apply(CLEAN).given)
    with pytest.raises(ConfigError, match="cannot do this task"):
        peer.run(Holes("box").apply(CLEAN).given)
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="spandrel cannot load it"):
        peer_method(str(tmp_path / "junk.pth"), "cpu")
