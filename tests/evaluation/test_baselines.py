"""Every baseline gives a better picture."""

from __future__ import annotations

import pytest
import torch
from protocols_at_hand import ALL, CLEAN

from restore.evaluation.baselines import baselines
from restore.evaluation.cases import Protocol, rounded


@pytest.mark.parametrize("protocol", ALL, ids=lambda p: p.name)
def test_every_baseline_gives_a_better_picture(protocol: Protocol) -> None:
    case = protocol.apply(CLEAN)
    for name, run in baselines(protocol).items():
        if name == "BM3D" or name.startswith("G'MIC"):
            continue
        result = run(case.given)
        assert result.shape == case.clean.shape, name
        assert result.dtype == torch.float32, name
        error = (rounded(result) - case.clean).square().mean()
        if case.given.image.shape != case.clean.shape:
            assert error < 0.005, name
        elif name != "the damaged picture":
            # Nothing classical fills half a picture, or a square of half its side, better than mid-grey does;
            # wavelets do little for what is not white noise.
            far = protocol.name.startswith(("hole half", "hole expand", "hole box-")) or "wavelet" in name
            damage = (rounded(case.given.image) - case.clean).square().mean()
            assert error < (4 if far else 0.99) * damage, name
