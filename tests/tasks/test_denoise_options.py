"""Denoising in part, in luma and chroma apart, with a map of the level, and what the choice hands on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from recording import PRIOR, Recorder, Reports, picture

from restore.images.colours import ycc_of
from restore.noise.picture_noise import white
from restore.priors.condition import PAGE, Condition
from restore.tasks import noise_choice
from restore.tasks.denoise import denoise
from restore.tasks.denoise_methods import faint_share
from restore.tasks.noise_choice import choose, even_pieces, knows_real_noise, measured
from restore.tasks.pages import looks_like_page
from restore.tasks.removed import FOUND, OF_REAL, TOLD, measured_again
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGE = picture(1, 3, 40, 48)


def shown(recorder: Recorder) -> Condition:
    (condition,) = [found for found in recorder.conditions if found is not None]
    return condition


# --- how much goes --------------------------------------------------------------------------------


def test_strength_is_the_share_that_goes() -> None:
    whole = denoise(IMAGE, sigma=25, prior=Recorder())
    half = denoise(IMAGE, sigma=25, strength=0.5, prior=Recorder())
    torch.testing.assert_close(half, (whole + IMAGE) / 2, rtol=0, atol=1e-5)


def test_nothing_goes_at_strength_0() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    found = denoise(pixels, sigma=25, strength=0, prior=Recorder())
    assert np.array_equal(found, pixels)
    assert not np.shares_memory(found, pixels)


@pytest.mark.parametrize(("options", "kept"), [({"luma": 0}, slice(0, 1)), ({"chroma": 0}, slice(1, 3))])
def test_luma_and_chroma_apart(options: dict[str, float], kept: slice) -> None:
    found = ycc_of(denoise(IMAGE, sigma=25, prior=Recorder(), **options))
    before, whole = ycc_of(IMAGE), ycc_of(denoise(IMAGE, sigma=25, prior=Recorder()))
    torch.testing.assert_close(found[:, kept], before[:, kept], rtol=0, atol=1e-4)
    other = slice(1, 3) if kept.start == 0 else slice(0, 1)
    torch.testing.assert_close(found[:, other], whole[:, other], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["strength", "luma", "chroma"])
@pytest.mark.parametrize("amount", [-0.1, 1.01, float("nan")])
def test_shares_out_of_range(name: str, amount: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is a share from 0 to 1"):
        denoise(IMAGE, sigma=25, prior=Recorder(), **{name: amount})


# --- a map of the level ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_map_is_told_to_the_conditional_branch(kind: Any) -> None:
    level = np.linspace(5, 50, 40 * 48).reshape(40, 48)
    recorder = Recorder()
    denoise(IMAGE, sigma=kind(level), prior=recorder)
    planes = shown(recorder).planes()
    torch.testing.assert_close(planes[0, 5], torch.from_numpy(2 * level / 255).float(), rtol=0, atol=1e-6)
    assert recorder.sigmas == [recorder.sigma_max]


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (np.full((40, 47), 5.0), r"picture's size, \(40, 48\)"),
        (np.full((40, 48), np.nan), "all of them finite"),
        (np.full((40, 48), -1.0), "from 0 to 255"),
        (np.full((40, 48), 256.0), "from 0 to 255"),
    ],
)
def test_maps_that_are_none(level: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        denoise(IMAGE, sigma=level, prior=Recorder())


@pytest.mark.parametrize("method", ["gaussian", "real", "completed"])
def test_methods_of_one_level_take_no_map(method: Any) -> None:
    with pytest.raises(ValueError, match="takes one level"):
        denoise(IMAGE, sigma=np.full((40, 48), 5.0), method=method, prior=Recorder())


# --- methods --------------------------------------------------------------------------------------


def test_faint_real_noise_is_a_state_of_weights_half_way() -> None:
    """They are told more than the level in luma, which is that of even places."""
    recorder, reports = Recorder(), Reports()
    found = denoise(IMAGE, noise=white(0.01), method="real", prior=recorder, progress=reports)
    assert recorder.sigmas == pytest.approx([0.015])
    assert all(torch.equal(state, IMAGE) for state in recorder.states)
    assert not shown(recorder).planes().any()
    assert shown(recorder).noisy
    assert shown(recorder).adapted == 0.5
    torch.testing.assert_close(found, PRIOR.denoise(IMAGE, 0.015), rtol=0, atol=1e-5)
    reports.assert_complete(1)


def test_strong_real_noise_is_left_to_the_adapters() -> None:
    recorder, reports = Recorder(), Reports()
    found = denoise(IMAGE, noise=white(0.1), method="real", prior=recorder, progress=reports)
    assert recorder.sigmas == pytest.approx([0.1])
    assert shown(recorder).adapted == 1
    torch.testing.assert_close(found, PRIOR.denoise(IMAGE, 0.1), rtol=0, atol=1e-5)
    reports.assert_complete(1)


def test_between_faint_and_strong_real_noise_both_are_mixed() -> None:
    recorder, reports, level = Recorder(), Reports(), 9 / 255
    found = denoise(IMAGE, noise=white(level), method="real", prior=recorder, progress=reports)
    assert recorder.sigmas == pytest.approx([level, 1.5 * level])
    wanted = 0.25 * PRIOR.denoise(IMAGE, level) + 0.75 * PRIOR.denoise(IMAGE, 1.5 * level)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    reports.assert_complete(2)


def test_progress_of_noise_that_takes_one_call_and_two() -> None:
    for levels in ([10, 40], [40, 10]):
        reports = Reports()
        batch = torch.stack([IMAGE[0], IMAGE[0].flip(-1)])
        denoise(batch, sigma=levels, method="real", prior=Recorder(), progress=reports)
        reports.assert_complete(3)


@pytest.mark.parametrize("method", ["real", "completed", "gaussian"])
def test_a_level_of_a_gray_picture_lies_in_luma_alone(method: Any) -> None:
    recorder = Recorder()
    denoise(np.asarray(IMAGE[0, 0]), sigma=6.0, method=method, steps=1, prior=recorder)
    assert 255 * recorder.sigmas[0] == pytest.approx(6 * 3**0.5, rel=0.02)


@pytest.mark.parametrize("method", ["auto", "real", "completed", "blind", "gaussian"])
def test_no_noise_gives_a_copy(method: Any) -> None:
    striped = np.asarray(IMAGE[0].permute(1, 2, 0)) + 0.05 * (np.arange(IMAGE.shape[-2]) % 3)[:, None, None]
    recorder = Recorder()
    assert np.array_equal(denoise(striped, sigma=0, method=method, prior=recorder), striped)
    assert not recorder.sigmas


def test_pages_are_told_no_level() -> None:
    with pytest.raises(ValueError, match="'page' takes no sigma"):
        denoise(IMAGE, sigma=25, method="page", prior=Recorder())


def test_too_small_a_picture_to_measure() -> None:
    with pytest.raises(ValueError, match="pass sigma"):
        denoise(np.full((12, 12, 3), 0.5), method="real", prior=Recorder())


def test_strong_noise_is_left_to_the_adapters() -> None:
    shares = [faint_share(level / 255) for level in (1, 8, 9, 11, 12, 40)]
    assert shares == [1, 1, 0.75, 0.25, 0, 0]


def test_pages_are_asked_for() -> None:
    recorder = Recorder()
    denoise(IMAGE, method="page", prior=recorder)
    assert (shown(recorder).planes()[:, 5] == PAGE).all()
    assert recorder.sigmas == [recorder.sigma_max]


def test_known_noise_is_used_in_place_of_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_choice, "measure", None)
    recorder = Recorder()
    denoise(IMAGE, noise=white(0.05), prior=recorder)
    level = shown(recorder).planes()[:, 5]
    torch.testing.assert_close(level, torch.full_like(level, 0.1), rtol=0, atol=1e-6)


# --- the choice -----------------------------------------------------------------------------------


def halves(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """A branch that leaves half of what differs from the ramp below."""
    ramp = torch.linspace(0.2, 0.8, x.shape[-1]).expand_as(x)
    return (x + ramp) / 2


def soft_noise(level: float, size: int = 160) -> torch.Tensor:
    """A ramp with noise that neighbours share, as cameras leave it."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(0).standard_normal((size, size, 3)), (1, 1, 0))
    ramp = np.linspace(0.2, 0.8, size)[None, :, None]
    pixels = ramp + level * noise / noise.std()
    return torch.from_numpy(pixels).permute(2, 0, 1).float()


def texture(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """A prior that removes the more the higher the level is."""
    return x + min(1.0, 10 * sigma) * (halves(x, sigma) - x)


def knowing(denoise: Any = halves) -> Recorder:
    recorder = Recorder(denoise)
    recorder.facts = {"noise_adapters": "0"}
    return recorder


def test_soft_noise_is_measured_and_removed_as_real() -> None:
    found = choose(soft_noise(0.03), knowing())
    assert found.method == "real"
    assert found.noise is not None
    # The prior removes half of it, at any level.
    assert found.noise.luma_sigma == pytest.approx(0.03 / 2 * OF_REAL, rel=0.1)
    assert found.noise_std == found.noise.state_level
    assert found.noise.correlation > 0.5


def test_noise_that_is_not_faint_is_measured_again() -> None:
    recorder = knowing()
    found = choose(soft_noise(0.06), recorder)
    assert found.noise is not None
    assert found.noise.luma_sigma == pytest.approx(0.06 / 2, rel=0.1)
    assert recorder.sigmas[-1] == pytest.approx(TOLD * 0.06 / 2 * OF_REAL, rel=0.1)


def test_what_is_removed_the_more_the_higher_the_level_is_left() -> None:
    found = choose(soft_noise(0.012), knowing(texture))
    assert found.method == "none"
    assert found.why.endswith("or texture")


def ramp(size: int = 160) -> np.ndarray:
    return np.tile(np.linspace(0.2, 0.8, size), (size, 1))


def drawn_lines() -> np.ndarray:
    """Thin lines, with places between them that hold nothing."""
    lines = np.zeros((160, 160))
    lines[::40] = lines[:, ::48] = 0.05
    return ramp() + lines


def stars(sign: int = 1) -> np.ndarray:
    """Single bright points on the grain of a long exposure, or dark ones."""
    rng = np.random.default_rng(0)
    points = (rng.random((160, 160)) < 0.01) * rng.uniform(0.05, 0.2, (160, 160))
    return ramp() + 0.008 * rng.standard_normal((160, 160)) + sign * points


def grain(*, black: int = 0, white: int = 0) -> np.ndarray:
    """Noise of one level, where the picture is not black or white."""
    pixels = ramp() + 0.01 * np.random.default_rng(0).standard_normal((160, 160))
    pixels[:, :black] = 0
    pixels[:, 160 - white :] = 1
    return pixels


@pytest.mark.parametrize(
    ("pixels", "is_noise"),
    [
        (grain(), True),
        (grain(black=48), True),
        (grain(white=48), True),
        (drawn_lines(), False),
        (stars(), False),
        (stars(-1), True),  # noise that is cut off at white has dark peaks
    ],
)
def test_lines_and_stars_are_no_noise(pixels: np.ndarray, is_noise: bool) -> None:
    picture = torch.from_numpy(pixels).float().expand(1, 3, -1, -1)
    assert measured_again(picture, 0.01, knowing()) == (0.01 if is_noise else None)


def test_what_does_not_count_is_not_compared() -> None:
    picture = torch.from_numpy(drawn_lines()).float().expand(1, 3, -1, -1)
    inside = torch.ones(1, 160, 160, dtype=torch.bool)
    inside[..., 16:] = False  # ten places
    assert measured_again(picture, 0.01, knowing(), inside) == 0.01


def test_stars_are_left_as_they_are() -> None:
    noise = soft_noise(0.015)
    rng = torch.Generator().manual_seed(0)
    points = (torch.rand(160, 160, generator=rng) < 0.01) * torch.rand(160, 160, generator=rng)
    assert choose(noise, knowing()).method == "real"
    found = choose(noise + 0.4 * points, knowing())
    assert found.method == "none"
    assert found.why.endswith("or texture")


def test_strong_noise_in_chroma_is_no_texture() -> None:
    found = choose(soft_noise(0.02), knowing(texture))
    assert found.method == "real"
    measured_level = noise_choice.LEFT_IN * 0.02 / 2
    assert found.noise is not None
    assert found.noise.luma_sigma == pytest.approx(noise_choice.OF_STRONG * measured_level, rel=0.1)


def test_hardly_any_soft_noise_is_left() -> None:
    assert choose(soft_noise(0.002), knowing()).method == "none"


def test_chroma_noise_is_not_taken_for_luma() -> None:
    """Of noise that is mostly in chroma no more is told than of the same noise in all."""
    noise = soft_noise(0.03) - soft_noise(0.0)
    luma = noise.mean(0, keepdim=True)
    ramp = soft_noise(0.0)
    both, chroma = (choose(ramp + part, knowing(texture)).noise for part in (noise, noise - 0.6 * luma))
    assert both is not None
    assert chroma is not None
    assert chroma.chroma_sigma > 2 * chroma.luma_sigma
    assert chroma.state_level <= 1.1 * both.state_level


@pytest.mark.parametrize("size", [8, 16, 24])
def test_thumbnails_are_texture_all_over(size: int) -> None:
    fine = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
    found = choose(fine, tiny_prior())
    assert found.method == "none"
    assert "pixels" in found.why


def test_a_prior_that_is_shown_nothing_is_asked_for_white_noise() -> None:
    prior = Recorder()
    prior.conditional = False
    assert choose(soft_noise(0.03), prior).method in ("gaussian", "none")


def test_the_branch_is_asked_only_if_it_knows_real_noise() -> None:
    recorder = Recorder(halves)
    choose(soft_noise(0.01), recorder)
    assert not recorder.sigmas
    assert knows_real_noise(knowing())
    assert not knows_real_noise(tiny_prior())
    assert knows_real_noise(tiny_prior(mix={"real": 0.5}))


def test_white_noise_in_a_jpeg_with_coarse_chroma_is_the_priors() -> None:
    import io

    from PIL import Image

    rng = np.random.default_rng(0)
    clean = np.broadcast_to(np.linspace(60, 200, 256)[None, :, None], (256, 256, 3))
    noisy = (clean + 15 * rng.standard_normal(clean.shape)).round().clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=95, subsampling=2)
    pixels = np.asarray(Image.open(file)) / 255
    ramp = torch.from_numpy(clean / 255).permute(2, 0, 1).float()

    def removes(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return x + min(1.0, (255 * sigma / 15) ** 1.8) * (ramp[..., : x.shape[-1]] - x)

    found = choose(torch.from_numpy(pixels).permute(2, 0, 1).float(), knowing(removes))
    assert found.method == "gaussian"
    assert found.noise_std is not None
    assert 255 * found.noise_std == pytest.approx(15 * FOUND, rel=0.15)


def test_pieces_are_the_even_ones() -> None:
    large = 0.5 + 0.1 * torch.rand(3, 520, 640, generator=torch.Generator().manual_seed(0))
    large[:, :130, :130] = 0.5 + 0.02 * torch.rand(3, 130, 130, generator=torch.Generator().manual_seed(1))
    pieces = even_pieces(large)
    assert pieces.pixels.shape == (noise_choice.PIECES, 3, noise_choice.LOOKED_AT, noise_choice.LOOKED_AT)
    assert pieces.inside is None
    assert pieces.pixels[0].std() < 0.01
    small = 0.5 + 0.1 * torch.randn(3, 100, 120, generator=torch.Generator().manual_seed(0))
    assert torch.equal(even_pieces(small).pixels[0], small)


def test_noise_is_measured_whatever_the_size() -> None:
    for size in (16, 40, 600):
        assert measured(soft_noise(0.03, size), knowing()).sigma > 0


def test_pages_are_told_from_photographs() -> None:
    page = np.full((120, 180, 3), 0.85)
    for top in range(10, 110, 14):
        for left in range(10, 170, 8):
            page[top : top + 8, left : left + 4] = 0.2
    shadow = np.linspace(1, 0.6, 180)[None, :, None]
    for one in (page, page.swapaxes(0, 1), 0.5 * page, shadow * page):
        assert looks_like_page(one)
    bars = np.full((120, 90, 3), 0.85)
    bars[20:100:8, 10:80] = 0.2
    ramp = np.linspace(0, 1, 90)[None, :, None] * np.ones((120, 1, 3))
    for one in (bars, ramp, 1 - page, page[:40, :60]):
        assert not looks_like_page(one)
