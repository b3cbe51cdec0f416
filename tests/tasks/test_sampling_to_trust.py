"""What sampling once got wrong, from the commands and the functions: schedules, variances, consistency."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from networks import SMALL, random_backbone, random_network
from PIL import Image
from recording import Recorder, box_mask, picture
from training_runs import ONLY_PRIOR, encoded, photograph, tensors_of, tiny_run, train

from restore import images, inpaint, sample, upscale
from restore.diffusion import schedule as schedules
from restore.errors import WeightsError
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.checkpoint import save
from restore.tasks.consistency import reduced
from restore.tasks.inpaint_methods import Jumps
from restore.training.config import on_its_schedule

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph(24, 32)).save("photo.png")
    Image.fromarray(box_mask(24, 32, 6, 12, 8, 16)).save("mask.png")
    return tmp_path


def weights(path: str, **changes: Any) -> Backbone:
    config = BackboneConfig(SMALL, **changes)
    backbone = Backbone(random_network(config.network), config)
    save(backbone, path, dtype=torch.float32)
    return backbone


# --- schedules ------------------------------------------------------------------------------------


def test_schedules_train_different_weights_and_draw_different_pictures(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "0.png").write_bytes(encoded(photograph(40, 48)))
    found = {}
    for name in ("linear", "constant", "exponential"):
        config = tiny_run(tmp_path / "p", tmp_path / name, steps=3)
        config = replace(config, mix=ONLY_PRIOR, backbone=replace(config.backbone, schedule=name))
        made = train(on_its_schedule(config))
        found[name] = tensors_of(made)["head.weight"].numpy().tobytes()
    assert len(set(found.values())) == 3


def test_a_schedule_travels_and_is_walked(here: Path) -> None:
    weights("w.safetensors", schedule="linear", steps=200, beta_start=1e-3, beta_end=0.09)
    options = ("--weights", "w.safetensors", "--size", 16, "--steps", 5, "--ladder", "schedule")
    assert cli("sample", "-o", "a", *options).exit_code == 0
    recorder = Recorder()
    recorder.schedule = schedules.linear(200, 1e-3, 0.09)
    sample(size=(4, 4), steps=5, ladder="schedule", sampler="ddim", prior=recorder)
    expected = recorder.schedule.sigmas[[199, 149, 100, 50, 0]].tolist()
    assert recorder.sigmas == pytest.approx(expected, rel=0.05)  # of 199 steps a quarter is no whole number
    assert "weights.py" not in cli("schedule", "--weights", "w.safetensors").stdout
    table = cli("schedule", "--weights", "w.safetensors").stdout
    assert table.startswith("of the weights, 200 steps")
    assert f"{0.09:.4g}" in table.splitlines()[-2]


@pytest.mark.parametrize("command", ["sample", "inpaint"])
def test_a_schedule_that_ends_before_noise_is_refused(here: Path, command: str) -> None:
    top = float(schedules.linear(100).sigmas[-1])
    weights("w.safetensors", schedule="linear", steps=100, sigma_max=top)
    if command == "sample":
        done = cli("sample", "-o", "a", "--weights", "w.safetensors", "--size", 16)
    else:
        words = ("--mask", "mask.png", "--method", "repaint", "--weights", "w.safetensors")
        done = cli("inpaint", "photo.png", *words)
    assert done.exit_code == 1
    assert "end before pure noise: at their highest noise level, 0.662, the share" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("photo-inpainted.png").exists()


def test_repaint_walks_on_the_networks_own_schedule() -> None:
    """Also where it has fewer timesteps than the paper's 250, or reaches beyond what the network knows."""
    image, mask = picture(1, 3, 9, 7), box_mask(9, 7, 2, 5, 2, 5)
    for schedule in (schedules.linear(60, 1e-3, 0.3), schedules.cosine(400), schedules.linear()):
        recorder = Recorder()
        recorder.schedule = schedule
        inpaint(image, mask, method="repaint", jumps=Jumps(10, 2), prior=recorder)
        known = schedule.sigmas[schedule.sigmas <= recorder.sigma_max * 1.000001]
        assert recorder.sigmas[0] == pytest.approx(float(known[-1]))
        assert set(recorder.sigmas) <= set(schedule.sigmas.tolist())
    recorder = Recorder()
    recorder.schedule = schedules.linear(60, 1e-3, 0.3)
    with pytest.raises(WeightsError, match="has 60 timesteps; repaint was asked for 100 steps"):
        inpaint(image, mask, method="repaint", steps=100, prior=recorder)
    recorder.schedule = schedules.linear(8, 0.1, 0.95)
    with pytest.raises(WeightsError, match=r"jumps of 10; pass at most 8 steps and shorter jumps"):
        inpaint(image, mask, method="repaint", prior=recorder)


def test_converted_betas_are_walked() -> None:
    """A walk of RePaint once began 21 times out of range for weights of beta_end .008."""
    recorder = Recorder()
    recorder.schedule = schedules.linear(1000, 1e-4, 0.011)
    recorder.sigma_max = float(recorder.schedule.sigmas[-1])
    inpaint(picture(1, 3, 9, 7), box_mask(9, 7, 2, 5, 2, 5), method="repaint", steps=12, prior=recorder)
    assert max(recorder.sigmas) == pytest.approx(recorder.sigma_max)


# --- variances ------------------------------------------------------------------------------------


def test_learned_variance_is_used_where_there_is_one(here: Path) -> None:
    learned = BackboneConfig(replace(SMALL, outputs=6), learned_variance=True)
    save(Backbone(random_network(learned.network), learned), "w.safetensors", dtype=torch.float32)
    options = ("--weights", "w.safetensors", "--size", 16, "--steps", 4, "--sampler", "ddpm")
    for name in ("own", "learned", "small"):
        words = () if name == "own" else ("--variance", name)
        assert cli("sample", "-o", name, *options, *words).exit_code == 0
    drawn = {name: images.read(f"{name}/sample-000.png").pixels for name in ("own", "learned", "small")}
    assert np.array_equal(drawn["own"], drawn["learned"])
    assert not np.array_equal(drawn["own"], drawn["small"])
    weights("plain.safetensors")
    done = cli("sample", "-o", "no", *options, "--weights", "plain.safetensors", "--variance", "learned")
    assert done.exit_code == 1
    assert "these weights have no learned variance; pass small or large" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sampler", "ddim", "--variance", "large"], "--variance is an option of ddpm, not of ddim"),
        (["--eta", 0.5], "--eta is an option of ddim, not of dpmpp-2m; leave it out"),
        (["--stages", "a.safetensors"], "--stages needs two checkpoints or more, got 1"),
        (["--stages", "a,b", "--size", 30], "30x30 (w x h) is not 4 times a size of 8x8 pixels or more"),
        (["--scale", 2], "--scale needs --stages; leave it out"),
        (["--stages", "a,b", "--weights", "c"], "names the weights of every stage; leave out --weights"),
        (["--text", "a cat"], "pass --text with --encoder, or --vectors alone"),
    ],
)
def test_wrong_options_of_sample(here: Path, words: list[object], message: str) -> None:
    done = cli("sample", "-o", "a", *words)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


def test_eta_counts() -> None:
    prior = random_backbone()
    options = {"size": (8, 8), "steps": 4, "sampler": "ddim", "prior": prior}
    assert not torch.equal(sample(**options), sample(**options, eta=1.0))
    assert torch.equal(sample(**options), sample(**options, eta=0.0))


# --- consistency ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["conditional", "projection"])
@pytest.mark.parametrize("estimate", ["sample", "mean"])
def test_enlargements_reproduce_their_input(method: str, estimate: Any) -> None:
    prior, small = random_backbone(), photograph(20, 24)
    large = upscale(small, 2, method=method, estimate=estimate, steps=None, prior=prior)
    assert apart(large, small) < 0.502
    if method == "conditional":
        free = upscale(small, 2, method=method, estimate=estimate, consistent=False, prior=prior)
        assert apart(free, small) > 3


def test_noise_of_the_input_need_not_be_kept() -> None:
    noisy = photograph(48, 48) + np.random.default_rng(0).normal(0, 12, (48, 48, 3))
    noisy = noisy.clip(0, 255).round().astype(np.uint8)
    prior = random_backbone()
    large = upscale(noisy, 2, method="conditional", steps=3, prior=prior)
    kept = upscale(noisy, 2, method="conditional", steps=3, consistent=True, prior=prior)
    # Where it is black or white, noise cannot be kept altogether.
    assert apart(kept, noisy) < 2 < 3 < apart(large, noisy)


def apart(large: np.ndarray, small: np.ndarray) -> float:
    """The largest difference of an enlargement, reduced again, from the input, in gray levels."""
    return reduced(np.asarray(large), small)[0]


# --- guidance and stages --------------------------------------------------------------------------


def test_guidance_keeps_learned_variances() -> None:
    learned = BackboneConfig(replace(SMALL, outputs=6), learned_variance=True, labels=("a", "b"))
    prior = Backbone(random_network(learned.network), learned)
    options = {"size": (8, 8), "steps": 4, "sampler": "ddpm", "label": "b", "guidance": 2.0, "prior": prior}
    own, small = sample(**options), sample(**options, variance="small")
    assert torch.equal(own, sample(**options, variance="learned"))
    assert not torch.equal(own, small)


def test_stages_repeat_and_say_what_they_were(here: Path) -> None:
    weights("a.safetensors")
    weights("b.safetensors")
    words = ("--stages", "a.safetensors,b.safetensors", "--size", 32, "--scale", 2, "--steps", 2)
    for name, count in (("one", 1), ("two", 2)):
        done = cli("sample", "-o", name, "-n", count, *words, "--json")
        assert done.exit_code == 0, done.stderr
    first = [images.read(f"{name}/sample-000.png").pixels for name in ("one", "two")]
    assert np.array_equal(*first)  # whatever is drawn beside it
    told = cli("info", "one/sample-000.png").stdout
    assert "--stages a.safetensors,b.safetensors" in told
    assert "32 network calls" in told  # 2 of the first stage and 30 of the second
    assert "b.safetensors sha256" in told


class OneBrightness:
    """Pictures that are gray all over, of N(.5, .2^2), with fine grain: E[x0 | x] in closed form."""

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        pixels = x[0].numel()
        mean = x.mean((1, 2, 3), keepdim=True)
        shared = 0.2**2 / (0.2**2 + (sigma**2 + 0.05**2) / pixels)
        grain = 0.05**2 / (0.05**2 + sigma**2)
        return 0.5 + shared * (mean - 0.5) + grain * (x - mean)


@pytest.mark.slow
def test_a_classifier_trained_on_noisy_pictures_guides() -> None:
    """A small network learns which noisy states are light, and samples become light or dark."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))

    def classifier(x: torch.Tensor, sigma: float) -> torch.Tensor:
        mean = x.float().mean((1, 2, 3)) - 0.5
        scaled = mean / (0.04 + sigma**2 / x[0].numel()) ** 0.5
        level = torch.full_like(scaled, float(np.log(sigma + 1e-3)))
        return network(torch.stack([scaled, level], 1))

    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for step in range(200):
        sigma = float(np.exp(np.random.default_rng(step).uniform(np.log(0.01), np.log(5))))
        bright = 0.5 + 0.2 * torch.randn(64, 1, 1, 1)
        noisy = bright + 0.05 * torch.randn(64, 3, 8, 8) + sigma * torch.randn(64, 3, 8, 8)
        loss = torch.nn.functional.cross_entropy(classifier(noisy, sigma), (bright.flatten() > 0.5).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    prior = Recorder(OneBrightness())
    options = {"size": (8, 8), "steps": 30, "prior": prior, "thresholding": "none"}
    plain = sample(32, **options).mean((1, 2, 3))
    assert 0.1 < plain.std() < 0.3
    guided = [sample(32, label=label, classifier=classifier, **options) for label in (0, 1)]
    dark, light = (drawn.mean((1, 2, 3)) for drawn in guided)
    assert (light > 0.5).float().mean() > 0.9
    assert (dark < 0.5).float().mean() > 0.9
