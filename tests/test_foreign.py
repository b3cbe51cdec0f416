"""Other people's backbones, against what their own code answers; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import cli
from diffusers import DDPMScheduler, UNet2DModel
from guided_unet import GuidedUNet
from PIL import Image
from scenes import scene
from torch import Tensor, nn

from restore import foreign, images, schedule
from restore.errors import WeightsError
from restore.types import Denoiser

SMALL: dict[str, Any] = {
    "sample_size": 16,
    "block_out_channels": (16, 24, 24),
    "norm_num_groups": 8,
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
}
GUIDED: dict[str, Any] = {"channels": 32, "multipliers": (1, 1, 2), "blocks": 2, "attends": (2,)}


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            middle = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(middle + 0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def picture(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def theirs(
    network: Callable[[Tensor, Tensor], Tensor], steps: schedule.Schedule, t: int, x: Tensor
) -> Tensor:
    """x0 in [0, 1] by the formulas of Ho et al. (2020), from a network that predicts the noise at t."""
    abar = steps.alphas_cumprod[t].float()
    x_t = (2 * x - 1) * abar.sqrt()
    with torch.no_grad():
        eps = network(x_t, torch.tensor([t]))[:, :3]
    return ((x_t - (1 - abar).sqrt() * eps) / abar.sqrt() + 1) / 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1, "norm_eps": 1e-6},
        {"resnet_time_scale_shift": "scale_shift", "attention_head_dim": None},
        {"downsample_type": "resnet", "upsample_type": "resnet", "attn_norm_num_groups": 4},
        {"add_attention": False, "layers_per_block": 2, "out_channels": 6},
    ],
    ids=str,
)
def test_diffusers(tmp_path: Path, changes: dict[str, Any]) -> None:
    network = randomised(UNet2DModel(**{**SMALL, **changes}))
    network.save_pretrained(tmp_path)
    backbone = foreign.read(tmp_path)
    denoise, steps = backbone.denoiser(), schedule.linear()
    x = picture(2, 3, 16, 20)
    for t in (0, 17, 999):
        expected = theirs(lambda *given: network(*given).sample, steps, t, x)
        found = denoise(x, float(steps.sigmas[t]))
        scale = float(expected.abs().max())
        assert (found - expected).abs().max() < 1e-5 * max(1.0, scale)


@pytest.mark.parametrize(
    ("prediction", "betas"), [("epsilon", "linear"), ("v_prediction", "squaredcos_cap_v2")]
)
def test_a_pipelines_folder_says_what_is_predicted(tmp_path: Path, prediction: str, betas: str) -> None:
    network = randomised(UNet2DModel(**SMALL))
    network.save_pretrained(tmp_path / "unet")
    theirs_ = DDPMScheduler(prediction_type=prediction, beta_schedule=betas, clip_sample=False)
    theirs_.save_pretrained(tmp_path / "scheduler")
    backbone = foreign.read(tmp_path)
    x, t = picture(1, 3, 16, 16), 400
    abar = theirs_.alphas_cumprod[t]
    assert float(backbone.config.diffusion.alphas_cumprod[t]) == pytest.approx(float(abar), rel=1e-4)
    x_t = (2 * x - 1) * abar.sqrt()
    with torch.no_grad():
        answer = theirs_.step(network(x_t, t).sample, t, x_t, generator=torch.Generator())
    found = backbone.denoiser()(x, float(backbone.config.diffusion.sigmas[t]))
    torch.testing.assert_close(found, (answer.pred_original_sample + 1) / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"classes": 5, "outputs": 6},
        {"updown": True, "attends": (1, 2), "outputs": 6},
        {"updown": True, "multipliers": (1, 2), "blocks": 3, "attends": (1,), "scale_shift": False},
    ],
    ids=str,
)
def test_guided_diffusion(tmp_path: Path, changes: dict[str, Any]) -> None:
    network = randomised(GuidedUNet(**{**GUIDED, **changes}))
    torch.save(network.state_dict(), tmp_path / "guided.pt")
    backbone = foreign.read(tmp_path / "guided.pt", heads=GuidedUNet.HEAD_CHANNELS)
    label = None
    if changes.get("classes"):
        with pytest.raises(WeightsError, match="one of 5 classes; pass a label from 0 to 4"):
            backbone.denoiser()
        backbone.label = 3
        label = torch.tensor([3])
    steps, x = schedule.linear(), picture(1, 3, 16, 20)
    for t in (0, 500, 999):
        expected = theirs(lambda x_t, t: network(x_t, t, label), steps, t, x)
        found = backbone.denoiser()(x, float(steps.sigmas[t]))
        assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


def written(tmp_path: Path) -> Path:
    network = randomised(GuidedUNet(**GUIDED))
    torch.save(network.state_dict(), tmp_path / "guided.pt")
    backbone = foreign.read(tmp_path / "guided.pt", heads=GuidedUNet.HEAD_CHANNELS)
    foreign.save(backbone, tmp_path / "guided.safetensors")
    return tmp_path / "guided.safetensors"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = foreign.read(tmp_path / "guided.pt", heads=GuidedUNet.HEAD_CHANNELS)
    again = foreign.load(path, device="cpu")
    assert again.config == first.config
    assert again.facts["from"] == "guided-diffusion"
    x = picture(1, 3, 13, 18)  # any size
    torch.testing.assert_close(first.denoiser()(x, 0.2), again.denoiser()(x, 0.2), rtol=0, atol=1e-5)
    assert again.denoiser()(x, 0.0) is x


def test_the_gradient_is_that_of_differences(tmp_path: Path) -> None:
    denoise: Denoiser = foreign.load(written(tmp_path), device="cpu").denoiser(differentiable=True)
    x, direction = picture(1, 3, 16, 12).requires_grad_(), picture(1, 3, 16, 12, seed=1) - 0.5
    (gradient,) = torch.autograd.grad(denoise(x, 0.3).sum(), x)
    with torch.no_grad():
        apart = denoise(x + 0.002 * direction, 0.3).double() - denoise(x - 0.002 * direction, 0.3)
    assert (gradient * direction).sum().item() == pytest.approx(apart.sum().item() / 0.004, rel=5e-3)


def test_a_condition_is_refused(tmp_path: Path) -> None:
    from restore.backbone import Condition

    with pytest.raises(
        WeightsError, match="an unconditional prior; use a method that shows the network nothing"
    ):
        foreign.load(written(tmp_path), device="cpu").denoiser(Condition(picture(1, 3, 16, 16)))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run!",))


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(path: Path, **options: Any) -> str:
        with pytest.raises(WeightsError) as caught:
            foreign.read(path, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such file or folder" in refused(tmp_path / "none.pt")
    evil = tmp_path / "evil.pt"
    torch.save({"a": Evil()}, evil)
    assert "cannot be read as tensors alone" in refused(evil)
    assert "run!" not in capsys.readouterr().out
    torch.save([1, 2], evil)
    assert "expected a dictionary of tensors by name" in refused(evil)
    torch.save({"layer.weight": torch.zeros(2)}, evil)
    assert "it lacks input_blocks.0.0.weight and begins with layer.weight" in refused(evil)
    state = randomised(GuidedUNet(**GUIDED)).state_dict()
    torch.save({**state, "extra.weight": torch.zeros(2)}, evil)
    assert "has a tensor extra.weight, which is in no guided-diffusion U-Net" in refused(evil)
    torch.save({name: tensor for name, tensor in state.items() if "middle_block.2" not in name}, evil)
    assert "lacks tensor middle.1.block" in refused(evil, heads=16)
    torch.save(state, evil)
    assert "do not divide into levels" in refused(evil, blocks=4)


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    network = UNet2DModel(**SMALL)
    network.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(**changes: object) -> str:
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(WeightsError) as caught:
            foreign.read(tmp_path)
        return str(caught.value)

    assert "has time_embedding_type 'fourier'; only positional can be read" in refused(
        time_embedding_type="fourier"
    )
    blocks = ["DownBlock2D", "SkipDownBlock2D", "DownBlock2D"]
    assert "has a block SkipDownBlock2D, which cannot be read" in refused(down_block_types=blocks)
    assert "sampling are of other kinds, conv and resnet" in refused(upsample_type="resnet")
    assert "attend on other levels" in refused(up_block_types=["UpBlock2D"] * 3)
    assert "is (16,), expected (8,)" in refused(block_out_channels=[8, 24, 24])
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(WeightsError, match="expected an object of settings"):
        foreign.read(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json: cannot be read"):
        foreign.read(tmp_path)


def test_converted_weights_restore_pictures(tmp_path: Path) -> None:
    torch.save(randomised(GuidedUNet(**GUIDED, classes=5)).state_dict(), tmp_path / "guided.pt")
    weights, source = tmp_path / "guided.safetensors", tmp_path / "a.png"
    made = cli("convert", tmp_path / "guided.pt", "-o", weights, "--head-channels", 16)
    assert made.exit_code == 0, made.stderr
    assert "channels 32, 32, 64, 2 blocks a level, 5 classes (--label)" in made.stderr
    assert made.stdout.strip() == str(weights)
    Image.fromarray(scene(0, 20, 26)).save(source)
    walk = ("--steps", 1, "--weights", weights)
    done = cli("deblur", source, "--kernel", "gaussian:1", "--label", 3, *walk)
    assert done.exit_code == 0, done.stderr
    assert images.read(tmp_path / "a-deblurred.png").size == (20, 26)
    for arguments, message in (
        (("deblur", source, "--kernel", "gaussian:1", *walk), "one of 5 classes; pass a label from 0 to 4"),
        (("upscale", source, "--scale", 2, "--label", 3, *walk), "these weights are an unconditional prior"),
        (
            ("deblur", source, "--kernel", "gaussian:1", "--tile", 64, "--label", 1, *walk),
            "sees the whole picture",
        ),
        (
            ("deblur", source, "--kernel", "gaussian:1", "--label", 1, "--steps", 1),
            "--label is for converted weights",
        ),
        (("convert", tmp_path / "guided.pt", "-o", weights), "is there already; pass --overwrite"),
        (("convert", tmp_path / "none.pt", "-o", tmp_path / "b.safetensors"), "no such file or folder"),
    ):
        refused = cli(*arguments, "-o", tmp_path / "b.png") if "convert" not in arguments else cli(*arguments)
        assert refused.exit_code == 1, refused.stderr
        assert message in refused.stderr
        assert refused.stderr.count("\n") <= 2
    assert cli("convert", tmp_path / "guided.pt", "-o", tmp_path / "b.pt").exit_code == 2
