"""Fitting as a whole, with a network of milliseconds a step: what is learned, written and said."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from fitting_runs import base as base
from fitting_runs import different, fit, load, noisy, paired, quick, rows_of, singles, tensors_of
from PIL import Image
from ramps import RAMP
from safetensors import safe_open
from scipy.ndimage import gaussian_filter
from torch import Tensor

from restore.errors import ConfigError, RestoreError
from restore.fitting import fitter as fitters
from restore.fitting.fit import FitReport, choose_method, run_folder
from restore.fitting.fitter import Fitter
from restore.fitting.held_out import HeldOut
from restore.fitting.set_noise import measure_set
from restore.fitting.views import NoisySet, Scene
from restore.images.fingerprints import Fingerprints
from restore.priors import checkpoint
from restore.priors.backbone import Backbone
from restore.tasks.noise_choice import choose
from restore.training import clock
from restore.training.config import FitConfig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.slow
@pytest.mark.parametrize("method", ["recorrupted", "neighbor2neighbor", "noise2noise"])
def test_a_fit_learns_and_writes_what_it_learned(
    tmp_path: Path, base: Backbone, said: list[str], method: str
) -> None:
    pictures = paired() if method == "noise2noise" else singles()
    output = tmp_path / "own.safetensors"
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    report = fit(pictures, output, quick(method=method), base=base, say=said.append)
    assert report.method == method
    assert (report.scenes, report.held_out, report.skipped) == (3, 1, pictures.skipped)
    assert report.steps == 12
    assert 0 < report.minutes < 5
    assert not report.interrupted
    assert report.saved == str(output)
    assert report.before.keys() == {"gaussian", "blind"}
    assert report.branch == min(report.before, key=lambda name: report.before[name])
    assert report.gain == min(report.before.values()) - report.after > 0.05 * report.noise.sigma**2
    assert 255 * report.noise.sigma == pytest.approx(20, rel=0.15)
    assert ("other noisy view" in report.scored_by) == (method == "noise2noise")
    assert different(base.network.state_dict(), before) == []  # the base is left alone

    fitted = load(output)
    assert fitted.config == base.config
    facts = fitted.facts["fit"]
    assert facts == json.loads(json.dumps(facts))
    assert (facts["method"], facts["branch"], facts["scenes"]) == (method, report.branch, 3)
    assert facts["after"] == round(report.after, 8)
    assert facts["base"] == base.facts["sha256"] != fitted.facts["sha256"]
    assert facts["config"]["crop"] == 32
    assert facts["noise"] == report.noise.facts()
    assert len(different(fitted.network.state_dict(), before)) > 10

    assert said[0] == report.noise.describe()
    assert said[-1].startswith("on those kept aside: ")
    assert said[-1].endswith(f": {output}")
    share = 100 * report.gain / report.noise.sigma**2
    assert (" dB, +" if method == "noise2noise" else f" lower by {share:.1f} % of the noise's power") in said[
        -1
    ]
    assert f"--method {report.branch} does better so far, and is trained; measured {report.scored_by}" in said


def test_what_is_left_in_the_folder(tmp_path: Path, base: Backbone, said: list[str]) -> None:
    output = tmp_path / "own.v2.safetensors"
    report = fit(singles(), output, quick(), base=base, say=said.append)
    folder = tmp_path / "own.v2.fit"
    assert run_folder(output) == folder
    names = {path.name for path in folder.iterdir() if "tfevents" not in path.name}
    assert names == {"log.csv", "validation.csv", "validation.png", "state.safetensors"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.v2.fit", "own.v2.safetensors"]
    (row,) = rows_of(folder / "log.csv")
    assert row.keys() == {"step", "minutes", "rate", "loss"}
    assert (row["step"], math.isfinite(float(row["loss"]))) == ("10", True)
    checks = rows_of(folder / "validation.csv")
    assert len(checks) == fitters.CHECKS
    assert checks[-1]["step"] == "12"
    errors = [float(row["held out"]) for row in checks]  # of 255
    assert min(errors) == pytest.approx(255**2 * report.after, abs=1e-3)
    assert sum(", on those kept aside: " in line for line in said) == len(checks)
    picture = np.asarray(Image.open(folder / "validation.png"))
    assert picture.shape[0] == 3 * picture.shape[1] == 3 * 72  # a crop: noisy, before, after
    with safe_open(folder / "state.safetensors", framework="pt") as file:
        assert file.metadata()["step"] == "12"


def test_the_file_is_the_best_of_all_checks(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the last: the errors are made up to have their lowest in between."""
    errors = iter([0.3, 0.4, 0.9, 0.1, 0.8, 0.7, 0.6])
    monkeypatch.setattr(fitters.HeldOut, "error", lambda self, f: next(errors))
    averages: list[dict[str, Tensor]] = []
    check = Fitter.check

    def watched(self: Fitter, held_out: Any) -> float:
        averages.append({name: tensor.clone() for name, tensor in self.average.items()})
        return check(self, held_out)

    monkeypatch.setattr(Fitter, "check", watched)
    said: list[str] = []
    report = fit(singles(), tmp_path / "own.safetensors", quick(), base=base, say=said.append)
    assert (report.branch, report.after, report.gain) == ("gaussian", 0.1, pytest.approx(0.2))
    assert "nothing is gained any more: stopping early" in said
    assert report.steps < 12
    assert len(averages) == 5  # three checks without a gain end it
    written = load(tmp_path / "own.safetensors").network.state_dict()
    for name, tensor in averages[1].items():
        assert torch.equal(written[name], tensor.half().float()), name


def test_no_gain_is_not_written(tmp_path: Path, base: Backbone, said: list[str]) -> None:
    output = tmp_path / "own.safetensors"
    useless = quick(steps=1, lr=1e-30)  # less than single precision can add to a weight
    report = fit(singles(), output, useless, base=base, say=said.append)
    assert report.gain == 0
    assert report.saved == ""
    assert not output.exists()
    assert "not written (pass --force to write it nevertheless" in said[-1]
    report = fit(singles(), output, useless, base=base, force=True, say=said.append)
    assert report.gain <= 0
    assert report.saved == str(output)
    assert load(output).facts["fit"]["saved"] == str(output)


def test_a_fit_that_gets_worse_is_not_written(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    errors = itertools.count(1.0)
    monkeypatch.setattr(fitters.HeldOut, "error", lambda self, f: next(errors))
    report = fit(singles(), tmp_path / "own.safetensors", quick(steps=3), base=base, say=said.append)
    assert (report.before, report.after, report.gain) == ({"gaussian": 1, "blind": 2}, 3, -2)
    assert not (tmp_path / "own.safetensors").exists()
    assert said[-1].startswith("no better than before (mean squared error lower by -")


def test_clean_pictures_are_left_alone(tmp_path: Path, base: Backbone, said: list[str]) -> None:
    ramp = np.round(255 * RAMP).astype(np.uint8)
    pictures = NoisySet((Scene("a", (ramp,)), Scene("b", (ramp[::-1].copy(),))))
    report = fit(pictures, tmp_path / "own.safetensors", quick(), base=base, say=said.append)
    assert (report.saved, report.method, report.steps) == ("", "", 0)
    assert said[-1] == "that is as good as none: there is nothing to learn, nothing was written"
    assert list(tmp_path.iterdir()) == []
    assert json.loads(json.dumps(report.facts(), allow_nan=False))["after"] is None


@pytest.mark.slow
def test_texture_is_not_taken_for_noise(tmp_path: Path, base: Backbone, said: list[str]) -> None:
    """The fur of this cat measures as smooth noise; `denoise` leaves it alone, so there is nothing to fit."""
    cat = skimage.data.chelsea()
    pictures = NoisySet((Scene("a", (cat,)), Scene("b", (cat[:, ::-1].copy(),))))
    report = fit(pictures, tmp_path / "own.safetensors", quick(), base=base, say=said.append)
    assert 255 * report.noise.sigma > 2
    assert (report.saved, report.method, report.steps) == ("", "", 0)
    assert "what was measured is their texture" in said[-1]
    assert fit(pictures, tmp_path / "own.safetensors", quick(steps=1), base=base, force=True, say=len).saved


@pytest.mark.slow
def test_smooth_noise_of_gray_scans_is_not_taken_for_texture(tmp_path: Path, base: Backbone) -> None:
    """One such picture alone `denoise` leaves as it is; that the noise is in all of them tells."""
    scenes = []
    for seed in range(5):
        noise = gaussian_filter(np.random.default_rng(seed).standard_normal(RAMP.shape[:2]), 2)
        picture = np.rot90(RAMP, seed).mean(2) + 10 / 255 * noise / noise.std()
        pixels = np.repeat((255 * picture[..., None]).round().clip(0, 255).astype(np.uint8), 3, axis=2)
        assert choose(torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1), base).method == "none"
        scenes.append(Scene(str(seed), (pixels,), gray=True))
    config = quick(steps=1, held_out=0.2)
    assert fit(NoisySet(tuple(scenes)), tmp_path / "own.safetensors", config, base=base, say=len).steps == 1


def test_seeds_make_fits(tmp_path: Path, base: Backbone) -> None:
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit(singles(), tmp_path / f"{name}.safetensors", quick(steps=2, seed=seed), base=base, say=len)
        found.append(tensors_of(tmp_path / f"{name}.fit" / "state.safetensors"))
    assert different(found[0], found[1]) == []
    assert different(found[0], found[2])


def test_the_global_random_state_is_left_alone(tmp_path: Path, base: Backbone) -> None:
    state = torch.get_rng_state()
    fit(singles(), tmp_path / "own.safetensors", quick(steps=1, rank=1), base=base, say=len)
    assert torch.equal(torch.get_rng_state(), state)


def test_from_scratch_begins_elsewhere(tmp_path: Path, base: Backbone) -> None:
    for name, scratch in (("a", False), ("b", True)):
        config = quick(steps=1, lr=1e-9, from_scratch=scratch)
        fit(singles(), tmp_path / f"{name}.safetensors", config, base=base, force=True, say=len)
    was = base.network.stem.weight
    near, far = (load(tmp_path / f"{name}.safetensors").network.stem.weight for name in "ab")
    assert torch.allclose(near, was, atol=1e-3)
    assert (far - was).abs().max() > 0.05


def test_the_pictures_learned_from_are_known(tmp_path: Path, base: Backbone) -> None:
    pictures = singles(6)
    fit(pictures, tmp_path / "own.safetensors", quick(steps=1), base=base, force=True, say=len)
    known = Fingerprints.parse(load(tmp_path / "own.safetensors").facts["fingerprints"])
    assert len(known) == 4  # two of the six are kept aside
    assert sum(known.holds(one.views[0]) for one in pictures.scenes) == 4


@pytest.mark.slow
def test_old_rows_do_not_stay_in_the_logs_of_a_new_fit(tmp_path: Path, base: Backbone) -> None:
    for _ in range(2):
        fit(singles(), tmp_path / "own.safetensors", quick(steps=10), base=base, force=True, say=len)
    for name, rows in (("log.csv", 1), ("validation.csv", fitters.CHECKS)):
        assert len(rows_of(tmp_path / "own.fit" / name)) == rows, name


def test_a_fit_that_diverges_says_so(tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Fitter, "loss", lambda self, f: sum(p.sum() for p in self.trained.values()) * math.nan
    )
    with pytest.raises(RestoreError, match=r"the fit diverged at step \d+; lower --lr"):
        fit(singles(), tmp_path / "own.safetensors", quick(steps=40), base=base, say=len)


def test_a_single_picture_is_said_to_be_one(tmp_path: Path, base: Backbone, said: list[str]) -> None:
    report = fit(singles(1), tmp_path / "own.safetensors", quick(steps=1), base=base, say=said.append)
    assert said[0] == "one scene only: learning from its upper 54 rows, measuring on the 18 below"
    assert any(line.startswith("only 0.00 megapixels to learn from") for line in said)
    assert (report.scenes, report.held_out) == (1, 1)


def test_smaller_crops_for_small_pictures(tmp_path: Path, base: Backbone, said: list[str]) -> None:
    fit(singles(), tmp_path / "own.safetensors", quick(steps=1, crop=96), base=base, say=said.append)
    assert "the pictures are small: learning from crops of 72x72 pixels" in said
    said.clear()
    fit(singles(), tmp_path / "b.safetensors", quick(steps=1, crop=36), base=base, say=said.append)
    assert not any("pictures are small" in line for line in said)


def cut(pictures: NoisySet, h: int, w: int) -> NoisySet:
    scenes = [dataclasses.replace(s, views=tuple(v[:h, :w] for v in s.views)) for s in pictures.scenes]
    return dataclasses.replace(pictures, scenes=tuple(scenes))


@pytest.mark.parametrize("size", [(16, 16), (20, 20), (12, 60), (5, 5)])
def test_pictures_too_small_are_named(tmp_path: Path, size: tuple[int, int]) -> None:
    """For the network in use, whose crops are multiples of 32, and for measuring noise."""
    shipped = checkpoint.load(device="cpu", dtype=torch.float32)
    with pytest.raises(RestoreError, match=r"small|larger|\d+x\d+ pixels") as caught:
        fit(cut(singles(), *size), tmp_path / "own.safetensors", quick(steps=1), base=shipped, say=len)
    assert "\n" not in str(caught.value)


def test_a_single_picture_with_too_little_to_keep_aside(tmp_path: Path) -> None:
    shipped = checkpoint.load(device="cpu", dtype=torch.float32)
    with pytest.raises(RestoreError, match=r"kept aside is smaller than 16x16 pixels"):
        fit(singles(1), tmp_path / "a.safetensors", quick(held_out=0.1), base=shipped, say=len)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 0.0, "steps": 0}, "a fit needs minutes or steps above 0"),
        ({"from_scratch": True, "rank": 4}, "adapters change trained weights; from scratch there are none"),
        ({"method": "recorrupted", "loss": "l1"}, "the loss l1 belongs to noise2noise, not to recorrupted"),
        ({"method": "neighbor2neighbor", "loss": "l0"}, "the loss l0 belongs to noise2noise"),
        ({"method": "noise2noise", "sigma": 5.0}, "noise2noise has no use for sigma; leave it out"),
        ({"method": "neighbor2neighbor", "sigma": 5.0}, "neighbor2neighbor has no use for sigma"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FitConfig(**options)


def test_rates() -> None:
    assert FitConfig().rate == 3e-4
    assert FitConfig(rank=1).rate == FitConfig(from_scratch=True).rate == 1e-3
    assert FitConfig(lr=0.5, rank=1).rate == 0.5


def test_the_method_is_chosen(said: list[str]) -> None:
    noise = measure_set(singles())

    def chosen(noisy_set: NoisySet, **options: Any) -> str:
        return choose_method(FitConfig(**options), noisy_set, noise, said.append)

    assert chosen(singles()) == "recorrupted"
    assert chosen(paired()) == "noise2noise"
    assert chosen(paired(), sigma=20.0) == "recorrupted"
    assert chosen(paired(), method="neighbor2neighbor") == "neighbor2neighbor"
    assert chosen(paired(), loss="l1") == "noise2noise"
    with pytest.raises(ConfigError, match="noise2noise needs two views or more of each scene: tell which"):
        chosen(singles(), method="noise2noise")
    with pytest.raises(ConfigError, match="the loss l1 belongs to noise2noise, not to recorrupted"):
        chosen(singles(), loss="l1")
    assert said == []


def test_neighbours_that_share_noise_are_warned_of(said: list[str]) -> None:
    pictures = singles(blur=True)
    noise = measure_set(pictures)
    assert noise.correlated
    assert choose_method(FitConfig(), pictures, noise, said.append) == "recorrupted"
    assert said == []
    choose_method(FitConfig(method="neighbor2neighbor"), pictures, noise, said.append)
    assert said == [
        f"warning: neighbouring pixels share noise (correlation {noise.correlation:.2f}); neighbor2neighbor "
        "will leave most of it in, recorrupted will not"
    ]


def test_the_noise_of_a_set() -> None:
    assert 255 * measure_set(singles(), 7.0).sigma == pytest.approx(7)
    assert 255 * measure_set(singles()).sigma == pytest.approx(20, rel=0.15)
    assert 255 * measure_set(paired()).sigma == pytest.approx(20, rel=0.03)
    gray = [
        Scene(str(k), tuple(np.repeat(noisy(k, v)[..., :1], 3, axis=2) for v in range(2)), gray=True)
        for k in range(2)
    ]
    for views in (1, 2):
        some = tuple(dataclasses.replace(s, views=s.views[:views]) for s in gray)
        found = measure_set(NoisySet(some))
        assert found.gain.shape == (1,)
        assert 255 * found.sigma == pytest.approx(20, rel=0.15)
    assert len(measure_set(NoisySet(tuple(gray)), 7.0).gain) == 1
    mixed = NoisySet((*gray, *paired(2).scenes))
    assert len(measure_set(mixed).gain) == 3
    assert 255 * measure_set(mixed).sigma == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("paired_up", [False, True])
def test_pictures_too_small_to_measure_on_among_larger_ones(paired_up: bool) -> None:
    whole = paired(3) if paired_up else singles(3)
    small = cut(whole, 12, 40).scenes[0]
    found = measure_set(NoisySet((small, *whole.scenes[1:])))
    assert 255 * found.sigma == pytest.approx(20, rel=0.15)


def test_weights_that_remove_little_do_not_change_the_level_of_the_noise(
    tmp_path: Path, base: Backbone
) -> None:
    """What a denoiser removes tells how noise depends on the signal; how much there is, is measured."""
    assert 255 * measure_set(singles()).sigma == pytest.approx(20, rel=0.15)
    report = fit(singles(), tmp_path / "own.safetensors", quick(steps=1), base=base, say=len)
    assert 255 * report.noise.sigma == pytest.approx(20, rel=0.15)


def test_gray_pictures_are_fitted_to(tmp_path: Path, base: Backbone) -> None:
    scenes = tuple(Scene(str(k), (np.repeat(noisy(k)[..., :1], 3, axis=2),), gray=True) for k in range(3))
    report = fit(NoisySet(scenes), tmp_path / "own.safetensors", quick(), base=base, say=len)
    assert report.gain > 0.02 * report.noise.sigma**2
    assert len(report.noise.gain) == 1


@pytest.mark.slow
def test_minutes_end_a_fit(tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only steps, of a second, and measurements, of half a second, move."""
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])

    def taking(seconds: float, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            now[0] += seconds
            return function(*arguments)

        return call

    monkeypatch.setattr(fitters.Fitter, "train_step", taking(1.0, fitters.Fitter.train_step))
    monkeypatch.setattr(HeldOut, "error", taking(0.5, HeldOut.error))
    # Of 10 s the errors before take 1, one look in between 0.5, eight steps 8, and the last look 0.5.
    for steps, ended in ((0, 8), (50, 8), (4, 4)):
        config = quick(minutes=1 / 6, steps=steps, seed=steps)
        before = now[0]
        report = fit(singles(), tmp_path / f"{steps}.safetensors", config, base=base, say=len)
        assert report.steps == ended
        assert now[0] - before == (10 if ended == 8 else 6)


@pytest.mark.slow
def test_minutes_that_measuring_uses_up(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    config, output = quick(minutes=1), tmp_path / "own.safetensors"
    started = clock.monotonic() - 61
    report = fit(singles(), output, config, base=base, say=said.append, started=started)
    assert (report.steps, report.saved, report.interrupted) == (0, "", False)
    assert said[-1].startswith("measuring alone has used up the minutes: the fit ended before the first step")


def test_facts_of_a_report() -> None:
    report = FitReport(measure_set(singles(1)), before={"gaussian": 0.0021, "blind": 1 / 700}, after=0.001)
    facts = json.loads(json.dumps(report.facts(), allow_nan=False))
    assert facts["before"] == {"gaussian": 0.0021, "blind": 0.00142857}
    assert facts["after"] == 0.001
    assert report.gain == pytest.approx(1 / 700 - 0.001)
