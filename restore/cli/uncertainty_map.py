"""Maps of uncertainty as files: numbers in a TIFF, a picture in a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.command import Choice, Plan
from restore.cli.jobs import Job, check_folder, check_writable
from restore.cli.options import Settings
from restore.cli.picture_voice import PictureVoice
from restore.errors import NumbersError, OutputError
from restore.types import to_255

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.priors.protocol import Prior

KINDS = (".png", ".tif", ".tiff")


def check_map(settings: Settings, jobs: Sequence[Job], reads: Sequence[Path]) -> None:
    """Refuse a map that cannot be written, before anything is computed.

    reads: files that are read besides the pictures.
    """
    path = settings.uncertainty
    if path is None:
        if settings.uncertainty_samples is not None:
            raise click.UsageError(
                "--uncertainty-samples is of the map of --uncertainty FILE; pass that, too"
            )
        return
    if path.suffix.lower() not in KINDS:
        raise click.UsageError(f"--uncertainty {path}: a map is written as .tif or .png; name it so")
    if len({job.source for job in jobs}) > 1:
        raise click.UsageError(f"--uncertainty {path} is of one picture, got several; pass one")
    taken = [file for job in jobs for file in (job.source, job.target) if file is not None]
    if path.resolve() in {file.resolve() for file in (*taken, *reads)}:
        raise click.UsageError(f"--uncertainty {path} is the picture itself, or its mask; name another file")
    check_folder(path)
    if images.what_is(path) and not settings.overwrite:
        raise OutputError(f"{path} is there already; pass --overwrite to replace it")
    images.check_place(path, overwrite=settings.overwrite)
    check_writable(path.parent, None)


def expect_map(plan: Plan, choice: Choice, settings: Settings, job: Job, reporter: PictureVoice) -> None:
    """Count the map, where one is to be made of this job's result, to what is still to be done."""
    if settings.uncertainty is not None and not job.draw:
        reporter.stage.later = plan.deviation_calls(choice, settings.map_samples)


def deviation_of(
    plan: Plan, choice: Choice, prior: Prior, settings: Settings, reporter: PictureVoice, name: str
) -> NDArray[np.float32] | None:
    """Estimate the standard deviation ``(h, w)`` of a result, [0, 1] units; None, which is told, if it fails.

    name: of the picture, in notes.
    """
    from restore.tasks.variance import known_temperature

    chosen, prior.ensemble = prior.ensemble, settings.ensemble  # a budget may have chosen another
    if known_temperature(plan.calibrated_as(choice), prior) is None:
        reporter.note(
            f"{name}: how far deviations are off was not measured for these weights and this task: "
            "where the map is bright is right, by how much is not"
        )
    try:
        count, seed = settings.map_samples, choice.options["seed"]
        with reporter.measuring():
            found = plan.deviation(choice, prior, count=count, seed=seed)
    except NumbersError as error:
        reporter.error(f"{name}: no map of uncertainty: {error}")
        return None
    finally:
        prior.ensemble = chosen
    deviation: NDArray[np.float32] = found[0, 0].cpu().numpy()
    return deviation


def write_map(path: Path, deviation: NDArray[np.float32], *, overwrite: bool) -> tuple[dict[str, Any], str]:
    """Write a deviation ``(h, w)`` in [0, 1] units; give facts for ``--json`` and a line for the user.

    A TIFF holds the numbers as float32. A PNG uses viridis from 0 to the 99.9th percentile. Raises
    OutputError when the file cannot be written.
    """
    import numpy as np

    brightest = max(1 / 255, float(np.quantile(deviation, 0.999)))
    if path.suffix.lower() == ".png":
        import cv2

        levels = np.rint(255 * (deviation / brightest).clip(0, 1)).astype(np.uint8)
        colours = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
        picture = images.Picture(np.ascontiguousarray(colours))
    else:
        numbers = np.repeat(deviation.astype(np.float32)[..., None], 3, axis=2)
        picture = images.Picture(numbers, gray=True, format="tiff")
    images.write(path, picture, overwrite=overwrite)
    average = to_255(float((deviation**2).mean() ** 0.5))
    scale = f"; brightest: {to_255(brightest):.1f}" if path.suffix.lower() == ".png" else ""
    facts = {"uncertainty": str(path), "deviation_255": round(average, 3)}
    return facts, f"a deviation of {average:.1f} of 255 on average is in {path}{scale}"
