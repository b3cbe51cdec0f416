"""Other people's backbones, against what their own code answers; nothing is downloaded."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from diffusers import DDPMScheduler, UNet2DModel
from guided_unet import GuidedUNet
from PIL import Image
from safetensors.torch import save_file
from scenes import scene
from torch import Tensor, nn

from restore import images
from restore.diffusion import schedule
from restore.errors import WeightsError
from restore.priors.checkpoint import read_file
from restore.priors.foreign import backbone as foreign
from restore.priors.foreign import diffusers, guided_diffusion
from restore.priors.foreign.guided_diffusion import Told
from restore.types import Denoiser

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

SMALL: dict[str, Any] = {
    "sample_size": 16,
    "block_out_channels": (16, 24, 24),
    "norm_num_groups": 8,
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
}
GUIDED: dict[str, Any] = {"channels": 32, "multipliers": (1, 1, 2), "blocks": 2, "attends": (2,)}
HEADS = Told(head_channels=GuidedUNet.HEAD_CHANNELS)


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
    backbone = diffusers.read(tmp_path)
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
    backbone = diffusers.read(tmp_path)
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
        {"heads": 4, "attends": (1, 2)},
        {"new_order": True, "updown": True, "attends": (1, 2)},
        {"multipliers": (1,), "blocks": 1, "attends": ()},
        {"updown": True, "multipliers": (1, 1, 1, 1), "blocks": 1, "attends": ()},
    ],
    ids=str,
)
def test_guided_diffusion(tmp_path: Path, changes: dict[str, Any]) -> None:
    network = randomised(GuidedUNet(**{**GUIDED, **changes}))
    torch.save(network.state_dict(), tmp_path / "guided.pt")
    flags = replace(HEADS, heads=changes.get("heads", 0), new_attention_order=changes.get("new_order", False))
    backbone = guided_diffusion.read(tmp_path / "guided.pt", flags)
    label = None
    if changes.get("classes"):
        with pytest.raises(WeightsError, match="one of 5 classes; pass a label from 0 to 4"):
            backbone.denoiser()
        backbone.label = 3
        label = torch.tensor([3])
    steps, x = schedule.linear(), picture(1, 3, 16, 24)
    for t in (0, 500, 999):
        expected = theirs(lambda x_t, t: network(x_t, t, label), steps, t, x)
        found = backbone.denoiser()(x, float(steps.sigmas[t]))
        assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("betas", ["linear", "cosine"])
@pytest.mark.parametrize("rescaled", [False, True])
def test_other_numbers_of_steps(tmp_path: Path, betas: str, rescaled: bool) -> None:
    """4000 steps and timesteps given as if there were 1000, as improved-diffusion trained."""
    network = randomised(GuidedUNet(**GUIDED, heads=4))
    torch.save(network.state_dict(), tmp_path / "guided.pt")
    flags = Told(heads=4, schedule=betas, diffusion_steps=4000, rescale_timesteps=rescaled)
    denoise = guided_diffusion.read(tmp_path / "guided.pt", flags).denoiser()
    steps = schedule.cosine(4000) if betas == "cosine" else schedule.linear(4000, 2.5e-5, 0.005)
    x = picture(1, 3, 16, 16)
    for t in (0, 1001, 3999):
        expected = theirs(lambda x_t, t: network(x_t, t / 4 if rescaled else t), steps, t, x)
        found = denoise(x, float(steps.sigmas[t]))
        assert (found - expected).abs().max() < 2e-5 * max(1.0, float(expected.abs().max()))


def test_what_the_files_do_not_say_is_kept(tmp_path: Path) -> None:
    torch.save(randomised(GuidedUNet(**GUIDED, heads=4, new_order=True)).state_dict(), tmp_path / "guided.pt")
    weights = tmp_path / "guided.safetensors"
    options = ("--heads", 4, "--new-attention-order", "--schedule", "cosine", "--diffusion-steps", 4000)
    made = cli("convert", tmp_path / "guided.pt", "-o", weights, *options, "--rescale-timesteps")
    assert made.exit_code == 0, made.stderr
    assert "predicts eps on a cosine schedule of 4000 steps" in made.stderr
    flags = Told(4, new_attention_order=True, schedule="cosine", diffusion_steps=4000, rescale_timesteps=True)
    first, again = guided_diffusion.read(tmp_path / "guided.pt", flags), foreign.load(weights, device="cpu")
    assert again.config == first.config
    assert again.config.timestep_scale == 0.25
    x = picture(1, 3, 16, 16)
    torch.testing.assert_close(again.denoiser()(x, 0.2), first.denoiser()(x, 0.2), rtol=0, atol=1e-6)


def written(tmp_path: Path) -> Path:
    network = randomised(GuidedUNet(**GUIDED))
    torch.save(network.state_dict(), tmp_path / "guided.pt")
    backbone = guided_diffusion.read(tmp_path / "guided.pt", HEADS)
    foreign.save(backbone, tmp_path / "guided.safetensors")
    return tmp_path / "guided.safetensors"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = guided_diffusion.read(tmp_path / "guided.pt", HEADS)
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
    from restore.priors.condition import Condition

    with pytest.raises(
        WeightsError, match="an unconditional prior; use a method that shows the network nothing"
    ):
        foreign.load(written(tmp_path), device="cpu").denoiser(Condition(picture(1, 3, 16, 16)))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run!",))


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(path: Path, **flags: Any) -> str:
        with pytest.raises(WeightsError) as caught:
            guided_diffusion.read(path, replace(HEADS, **flags))
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
    assert "it lacks input_blocks.0.0.weight and begins with 'layer.weight'" in refused(evil)
    state = randomised(GuidedUNet(**GUIDED)).state_dict()
    torch.save({**state, "extra.weight": torch.zeros(2)}, evil)
    assert "has a tensor extra.weight, which is in no guided-diffusion U-Net" in refused(evil)
    torch.save({name: tensor for name, tensor in state.items() if "middle_block.2" not in name}, evil)
    assert "lacks tensor middle_block.2.in_layers.0.weight" in refused(evil)
    torch.save({**state, "middle_block.1.qkv.weight": torch.zeros(7, 64, 1)}, evil)
    assert "middle_block.1.qkv.weight is (7, 64, 1), expected (192, 64, 1)" in refused(evil)
    torch.save({**state, "out.2.bias": torch.tensor([1.0, torch.nan, 0.0])}, evil)
    assert "tensor head.2.bias holds numbers that are not finite" in refused(evil)
    torch.save({**state, "out.2.bias": torch.zeros(3, dtype=torch.int64)}, evil)
    assert "expected plain floating-point numbers" in refused(evil)
    torch.save({**state, "label_emb.weight": torch.zeros(5)}, evil)
    assert "label_emb.weight is (5,), expected 2 dimensions" in refused(evil)
    torch.save({**state, "input_blocks.0.0.weight": torch.zeros(32, 6, 3, 3)}, evil)  # of an upsampler
    assert "expected 3 input and 3 or 6 output channels, got 6 and 3" in refused(evil)
    torch.save(state, evil)
    assert "64 channels of an attention do not divide into heads of 48 channels" in refused(
        evil, head_channels=48
    )
    assert "64 channels of an attention do not divide into 5 heads" in refused(evil, heads=5)
    assert "betas must lie strictly between 0 and 1" in refused(evil, diffusion_steps=10)


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    network = UNet2DModel(**SMALL)
    network.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(**changes: object) -> str:
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(WeightsError) as caught:
            diffusers.read(tmp_path)
        return str(caught.value)

    assert "has time_embedding_type 'fourier'; only positional can be read" in refused(
        time_embedding_type="fourier"
    )
    blocks = ["DownBlock2D", "SkipDownBlock2D", "DownBlock2D"]
    assert "has a block 'SkipDownBlock2D', which cannot be read" in refused(down_block_types=blocks)
    assert "sampling are of other kinds, conv and 'resnet'" in refused(upsample_type="resnet")
    assert "attend on other levels" in refused(up_block_types=["UpBlock2D"] * 3)
    assert "time_embedding.linear_1.weight is (64, 16), expected (32, 8)" in refused(
        block_out_channels=[8, 24, 24]
    )
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(WeightsError, match="expected an object of settings"):
        diffusers.read(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json: cannot be read"):
        diffusers.read(tmp_path)


def only_weights_errors(read: Callable[[], object]) -> str:
    """What is said, one line of it; empty where nothing is wrong."""
    try:
        read()
    except WeightsError as error:
        assert len(str(error).splitlines()) == 1
        return str(error)
    return ""


ODD: dict[str, Callable[[Tensor], Tensor | None]] = {
    "missing": lambda tensor: None,
    "a number": lambda tensor: torch.tensor(1.0),
    "empty": lambda tensor: tensor[:0],
    "flat": lambda tensor: torch.zeros(tensor.numel() + 1),
    "longer": lambda tensor: torch.cat([tensor, tensor[:1]]),
    "one more dimension": lambda tensor: tensor[None],
    "sparse": lambda tensor: tensor.to_sparse(),
    "whole numbers": lambda tensor: tensor.to(torch.int32),
    "complex": lambda tensor: tensor.to(torch.complex64),
}


def one_of_each_kind(state: dict[str, Tensor]) -> list[str]:
    return list({re.sub("[0-9]+", "0", name): name for name in state}.values())


def a_third(names: list[str], odd: str) -> list[str]:
    """Another third for the next way to be odd: each tensor is odd in several ways, not in all of them."""
    return names[list(ODD).index(odd) % 3 :: 3]


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD)
def test_every_odd_tensor_is_an_error_of_one_line(tmp_path: Path, odd: str) -> None:
    file = tmp_path / "odd.pt"
    state = GuidedUNet(32, (1, 2), 1, (1,)).state_dict()
    for name in a_third(one_of_each_kind(state), odd):
        changed = {**state, name: ODD[odd](state[name])}
        torch.save({key: tensor for key, tensor in changed.items() if tensor is not None}, file)
        assert only_weights_errors(lambda: guided_diffusion.read(file, HEADS)), name
    network = UNet2DModel(**SMALL)
    network.save_pretrained(tmp_path)
    state = network.state_dict()
    for name in () if odd == "sparse" else a_third(one_of_each_kind(state), odd):  # safetensors hold none
        changed = {**state, name: ODD[odd](state[name])}
        kept = {key: tensor.contiguous() for key, tensor in changed.items() if tensor is not None}
        save_file(kept, tmp_path / "diffusion_pytorch_model.safetensors")
        assert only_weights_errors(lambda: diffusers.read(tmp_path)), name


@pytest.mark.slow
def test_every_renamed_tensor_is_named(tmp_path: Path) -> None:
    state, file = GuidedUNet(32, (1, 2), 1, (1,), classes=2).state_dict(), tmp_path / "odd.pt"
    far, broken = "input_blocks.9999.0.in_layers.0.weight", "output_blocks.1.1.conv.weight\n"
    for number, name in enumerate(one_of_each_kind(state)):
        for other in (f"{name}x", (far, broken, 7)[number % 3]):
            torch.save({other if key == name else key: tensor for key, tensor in state.items()}, file)
            message = only_weights_errors(lambda: guided_diffusion.read(file, HEADS))
            assert message, (name, other)
            if other == f"{name}x":
                assert f"has a tensor {other}, which is in no" in message or f"it lacks {name}" in message


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_files_cut_off(tmp_path: Path, share: float) -> None:
    torch.save(randomised(GuidedUNet(32, (1, 2), 1, (1,))).state_dict(), tmp_path / "cut.pt")
    UNet2DModel(**SMALL).save_pretrained(tmp_path)
    for name in ("cut.pt", "diffusion_pytorch_model.safetensors", "config.json"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: int(share * len(data))])
        if name == "cut.pt":
            assert only_weights_errors(lambda: guided_diffusion.read(tmp_path / "cut.pt", HEADS))
        else:
            assert only_weights_errors(lambda: diffusers.read(tmp_path))
            (tmp_path / name).write_bytes(data)


WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**400, "x\ny", [], ["a"], [-8, 24, 24], [10**30] * 3, {"a": []}, float("nan"),
    ["Attn"] * 3,
)  # fmt: skip


SETTINGS = (diffusers.NETWORK | diffusers.ONLY | diffusers.SCHEDULER | diffusers.ONLY_SCHEDULER).keys()


@pytest.mark.slow
def test_every_odd_setting_is_an_error_of_one_line(tmp_path: Path) -> None:
    """Or none, where it is another's way to say something: 1.5 for a shift, null for no classes."""
    UNet2DModel(**SMALL).save_pretrained(tmp_path)
    DDPMScheduler().save_pretrained(tmp_path)
    whole, rng = diffusers.read(tmp_path).config, random.Random(0)
    for name in ("config.json", "scheduler_config.json"):
        settings = json.loads((tmp_path / name).read_text())
        for key in sorted(settings.keys() & SETTINGS):
            missing = {other: value for other, value in settings.items() if other != key}
            (tmp_path / name).write_text(json.dumps(missing))
            only_weights_errors(lambda: diffusers.read(tmp_path))
            for wrong in rng.sample(WRONG, 5):
                (tmp_path / name).write_text(json.dumps({**settings, key: wrong}))
                only_weights_errors(lambda: diffusers.read(tmp_path))
        for text in ("", "[" * 100_000, "null", "7", "\xff"):
            (tmp_path / name).write_text(text, encoding="latin-1")
            assert only_weights_errors(lambda: diffusers.read(tmp_path)), text[:9]
        (tmp_path / name).write_text(json.dumps(settings))
    assert diffusers.read(tmp_path).config == whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_out_channels": "wide"}, "has block_out_channels 'wide'; expected a list of whole numbers"),
        ({"block_out_channels": []}, "expected 1 to 8 levels"),
        ({"block_out_channels": [12, 24, 24]}, "12 channels do not divide into 8 groups"),
        ({"layers_per_block": -1}, "expected blocks from 1 to 32, in whole numbers; got -1"),
        ({"layers_per_block": "1"}, "has layers_per_block '1'; expected a whole number"),
        ({"norm_num_groups": 0}, "expected groups from 1 to 65536"),
        ({"attention_head_dim": 7}, "24 channels of an attention do not divide into heads of 7 channels"),
        ({"freq_shift": 8}, "a shift from 0 to below their half; got 16 and 8"),
        ({"down_block_types": None}, "has down_block_types None; expected a list of words"),
        ({"down_block_types": ["UpBlock2D"] * 3}, "has a block 'UpBlock2D', which cannot be read"),
        ({"in_channels": 4}, "has in_channels 4; only 3 can be read"),
    ],
    ids=str,
)
def test_a_setting_that_fits_no_network_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    UNet2DModel(**SMALL).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    assert message in only_weights_errors(lambda: diffusers.read(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": []}, "cannot be read"),
        ({"network": {}}, "KeyError('channels')"),
        ({"steps": "many"}, "expected 1 to 100000 steps, in whole numbers; got 'many'"),
        ({"options": {"start": -1.0}}, "betas must lie strictly between 0 and 1"),
        ({"options": {"start": 1e-20, "end": 1e-20}}, "adds no noise at its first step"),
        ({"options": 3}, "cannot be read"),
        ({"schedule": ["linear"]}, "cannot be read"),
        ({"prediction": "score"}, "prediction is one of eps, x0, v; got 'score'"),
    ],
    ids=str,
)
def test_a_converted_file_that_was_edited(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    metadata, tensors = read_file(written(tmp_path))
    edited = tmp_path / "edited.safetensors"
    described = json.dumps({**json.loads(metadata["config"]), **changes})
    save_file(tensors, edited, {**metadata, "config": described})
    assert message in only_weights_errors(lambda: foreign.load(edited, device="cpu"))
    save_file(tensors, edited, {**metadata, "config": json.dumps([described])})
    assert "cannot be read" in only_weights_errors(lambda: foreign.load(edited, device="cpu"))


def test_a_scheduler_beside_the_settings_is_read(tmp_path: Path) -> None:
    UNet2DModel(**SMALL).save_pretrained(tmp_path)
    DDPMScheduler(beta_end=0.01, num_train_timesteps=500).save_pretrained(tmp_path)
    config = diffusers.read(tmp_path).config
    assert (config.steps, config.options["end"]) == (500, 0.01)
    DDPMScheduler(rescale_betas_zero_snr=True).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="has rescale_betas_zero_snr True; only False can be read"):
        diffusers.read(tmp_path)
    (tmp_path / "scheduler_config.json").write_text('{"_class_name": "ScoreSdeVeScheduler"}')
    with pytest.raises(WeightsError, match="lacks beta_schedule, expected a word"):
        diffusers.read(tmp_path)


def test_old_names_of_an_attention(tmp_path: Path) -> None:
    """As diffusers wrote them before 0.15."""
    UNet2DModel(**SMALL).save_pretrained(tmp_path)
    new = diffusers.read(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    _, state = read_file(file)
    for name, other in old.items():
        state = {key.replace(f".{name}.", f".{other}."): tensor for key, tensor in state.items()}
    save_file(state, file)
    again, x = diffusers.read(tmp_path), picture(1, 3, 16, 16)
    torch.testing.assert_close(again.denoiser()(x, 0.2), new.denoiser()(x, 0.2), rtol=0, atol=0)


@pytest.mark.parametrize(
    "option",
    [
        ("--head-channels", "64"),
        ("--heads", "4"),
        ("--schedule", "linear"),
        ("--new-attention-order",),
        ("--diffusion-steps", "1000"),
        ("--rescale-timesteps",),
    ],
)
def test_what_a_folder_says_itself_is_refused(tmp_path: Path, option: tuple[str, ...]) -> None:
    refused = cli("convert", tmp_path, "-o", tmp_path / "a.safetensors", *option)
    assert refused.exit_code == 2
    assert f"{option[0]} is for a guided-diffusion file; {tmp_path} is a folder" in refused.stderr


def test_heads_are_said_once(tmp_path: Path) -> None:
    refused = cli("convert", "a.pt", "-o", tmp_path / "a.safetensors", "--heads", 4, "--head-channels", 64)
    assert refused.exit_code == 2
    assert "--heads 4 and --head-channels 64 say the same in two ways; pass one of them" in refused.stderr


def test_a_label_for_weights_without_classes_is_refused(tmp_path: Path) -> None:
    weights, source = written(tmp_path), tmp_path / "a.png"
    Image.fromarray(scene(0, 16, 16)).save(source)
    refused = cli(
        "deblur", source, "--kernel", "gaussian:1", "--steps", 1, "--weights", weights, "--label", 0
    )
    assert refused.exit_code == 1
    assert "these weights know no classes, got label 0; leave the label out" in refused.stderr
    backbone = foreign.load(weights, device="cpu")
    backbone.label = 0
    with pytest.raises(WeightsError, match="know no classes"):
        backbone.denoiser()


def test_samples_of_classes(tmp_path: Path) -> None:
    """Each picture draws a class where none is told; with one that stands for none there is guidance."""
    torch.save(randomised(GuidedUNet(**GUIDED, classes=5)).state_dict(), tmp_path / "guided.pt")
    guided = tmp_path / "guided.safetensors"
    assert cli("convert", tmp_path / "guided.pt", "-o", guided, "--head-channels", 16).exit_code == 0
    options = ("--size", 16, "--steps", 2, "-n", 6, "--weights", guided)
    done = cli("sample", "-o", tmp_path / "any", *options)
    assert done.exit_code == 0, done.stderr
    assert cli("sample", "-o", tmp_path / "one", *options, "--label", 3).exit_code == 0
    pictures = [images.read(tmp_path / name / "sample-000.png").pixels for name in ("any", "one")]
    assert not np.array_equal(*pictures)
    refused = cli("sample", "-o", tmp_path / "no", *options, "--label", 3, "--guidance", 2)
    assert refused.exit_code == 1
    assert "know no class that stands for none" in refused.stderr
    again = ("convert", tmp_path / "guided.pt", "-o", guided, "--head-channels", 16, "--overwrite")
    made = cli(*again, "--null-label")
    assert made.exit_code == 0
    assert "4 classes (--label)" in made.stderr
    assert cli("sample", "-o", tmp_path / "far", *options, "--label", 3, "--guidance", 2).exit_code == 0
    assert cli("sample", "-o", tmp_path / "none", *options).exit_code == 0
    pictures = [images.read(tmp_path / name / "sample-000.png").pixels for name in ("one", "far", "none")]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    assert "4 classes" in cli("sample", "-o", tmp_path / "no", *options, "--label", 4).stderr
    torch.save(randomised(GuidedUNet(**GUIDED)).state_dict(), tmp_path / "plain.pt")
    made = cli(
        "convert",
        tmp_path / "plain.pt",
        "-o",
        tmp_path / "p.safetensors",
        "--head-channels",
        16,
        "--null-label",
    )
    assert made.exit_code == 1
    assert "the class that stands for none is the last one" in made.stderr


def test_converted_weights_restore_pictures(tmp_path: Path) -> None:
    torch.save(randomised(GuidedUNet(**GUIDED, classes=5)).state_dict(), tmp_path / "guided.pt")
    weights, source = tmp_path / "guided.safetensors", tmp_path / "a.png"
    made = cli("convert", tmp_path / "guided.pt", "-o", weights, "--head-channels", 16)
    assert made.exit_code == 0, made.stderr
    assert "channels 32, 32, 64, 2 blocks a level, 5 classes (--label)" in made.stderr
    assert made.stdout.strip() == str(weights)
    Image.fromarray(scene(0, 20, 26)).save(source)
    options = ("--steps", 1, "--weights", weights)
    done = cli("deblur", source, "--kernel", "gaussian:1", "--label", 3, *options)
    assert done.exit_code == 0, done.stderr
    assert images.read(tmp_path / "a-deblurred.png").size == (20, 26)
    for arguments, message in (
        (
            ("deblur", source, "--kernel", "gaussian:1", *options),
            "one of 5 classes; pass a label from 0 to 4",
        ),
        (("deblur", source, "--kernel", "gaussian:1", "--label", 5, *options), "a number from 0 to 4, got 5"),
        (
            ("upscale", source, "--scale", 2, "--label", 3, *options),
            "these weights are an unconditional prior",
        ),
        (
            ("deblur", source, "--kernel", "gaussian:1", "--tile", 64, "--label", 1, *options),
            "sees the whole picture",
        ),
        (
            ("deblur", source, "--kernel", "gaussian:1", "--label", 1, "--steps", 1),
            "these weights know no classes",
        ),
        (("convert", tmp_path / "guided.pt", "-o", weights), "is there already; pass --overwrite"),
        (("convert", tmp_path / "none.pt", "-o", tmp_path / "b.safetensors"), "no such file or folder"),
    ):
        refused = cli(*arguments, "-o", tmp_path / "b.png") if "convert" not in arguments else cli(*arguments)
        assert refused.exit_code == 1, refused.stderr
        assert message in refused.stderr
        assert refused.stderr.count("\n") <= 2
    assert cli("convert", tmp_path / "guided.pt", "-o", tmp_path / "b.pt").exit_code == 2
