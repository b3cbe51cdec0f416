"""Which holes are filled by copies: the parts, the trial beside them, sources, feathers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from restore import inpaint
from restore.diffusion.seeds import seeded_rng
from restore.tasks import inpaint_parts
from restore.tasks.deep_holes import (
    DEEP_HOLE,
    Parts,
    Scene,
    box_around,
    copies_win,
    deep_parts,
    difference,
    filled_by_patches,
    shifted_off,
)
from restore.tasks.inpaint import filled
from restore.tasks.inpaint_parts import Decided
from restore.tasks.uncertainty import of_inpainting
from restore.testing import tiny_prior
from restore.types import Rng

pytestmark = pytest.mark.usefixtures("one_thread")


def plane(h: int, w: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    """A plane with boxes (top, bottom, left, right)."""
    made = torch.zeros(1, 1, h, w)
    for top, bottom, left, right in boxes:
        made[..., top:bottom, left:right] = 1
    return made


def tiles(h: int, w: int, period: int = 6, seed: int = 0) -> Tensor:
    tile = torch.rand(1, 3, period, period, generator=torch.Generator().manual_seed(seed))
    return tile.repeat(1, 1, -(-h // period), -(-w // period))[..., :h, :w].contiguous()


def scene_of(image: Tensor, hole: Tensor, source: Tensor | None = None) -> Scene:
    return Scene(image, hole, hole, 1 - hole if source is None else source * (1 - hole))


DEEP = plane(128, 160, (50, 80, 60, 90))


def test_parts_are_those_that_are_deep_from_the_smallest_on() -> None:
    large, small, thin = (5, 45, 5, 60), (60, 90, 70, 100), (100, 106, 0, 160)
    parts = deep_parts(plane(128, 160, large, small, thin))
    assert [
        torch.equal(part, plane(128, 160, each)) for part, each in zip(parts, (small, large), strict=True)
    ]
    assert deep_parts(plane(128, 160, thin)) == []
    side = int(2 * DEEP_HOLE)
    assert deep_parts(plane(128, 160, (10, 10 + side - 1, 10, 10 + side - 1))) == []  # as deep as that


def test_a_trial_lies_beside_the_hole_on_what_is_known() -> None:
    missing = torch.maximum(DEEP, plane(128, 160, (0, 128, 91, 160)))
    moved = shifted_off(DEEP, missing)
    assert moved is not None
    assert float(moved.sum()) == float(DEEP.sum())
    assert float((moved * missing).sum()) == 0
    assert shifted_off(DEEP, 1 - plane(128, 160, (0, 10, 0, 10))) is None  # nothing is known
    tall = plane(64, 200, (2, 60, 80, 110))  # shifted by its height it is outside
    moved = shifted_off(tall, tall)
    assert moved is not None
    assert float(moved.sum()) == float(tall.sum())


def test_the_trial_chooses_what_fills_better() -> None:
    """Copies continue a repetition; where the other knows the picture they cannot win."""
    image = tiles(128, 160)
    scene = scene_of(image, DEEP)

    def flat(picture: Tensor, lost: Tensor) -> Tensor:
        return torch.where(lost > 0, 0.5, picture)

    assert copies_win(scene, DEEP, seeded_rng(0), flat)
    noise = torch.rand(1, 3, 128, 160, generator=torch.Generator().manual_seed(1))
    assert not copies_win(scene_of(noise, DEEP), DEEP, seeded_rng(0), lambda picture, lost: noise)


def test_where_there_is_no_room_for_a_trial_copies_win() -> None:
    hole = plane(64, 64, (12, 52, 12, 52))

    def never(picture: Tensor, lost: Tensor) -> Tensor:
        raise AssertionError("nothing is to be tried")

    assert copies_win(scene_of(tiles(64, 64), hole), hole, seeded_rng(0), never)


def test_equal_pictures_do_not_differ_and_blurred_ones_do() -> None:
    image, where = tiles(64, 64), plane(64, 64, (16, 48, 16, 48))
    assert difference(image, image, where) == 0
    gray = image.mean((-2, -1), keepdim=True).expand_as(image)
    assert difference(gray, image, where) > 4 * difference(image.roll(3, -1), image, where)


def test_a_part_is_filled_from_its_surroundings_alone() -> None:
    image, hole = tiles(96, 1200), plane(96, 1200, (30, 60, 40, 70))
    rows, columns = box_around(hole, 1 - hole)
    assert (rows, columns) == (slice(0, 96), slice(0, 326))
    far = torch.where(torch.arange(1200) < 326, image, 0.5)
    fills = [
        filled_by_patches(scene_of(each, hole), hole, seeded_rng(0), "sample", None) for each in (image, far)
    ]
    assert torch.equal(fills[0][..., :326], fills[1][..., :326])
    assert torch.equal(fills[0] * (1 - hole), image * (1 - hole))
    assert box_around(hole, plane(96, 1200, (0, 96, 900, 1200)))[1] == slice(
        0, 1200
    )  # there alone is a source


def test_the_mean_is_that_of_several_fills() -> None:
    noise = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    hole = plane(96, 96, (30, 60, 30, 60))
    rng = seeded_rng(3)
    draws = [filled_by_patches(scene_of(noise, hole), hole, rng, "sample", None) for _ in range(4)]
    mean = filled_by_patches(scene_of(noise, hole), hole, seeded_rng(3), "mean", None)
    torch.testing.assert_close(mean, torch.stack(draws).mean(0), rtol=0, atol=1e-6)


# ----- as users call it


def as_picture(image: Tensor) -> np.ndarray[Any, Any]:
    return np.asarray((255 * image[0].permute(1, 2, 0)).round().byte())


def as_mask(hole: Tensor) -> np.ndarray[Any, Any]:
    return np.asarray(hole[0, 0] > 0)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The parts that are filled by copies."""
    parts: list[Tensor] = []

    def spy(scene: Scene, part: Tensor, *args: Any) -> Tensor:
        parts.append(part)
        return filled_by_patches(scene, part, *args)

    monkeypatch.setattr(inpaint_parts, "filled_by_patches", spy)
    return parts


def test_by_default_thin_holes_are_filled_as_by_alternating(copied: list[Tensor]) -> None:
    image, hole = as_picture(tiles(64, 80)), as_mask(plane(64, 80, (30, 38, 0, 80)))
    for estimate in ("sample", "mean"):
        options: dict[str, Any] = {"estimate": estimate, "steps": 2, "prior": tiny_prior()}
        found = inpaint(image, hole, **options)
        assert np.array_equal(found, inpaint(image, hole, method="alternating", **options))
    assert copied == []


def test_by_default_deep_parts_are_filled_by_what_wins(
    copied: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, hole = as_picture(tiles(128, 160)), torch.maximum(DEEP, plane(128, 160, (100, 104, 0, 160)))
    found = inpaint(image, as_mask(hole), steps=2, prior=tiny_prior())
    assert [torch.equal(part, DEEP) for part in copied] == [True]
    assert np.abs(found[50:80, 60:90].astype(int) - image[50:80, 60:90]).max() <= 2  # the repetition goes on
    assert not np.array_equal(found[100:104], image[100:104])  # by the network
    monkeypatch.setattr(inpaint_parts, "copies_win", lambda *_: False)
    again = inpaint(image, as_mask(hole), steps=2, prior=tiny_prior())
    plain = inpaint(image, as_mask(hole), method="alternating", steps=2, prior=tiny_prior())
    assert len(copied) == 1
    assert np.array_equal(again, plain)


def test_what_was_copied_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    image, one, other = tiles(64, 96), plane(64, 96, (10, 36, 10, 36)), plane(64, 96, (10, 36, 60, 86))
    hole, options = one + other + plane(64, 96, (46, 50, 0, 96)), {"steps": 1, "prior": tiny_prior()}
    monkeypatch.setattr(inpaint_parts, "copies_win", lambda scene, part, *_: torch.equal(part, one))
    monkeypatch.setattr(inpaint_parts, "filled_by_patches", lambda scene, *_: scene.image)
    found = filled(image, hole, **options)
    assert torch.equal(found.picture, inpaint(image, hole, **options))
    assert torch.equal(found.hole, hole)
    assert torch.equal(found.copied, one)
    assert found.parts == Parts(copied=1, drawn=2, share=pytest.approx(676 / (2 * 676 + 4 * 96)))
    drawn = filled(image, hole, method="alternating", **options)
    assert drawn.parts == Parts(copied=0, drawn=3, share=0)
    assert filled(image, 0 * hole, **options).parts == Parts(copied=0, drawn=0, share=0)
    batch = filled(image.repeat(2, 1, 1, 1), torch.cat([one, hole - other]), **options)
    assert batch.parts == Parts(copied=2, drawn=1, share=pytest.approx(1352 / (1352 + 4 * 96)))


def by_noise(scene: Scene, part: Tensor, rng: Rng, *_: Any) -> Tensor:
    """In place of copies: from the same random numbers, in no time."""
    return torch.where(part > 0, rng(scene.image).sigmoid(), scene.image)


def test_samples_share_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decided once is copied in all, each by its own seed; the first is the single fill."""
    monkeypatch.setattr(inpaint_parts, "filled_by_patches", by_noise)
    noise = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    hole, tried = plane(64, 96, (20, 46, 10, 36)), []
    options: dict[str, Any] = {"steps": 2, "prior": tiny_prior()}

    def trial(scene: Scene, part: Tensor, rng: Rng, *_: Any) -> bool:
        tried.append(float(rng(part).sum()))
        return len(tried) == 1

    monkeypatch.setattr(inpaint_parts, "copies_win", trial)
    single = inpaint(noise, hole, seed=7, **options)
    tried.clear()
    decided: Decided = {}
    first, second, third = (
        filled(noise, hole, seed=seed, trial_seed=7, decided=decided, **options).picture for seed in (7, 8, 9)
    )
    assert len(tried) == 1
    assert torch.equal(first, single)
    for one, other in ((first, second), (first, third), (second, third)):
        assert float((one - other).abs()[..., 20:46, 10:36].mean()) > 0.02
    # Alone a sample is the same where the trial is drawn with the same seed.
    tried.clear()
    assert torch.equal(inpaint(noise, hole, seed=8, trial_seed=7, **options), second)
    inpaint(noise, hole, seed=7, **options)
    assert len(tried) == 2
    assert tried[0] == tried[1]
    # Other steps are another trial.
    filled(noise, hole, seed=8, trial_seed=7, decided=decided, steps=1, prior=options["prior"])
    assert len(tried) == 3


def test_the_samples_of_an_uncertainty_share_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for the hole and one for its mirror image, both with the seed that the user's result has."""
    monkeypatch.setattr(inpaint_parts, "filled_by_patches", by_noise)
    image, hole, tried = tiles(64, 96), plane(64, 96, (20, 46, 10, 36)), []

    def trial(scene: Scene, part: Tensor, rng: Rng, *_: Any) -> bool:
        tried.append((int(part.nonzero()[:, -1].min()), float(rng(part).sum())))
        return True

    monkeypatch.setattr(inpaint_parts, "copies_win", trial)
    deviation = of_inpainting(image, hole, count=3, seed=7, prior=tiny_prior())
    assert float(deviation[hole > 0].min()) > 0.1  # the samples differ
    inpaint(image, hole, seed=7, steps=1, prior=tiny_prior())
    assert [place for place, _ in tried] == [60, 10, 10]
    assert len({drawn for _, drawn in tried}) == 1
    tried.clear()
    of_inpainting(image, hole, count=2, seed=7, trial_seed=8, prior=tiny_prior())
    inpaint(image, hole, seed=8, steps=1, prior=tiny_prior())
    assert [place for place, _ in tried] == [60, 10, 10]
    assert len({drawn for _, drawn in tried}) == 1


@pytest.mark.slow
def test_shared_trials_change_nothing_of_the_first_sample() -> None:
    image, hole = tiles(64, 96), plane(64, 96, (20, 46, 10, 36))
    image = 0.9 * image + 0.1 * torch.rand(image.shape, generator=torch.Generator().manual_seed(1))
    options: dict[str, Any] = {"steps": 1, "prior": tiny_prior()}
    decided: Decided = {}
    first, second = (
        filled(image, hole, seed=seed, trial_seed=7, decided=decided, **options) for seed in (7, 8)
    )
    assert list(decided.values()) == [[True]]
    assert torch.equal(first.picture, inpaint(image, hole, seed=7, **options))
    assert torch.equal(second.picture, inpaint(image, hole, seed=8, trial_seed=7, **options))
    assert not torch.equal(first.picture, second.picture)


def test_a_seed_of_trials_is_for_what_is_tried() -> None:
    image, hole = tiles(64, 96), plane(64, 96, (20, 46, 10, 36))
    others: list[dict[str, Any]] = [{"method": "exemplar"}, {"estimate": "mean"}, {"source": 1 - hole}]
    for options in others:
        with pytest.raises(ValueError, match="a trial_seed is for samples of method 'auto' without a source"):
            inpaint(image, hole, trial_seed=1, prior=tiny_prior(), **options)
    with pytest.raises(ValueError, match=r"the seed must lie in 0\.\.2\^63 - 1; got -1"):
        inpaint(image, hole, trial_seed=-1, prior=tiny_prior())


def test_a_source_is_all_that_is_copied_from(copied: list[Tensor]) -> None:
    """Colours from where copying is forbidden are not in the fill."""
    image = as_picture(tiles(128, 160))
    image[:, :110] = (255, 0, 0)
    image[:, 110:, 0] = 0
    source = as_mask(plane(128, 160, (0, 128, 112, 160)))
    found = inpaint(image, as_mask(DEEP), source=source, prior=tiny_prior())
    assert len(copied) == 1
    assert found[55:75, 65:85, 1:].max() > 100
    with pytest.raises(ValueError, match="no whole patch of 9x9 known pixels to copy from; widen the source"):
        inpaint(image, as_mask(DEEP), source=as_mask(plane(128, 160, (0, 5, 0, 5))), prior=tiny_prior())
    with pytest.raises(ValueError, match="a source is for method 'exemplar', not for 'ddnm'; leave it out"):
        inpaint(image, as_mask(DEEP), source=source, method="ddnm", prior=tiny_prior())


def test_a_feather_passes_into_the_picture() -> None:
    image = as_picture(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)))
    hole, options = as_mask(plane(96, 96, (30, 60, 30, 60))), {"method": "exemplar", "prior": tiny_prior()}
    wide = as_mask(plane(96, 96, (26, 64, 26, 64)))
    whole, feathered = inpaint(image, wide, **options), inpaint(image, hole, feather=4, **options)
    assert np.array_equal(feathered[~wide], image[~wide])
    share = np.abs(feathered.astype(float) - image)[45, 26:30].mean(1)  # grows towards the hole
    assert share[0] < share[-1]
    near = np.abs(feathered.astype(int) - whole)[45, 30:60]
    assert near.max() < 60  # the corners of the wide hole are round in the one and not in the other


def test_a_feather_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a feather of 40 pixels leaves no known pixel to start from"):
        inpaint(tiles(64, 64), plane(64, 64, (20, 46, 20, 46)), feather=40, prior=tiny_prior())


def test_seeds_copy_different_things() -> None:
    image = as_picture(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)))
    hole, options = as_mask(plane(96, 96, (30, 62, 30, 62))), {"method": "exemplar", "prior": tiny_prior()}
    one, same, other = (inpaint(image, hole, seed=seed, **options) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert np.abs(one.astype(int) - other)[hole].mean() > 5


def test_pictures_of_a_batch_are_filled_as_alone_where_nothing_is_drawn_between() -> None:
    images = torch.cat([tiles(96, 96), tiles(96, 96, seed=1)])
    hole = plane(96, 96, (30, 60, 30, 60))
    found = inpaint(images, hole, method="exemplar", prior=tiny_prior())
    for image, copied in zip(images, found, strict=True):
        torch.testing.assert_close(copied, image, rtol=0, atol=2e-3)
