"""Plots of noise schedules: betas, what is left of the signal, a photograph going to noise and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from restore.diffusion.coordinates import as_picture
from restore.diffusion.samplers import named_sampler
from restore.diffusion.schedule import Schedule
from restore.diffusion.seeds import picture_rng, seeded_rng
from restore.diffusion.sigmas import even_t, known_levels
from restore.diffusion.thresholding import thresholded
from restore.evaluation.plot import check
from restore.priors.protocol import Prior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

COLUMNS = 8
CURVES = (
    ("beta", "variance of a step", "log"),
    ("abar", "share of signal", "linear"),
    ("log SNR", "log of signal to noise", "linear"),
    ("sigma", "noise level in [0, 1] units", "log"),
)


@dataclass(frozen=True)
class Strip:
    """A photograph going to noise and back, each ``(COLUMNS, 3, h, w)`` in [0, 1].

    Parameters
    ----------
    forward : states x_t of the photograph, from the first timestep to the last.
    known : what the network makes of each of them in one call, E[x0 | x_t].
    back : states on the way from pure noise to a new picture.
    timesteps : of the columns of forward and known.
    """

    forward: Tensor
    known: Tensor
    back: Tensor
    timesteps: list[int]


def strip(photo: Tensor, schedule: Schedule, prior: Prior, seed: int = 0) -> Strip:
    """Take a photograph ``(1, 3, h, w)`` through a schedule, and noise back through the network.

    Parameters
    ----------
    photo : in [0, 1].
    schedule : its timesteps beyond the network's highest noise level are known as little as that.
    prior : the network.
    seed : of the noise.
    """
    import torch

    rng = seeded_rng(seed)
    last = schedule.steps - 1
    timesteps = [round(k * last / (COLUMNS - 1)) for k in range(COLUMNS)]
    levels = [float(schedule.sigmas[t]) for t in timesteps]
    noise = rng(photo)
    states = [photo + sigma * noise for sigma in levels]
    denoise = thresholded(prior.denoiser())
    called = [min(sigma, prior.sigma_max) for sigma in levels]
    known = [denoise((photo + sigma * noise).to(prior.device), sigma).cpu() for sigma in called]
    ends = {"lowest": prior.sigma_min, "highest": prior.sigma_max}
    seen: list[Tensor] = []

    def watched(x: Tensor, sigma: float) -> Tensor:
        seen.append(as_picture(x.cpu(), sigma))
        return denoise(x, sigma)

    sigmas = even_t(schedule, min(50, len(known_levels(schedule, **ends))), **ends)
    start = (0.5 + sigmas[0] * picture_rng(seed, 1)(photo)).to(prior.device)
    drawn = named_sampler("ddim")(watched, start, sigmas).cpu()
    path = [*seen, drawn.clamp(0, 1)]
    picked = [path[round(k * (len(path) - 1) / (COLUMNS - 1))] for k in range(COLUMNS)]
    return Strip(
        torch.cat([as_picture(x, sigma) for x, sigma in zip(states, levels, strict=True)]),
        torch.cat(known).clamp(0, 1),
        torch.cat(picked),
        timesteps,
    )


def png(schedules: Mapping[str, Schedule], strips: Mapping[str, Strip], suffix: str = "png") -> bytes:
    """Draw schedules by their names as a PNG or SVG file.

    Raises ConfigError where matplotlib is missing.
    """
    check()
    from matplotlib.figure import Figure

    height = 5.2 + 3.9 * len(strips)
    figure = Figure(figsize=(10, height), dpi=160, facecolor="white", layout="constrained")
    parts = figure.subfigures(1 + len(strips), 1, height_ratios=[5.2, *[3.9] * len(strips)], squeeze=False)
    axes = parts[0, 0].subplots(2, 2)
    for (quantity, label, scale), place in zip(CURVES, axes.flat, strict=True):
        _curves(place, schedules, quantity)
        place.set(title=f"{quantity}: {label}", yscale=scale)
    axes[0, 0].legend(frameon=False, fontsize=8)
    for part, (name, found) in zip(parts[1:, 0], strips.items(), strict=True):
        _draw(part.subplots(3, COLUMNS), name, found)
    buffer = BytesIO()
    figure.savefig(buffer, format=suffix)
    return buffer.getvalue()


def _curves(place: Axes, schedules: Mapping[str, Schedule], quantity: str) -> None:
    for name, schedule in schedules.items():
        values = {
            "beta": schedule.betas,
            "abar": schedule.alphas_cumprod,
            "log SNR": schedule.log_snr,
            "sigma": schedule.sigmas,
        }[quantity]
        share = [t / max(1, schedule.steps - 1) for t in range(schedule.steps)]
        place.plot(share, values.tolist(), label=f"{name}, {schedule.steps} steps", linewidth=1.4)
    place.set_xlabel("t / T")
    place.grid(alpha=0.3)


def _draw(axes: Sequence[Sequence[Axes]], name: str, found: Strip) -> None:
    rows = (
        (found.forward, "to noise"),
        (found.known, "clean estimate"),
        (found.back, "noise to a new picture"),
    )
    for row, (pictures, title) in zip(axes, rows, strict=True):
        for k, place in enumerate(row):
            place.imshow(pictures[k].permute(1, 2, 0).numpy(), interpolation="nearest")
            place.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, fontsize=8)
    for place, t in zip(axes[0], found.timesteps, strict=True):
        place.set_title(f"{name}, t = {t}" if t == 0 else f"t = {t}", fontsize=8)
