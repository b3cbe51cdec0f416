"""Folders of noisy pictures as scenes with one or more views each, checked before anything is learned."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore import images
from restore.errors import ConfigError, ImageError
from restore.training.data import samples

SHIFTED = 0.5  # pixels; two views farther apart than that blur what is learned from them
ALIKE = 0.2  # correlation of two views below which they have too little texture to tell a shift
LISTED = 5  # files named in a message
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Scene:
    """What one camera or scanner saw once, or several times.

    Parameters
    ----------
    name : of its file, for messages.
    views : each ``(h, w, 3)``, uint8, or float16 in [0, 1] units for what has more than 8 bits (noise may
        reach beyond 0 and 1).
    gray : the file has one channel, and its noise too.
    """

    name: str
    views: tuple[NDArray[Any], ...]
    gray: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.views[0].shape[0], self.views[0].shape[1]

    def floats(self) -> list[NDArray[np.float32]]:
        """The views as float32 in [0, 1]; one channel where the scene is gray."""
        channels = 1 if self.gray else 3
        return [as_floats(view[..., :channels]) for view in self.views]


def as_floats(view: NDArray[Any]) -> NDArray[np.float32]:
    """A view in [0, 1], float32."""
    scale = np.float32(255) if view.dtype == np.uint8 else np.float32(1)
    return view.astype(np.float32) / scale


def as_colour(view: NDArray[Any]) -> NDArray[Any]:
    """A view ``(h, w, 1 or 3)`` with three channels."""
    return np.broadcast_to(view, (*view.shape[:2], 3))


@dataclass(frozen=True, eq=False)
class NoisySet:
    """Scenes that can be learned from.

    Parameters
    ----------
    scenes : with one view each, or several.
    skipped : number of files that could not be read or used.
    """

    scenes: tuple[Scene, ...]
    skipped: int = 0

    @property
    def paired(self) -> bool:
        """Whether every scene has two views or more."""
        return all(len(scene.views) > 1 for scene in self.scenes)

    @property
    def megapixels(self) -> float:
        """Of all views together."""
        return sum(math.prod(scene.size) * len(scene.views) for scene in self.scenes) / 1e6


def read_noisy(
    paths: Sequence[str | Path],
    *,
    pairs: str | None = None,
    say: Say = lambda _: None,
    ignore: Sequence[str] = (),
) -> NoisySet:
    """Read files and folders of noisy pictures; what cannot be used is reported, counted and left out.

    A TIFF of several pages is a burst of one scene, unless most pictures are single. With pairs or bursts,
    views of another size, views farther apart than half a pixel and scenes with a single view are left out.

    Parameters
    ----------
    paths : files and folders.
    pairs : a pattern of the paths below a folder, without suffix, that tells which files are views of one
        scene, such as ``{scene}_{view}`` or ``{view}/{scene}``.
    say : called with a line for everything that is left out.
    ignore : patterns of names that are left out without a word, as for `images.list_inputs`.

    Raises
    ------
    ImageError
        Where nothing is left, and where two views are identical: nothing can be learned from noise that is
        the same in both.
    ConfigError
        For a pattern without a scene and a view.
    """
    files = _named_files(paths, ignore)
    folders = [Path(path) for path in paths if images.is_folder(path)]
    unread = [each for path in folders for each in images.survey(path, ignore=ignore).unread]
    if unread:
        say(images.unread_note(unread))
    scenes = []
    groups = {name: [path] for name, path in files} if pairs is None else _grouped(files, pairs, say)
    skipped = len(files) - sum(map(len, groups.values()))
    for name, members in groups.items():
        pictures: list[images.Picture] = []
        for path in members:
            try:
                pictures += images.read_pages(path)
            except ImageError as error:
                skipped += 1
                say(f"left out: {error}")
        if pictures:
            scenes.append(Scene(name, tuple(map(samples, pictures)), all(p.gray for p in pictures)))
    bursts = [scene for scene in scenes if len(scene.views) > 1]
    if pairs is None and 0 < len(bursts) < len(scenes) / 2:
        names = _list([scene.name for scene in bursts])
        say(f"{names}: only the first page is used, for most pictures are single")
        scenes = [replace(scene, views=scene.views[:1]) for scene in scenes]
    elif pairs is not None or bursts:
        checked = list(_matching(scenes, say))
        skipped += len(scenes) - len(checked)
        scenes = checked
    if not scenes:
        raise ImageError(
            f"none of {len(files)} files can be learned from; see what was said of each, and name a folder "
            "with noisy pictures"
        )
    depths = Counter(scene.views[0].dtype.name for scene in scenes)
    if len(depths) > 1:
        say(f"{depths['uint8']} pictures have 8 bits, {depths['float16']} more; all are brought to one scale")
    return NoisySet(tuple(scenes), skipped)


def split(
    noisy: NoisySet, held_out: float, seed: int, say: Say = lambda _: None
) -> tuple[NoisySet, NoisySet]:
    """(scenes to learn from, scenes kept aside): a share of at least one scene, drawn by ``seed``.

    A single picture is cut: its lowest part is kept aside, which is said.
    """
    scenes = noisy.scenes
    if len(scenes) == 1:
        (scene,) = scenes
        h = scene.size[0]
        cut = h - max(1, round(held_out * h))
        say(f"one scene only: learning from its upper {cut} rows, measuring on the {h - cut} below")
        top, below = ([view[rows] for view in scene.views] for rows in (slice(cut), slice(cut, None)))
        return (
            replace(noisy, scenes=(replace(scene, views=tuple(top)),)),
            NoisySet((replace(scene, views=tuple(below)),)),
        )
    order = np.random.default_rng(seed).permutation(len(scenes))
    count = min(len(scenes) - 1, max(1, round(held_out * len(scenes))))
    aside = set(order[:count].tolist())
    return (
        replace(noisy, scenes=tuple(s for k, s in enumerate(scenes) if k not in aside)),
        NoisySet(tuple(s for k, s in enumerate(scenes) if k in aside)),
    )


def shift_between(first: NDArray[Any], second: NDArray[Any]) -> tuple[float, float]:
    """How far (down, right), in pixels, the second view ``(h, w, c)`` lies from the first.

    The peak of the cross-correlation of both, freed of their coarsest parts, found to a tenth of a pixel
    (Guizar-Sicairos, Thurman and Fienup 2008). At most the middle 1024x1024 pixels are looked at. A shift
    that the four quarters do not agree on is one of the noise, and none.
    """
    h, w = first.shape[:2]
    top, left = max(0, (h - 1024) // 2), max(0, (w - 1024) // 2)
    views = [as_floats(v[top : top + 1024, left : left + 1024]).mean(2) for v in (first, second)]
    found = _offset(*views)
    if np.abs(found).max() > SHIFTED:
        h, w = views[0].shape[0] // 2, views[0].shape[1] // 2
        places = [np.s_[:h, :w], np.s_[:h, -w:], np.s_[-h:, :w], np.s_[-h:, -w:]]
        quarters = np.array([_offset(*(view[place] for view in views)) for place in places])
        doubt = 3 * quarters.std(0, ddof=1) / 2  # of their mean
        found = np.where(np.abs(found) > doubt, found, 0.0)
    return float(found[0]), float(found[1])


def _offset(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """(down, right) of a gray view ``(h, w)`` from another; nothing where they have too little in common."""
    import cv2
    from skimage.registration import phase_cross_correlation

    seen = []
    for view in (first, second):
        fine = cv2.GaussianBlur(view, (0, 0), 1.2) - cv2.GaussianBlur(view, (0, 0), 8)
        window = np.outer(np.hanning(view.shape[0] + 2)[1:-1], np.hanning(view.shape[1] + 2)[1:-1])
        seen.append(fine * window)
    found, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]  # scikit-image has no types
        *seen, upsample_factor=10, normalization=None
    )
    moved = np.roll(seen[1], np.round(found).astype(int), (0, 1))
    alike = (seen[0] * moved).sum() / max(float(np.linalg.norm(seen[0]) * np.linalg.norm(moved)), 1e-12)
    # The noise of two views fits best somewhere too.
    return -np.asarray(found) if alike >= ALIKE else np.zeros(2)


def _named_files(paths: Sequence[str | Path], ignore: Sequence[str]) -> list[tuple[str, Path]]:
    """Every file with its name in messages and patterns: its path below the folder it was found in."""
    files, known = [], set()
    for path in map(Path, paths):
        for file in images.list_inputs([path], ignore=ignore):
            if file.resolve() in known:
                continue
            known.add(file.resolve())
            name = file.relative_to(path) if path.is_dir() else Path(file.name)
            files.append((name.with_suffix("").as_posix() if path.is_dir() else name.stem, file))
    # The same name twice (a.png and a.tif, or in two folders) are still two pictures.
    seen = Counter(name for name, _ in files)
    return [(name if seen[name] == 1 else str(file), file) for name, file in files]


def _grouped(files: Sequence[tuple[str, Path]], pattern: str, say: Say) -> dict[str, list[Path]]:
    """The files of each scene, in the order of their views. Raises ConfigError and ImageError."""
    expression = _expression(pattern)
    groups: dict[str, dict[str, Path]] = {}
    strangers = []
    for name, path in files:
        match = expression.fullmatch(name)
        if match is None:
            strangers.append(name)
            continue
        views = groups.setdefault(match["scene"], {})
        if match["view"] in views:
            raise ImageError(
                f"{views[match['view']]} and {path} are both view {match['view']!r} of scene "
                f"{match['scene']!r} by the pattern {pattern!r}; make it tell them apart"
            )
        views[match["view"]] = path
    if not groups:
        raise ImageError(
            f"no file fits the pattern {pattern!r}; the first is {files[0][0]!r} (folders are parts of a "
            "name, suffixes are not)"
        )
    if strangers:
        say(f"{_list(strangers)} do not fit the pattern {pattern!r} and are left out")
    return {scene: [views[view] for view in sorted(views)] for scene, views in groups.items()}


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\}|\*)", pattern)
    if sorted(p for p in parts if p.startswith("{")) != ["{scene}", "{view}"]:
        raise ConfigError(
            f"the pattern {pattern!r} must hold {{scene}} and {{view}} once each, such as {{scene}}_{{view}} "
            "or {view}/{scene}"
        )
    groups = {"{scene}": "(?P<scene>.+)", "{view}": "(?P<view>[^/]+?)", "*": "[^/]*"}
    return re.compile("".join(groups.get(part, re.escape(part)) for part in parts))


def _matching(scenes: Sequence[Scene], say: Say) -> Iterator[Scene]:
    """Scenes whose views fit each other. Raises ImageError for identical views."""
    lonely = [scene.name for scene in scenes if len(scene.views) < 2]
    if lonely:
        say(f"{_list(lonely)} have no second view and are left out")
    for scene in scenes:
        if len(scene.views) < 2:
            continue
        first = scene.views[0]
        kept = [first]
        for number, view in enumerate(scene.views[1:], 2):
            if view.shape != first.shape:
                sizes = " and ".join(f"{v.shape[1]}x{v.shape[0]}" for v in (first, view))
                say(f"{scene.name}: view {number} has another size ({sizes}) and is left out")
            elif np.array_equal(as_floats(view), as_floats(first)):
                raise ImageError(
                    f"{scene.name}: views 1 and {number} are identical, so their noise is too, and nothing "
                    "can be learned from it; give two exposures of the scene, not copies"
                )
            else:
                down, right = shift_between(first, view)
                if max(abs(down), abs(right)) > SHIFTED:
                    say(
                        f"{scene.name}: view {number} lies {_pixels(down)} down and {_pixels(right)} to the "
                        "right of view 1 and is left out; align the views first"
                    )
                else:
                    kept.append(view)
        if len(kept) > 1:
            # One precision for the views of a scene; 8 bits are exact enough as float16.
            same = len({view.dtype for view in kept}) == 1
            yield replace(
                scene, views=tuple(kept if same else [as_floats(v).astype(np.float16) for v in kept])
            )


def _pixels(distance: float) -> str:
    return f"{distance:.1f} pixels"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
