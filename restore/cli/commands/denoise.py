"""``restore denoise``: remove noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.checks import check_common, check_method
from restore.cli.command import Checked, Choice, Options, PictureCommand, Plan, Result, Source, Workload
from restore.cli.help_pages import Command
from restore.cli.options import (
    INPUTS,
    RESTORING,
    SEED,
    SKIP_UNCHANGED,
    Settings,
    estimate_option,
    method_option,
    sampler_option,
    steps_option,
    with_settings,
)
from restore.cli.parameters import Number
from restore.cli.registry import register
from restore.cli.run import run_command
from restore.types import from_255, to_255

if TYPE_CHECKING:
    from torch import Tensor

    from restore.images.canvas import Canvas
    from restore.images.value_range import Range
    from restore.noise.picture_noise import PictureNoise
    from restore.noise.stripes import Stripes
    from restore.priors.protocol import Prior
    from restore.types import Progress


# For pictures in which nothing was found: stripes and specks that were would stay under the other method.
_OTHER = "; if you do see noise, it is of another kind (JPEG, smooth grain): pass --method blind"
_DONE = {
    "none": "hardly any, so the picture is left as it is",
    "rest": "hardly any is left, so no more is taken out",
    "blind": "--method blind is used",
    "real": "--method real is used",
    "gaussian": "--method gaussian is used",
}


def _facts(noise: PictureNoise, used: Range) -> dict[str, Any]:
    """What was measured at the range that a picture uses, in units of the whole range, for ``--json``."""
    facts = noise.in_range(-used.low / used.width, 1 / used.width).facts()
    return {"sigma_255": facts["sigma_255"], "measured": facts}


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--sigma", type=Number(0, 255), metavar="S",
    help="Standard deviation of the noise, 0 to 255 as 8-bit pixels count. Default: estimated for each "
    "picture.",
)  # fmt: skip
@click.option(
    "--strength",
    type=Number(0, 1),
    default=1.0,
    show_default=True,
    metavar="S",
    help="How much of what is taken for noise goes, 0 to 1. Film grain can be kept in part.",
)
@click.option(
    "--luma",
    type=Number(0, 1),
    metavar="S",
    help="How much of the noise goes in brightness alone, as --strength says for all. Default: --strength.",
)
@click.option(
    "--chroma",
    type=Number(0, 1),
    metavar="S",
    help="How much of the noise goes in colour alone. Default: --strength.",
)
@click.option(
    "--specks",
    is_flag=True,
    help="Look for single damaged pixels, salt and pepper or hot pixels, and repair them first.",
)
@estimate_option("mean")
@method_option(
    "denoise",
    "gaussian: for noise that is independent in each pixel; real: for that of cameras, film and scans; "
    "blind: the same by the conditional branch, also for JPEG and for samples; completed: for any noise, by "
    "the prior for white noise; page: as --page; auto: gaussian with --sigma, else the one that suits the "
    "noise measured, and none where there is none.",
    default="auto",
)
@click.option(
    "--page",
    is_flag=True,
    help="A scan of print: even out the paper, with its stains and shadows, to white, and keep the ink.",
)
@steps_option("denoise")
@sampler_option("dpmpp-2m-sde")
@SEED
@with_settings(SKIP_UNCHANGED, *RESTORING)
def denoise(settings: Settings, inputs: tuple[str, ...], **options: Any) -> None:
    """Remove noise from pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore denoise night.jpg
    restore denoise night.png --sigma 25 -o clean.png
    restore denoise film.tif --strength 0.6
    restore denoise scans -o clean --page
    """
    if page := options.pop("page"):
        if options["method"] not in ("auto", "page"):
            raise click.UsageError(f"--page is a method of its own; leave out --method {options['method']}")
        options["method"] = "page"
    if options["method"] in ("page", "completed") and options["sigma"] is not None:
        word = "--page" if page else f"--method {options['method']}"
        raise click.UsageError(f"--sigma has no effect with {word}; leave it out")
    check_method("denoise", options)
    check_common(settings, options)
    run_command(Denoise(options), inputs, settings)


def _nothing_goes(options: Options) -> bool:
    """Whether no noise is to be taken out: there is none, or none of it goes in luma and in chroma."""
    strength = options["strength"]
    amounts = (strength if options[name] is None else options[name] for name in ("luma", "chroma"))
    return options["sigma"] == 0 or not any(amounts)


class Denoise(PictureCommand):
    """Remove noise."""

    ending = "denoised"

    def __init__(self, options: Options):
        super().__init__(options)
        found = options["method"] == "auto" and options["sigma"] is None
        if options["sigma"] is None:
            self.looking = "measuring noise"
        self.leaves = found or _nothing_goes(options)

    def plan(self, source: Source) -> DenoisePlan:
        return DenoisePlan(source, self.options)


class DenoisePlan(Plan):
    """A noisy picture."""

    task = "denoise"
    repaired = False  # whether it had specks

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        """Repair specks where that is asked for, and choose by what is left."""
        from restore.noise.specks import find_specks
        from restore.tasks.specks import repair

        found = find_specks(self.fine_pixels[..., : 3 if self.pixels.shape[2] > 2 else 1])
        if found is None:
            return self._by_method(prior)
        if not self.options["specks"]:
            choice = self._by_method(prior)
            note = f"{self.source.name}: {found.describe()}; --specks repairs them"
            return replace(choice, notes=(note, *choice.notes))
        self.pixels, self.repaired = repair(self.pixels, prior=prior()), True
        choice = self._by_method(prior)
        note = f"{self.source.name}: {found.describe()}, which are repaired"
        facts = {"specks": found.describe(), **choice.facts}
        return replace(choice, facts=facts, notes=(note, *choice.notes), unchanged=False)

    def _by_method(self, prior: Callable[[], Prior]) -> Choice:
        options = {**self.options, "specks": False}
        if _nothing_goes(options):
            note = f"{self.source.name}: nothing is to be taken out, so the picture is left as it is"
            return Choice({**options, "method": "none"}, {"method": "none"}, (note,), unchanged=True)
        if options["sigma"] is not None and options["method"] == "auto":
            return self._told(options, prior)
        if options["sigma"] is not None or options["method"] == "blind":
            return Choice(options)
        if options["method"] == "auto":
            return self._by_noise(options, prior())
        if options["method"] == "page":
            return Choice(options, {}, self._page_notes())
        if options["method"] in ("real", "completed"):
            return self._measured(options, prior())
        return self._with_level(options)

    def _told(self, options: dict[str, Any], prior: Callable[[], Prior]) -> Choice:
        """Say which stripes the task takes out before the noise of the level that is told."""
        from restore.tasks.denoise_input import is_negligible

        _, given = self._filled()
        stripes = self._stripes_in(given)
        if not stripes or is_negligible(from_255(options["sigma"]), prior()):
            return Choice(options)
        return Choice(options, {"stripes": [each.describe() for each in stripes]}, self._taken_out(stripes))

    @staticmethod
    def _stripes_in(given: Tensor) -> list[Stripes]:
        """Find the stripes of a picture ``(3, h, w)``."""
        from restore.tasks.denoise_input import stripes_of
        from restore.tasks.noise_choice import pixels_of

        return stripes_of(pixels_of(given))

    def _taken_out(self, stripes: list[Stripes]) -> tuple[str, ...]:
        return tuple(f"{self.source.name}: {each.describe()}, which are taken out" for each in stripes)

    def _page_notes(self) -> tuple[str, ...]:
        """Say so when a picture does not look like a page."""
        from restore.images.canvas import canvas
        from restore.tasks.noise_choice import pixels_of
        from restore.tasks.pages import looks_like_page

        if looks_like_page(pixels_of(canvas(self.pixels).batch[0])):
            return ()
        return (
            f"{self.source.name}: this does not look like a page of print: there are no letters on lines; "
            "what is not ink becomes white",
        )

    def _as_given(self) -> tuple[Tensor, Tensor | None, list[Range]]:
        """Give the picture ``(3, h, w)`` as the task takes it, what of it is seen, and the ranges it uses."""
        from restore.tasks.denoise_input import ranges_of

        picture, given = self._filled()
        seen = None if picture.visible is None else picture.visible[0, 0]
        return given, seen, ranges_of(given, picture.bits, seen)

    def _filled(self) -> tuple[Canvas[Any], Tensor]:
        """Give the picture, and it as ``(3, h, w)`` without what alpha hides."""
        from restore.images.canvas import canvas
        from restore.tasks.holes import filled_where_hidden

        picture = canvas(self.pixels)
        return picture, filled_where_hidden(picture.batch, picture.visible)[0]

    def _measured(self, options: dict[str, Any], prior: Prior) -> Choice:
        """Measure the noise with the help of the prior."""
        from restore.tasks.noise_choice import measured

        given, seen, (first, *longer) = self._as_given()
        noise = measured(first.unit(given), prior, seen)
        facts = {"noise": noise.describe(), **_facts(noise, first)}
        note = f"{self.source.name}: {noise.describe()}"
        if longer or not first.nominal:  # the task measures again, at that range
            facts["range_shares"] = [first.low, first.high]
            return Choice(options, facts, (self._judged_by(first), note))
        return Choice({**options, "noise": noise}, facts, (note,))

    def _by_noise(self, options: dict[str, Any], prior: Prior) -> Choice:
        """Choose the method and the noise level from the measured noise."""
        from restore.tasks.denoise_input import without
        from restore.tasks.noise_choice import choose

        name = self.source.name
        given, seen, (first, *longer) = self._as_given()
        stripes = self._stripes_in(given)
        found = choose(first.unit(without(given, stripes)), prior, seen)
        # The conditional branch draws samples.
        branch = found.method == "real" and options["estimate"] == "sample"
        method = "blind" if branch else found.method
        facts: dict[str, Any] = {"method": method, "noise": found.why}
        if found.noise is not None:
            facts |= _facts(found.noise, first)
        elif found.noise_std is not None:
            facts["sigma_255"] = round(first.width * to_255(found.noise_std), 3)
        notes = list(self._taken_out(stripes))
        rest = method == "none" and (stripes or self.repaired)
        seldom = method == "none" and first.nominal and not (longer or rest)
        notes.append(f"{name}: {found.why}: {_DONE['rest' if rest else method]}{_OTHER * seldom}")
        if found.page:
            notes.append(f"{name}: --page also evens out the paper, with its stains and shadows, to white")
        if stripes:
            facts["stripes"] = [each.describe() for each in stripes]
        if longer or not first.nominal:
            facts["range_shares"] = [first.low, first.high]
            notes.insert(0, self._judged_by(first))
        if {"stripes", "range_shares"} & set(facts):
            # The task measures again, since a method that is named takes no stripes out.
            return Choice(options, facts, tuple(notes))
        options["method"] = method
        if found.method == "real":
            options["noise"] = found.noise
        if method == "gaussian" and found.noise_std is not None:
            options["sigma"] = min(255.0, to_255(found.noise_std))
        return Choice(options, facts, tuple(notes), unchanged=method == "none")

    def _with_level(self, options: dict[str, Any]) -> Choice:
        """Estimate the noise level, and check that the noise is white."""
        from restore.noise.estimate import measure
        from restore.tasks.noise_choice import CORRELATED, pixels_of

        name = self.source.name
        given, seen, (first, *_) = self._as_given()
        found = measure(pixels_of(first.unit(given)), None if seen is None else seen.numpy())
        notes = [] if first.nominal else [self._judged_by(first)]
        notes.append(f"{name}: noise sigma estimated at {to_255(found.sigma):.1f} (of 255)")
        if found.correlation > CORRELATED:
            notes.append(
                f"{name}: neighbouring pixels share noise (correlation {found.correlation:.2f}), which is "
                "taken for detail; --method blind removes more of it"
            )
        return Choice(options, {"sigma_255": round(first.width * to_255(found.sigma), 3)}, tuple(notes))

    def _judged_by(self, used: Range) -> str:
        return (
            f"{self.source.name}: most of it lies between {used.low:.3g} and {used.high:.3g} of the range; "
            "noise is judged by that"
        )

    def cautions(self, choice: Choice, prior: Prior) -> tuple[str, ...]:
        """Say so when the weights were fitted for another method than the one that is used."""
        fitted = prior.facts.get("fit")
        method = choice.facts.get("method", choice.options["method"])
        # Nothing was chosen where a noise level was given.
        used = {"auto": "gaussian", "page": "blind"}.get(method, method)
        if not fitted or used in ("none", fitted["branch"]):
            return ()
        return (
            f"{self.source.name}: these weights were fitted for --method {fitted['branch']}, but --method "
            f"{used} is used, which the fit did not touch; leave --method and --sigma out",
        )

    def workload(self, options: Options, prior: Prior) -> Workload:
        from restore.images.canvas import canvas
        from restore.noise.measure import is_clipped
        from restore.tasks.denoise import denoise
        from restore.tasks.noise_choice import CUT_OFF

        pixels = self.pixels
        piece = canvas(pixels[:SMALL, :SMALL]).batch * 0 + 0.5

        level = None if self.options["method"] in ("page", "completed") else 10.0

        def trial(options: Options) -> int:
            steps = None if options["estimate"] == "mean" else 2
            denoise(piece, prior=prior, **{**options, "sigma": level, "steps": steps})
            return math.prod(piece.shape[-2:])

        seen = canvas(pixels).batch[0].permute(1, 2, 0).numpy()
        # Clipped noise takes one more call, to find what was lost.
        extra = int(is_clipped(seen, CUT_OFF))
        return Workload("denoise", prior.computed(self.source.picture.size), trial, extra)

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        from restore.tasks.denoise import denoise

        if options["method"] == "none":  # specks were all there was
            return self.finished(self.pixels)
        asked = {**options, "data_range": self.units}
        return self.finished(denoise(self.pixels, prior=prior, progress=progress, **asked))

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.tasks.consistency import residual

        removed = residual(self.source.picture.pixels, result.pixels)
        level = choice.facts.get("sigma_255", self.options["sigma"])
        known = "" if level is None else f", of noise sigma {level:.1f}"
        line = f"what was taken away has a deviation of {removed:.1f}{known} (of 255)"
        return Checked(line, {"removed_255": round(removed, 3)})

    def calibrated_as(self, choice: Choice) -> str:
        return "denoise" if self._level(choice) is not None else "blind"

    def _level(self, choice: Choice) -> float | None:
        """Give the level of the white noise that was removed, 0..255; None for other noise."""
        if self.options["sigma"] == 0:
            return 0.0  # the picture is left as it is, whatever the method
        level: float | None = choice.facts.get("sigma_255", self.options["sigma"])
        method = choice.facts.get("method", self.options["method"])
        return level if method in ("auto", "gaussian") else None

    def deviation_calls(self, choice: Choice, count: int) -> int:
        return super().deviation_calls(choice, count) if self._level(choice) is None else 2

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.tasks.denoise_input import state_level, without_stripes_of
        from restore.tasks.uncertainty import of_blind, of_denoising

        level = self._level(choice)
        if level is None:
            return of_blind(self.fine_pixels, self.options["sigma"], count=count, seed=seed, prior=prior)
        given, _, (first, *_) = self._as_given()
        if choice.options["method"] == "auto":
            (given,) = without_stripes_of(given[None])
        state = first.unit(given)
        found = of_denoising(state[None], state_level(state, level / first.width), seed=seed, prior=prior)
        return first.width * found
