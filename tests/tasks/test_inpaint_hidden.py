"""Holes beside what alpha hides, and in pictures of any scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recording import Recorder, box_mask, picture
from restorations import INPAINT_METHODS, inpaint_in_few_steps

from restore.inverse.fill import push_pull
from restore.tasks.holes import filled_where_hidden
from restore.tasks.inpaint import inpaint
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")
MASK = box_mask(37, 31, 5, 20, 10, 24)
KNOWN = torch.from_numpy(MASK == 0)


def cut_out(hidden: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture with alpha whose right third is hidden; and what is seen."""
    image = torch.cat([picture(3, 37, 31), torch.ones(1, 37, 31)])
    image[:3, :, 20:] = hidden
    image[3, :, 20:] = 0
    return image, image[3] > 0


@pytest.mark.parametrize(("method", "estimate"), INPAINT_METHODS)
def test_what_lies_under_alpha_0_changes_nothing_that_is_seen(method: str, estimate: str) -> None:
    results = []
    for hidden in (0.0, 0.9):
        image, seen = cut_out(hidden)
        found = inpaint_in_few_steps(image, MASK, method, estimate, prior=Recorder())
        assert torch.equal(found[:, MASK == 0], image[:, MASK == 0])
        results.append(found[:, seen])
    assert torch.equal(*results)


def test_alpha_0_counts_as_missing() -> None:
    image, seen = cut_out(0.9)
    hole = torch.from_numpy(MASK > 0) | ~seen
    for alpha, mask in ((image, MASK), (image[:3], hole.numpy())):
        recorder = Recorder()
        inpaint_in_few_steps(alpha, mask, "conditional", "mean", prior=recorder)
        (condition,) = recorder.conditions
        assert torch.equal(condition.known, 1 - hole.float()[None, None])
        assert torch.equal(condition.hint, push_pull(image[None, :3], hole.float()[None, None]))


def test_a_mask_that_leaves_only_what_is_hidden() -> None:
    image, seen = cut_out(0.5)
    with pytest.raises(ValueError, match="alpha 0 hides all that the mask leaves"):
        inpaint(image, seen.numpy(), prior=Recorder())
    # A picture without a hole may be hidden as a whole.
    batch = torch.stack([image, image])
    batch[0, 3] = 0
    masks = np.stack([np.zeros((1, 37, 31), bool), MASK[None] > 0])
    found = inpaint(batch, masks, estimate="mean", steps=2, prior=Recorder())
    assert torch.equal(found[0], batch[0])
    assert not torch.equal(found[1], batch[1])


def test_a_fill_of_what_is_hidden() -> None:
    image, seen = cut_out(0.0)
    batch = image[None, :3]
    assert filled_where_hidden(batch, None) is batch
    filled = filled_where_hidden(batch, seen[None, None])
    assert torch.equal(filled[..., seen], batch[..., seen])
    assert filled[..., ~seen].min() > 0.2
    other = filled_where_hidden(cut_out(7.0)[0][None, :3], seen[None, None])
    assert torch.equal(other, filled)


@pytest.mark.parametrize("scale", [0.002, 4.0, 12.0])
def test_holes_are_filled_at_the_range_that_is_used(scale: float) -> None:
    """The network is shown about the same picture whatever the scale, and its answer is brought back."""
    image = picture(1, 3, 37, 31)
    recorder = Recorder()
    found = inpaint_in_few_steps(scale * image, MASK, "conditional", "mean", prior=recorder)
    (condition,) = recorder.conditions
    known = condition.hint[..., KNOWN]
    assert -0.26 <= known.min() < 0.1
    assert 0.9 < known.max() <= 1.26
    assert torch.equal(found[..., KNOWN], (scale * image)[..., KNOWN])
    inside = found[..., ~KNOWN] / scale
    assert 0 < inside.min() < inside.max() < 1


def test_ordinary_pictures_are_shown_as_they_are() -> None:
    image, recorder = 0.2 + 0.3 * picture(1, 3, 37, 31), Recorder()
    inpaint_in_few_steps(image, MASK, "conditional", "mean", prior=recorder)
    assert torch.equal(recorder.conditions[0].hint[..., KNOWN], image[..., KNOWN])


@pytest.mark.parametrize(("method", "estimate"), INPAINT_METHODS)
def test_a_hole_may_hold_anything(method: str, estimate: str) -> None:
    results = []
    for value in (0.3, float("nan"), float("inf")):
        image = torch.where(KNOWN, picture(3, 37, 31), value)
        results.append(inpaint_in_few_steps(image, MASK, method, estimate, prior=Recorder()))
        assert results[-1].isfinite().all()
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_known_pixels_are_finite() -> None:
    image = torch.where(KNOWN, float("nan"), picture(3, 37, 31))
    with pytest.raises(ValueError, match="not finite"):
        inpaint(image, MASK, prior=Recorder())


def test_alpha_may_be_nan_in_the_hole_alone() -> None:
    hole = np.zeros((16, 16), bool)
    hole[5:9, 5:9] = True
    picture = np.random.default_rng(0).random((16, 16, 4), np.float32) * 0.5 + 0.5
    picture[6, 6] = np.nan
    found = inpaint(picture, hole, steps=2, prior=tiny_prior())
    assert np.isfinite(found[..., :3]).all()
    picture[0, 0, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        inpaint(picture, hole, steps=2, prior=tiny_prior())
