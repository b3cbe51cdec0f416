"""What a budget of calls or seconds is spent on, for each command: planned, told, and then walked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restore.cli.runner import OnlyPlannedError, Session
from restore.errors import ConfigError
from restore.inverse.spec import Word, size_before
from restore.priors.calibration import curve
from restore.tasks.budget import Plan, plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.images.jpeg_coding import Coding

SMALL = 256  # pixels a side of what the machine's speed is measured on


@dataclass(frozen=True)
class Job:
    """What a budget is for. task: a key of `options.STEPS`. work: the pixels that every call computes for the
    picture, those around tiles and at other sizes counted. small: computes something like it in two steps
    and gives the pixels of each call. extra: calls before the walk."""

    task: str
    work: int
    small: Callable[[Mapping[str, Any]], int]
    extra: int = 0


def spent(session: Session, name: str, walk: Mapping[str, Any], about: Callable[[], Job]) -> dict[str, Any]:
    """The walk, with what a budget chooses in place of steps; the plan is told before the work starts.

    about: what it is for, asked only where there is a budget. Raises ConfigError where that is below one
    call, OnlyPlannedError in a dry run.
    """
    settings = session.settings
    if not settings.budgeted:
        return dict(walk)
    job = about()
    per_call, calls = 0.0, settings.nfe or 0
    if settings.seconds is not None:
        per_call = _seconds_per_pixel(session, walk, job) * job.work
        gone = time.perf_counter() - session.began
        calls = int((settings.seconds - gone) / per_call)
        if calls < 1:
            raise ConfigError(
                f"{name}: --seconds {settings.seconds:g} is not enough: reading and measuring took "
                f"{gone:.1f} s, and one network call takes about {per_call:.2g} s here; pass more"
            )
    chosen = plan(job.task, walk, calls, extra=job.extra)
    session.backbone.ensemble = chosen.ensemble
    if settings.seconds is not None:
        session.chosen = (("--nfe", str(chosen.calls)),)
        if "jumps" in chosen.options:  # several walks take nearly as many calls
            length, repeats = chosen.options["jumps"]
            told = {"--steps": chosen.options["steps"], "--jump-length": length, "--jump-repeats": repeats}
            session.chosen = tuple((name, str(value)) for name, value in told.items())
    if "method" in chosen.options:
        session.facts["method"] = chosen.options["method"]
    walk = {**walk, **chosen.options}
    _tell(session, name, walk, job.task, chosen, per_call)
    if settings.dry_run:
        raise OnlyPlannedError
    return walk


def _tell(
    session: Session, name: str, walk: Mapping[str, Any], task: str, chosen: Plan, per_call: float
) -> None:
    total = chosen.calls
    parts = [f"{total} network call{'s' if total > 1 else ''}"]
    if chosen.ensemble > 1:
        parts.append(f"{chosen.ensemble} orientations")
    if "jumps" in chosen.options:
        length, repeats = chosen.options["jumps"]
        parts.append(f"{walk['steps']} steps, climbs of {length}, {repeats} times")
    if per_call:
        whole = time.perf_counter() - session.began + total * per_call
        parts.append(f"{whole:.1f} s in all, {total * per_call:.1f} s from here")
        session.facts["planned_seconds"] = round(whole, 3)
    if session.settings.uncertainty is not None:
        parts.append("the map of --uncertainty on top of it")
    session.facts["planned_calls"] = total
    session.note(f"{name}: plan: {', '.join(parts)}")
    weights = str(session.backbone.facts.get("sha256", ""))
    method = "gaussian" if walk["method"] == "auto" else walk["method"]  # a level was told
    if known := curve(weights, task, method, walk["estimate"]):
        session.note(f"{name}: expected, as on {known.expected(total)}")


def _seconds_per_pixel(session: Session, walk: Mapping[str, Any], job: Job) -> float:
    """Measured once for each way to walk: the best of two, after one that is not counted."""
    key = (job.task, session.backbone.dtype, *sorted((k, str(v)) for k, v in walk.items() if k != "seed"))
    if key not in session.speeds:
        network, found = session.backbone, []
        for _ in range(3):
            before, start = network.calls, time.perf_counter()
            pixels = job.small(walk)
            found.append((time.perf_counter() - start) / (pixels * max(1, network.calls - before)))
        session.speeds[key] = min(found[1:])
    return session.speeds[key]


def inpainting(hole: NDArray[np.bool_], walk: Mapping[str, Any], session: Session) -> Job:
    """For a picture with a hole (h, w)."""
    import numpy as np
    import torch

    from restore.tasks.catalogue import find
    from restore.tasks.inpaint import inpaint
    from restore.tasks.inpaint_methods import Jumps, workload

    def small(walk: Mapping[str, Any]) -> int:
        side: int = min(SMALL, *hole.shape)
        speck = np.zeros((side, side), np.bool_)
        speck[side // 2, side // 2] = side > 1
        climbs = Jumps(1, 1) if walk["method"] == "repaint" else None
        steps = None if walk["method"] == "conditional" and walk["estimate"] == "mean" else 3
        gray = np.full((side, side), 0.5, np.float32)
        inpaint(gray, speck, prior=session.backbone, **{**walk, "steps": steps, "jumps": climbs})
        return max(1, work(speck))

    def work(missing: NDArray[np.bool_]) -> int:
        plane = torch.from_numpy(missing)[None, None].float()
        return workload(plane, find("inpaint", walk["method"], walk["estimate"]), session.backbone)

    return Job("inpaint", work(hole), small)


def denoising(pixels: NDArray[Any], session: Session) -> Job:
    """For a noisy picture ``(h, w, c)``. Where noise was cut off, one call more finds out what was lost."""
    from restore.images.canvas import canvas
    from restore.noise.measure import is_clipped
    from restore.tasks.denoise import denoise
    from restore.tasks.noise_choice import CUT_OFF

    piece = canvas(pixels[:SMALL, :SMALL]).batch * 0 + 0.5

    def small(walk: Mapping[str, Any]) -> int:
        steps = None if walk["estimate"] == "mean" else 2
        denoise(piece, prior=session.backbone, **{**walk, "sigma": 10.0, "steps": steps})
        return math.prod(piece.shape[-2:])

    seen = canvas(pixels).batch[0].permute(1, 2, 0).numpy()
    h, w = pixels.shape[:2]
    work = session.backbone.computed((h, w))
    return Job("denoise", work, small, extra=int(is_clipped(seen, CUT_OFF)))


def upscaling(pixels: NDArray[Any], scale: float, session: Session) -> Job:
    """For a small picture ``(h, w, c)``."""
    from restore.tasks.upscale import upscale

    side = max(1, round(SMALL / scale))
    piece = pixels[:side, :side]

    def small(walk: Mapping[str, Any]) -> int:
        one_call = walk["method"] == "conditional" and walk["estimate"] == "mean"
        steps = None if one_call else 2
        upscale(piece, scale, prior=session.backbone, **{**walk, "steps": steps})
        return math.prod(round(side * scale) for side in piece.shape[:2])

    h, w = (round(side * scale) for side in pixels.shape[:2])
    return Job("upscale", session.backbone.computed((h, w)), small)


def compressed(pixels: NDArray[Any], coding: Coding | None, method: str, session: Session) -> Job:
    """For a picture ``(h, w, c)`` that JPEG has left something in."""
    from restore.inverse.catalogue import solvers
    from restore.tasks.dejpeg import dejpeg

    piece = pixels[:SMALL, :SMALL]

    def small(walk: Mapping[str, Any]) -> int:
        steps = None if walk["method"] == "blind" else 2
        dejpeg(piece, coding=coding, prior=session.backbone, **{**walk, "steps": steps})
        return int(piece.shape[0] * piece.shape[1])

    h, w = pixels.shape[:2]
    gradient = method != "blind" and solvers()[method].gradient
    return Job("dejpeg", session.backbone.computed((h, w), differentiable=gradient), small)


def solving(pixels: NDArray[Any], words: Sequence[Word], method: str, session: Session) -> Job:
    """For a picture ``(h, w, c)`` that something was done to."""
    from restore.inverse.build import chain_of
    from restore.inverse.catalogue import solvers
    from restore.tasks.solve import solve

    factor = size_before(words, (1000, 1000))[0] / 1000
    side = max(1, round(SMALL / factor))
    piece = pixels[:side, :side]
    size = size_before(words, (pixels.shape[0], pixels.shape[1]))

    def small(walk: Mapping[str, Any]) -> int:
        # A blur's kernel may be larger than the piece: then all of it is computed.
        given = piece
        try:
            operator = chain_of(words)(given.shape[:2], session.backbone.device)
        except ValueError:
            given = pixels
            operator = chain_of(words)(given.shape[:2], session.backbone.device)
        solve(given, lambda *_: operator, prior=session.backbone, **{**walk, "steps": 2})
        return math.prod(operator.x_shape[1:])

    return Job("solve", session.backbone.computed(size, differentiable=solvers()[method].gradient), small)
