"""Folders of noisy pictures: what belongs together is found, what cannot be used is said and left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image
from scenes import scene

from restore import images
from restore.errors import ConfigError, ImageError
from restore.fitting import views
from restore.fitting.views import NoisySet, Scene, read_noisy, shift_between, split
from restore.training.data import PictureStore

Pixels = NDArray[Any]
H, W = 64, 80


def noisy(number: int, view: int = 0, *, h: int = H, w: int = W, sigma: float = 12) -> NDArray[np.uint8]:
    """A view of a scene; the same arguments are the same picture."""
    rng = np.random.default_rng((number, view))
    pixels = scene(number, h, w) + rng.normal(0, sigma, (h, w, 3))
    return pixels.round().clip(0, 255).astype(np.uint8)


def write(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        pages = pixels if pixels.ndim == 4 else pixels[None]
        tifffile.imwrite(path, pages, photometric="rgb")
    else:
        Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def said() -> list[str]:
    return []


def by_name(noisy_set: NoisySet) -> dict[str, Scene]:
    found = {scene.name: scene for scene in noisy_set.scenes}
    assert len(found) == len(noisy_set.scenes)
    return found


# --- single pictures ------------------------------------------------------------------------------


def test_every_picture_is_a_scene_of_its_own(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path / "a.png", noisy(0))
    write(tmp_path / "deep" / "b.tif", noisy(1, h=40))
    found = read_noisy([tmp_path, write(tmp_path / "other" / "c.png", noisy(2))], say=said.append)
    scenes = by_name(found)
    assert scenes.keys() >= {"a", "deep/b"}
    assert len(scenes) == 3  # other/c.png is named twice and there once
    assert np.array_equal(scenes["a"].views[0], noisy(0))
    assert scenes["deep/b"].size == (40, W)
    assert (found.skipped, found.paired, said) == (0, False, [])
    assert found.megapixels == pytest.approx((2 * H + 40) * W / 1e6)


def test_gray_files_have_one_channel(tmp_path: Path) -> None:
    write(tmp_path / "gray.png", noisy(0)[..., 0])
    write(tmp_path / "colour.png", noisy(0))
    scenes = by_name(read_noisy([tmp_path]))
    assert (scenes["gray"].gray, scenes["colour"].gray) == (True, False)
    assert scenes["gray"].views[0].shape == (H, W, 3)
    assert scenes["gray"].floats()[0].shape == (H, W, 1)
    assert scenes["colour"].floats()[0].shape == (H, W, 3)
    assert scenes["colour"].floats()[0].max() <= 1


def test_deep_files_keep_their_depth(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path / "a.tif", (noisy(0).astype(np.uint16) * 257))
    write(tmp_path / "b.tif", (noisy(1) / 255 * 1.5 - 0.25).astype(np.float32))
    write(tmp_path / "c.png", noisy(2))
    scenes = by_name(read_noisy([tmp_path], say=said.append))
    assert [scenes[name].views[0].dtype.name for name in "abc"] == ["float16", "float16", "uint8"]
    assert scenes["a"].floats()[0] == pytest.approx(noisy(0) / 255, abs=5e-4)
    assert scenes["b"].floats()[0] == pytest.approx(noisy(1) / 255 * 1.5 - 0.25, abs=1e-3)
    assert said == ["1 pictures have 8 bits, 2 more; all are brought to one scale"]


def test_pictures_that_are_not_numbers_are_left_out(tmp_path: Path, said: list[str]) -> None:
    broken = (noisy(0) / 255).astype(np.float32)
    broken[3, 4] = np.nan
    write(tmp_path / "broken.tif", broken)
    write(tmp_path / "good.tif", (noisy(1) / 255).astype(np.float32))
    found = read_noisy([tmp_path], say=said.append)
    assert [s.name for s in found.scenes] == ["good"]
    assert found.skipped == 1
    assert len(said) == 1
    assert "broken.tif" in said[0]


def test_what_cannot_be_read_is_said_and_counted(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path / "good.png", noisy(0))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    whole = write(tmp_path / "cut.png", noisy(1)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("not a picture")
    found = read_noisy([tmp_path], say=said.append)
    assert [s.name for s in found.scenes] == ["good"]
    assert found.skipped == 2
    assert [line.startswith(f"left out: {tmp_path}") for line in said] == [True, True]
    assert {name for name in ("bad.png", "cut.png") if any(name in line for line in said)} == {
        "bad.png",
        "cut.png",
    }


def test_nothing_left(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="none of 2 files can be learned from; see what was said of each"):
        read_noisy([tmp_path])
    with pytest.raises(ImageError, match="no such file or folder"):
        read_noisy([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="expected a folder with pictures"):
        read_noisy([tmp_path / "empty"])


def test_the_same_name_twice_is_two_pictures(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.png", noisy(0))
    write(tmp_path / "two" / "a.png", noisy(1))
    write(tmp_path / "two" / "a.tif", noisy(2))
    scenes = by_name(read_noisy([tmp_path / "one", tmp_path / "two"]))
    assert len(scenes) == 3
    for number in range(3):
        assert any(np.array_equal(s.views[0], noisy(number)) for s in scenes.values())
    files = [tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"]
    assert len(read_noisy(files).scenes) == 2


# --- views by their names -------------------------------------------------------------------------

PATTERNS: list[tuple[str, Callable[[int, int], str]]] = [
    ("{scene}_{view}", lambda s, v: f"scene{s}_{v}"),
    ("{scene}_{view}", lambda s, v: f"a_scene_{s}_v{v}"),
    ("{view}/{scene}", lambda s, v: f"v{v}/scene{s}"),
    ("{view}/{scene}", lambda s, v: f"v{v}/deep/scene{s}"),
    ("{scene}/{view}", lambda s, v: f"scene{s}/v{v}"),
    ("{scene}-*-{view}", lambda s, v: f"scene{s}-iso{s * v}-{v}"),
    ("*/{scene}.{view}", lambda s, v: f"f{s * v}/scene{s}.{v}"),
    ("shot {view} of {scene}", lambda s, v: f"shot {v} of {s}"),
]


@pytest.mark.parametrize(("pattern", "name"), PATTERNS, ids=[f"{p}: {n(3, 2)}" for p, n in PATTERNS])
def test_patterns(tmp_path: Path, said: list[str], pattern: str, name: Callable[[int, int], str]) -> None:
    for number in (1, 2, 3):
        for view in (1, 2):
            write(tmp_path / f"{name(number, view)}.png", noisy(number, view))
    found = read_noisy([tmp_path], pairs=pattern, say=said.append)
    assert (len(found.scenes), found.skipped, found.paired, said) == (3, 0, True, [])
    for number, one in enumerate(sorted(found.scenes, key=lambda s: s.name), 1):
        assert [np.array_equal(view, noisy(number, v)) for v, view in enumerate(one.views, 1)] == [True] * 2


@pytest.mark.parametrize(
    "pattern", ["{scene}", "{view}", "", "*", "{scene}_{scene}_{view}", "{scene}_{view}_{take}", "{scene}{}"]
)
def test_patterns_without_a_scene_and_a_view(tmp_path: Path, pattern: str) -> None:
    write(tmp_path / "a_1.png", noisy(0))
    with pytest.raises(ConfigError, match=r"must hold \{scene\} and \{view\} once each"):
        read_noisy([tmp_path], pairs=pattern)


def test_no_file_fits_the_pattern(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a1.png", noisy(0))
    with pytest.raises(ImageError, match=r"no file fits the pattern '\{scene\}_\{view\}'; the first is 's"):
        read_noisy([tmp_path], pairs="{scene}_{view}")


def test_strangers_and_lonely_scenes_are_left_out(tmp_path: Path, said: list[str]) -> None:
    for view in (1, 2):
        write(tmp_path / f"a_{view}.png", noisy(0, view))
    write(tmp_path / "b_1.png", noisy(1))
    for number in range(7):
        write(tmp_path / f"stranger{number}.png", noisy(9, number, h=16, w=16))
    found = read_noisy([tmp_path], pairs="{scene}_{view}", say=said.append)
    assert [s.name for s in found.scenes] == ["a"]
    assert found.skipped >= 1
    assert said == [
        "stranger0, stranger1, stranger2, stranger3, stranger4 and 2 more do not fit the pattern "
        "'{scene}_{view}' and are left out",
        "b have no second view and are left out",
    ]


def test_all_that_is_left_out_is_counted(tmp_path: Path, said: list[str]) -> None:
    for view in (1, 2):
        write(tmp_path / f"a_{view}.png", noisy(0, view))
    write(tmp_path / "b_1.png", noisy(1))
    write(tmp_path / "stranger.png", noisy(2))
    assert read_noisy([tmp_path], pairs="{scene}_{view}", say=said.append).skipped == 2


def test_two_files_for_one_view(tmp_path: Path) -> None:
    for iso in (100, 200):
        write(tmp_path / f"a_iso{iso}_1.png", noisy(0, iso))
    with pytest.raises(ImageError, match=r"are both view '1' of scene 'a' by the pattern '\{scene\}_\*_"):
        read_noisy([tmp_path], pairs="{scene}_*_{view}")


def test_views_of_another_size(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path / "a_1.png", noisy(0, 1))
    write(tmp_path / "a_2.png", noisy(0, 2, w=W + 8))
    write(tmp_path / "a_3.png", noisy(0, 3))
    write(tmp_path / "b_1.png", noisy(1, 1))
    write(tmp_path / "b_2.png", noisy(1, 2, h=H - 8))
    found = read_noisy([tmp_path], pairs="{scene}_{view}", say=said.append)
    (one,) = found.scenes
    assert [np.array_equal(view, noisy(0, v)) for view, v in zip(one.views, (1, 3), strict=True)] == [
        True
    ] * 2
    assert said == [
        f"a: view 2 has another size ({W}x{H} and {W + 8}x{H}) and is left out",
        f"b: view 2 has another size ({W}x{H} and {W}x{H - 8}) and is left out",
    ]
    assert found.skipped >= 1


def test_identical_views(tmp_path: Path) -> None:
    for view in (1, 2):
        write(tmp_path / f"a_{view}.png", noisy(0))
    with pytest.raises(ImageError, match="a: views 1 and 2 are identical, so their noise is too"):
        read_noisy([tmp_path], pairs="{scene}_{view}")


def test_an_unreadable_view(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path / "a_1.png", noisy(0, 1))
    (tmp_path / "a_2.png").write_bytes(b"no picture")
    write(tmp_path / "a_3.png", noisy(0, 3))
    found = read_noisy([tmp_path], pairs="{scene}_{view}", say=said.append)
    assert len(found.scenes[0].views) == 2
    assert found.skipped == 1
    assert len(said) == 1


def test_views_of_two_depths_meet_at_the_finer(tmp_path: Path) -> None:
    write(tmp_path / "a_1.png", noisy(0, 1))
    write(tmp_path / "a_2.tif", noisy(0, 2).astype(np.uint16) * 257)
    ((one, two),) = (s.views for s in read_noisy([tmp_path], pairs="{scene}_{view}").scenes)
    assert one.dtype == two.dtype == np.float16
    assert one.astype(float) == pytest.approx(noisy(0, 1) / 255, abs=5e-4)
    assert two.astype(float) == pytest.approx(noisy(0, 2) / 255, abs=5e-4)


# --- shifts ---------------------------------------------------------------------------------------


def moved(down: int, right: int, *, sigma: float = 12, number: int = 3) -> tuple[Pixels, Pixels]:
    """Two noisy views of which the second shows everything farther down and to the right."""
    whole = scene(number, 180, 200).astype(float)
    rng = np.random.default_rng(0)
    found = []
    for top, left in ((20, 20), (20 - down, 20 - right)):
        clean = whole[top : top + 128, left : left + 144]
        found.append((clean + rng.normal(0, sigma, clean.shape)).round().clip(0, 255).astype(np.uint8))
    return found[0], found[1]


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -2), (0, 1), (-1, 0), (-7, 11)])
@pytest.mark.parametrize("sigma", [0, 25])
def test_shifts_are_measured(down: int, right: int, sigma: float) -> None:
    found = shift_between(*moved(down, right, sigma=sigma))
    window = 0.03 * max(abs(down), abs(right))  # what both views show is a little nearer than they lie
    assert found == pytest.approx((down, right), abs=window + (0.45 if sigma else 0.15))


def test_shifted_views_are_left_out(tmp_path: Path, said: list[str]) -> None:
    first, second = moved(2, -4)
    write(tmp_path / "a_1.png", first)
    write(tmp_path / "a_2.png", second)
    for view, picture in enumerate(moved(0, 0, number=4), 1):
        write(tmp_path / f"b_{view}.png", picture)
    found = read_noisy([tmp_path], pairs="{scene}_{view}", say=said.append)
    assert [s.name for s in found.scenes] == ["b"]
    (line,) = said
    assert line.startswith("a: view 2 lies ")
    words = line.split()
    assert float(words[words.index("lies") + 1]) == pytest.approx(2, abs=0.3)
    assert float(words[words.index("and") + 1]) == pytest.approx(-4, abs=0.3)
    assert line.endswith("is left out; align the views first")


def ramp() -> Pixels:
    y, x = np.mgrid[:96, :128]
    return np.stack([y + 60, x + 60, (x + y) / 2 + 60], axis=2)


@pytest.mark.parametrize("clean", [np.full((96, 128, 3), 128.0), ramp()], ids=["flat", "even"])
def test_scenes_without_texture_are_not_taken_for_shifted(tmp_path: Path, clean: Pixels) -> None:
    """The noise of two views has nothing in common, so nothing may be made of where it fits best."""
    rng = np.random.default_rng(0)
    for view in (1, 2):
        noise = rng.normal(0, 20, clean.shape)
        write(tmp_path / f"a_{view}.png", (clean + noise).round().clip(0, 255).astype(np.uint8))
    assert len(read_noisy([tmp_path], pairs="{scene}_{view}").scenes[0].views) == 2


# --- bursts ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("depth", [8, 16])
def test_pages_are_views(tmp_path: Path, said: list[str], depth: int) -> None:
    dtype, factor = (np.uint8, 1) if depth == 8 else (np.uint16, 257)
    pages = np.stack([noisy(0, view).astype(dtype) * dtype(factor) for view in range(4)])
    write(tmp_path / "burst.tif", pages)
    found = read_noisy([tmp_path], say=said.append)
    (one,) = found.scenes
    assert (len(one.views), found.paired, found.skipped, said) == (4, True, 0, [])
    assert found.megapixels == pytest.approx(4 * H * W / 1e6)
    for view, pixels in enumerate(one.floats()):
        assert pixels == pytest.approx(noisy(0, view) / 255, abs=5e-4)
    pictures = images.read_pages(tmp_path / "burst.tif")
    assert [np.array_equal(p.pixels, page) for p, page in zip(pictures, pages, strict=True)] == [True] * 4
    assert {(p.bits, p.pages) for p in pictures} == {(depth, 1)}


@pytest.mark.parametrize("compression", [None, "tiff_deflate", "packbits"])
def test_pages_of_gray_bursts(tmp_path: Path, compression: str | None) -> None:
    pages = [noisy(0, view)[..., 0] for view in range(3)]
    first, *rest = map(Image.fromarray, pages)
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest, compression=compression)
    (one,) = read_noisy([tmp_path]).scenes
    assert one.gray
    for view, pixels in enumerate(one.floats()):
        assert np.array_equal(pixels[..., 0], np.float32(pages[view]) / 255)


def test_other_files_are_one_page(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif"):
        (page,) = images.read_pages(write(tmp_path / name, noisy(0)))
        assert np.array_equal(page.pixels, noisy(0))
        assert page.pages == 1


def test_pages_that_cannot_be_read(tmp_path: Path, said: list[str]) -> None:
    first, second = (Image.fromarray(noisy(0, view)) for view in range(2))
    first.save(tmp_path / "burst.tif", save_all=True, append_images=[second], compression="jpeg")
    assert len(images.read_pages(tmp_path / "burst.tif")) == 2
    data = bytearray((tmp_path / "burst.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "burst.tif") as file:
        at, size = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    data[at : at + size] = bytes(size)
    (tmp_path / "burst.tif").write_bytes(data)
    with pytest.raises(ImageError, match=r"burst\.tif, page 2: expected a whole picture"):
        images.read_pages(tmp_path / "burst.tif")
    write(tmp_path / "good.png", noisy(1))
    found = read_noisy([tmp_path], say=said.append)
    assert [s.name for s in found.scenes] == ["good"]
    assert found.skipped == 1
    assert said[0].startswith("left out: ")


def test_some_bursts_among_single_pictures_are_single_too(tmp_path: Path, said: list[str]) -> None:
    """One TIFF with a second page must not cost a folder of scans."""
    write(tmp_path / "burst.tif", np.stack([noisy(0, view) for view in range(3)]))
    for number in range(3):
        write(tmp_path / f"single{number}.png", noisy(5 + number))
    found = read_noisy([tmp_path], say=said.append)
    assert [len(scene.views) for scene in found.scenes] == [1, 1, 1, 1]
    assert (found.paired, found.skipped) == (False, 0)
    assert said == ["burst: only the first page is used, for most pictures are single"]


@pytest.mark.parametrize("singles", [1, 2])
def test_single_pictures_among_bursts_are_said_and_left_out(
    tmp_path: Path, said: list[str], singles: int
) -> None:
    for number in range(2):
        write(tmp_path / f"burst{number}.tif", np.stack([noisy(number, view) for view in range(3)]))
    for number in range(singles):
        write(tmp_path / f"single{number}.png", noisy(5 + number))
    found = read_noisy([tmp_path], say=said.append)
    assert sorted(s.name for s in found.scenes) == ["burst0", "burst1"]
    assert found.paired
    assert found.skipped == singles
    assert len(said) == 1
    assert "single0" in said[0]
    assert "have no second view and are left out" in said[0]


def test_bursts_with_a_pattern_join_the_views_of_their_scene(tmp_path: Path) -> None:
    write(tmp_path / "a_1.tif", np.stack([noisy(0, view) for view in range(2)]))
    write(tmp_path / "a_2.png", noisy(0, 2))
    (one,) = read_noisy([tmp_path], pairs="{scene}_{view}").scenes
    assert len(one.views) == 3


# --- keeping aside --------------------------------------------------------------------------------


def made(count: int, *, paired: bool = False) -> NoisySet:
    numbers = range(2 if paired else 1)
    scenes = [Scene(str(k), tuple(noisy(k, v, h=20, w=24) for v in numbers)) for k in range(count)]
    return NoisySet(tuple(scenes), skipped=3)


@pytest.mark.parametrize("count", [2, 3, 10, 31])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_share_is_kept_aside(count: int, share: float, said: list[str]) -> None:
    whole = made(count)
    learning, aside = split(whole, share, seed=1, say=said.append)
    assert len(aside.scenes) == min(count - 1, max(1, round(share * count)))
    both = [s.name for s in (*learning.scenes, *aside.scenes)]
    assert sorted(both, key=int) == [s.name for s in whole.scenes]
    assert learning.skipped == 3
    assert said == []


def test_the_seed_decides_what_is_kept_aside() -> None:
    def names(seed: int) -> set[str]:
        return {s.name for s in split(made(30), 0.2, seed)[1].scenes}

    assert names(1) == names(1)
    assert len({frozenset(names(seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize("paired", [False, True])
def test_a_single_scene_is_cut(said: list[str], paired: bool) -> None:
    whole = made(1, paired=paired)
    learning, aside = split(whole, 0.1, seed=0, say=said.append)
    (one,) = whole.scenes
    assert said == ["one scene only: learning from its upper 18 rows, measuring on the 2 below"]
    for upper, lower, view in zip(learning.scenes[0].views, aside.scenes[0].views, one.views, strict=True):
        assert np.array_equal(upper, view[:18])
        assert np.array_equal(lower, view[18:])
    assert learning.paired is aside.paired is paired


# --- crops of pairs -------------------------------------------------------------------------------


def place(number: int, view: int, h: int, w: int) -> NDArray[np.uint8]:
    """Pixels that say where they are, and of which view and scene."""
    y, x = np.mgrid[:h, :w]
    return np.stack([y, x, np.full((h, w), 10 * number + view)], axis=2).astype(np.uint8)


def test_pairs_are_the_same_place_of_two_views() -> None:
    sizes = [(20, 30, 2), (24, 18, 4)]
    scenes = [tuple(place(k, v, h, w) for v in range(n)) for k, (h, w, n) in enumerate(sizes)]
    store = PictureStore(scenes, 8)
    first, second = store.pairs(3000, torch.Generator().manual_seed(0))
    assert first.shape == second.shape == (3000, 3, 8, 8)
    assert torch.equal(first[:, :2], second[:, :2])
    labels = [(crops[:, 2, 0, 0] * 255).round().long() for crops in (first, second)]
    for label, crops in zip(labels, (first, second), strict=True):
        assert torch.equal((crops[:, 2] * 255).round().long(), label.view(-1, 1, 1).expand(-1, 8, 8))
    assert torch.equal(labels[0] // 10, labels[1] // 10)
    assert (labels[0] != labels[1]).all()
    found = set(zip(labels[0].tolist(), labels[1].tolist(), strict=True))
    assert found == {(0, 1), (1, 0)} | {(10 + a, 10 + b) for a in range(4) for b in range(4) if a != b}
    of_four = [pair for pair in zip(labels[0].tolist(), labels[1].tolist(), strict=True) if pair[0] >= 10]
    for pair in set(of_four):
        share = of_four.count(pair) / len(of_four)
        assert share == pytest.approx(1 / 12, abs=4.5 * math.sqrt(1 / 12 / len(of_four)))


def test_crops_of_scenes_with_views_come_from_the_first() -> None:
    store = PictureStore([(place(0, 0, 16, 16), place(0, 1, 16, 16)), place(1, 0, 16, 16)], 8)
    labels = (store.crops(200, torch.Generator().manual_seed(0))[:, 2, 0, 0] * 255).round()
    assert set(labels.tolist()) == {0, 10}


def test_pictures_of_two_depths_in_one_store() -> None:
    deep = (place(1, 0, 16, 16) / 255).astype(np.float16)
    store = PictureStore([place(0, 0, 16, 16), deep], 16)
    crops = store.crops(50, torch.Generator().manual_seed(0))
    assert crops.dtype == torch.float32
    labels = (crops[:, 2, 0, 0] * 255).round()
    assert set(labels.tolist()) == {0, 10}
    assert crops[:, :2].amax((1, 2, 3)).numpy() == pytest.approx(np.full(50, 15 / 255), abs=1e-4)


def test_floats_of_a_view() -> None:
    assert views.as_floats(np.array([[[0, 51, 255]]], np.uint8)).tolist() == [[[0, np.float32(0.2), 1]]]
    assert views.as_floats(np.array([[[0.5]]], np.float16)).dtype == np.float32
    assert views.as_colour(np.zeros((4, 5, 1))).shape == (4, 5, 3)
