"""All tasks take all kinds of pictures, and give the same kind back: the table of docs/python.md."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import restore
from restore import images
from restore.errors import RestoreError
from restore.images.value_range import scale_of
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[2]
PRIOR = tiny_prior()
H, W = 20, 16
SEEN = np.random.default_rng(0).random((H, W, 3))
EIGHT = np.rint(255 * SEEN).astype(np.uint8)
SIXTEEN = np.rint(65535 * SEEN).astype(np.uint16)
GRAY = EIGHT[..., 0]
CLEAR = np.dstack([EIGHT, np.where(np.arange(W) < 3, 0, 255)[None].repeat(H, 0).astype(np.uint8)])
MASK = np.zeros((H, W), bool)
MASK[8:11, 5:9] = True
HALF = chain_of([parse_spec("down=2")])

TASKS: dict[str, Callable[..., Any]] = {
    "denoise": lambda image, **more: restore.denoise(image, **{"sigma": 25, "prior": PRIOR, **more}),
    "inpaint": lambda image, **more: restore.inpaint(
        image, **{"mask": MASK, "method": "conditional", "steps": 1, "prior": PRIOR, **more}
    ),
    "upscale": lambda image, **more: restore.upscale(
        image, 2, estimate="mean", method="conditional", prior=PRIOR, **more
    ),
    "dejpeg": lambda image, **more: restore.dejpeg(image, method="blind", prior=PRIOR, **more),
    "deblur": lambda image, **more: restore.deblur(
        image, "gaussian:1", sigma=2, steps=1, prior=PRIOR, **more
    ),
    "solve": lambda image, **more: restore.solve(image, HALF, sigma=2, steps=1, prior=PRIOR, **more),
    "colorize": lambda image, **more: restore.colorize(image, estimate="mean", steps=1, prior=PRIOR, **more),
    "vary": lambda image, **more: restore.vary(image, 0.2, steps=1, prior=PRIOR, **more),
    "repair": lambda image, **more: restore.repair(image, steps=1, prior=PRIOR, **more),
    "erase": lambda image, **more: restore.erase(
        image, box=(5, 8, 4, 3), method="conditional", steps=1, prior=PRIOR, **more
    ),
}
LARGER = {"upscale", "solve"}


def tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


KINDS: dict[str, Any] = {
    "array (h, w) uint8": GRAY,
    "array (h, w, 3) uint8": EIGHT,
    "array (h, w, 4) uint8": CLEAR,
    "array (b, h, w, 3) uint8": np.stack([EIGHT, EIGHT[::-1]]),
    "array (h, w, 3) uint16": SIXTEEN,
    "array (h, w, 3) float32": SEEN.astype(np.float32),
    "array (h, w, 3) float64": SEEN,
    "array (b, h, w, 3) float32": np.stack([SEEN, SEEN[::-1]]).astype(np.float32),
    "tensor (3, h, w) float32": tensor(SEEN).float(),
    "tensor (b, 3, h, w) float32": torch.stack([tensor(SEEN), tensor(SEEN[::-1])]).float(),
    "tensor (3, h, w) float64": tensor(SEEN),
    "tensor (3, h, w) uint8": tensor(EIGHT),
    "tensor (b, 3, h, w) uint8": torch.stack([tensor(EIGHT), tensor(EIGHT[::-1])]),
    "PIL L": Image.fromarray(GRAY),
    "PIL RGB": Image.fromarray(EIGHT),
    "PIL RGBA": Image.fromarray(CLEAR),
    "Picture uint8": images.Picture(EIGHT, dpi=(300.0, 300.0)),
    "Picture uint16": images.Picture(SIXTEEN, alpha=SIXTEEN[..., 0] | 1, format="tiff"),
    "Picture gray": images.Picture(np.dstack([GRAY] * 3), gray=True),
    "Picture float32": images.Picture(SEEN.astype(np.float32), format="tiff"),
}


def assert_in_kind(found: Any, image: Any, task: str) -> None:
    times, coloured = (2 if task in LARGER else 1), task == "colorize"
    assert type(found) is type(image)
    if isinstance(image, Image.Image):
        assert found.size == (times * W, times * H)
        assert found.mode == ("RGB" if coloured and image.mode == "L" else image.mode)
        return
    if isinstance(image, images.Picture):
        assert found.pixels.dtype == image.pixels.dtype
        assert found.size == (times * H, times * W)
        assert found.gray == (image.gray and not coloured)
        assert (found.alpha is None) == (image.alpha is None)
        assert (found.dpi, found.format) == (image.dpi, image.format)
        return
    assert found.dtype == image.dtype
    if isinstance(image, Tensor):
        assert found.shape == (*image.shape[:-2], times * H, times * W)
    else:
        channels = (3,) if coloured and image.ndim == 2 else image.shape[2:][-1:]
        batch = image.shape[:1] if image.ndim == 4 else ()
        assert found.shape == (*batch, times * H, times * W, *channels)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_in_kind(task: str, kind: str) -> None:
    found = TASKS[task](KINDS[kind])
    assert_in_kind(found, KINDS[kind], task)


def test_the_table_of_the_page_has_these_rows() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    told = {row.split("|")[1].strip().strip("`") for row in page.splitlines() if row.startswith("| `")}
    assert {re.sub(r"^Picture .*", "Picture", kind) for kind in KINDS} | {"path"} <= told


@pytest.mark.parametrize("task", TASKS)
def test_a_file_gives_a_picture_that_can_be_written(task: str, tmp_path: Path) -> None:
    for name, given in {
        "a.png": images.Picture(EIGHT, dpi=(300.0, 300.0), icc=b""),
        "b.tif": images.Picture(
            np.dstack([SIXTEEN[..., 0]] * 3), gray=True, format="tiff", dpi=(150.0, 150.0)
        ),
    }.items():
        images.write(tmp_path / name, given)
        before = (tmp_path / name).read_bytes()
        found = TASKS[task](tmp_path / name)
        same = TASKS[task](str(tmp_path / name))
        np.testing.assert_array_equal(found.pixels, same.pixels)
        assert_in_kind(found, images.read(tmp_path / name), task)
        images.write(tmp_path / f"done-{name}", found)
        again = images.read(tmp_path / f"done-{name}")
        np.testing.assert_array_equal(again.pixels, found.pixels)
        assert again.dpi == pytest.approx(given.dpi, abs=0.02)
        assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("task", ["denoise", "inpaint", "upscale", "vary"])
def test_all_kinds_of_one_picture_give_the_same_numbers(task: str, tmp_path: Path) -> None:
    expected = TASKS[task](EIGHT)
    assert (expected[: len(EIGHT), : EIGHT.shape[1]] != EIGHT).any()
    images.write(tmp_path / "a.png", images.Picture(EIGHT))
    np.testing.assert_array_equal(TASKS[task](tmp_path / "a.png").pixels, expected)
    np.testing.assert_array_equal(TASKS[task](images.Picture(EIGHT)).pixels, expected)
    np.testing.assert_array_equal(np.asarray(TASKS[task](Image.fromarray(EIGHT))), expected)
    np.testing.assert_array_equal(TASKS[task](tensor(EIGHT)).permute(1, 2, 0).numpy(), expected)
    np.testing.assert_array_equal(TASKS[task](EIGHT[None])[0], expected)
    np.testing.assert_array_equal(TASKS[task]([EIGHT])[0], expected)


SCALES = [
    (np.float32, 0, 255), (np.float64, 0, 4095), (np.float32, -1, 1), (np.float64, -1000, 3000),
    (np.uint16, 0, 4095), (np.int16, -1000, 3000),
]  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("dtype", "low", "high"), SCALES)
def test_pictures_of_another_scale_come_back_in_it(task: str, dtype: Any, low: float, high: float) -> None:
    values = low + (high - low) * SEEN
    values = (np.rint(values) if np.dtype(dtype).kind in "iu" else values).astype(dtype)
    given = values.copy()
    unit = (values.astype(np.float64) - low) / (high - low)
    if np.dtype(dtype) == np.float32:
        unit = unit.astype(np.float32)
    expected = low + (high - low) * TASKS[task](unit).astype(np.float64)
    found = TASKS[task](values, data_range=(low, high))
    assert found.dtype == dtype
    if np.dtype(dtype).kind in "iu":
        expected = np.rint(expected).clip(low, high)
    np.testing.assert_allclose(
        found.astype(np.float64), expected, rtol=0, atol=1 if high - low > 255 else 2e-4 * (high - low)
    )
    np.testing.assert_array_equal(values, given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32])
def test_tensors_of_another_scale(dtype: torch.dtype) -> None:
    given = (4095 * tensor(SEEN)).to(dtype)
    found = TASKS["denoise"](given, data_range=(0, 4095))
    expected = 4095 * TASKS["denoise"](given.double() / 4095)
    assert found.dtype == dtype
    expected = expected if dtype.is_floating_point else expected.clamp(0, 4095)
    assert float((found.double() - expected).abs().max()) <= 1


def test_outside_the_hole_every_number_of_another_scale_is_its_own() -> None:
    for dtype in (np.float32, np.float64):
        values = (-1 + 2 * SEEN).astype(dtype)
        found = TASKS["inpaint"](values, data_range=(-1, 1))
        np.testing.assert_array_equal(found[~MASK], values[~MASK])
        assert (found[MASK] != values[MASK]).any()


def test_alpha_keeps_its_numbers_at_another_scale() -> None:
    clear = CLEAR.astype(np.float32)
    found = TASKS["denoise"](clear, data_range=(0, 255))
    np.testing.assert_array_equal(found[..., 3], clear[..., 3])
    larger = TASKS["upscale"](CLEAR.astype(np.uint16), data_range=(0, 255))
    assert larger.dtype == np.uint16
    assert (int(larger[..., 3].min()), int(larger[..., 3].max())) == (0, 255)


def test_pil_floats_and_files_of_another_scale() -> None:
    floats = Image.fromarray((4095 * SEEN[..., 0]).astype(np.float32))
    found = TASKS["denoise"](floats, data_range=(0, 4095))
    assert found.mode == "F"
    assert np.asarray(found).max() > 1000
    picture = images.Picture((255 * SEEN).astype(np.float32), format="tiff", dpi=(72.0, 72.0))
    done = TASKS["denoise"](picture)
    np.testing.assert_allclose(
        done.pixels, 255 * TASKS["denoise"](picture.pixels / np.float32(255)), rtol=0, atol=0.05
    )
    assert done.dpi == picture.dpi


@pytest.mark.parametrize(("most", "white"), [(250, 255), (900, 1023), (4000, 4095), (60000, 65535)])
def test_positive_floats_are_judged_by_what_they_use(
    most: float, white: float, caplog: pytest.LogCaptureFixture
) -> None:
    values = most * SEEN
    with caplog.at_level(logging.INFO, "restore"):
        found = TASKS["denoise"](values)
    np.testing.assert_array_equal(found, TASKS["denoise"](values, data_range=(0, white)))
    assert f"values were taken to be from 0 to {white} (data_range)" in caplog.text


def test_pictures_a_little_beyond_one_are_of_one() -> None:
    for times in (1, 1.2, 12):
        assert scale_of(times * tensor(SEEN)[None].float()) == (0, 1)


RAMP = np.linspace(-1, 1, W, dtype=np.float32)[None, :, None].repeat(H, 0).repeat(3, 2)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("values", [RAMP, 2 * SEEN - 1, tensor(RAMP), np.float32(2) * RAMP[..., 0]])
def test_a_scale_that_cannot_be_told_is_refused(task: str, values: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^the scale of .* cannot be told; .* pass data_range=\(low, high\)"
    ):
        TASKS[task](values)


@pytest.mark.parametrize("side", [12, 64])
@pytest.mark.parametrize("sigma", [5, 25, 100])
def test_noise_that_goes_below_black_has_the_scale_of_one(side: int, sigma: float) -> None:
    """At black, where it goes farthest; of many pictures none is refused."""
    for seed in range(20):
        noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(seed)) * sigma / 255
        assert scale_of(noise) == (0, 1)
        assert scale_of(noise + 0.5) == (0, 1)


def test_what_is_in_the_hole_tells_no_scale() -> None:
    image = SEEN.astype(np.float32)
    for nothing in (-9999.0, 9999.0, np.nan):
        marked = np.where(MASK[..., None], np.float32(nothing), image)
        np.testing.assert_array_equal(TASKS["inpaint"](marked), TASKS["inpaint"](image))


def masks(folder: Path) -> Iterator[Any]:
    """One mask in all ways."""
    eight = (255 * MASK).astype(np.uint8)
    images.write(folder / "mask.png", images.Picture(np.dstack([eight] * 3)))
    yield from (MASK, MASK[..., None], MASK[None], eight, np.dstack([eight] * 3), np.dstack([eight] * 4))
    yield from (torch.from_numpy(MASK), torch.from_numpy(MASK)[None, None], MASK.tolist(), [MASK])
    yield from (Image.fromarray(MASK), Image.fromarray(eight), folder / "mask.png", str(folder / "mask.png"))
    yield from (images.read(folder / "mask.png"), images.read_mask(folder / "mask.png"))


def test_masks_of_all_kinds(tmp_path: Path) -> None:
    expected = TASKS["inpaint"](EIGHT)
    for mask in masks(tmp_path):
        np.testing.assert_array_equal(TASKS["inpaint"](EIGHT, mask=mask), expected)
        found = restore.vary(EIGHT, 0.2, mask=mask, steps=1, prior=PRIOR)
        np.testing.assert_array_equal(found[~MASK], EIGHT[~MASK])


def test_a_mask_for_each_picture_of_a_batch() -> None:
    batch, other = np.stack([EIGHT, EIGHT]), np.roll(MASK, 3, axis=1)
    expected = np.concatenate([MASK[None], other[None]])
    for each in ([MASK, other], expected, expected[:, None], [Image.fromarray(MASK), other]):
        found = TASKS["inpaint"](batch, mask=each)
        np.testing.assert_array_equal(found[~expected], batch[~expected])
        assert (found[0][MASK] != EIGHT[MASK]).any()
        assert (found[1][other] != EIGHT[other]).any()


def test_lists_of_pictures_of_any_size() -> None:
    pictures = [EIGHT, Image.fromarray(GRAY[:12]), tensor(SEEN[:, :11]).float()]
    reports: list[tuple[int, int]] = []
    found = TASKS["denoise"](pictures, progress=lambda done, total: reports.append((done, total)))
    assert isinstance(found, list)
    np.testing.assert_array_equal(found[0], TASKS["denoise"](EIGHT))
    assert found[1].size == (W, 12)
    assert torch.equal(found[2], TASKS["denoise"](pictures[2]))
    assert reports == [(1, 3), (2, 3), (3, 3)]
    assert TASKS["denoise"]([]) == []
    other = np.roll(MASK, 3, axis=1)
    first, second = TASKS["inpaint"]((EIGHT, EIGHT), mask=[MASK, Image.fromarray(other)])
    np.testing.assert_array_equal(first, TASKS["inpaint"](EIGHT))
    np.testing.assert_array_equal(second, TASKS["inpaint"](EIGHT, mask=other))
    for one in TASKS["inpaint"]([EIGHT, EIGHT], mask=MASK):
        np.testing.assert_array_equal(one, first)


def test_sigma_for_each_picture() -> None:
    batch = torch.stack([tensor(SEEN), tensor(SEEN)]).float()
    expected = torch.stack([TASKS["denoise"](one, sigma=s) for one, s in zip(batch, (10, 40), strict=True)])
    assert not torch.allclose(expected[0], expected[1])
    for sigma in ([10, 40], (10, 40), torch.tensor([10.0, 40.0]), np.array([10, 40])):
        found = TASKS["denoise"](batch, sigma=sigma)
        assert torch.allclose(found, expected, atol=1e-5)
        first, second = TASKS["denoise"](list(batch), sigma=sigma)
        assert torch.allclose(torch.stack([first, second]), expected, atol=1e-6)


def test_a_map_of_sigma_for_each_picture() -> None:
    batch = torch.stack([tensor(SEEN), tensor(SEEN)]).float()
    maps = torch.stack([torch.full((H, W), 10.0), torch.linspace(5, 60, W).expand(H, W)])
    expected = torch.stack([TASKS["denoise"](one, sigma=m) for one, m in zip(batch, maps, strict=True)])
    assert not torch.allclose(expected[0], expected[1])
    for sigma in (maps, maps[:, None], maps.numpy()):
        assert torch.allclose(TASKS["denoise"](batch, sigma=sigma), expected, atol=1e-5)
    same = TASKS["denoise"](batch, sigma=maps[1])
    assert torch.allclose(same[1], expected[1], atol=1e-5)


def test_a_seed_that_is_drawn_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def sample(**more: Any) -> Any:
        return restore.sample(1, size=(8, 8), steps=1, prior=PRIOR, **more)

    runs: list[Callable[..., Any]] = [
        sample,
        lambda **more: TASKS["vary"](tensor(SEEN).float(), **more),
        lambda **more: TASKS["erase"](tensor(SEEN).float(), **more),
    ]
    for run in runs:
        caplog.clear()
        with caplog.at_level(logging.INFO, "restore"):
            found = run(seed=None)
        (seed,) = re.findall(r"seed=(\d+) was drawn", caplog.text)
        assert torch.equal(run(seed=int(seed)), found)
        assert not torch.equal(run(seed=(int(seed) + 1) % 2**32), found)


@pytest.fixture
def weights_of_the_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A tiny network in their place, and what it was loaded with."""
    from restore.tasks import any_kind

    asked: list[Any] = []

    def load(**how: Any) -> Any:
        asked.append(how)
        return tiny_prior().to(how["device"], how["dtype"])

    monkeypatch.setattr(any_kind, "load", load)
    any_kind._loaded.cache_clear()
    yield asked
    any_kind._loaded.cache_clear()


def test_device_and_dtype_of_the_weights_in_the_package(weights_of_the_package: list[Any]) -> None:
    for _ in range(2):  # loaded once
        found = restore.denoise(EIGHT, sigma=25, device="cpu", dtype=torch.float32)
        np.testing.assert_array_equal(found, TASKS["denoise"](EIGHT))
    assert restore.sample(1, size=(8, 8), steps=1, device=torch.device("cpu")).shape == (1, 3, 8, 8)
    assert weights_of_the_package == [
        {"device": "cpu", "dtype": torch.float32},
        {"device": "cpu", "dtype": None},
    ]


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "sigma of words": (
        lambda: TASKS["denoise"](EIGHT, sigma="20"),
        "^sigma is a number from 0 to 255, one for each picture, or a map; got '20'$",
    ),
    "sigma of words, solve": (
        lambda: restore.solve(EIGHT, HALF, sigma="20", prior=PRIOR),  # type: ignore[arg-type]
        "^sigma is one number from 0 to 255, got '20'; for several",
    ),
    "three sigmas": (lambda: TASKS["denoise"](EIGHT, sigma=[1, 2, 3]), "3 levels for 1 pictures; pass"),
    "sigmas of a list": (
        lambda: TASKS["denoise"]([EIGHT, EIGHT], sigma=[1, 2, 3]),
        "sigma has 3 entries for 2 pictures; pass one for all, or one for each",
    ),
    "a map of another size": (
        lambda: TASKS["denoise"](EIGHT, sigma=np.ones((W, H))),
        r"a map of sigma has the picture's size, \(20, 16\) \(h, w\); got \(16, 20\)",
    ),
    "a sigma too high": (lambda: TASKS["denoise"](EIGHT[None], sigma=[256]), "from 0 to 255, got 256"),
    "a map, upscaling": (
        lambda: restore.deblur(EIGHT, "gaussian:1", sigma=np.ones((H, W)), prior=PRIOR),
        "^sigma is one number from 0 to 255, got ndarray",
    ),
    "a path as prior": (
        lambda: restore.denoise(EIGHT, prior="mine.safetensors"),  # type: ignore[arg-type]
        r"^prior is a network, got a path; pass prior=restore.load\('mine.safetensors'\)$",
    ),
    "a path as prior, sample": (
        lambda: restore.sample(prior="mine.safetensors"),  # type: ignore[arg-type]
        "^prior is a network, got a path",
    ),
    "a number as prior": (
        lambda: restore.upscale(EIGHT, 2, prior=3),  # type: ignore[arg-type]
        "^prior is a network as restore.load gives it, got int$",
    ),
    "no such device": (
        lambda: restore.denoise(EIGHT, device="cuda:99"),
        r"^device 'cuda:99' is not there; this machine has 'cpu'",
    ),
    "no device": (lambda: restore.load(device="gpu"), r"^device is such as 'cpu', .* got 'gpu'$"),
    "a device of a kind": (lambda: restore.load(device="meta"), "^device 'meta' is not there"),
    "dtype of words": (
        lambda: restore.load(dtype="float32"),  # type: ignore[arg-type]
        r"^dtype is such as torch.float32 or torch.bfloat16, got 'float32'$",
    ),
    "dtype of whole numbers": (lambda: restore.load(dtype=torch.int8), "got torch.int8$"),
    "a device beside a prior": (
        lambda: TASKS["denoise"](EIGHT, device="cpu"),
        r"this prior has its own; pass prior=restore.load\(path, device=",
    ),
    "a turned mask": (
        lambda: TASKS["inpaint"](EIGHT, mask=MASK.T),
        r"^mask is 20x16 but the picture is 16x20 \(w x h\); turn it by 90 degrees, or resize the mask$",
    ),
    "a mask of words": (lambda: TASKS["inpaint"](EIGHT, mask={"a": 1}), "a mask is an array, a tensor"),
    "masks of a list": (
        lambda: TASKS["inpaint"]([EIGHT], mask=[MASK, MASK]),
        "mask has 2 entries for 1 pictures; pass one for all, or one for each",
    ),
    "seed of words": (
        lambda: TASKS["vary"](EIGHT, seed="7"),
        "^the seed is a whole number, or None for one that is drawn; got '7'$",
    ),
    "seed of floats": (lambda: TASKS["denoise"](EIGHT, seed=0.5), "^the seed is a whole number, .* got 0.5$"),
    "a range of words": (
        lambda: TASKS["denoise"](SEEN, data_range="0..1"),
        r"^data_range is \(low, high\), the values of black and white, such as \(0, 4095\); got '0..1'$",
    ),
    "one end": (lambda: TASKS["denoise"](SEEN, data_range=255), r"such as \(0, 4095\); got 255$"),
    "an inverted range": (lambda: TASKS["denoise"](SEEN, data_range=(1, 0)), r"below high; got \(1, 0\)$"),
    "a range without end": (lambda: TASKS["denoise"](SEEN, data_range=(0, np.inf)), r"got \(0, inf\)$"),
    "no picture": (lambda: TASKS["denoise"](None), "^expected a picture: a path, .*; got NoneType$"),
    "no picture with a range": (
        lambda: TASKS["denoise"](None, data_range=(0, 1)),
        "^expected a picture: a path, .*; got NoneType$",
    ),
    "a list of numbers": (lambda: TASKS["denoise"]([[1, 2], [3, 4]]), "for one picture pass numpy.asarray"),
    "words with a range": (
        lambda: TASKS["denoise"](np.full((4, 4), "x"), data_range=(0, 1)),
        "^arrays are expected to hold numbers, got",
    ),
    "a bad one of several": (
        lambda: TASKS["denoise"]([EIGHT, EIGHT[..., :0]]),
        "^picture 2 of 2: arrays are expected as",
    ),
    "whole numbers of 64 bits": (
        lambda: TASKS["denoise"](EIGHT.astype(np.int64)),
        r"^arrays are expected as uint8, uint16 or float, got int64; convert them, or tell their scale by",
    ),
    "a missing file": (lambda: TASKS["denoise"]("missing.png"), "^missing.png: "),
    "one bright pixel": (
        lambda: TASKS["denoise"](np.where(np.eye(H, W) * (np.arange(W) == 3) > 0, 200.0, SEEN[..., 0])),
        r"got values up to 200; divide by 255, or in Python pass data_range=\(low, high\)$",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error_of_ours(case: str) -> None:
    run, message = BAD[case]
    with pytest.raises((ValueError, TypeError, RestoreError), match=message) as caught:
        run()
    assert "\n" not in str(caught.value)
    last = caught.traceback[-1].path
    assert str(last).startswith(str(ROOT / "restore")), "it is a raw one of another library"


def test_python_says_what_is_wrong_with_a_call() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'strenght'"):
        restore.denoise(EIGHT, strenght=1, prior=PRIOR)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'image'"):
        restore.denoise()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="multiple values for argument 'scale'"):
        restore.upscale(EIGHT, 2, scale=2)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="takes 1 positional argument but 2"):
        restore.denoise(EIGHT, 25)  # type: ignore[call-overload]
