"""Finding damage in a picture and in its infrared channel, and filling it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

import restore
from restore.errors import MaskError
from restore.tasks import damage, damage_context, damage_head
from restore.tasks.damage import damage_mask, tally
from restore.tasks.damage_head import DamageHead, folded, probabilities
from restore.tasks.infrared import infrared_mask
from restore.testing import tiny_prior


def ramp(h: int = 96, w: int = 96) -> np.ndarray:
    """A smooth picture (h, w, 3) of uint8, without damage."""
    y, x = np.mgrid[:h, :w]
    return np.stack([60 + y, 80 + x, 90 + (x + y) // 2], 2).clip(0, 255).astype(np.uint8)


def scratched() -> tuple[np.ndarray, np.ndarray]:
    picture, hole = ramp(), np.zeros((96, 96), bool)
    hole[10:86, 40:42] = True
    hole[60:63, 70:73] = True
    picture[hole] = 252
    return picture, hole


def test_a_scratch_and_a_speck_are_found_and_a_smooth_picture_is_left() -> None:
    picture, hole = scratched()
    found = damage_mask(picture)
    assert found.dtype == bool and found.shape == (96, 96)
    assert (found & hole).sum() > 0.9 * hole.sum()
    assert (found & ~hole).sum() < 0.04 * hole.size
    assert not damage_mask(ramp()).any()


def test_the_same_is_found_at_every_depth_and_in_a_tensor() -> None:
    picture, _ = scratched()
    found = damage_mask(picture)
    deep = picture.astype(np.uint16) * 257
    floats = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    assert np.array_equal(damage_mask(deep), found)
    assert np.array_equal(damage_mask(floats), found)


def test_only_one_kind() -> None:
    picture, hole = scratched()
    specks, scratches = (damage_mask(picture, only=kind) for kind in ("specks", "scratches"))
    assert specks[61, 71] and not specks[10:86, 40:42].any()
    assert scratches[20:80, 40].all() and not scratches[61, 71]
    assert (tally(hole).specks, tally(hole).scratches) == (1, 1)


def test_what_alpha_hides_is_not_looked_at() -> None:
    picture, _ = scratched()
    alpha = np.full((96, 96), 255, np.uint8)
    alpha[:, 38:44] = 0
    found = damage_mask(np.dstack([picture, alpha]))
    assert not found[:, 38:44].any() and found[61, 71]


@pytest.mark.parametrize("sensitivity", ["some", 0, 1, -0.5, 1.5])
def test_a_sensitivity_out_of_range(sensitivity: object) -> None:
    with pytest.raises(ValueError, match="low, normal, high or a number above 0 and below 1"):
        damage_mask(ramp(), sensitivity=sensitivity)  # type: ignore[arg-type]


def test_more_is_found_where_more_is_wanted() -> None:
    picture, _ = scratched()
    masks = [damage_mask(picture, sensitivity=each) for each in ("low", "normal", "high", 0.9)]
    for less, more in pairwise(masks):
        assert not (less & ~more).any()
    assert masks[0].sum() < masks[-1].sum()


def layers(weight: np.ndarray, bias: float) -> dict[str, np.ndarray]:
    """A network that judges by a weighted sum of facts, where that is above zero."""
    network = {"mean": np.zeros(damage_context.FACTS), "spread": np.full(damage_context.FACTS, 2.0)}
    for number, factor in enumerate((weight[None], np.eye(1), 9 * np.eye(1))):
        network |= {f"{number}.weight": factor, f"{number}.bias": np.zeros(1)}
    return network | {"2.bias": np.array([bias])}


def line_and_dot() -> tuple[np.ndarray, np.ndarray]:
    picture = np.full((100, 120, 3), 0.25, np.float32)
    likely = np.zeros((100, 120), np.float32)
    line, dot = (slice(20, 21), slice(10, 110)), (slice(80, 83), slice(60, 63))
    for place, answer in ((line, 0.5), (dot, 0.9)):
        picture[place], likely[place] = 0.75, answer
    return picture, likely


def test_the_facts_about_a_line_and_a_dot() -> None:
    picture, likely = line_and_dot()
    facts, at = damage_context.facts(picture, likely)
    assert facts.shape == (109, damage_context.FACTS) and np.isfinite(facts).all()
    shown = np.full((damage_context.FACTS, 100, 120), np.nan, np.float32)
    shown[:, at[0], at[1]] = facts.T
    assert np.array_equal(~np.isnan(shown[0]), likely > 0)
    of_line, of_dot = shown[:, 20, 60], shown[:, 81, 61]
    none = np.log(1e-4 / (1 - 1e-4))
    np.testing.assert_allclose([of_line[0], of_dot[0]], np.log([1, 9]), atol=1e-6)  # the answer
    np.testing.assert_allclose(
        [of_line[2], of_dot[2]], [20 / 25 * none, (9 * np.log(9) + 16 * none) / 25], rtol=1e-5
    )
    np.testing.assert_allclose(np.exp([of_line[4], of_dot[4]]), [25 / 625 + 1e-3, 9 / 625 + 1e-3], rtol=1e-3)
    np.testing.assert_allclose(np.exp([of_line[6], of_dot[6]]), [1e-3, 9 / 65**2 + 1e-3], rtol=1e-3)
    np.testing.assert_allclose(np.exp(of_line[7]), 109 / damage_context.WHOLE + 1e-3, rtol=1e-5)
    np.testing.assert_allclose(np.exp([of_line[9], of_line[10]]), [0.51, 0.01], rtol=1e-5)  # bright, not dark


def test_what_is_long_is_chosen_by_a_network_that_wants_neighbours() -> None:
    picture, likely = line_and_dot()
    wanted = np.zeros(damage_context.FACTS)
    wanted[4] = -2.0  # less, the more is suspected near
    middle = likely == np.float32(0.5)
    middle[:, :20] = middle[:, 100:] = False  # its ends have fewer neighbours
    bias = 9 * np.log(22.5 / 625 + 1e-3)
    found = damage_context.chosen(picture, likely, 0.5, layers(wanted, bias))
    assert np.array_equal(found, (likely > 0) & ~middle)
    assert not damage_context.chosen(picture, likely, 0.5, layers(wanted, 9 * np.log(5 / 625 + 1e-3))).any()


def test_bands_give_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = DamageHead().eval()
    picture = np.random.default_rng(0).random((203, 37, 3), np.float32)
    whole = probabilities(picture, network)
    assert whole.shape == (203, 37)
    monkeypatch.setattr(damage_head, "BAND", 37 * 64)
    np.testing.assert_allclose(probabilities(picture, network), whole, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 9)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    assert damage_mask(np.full(size, 90, np.uint8)).shape == size


def test_a_large_picture_is_looked_at_at_half_the_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def seen(picture: np.ndarray, network: object) -> np.ndarray:
        sizes.append(picture.shape[:2])
        return np.zeros(picture.shape[:2], np.float32)

    monkeypatch.setattr(damage, "probabilities", seen)
    monkeypatch.setattr(damage, "HALVED", 40)
    damage_mask(ramp(90, 96))
    assert sizes == [(90, 96), (45, 48), (22, 24)]


def test_the_normalisation_is_folded_in() -> None:
    torch.manual_seed(1)
    trained = DamageHead(trained=True)
    for module in trained.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    trained.eval()
    plain = DamageHead().eval()
    plain.load_state_dict({name: value.float() for name, value in folded(trained.state_dict()).items()})
    shown = torch.rand(1, 7, 32, 40)
    torch.testing.assert_close(plain(shown), trained(shown), atol=2e-3, rtol=2e-3)


def test_only_damage_is_changed() -> None:
    picture, hole = scratched()
    repaired = restore.repair(picture, steps=1, prior=tiny_prior())
    changed = (repaired != picture).any(2)
    mask = damage_mask(picture)
    assert (changed & hole).any() and not (changed[:, :30]).any()
    wider = restore.inpaint(picture, mask, grow=1, steps=1, prior=tiny_prior())
    assert np.array_equal(repaired, wider)
    assert np.array_equal(restore.repair(ramp(), prior=tiny_prior()), ramp())


def test_each_picture_of_a_batch_has_its_own_damage() -> None:
    first, second = (torch.from_numpy(x).permute(2, 0, 1).float() / 255 for x in (scratched()[0], ramp()))
    repaired = restore.repair(torch.stack([first, second]), steps=1, prior=tiny_prior())
    assert (repaired[0] != first).any() and torch.equal(repaired[1], second)
    with pytest.raises(ValueError, match="infrared is of one picture, got 2"):
        restore.repair(torch.stack([first, second]), infrared=np.ones((96, 96)))


# ------------------------------------------------------------------------------------- infrared


def film() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture with texture, its infrared channel of clear film with dust, and where the dust is."""
    rng = np.random.default_rng(3)
    picture = np.repeat(np.repeat(rng.uniform(0.2, 0.8, (24, 32, 3)), 8, 0), 8, 1).astype(np.float32)
    dust = np.zeros((192, 256), bool)
    dust[40:44, 50:70] = dust[100:103, 200:203] = dust[150:152, 20:120] = True
    picture[dust] = 0.05
    infrared = rng.normal(0.8, 0.004, dust.shape).astype(np.float32)
    infrared[dust] *= 0.5
    return picture, infrared, dust


def test_dust_is_found_in_infrared() -> None:
    picture, infrared, dust = film()
    found = infrared_mask(infrared, picture)
    assert found[dust].all()
    near = np.lib.stride_tricks.sliding_window_view(np.pad(dust, 1), (3, 3)).any((2, 3))
    assert not found[~near].any()
    deep = (infrared * 65535).astype(np.uint16)
    assert np.array_equal(infrared_mask(deep, picture), found)
    assert np.array_equal(damage_mask(picture, infrared=infrared), found)


def test_what_dyes_let_through_of_the_picture_is_no_dust() -> None:
    picture, infrared, dust = film()
    leaked = infrared * picture[..., 0].clip(0.05) ** np.float32(0.15)
    found = infrared_mask(leaked, picture)
    assert found[dust].all() and found.mean() < 3 * dust.mean()


def test_infrared_that_lies_beside_the_colours() -> None:
    picture, infrared, dust = film()
    moved = np.roll(picture, (2, -3), (0, 1))
    found = infrared_mask(infrared, moved)
    assert found[np.roll(dust, (2, -3), (0, 1))].all()


def test_infrared_of_silver_film_is_refused() -> None:
    picture, infrared, _ = film()
    with pytest.raises(MaskError, match="holds the picture itself"):
        infrared_mask(infrared * picture[..., 0].clip(0.05), picture)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_infrared_without_contrast(value: float) -> None:
    with pytest.raises(MaskError, match="no contrast"):
        infrared_mask(np.full((96, 96), value, np.float32), ramp().astype(np.float32) / 255)


def test_another_kind_of_channel_is_refused() -> None:
    """A selection, as programs store it: black and white."""
    picture, infrared, _ = film()
    chosen = np.ones_like(infrared)
    chosen[:70] = 0
    with pytest.raises(MaskError, match="black and white, as a selection is"):
        infrared_mask(chosen, picture)
    busy = np.random.default_rng(0).choice(np.float32([0.2, 0.8, 0.8, 0.8, 0.8]), infrared.shape)
    with pytest.raises(MaskError, match="too much for dust"):
        infrared_mask(busy, picture)


def test_infrared_of_another_shape_or_kind() -> None:
    picture = ramp()
    with pytest.raises(ValueError, match=r"size \(96, 96\), got shape \(90, 96\)"):
        damage_mask(picture, infrared=np.zeros((90, 96), np.uint8))
    with pytest.raises(ValueError, match="uint8, uint16 or floats, got int64"):
        damage_mask(picture, infrared=np.zeros((96, 96), np.int64))
    with pytest.raises(ValueError, match="must be finite"):
        damage_mask(picture, infrared=np.full((96, 96), np.nan))
