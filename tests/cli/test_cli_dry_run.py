"""A dry run fails wherever the run would, with the same message and exit code, and writes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from command_photos import HOLE, PHOTO, white_noise
from commands import cli
from foreign_networks import foreign_weights
from PIL import Image

from restore.priors.unet import UNet

pytestmark = pytest.mark.usefixtures("one_thread", "here")

BROKEN = [
    "denoise no.png",
    "denoise empty.png",
    "denoise photo.png --weights no.safetensors",
    "denoise photo.png --weights cut.safetensors",
    "denoise photo.png --weights text.safetensors --sigma 9",
    "denoise photo.png --weights w.safetensors --label 3",
    "denoise photo.png --device mps",
    "denoise photo.png --device cuda:99",
    "denoise photo.png -o taken --overwrite",
    "denoise photo.png -o photo.png",
    "denoise photo.png -o nowhere/x.png",
    "denoise photo.png -o file/x.png",
    "denoise photo.png -o x.psd",
    "denoise photo.png -o - --json",
    "denoise photo.png -o dangling.png --weights w.safetensors",
    f"denoise photo.png -o {260 * 'a'}.png --weights w.safetensors",
    "denoise photo.png --sigma 9 --max-memory 500k --weights w.safetensors",
    "upscale photo.png --scale 2 --max-memory 2M --weights w.safetensors",
    "denoise photo.png --method magic",
    "denoise photo.png --config method.toml",
    "denoise photo.png --config key.toml",
    "denoise photo.png --uncertainty nowhere/map.tif",
    "denoise photo.png --uncertainty mask.png",
    "denoise photo.png --uncertainty folder.tif --overwrite",
    "denoise photo.png --uncertainty map.jpg",
    "denoise photo.png --method blind --estimate sample --weights w.safetensors --trajectory file",
    "denoise photo.png --method blind --weights foreign.safetensors",
    "denoise photo.png --sigma 9 --tile 64 --weights foreign.safetensors",
    "denoise photo.png --sigma 9 --precision bf16 --weights foreign.safetensors",
    "denoise photo.png --sigma 9 --weights classes.safetensors --label 9",
    "solve photo.png --operator gray --weights classes.safetensors",
    "inpaint photo.png --mask small.png",
    "inpaint photo.png --mask no.png",
    "inpaint photo.png --mask mask.png --method repaint --steps 5",
    "inpaint photo.png --mask mask.png --weights foreign.safetensors",
    "inpaint photo.png --mask mask.png --method repaint --steps 1000 --weights coarse.safetensors",
    "inpaint photo.png --mask mask.png --save-mask mask.png",
    "inpaint photo.png --mask mask.png --save-mask nowhere/m.png",
    "erase photo.png --box 30,2,9,4",
    "erase photo.png --at 18,15",
    "upscale photo.png --scale 9",
    "upscale photo.png --scale 2 --weights foreign.safetensors",
    "upscale wide.png --scale 4 -o x.webp --weights w.safetensors",
    "dejpeg photo.png",
    "dejpeg photo.png --quality 30 --method magic",
    "dejpeg photo.png --method blind --weights foreign.safetensors",
    "solve tiny.png --operator blur=gaussian:9 --weights w.safetensors",
    "solve photo.png --operator down=2 --method magic",
    "solve photo.png --operator bla=2",
    "deblur tiny.png --kernel gaussian:9 --weights w.safetensors",
    "colorize photo.png --method magic",
    "sample -o file",
    "sample -o out --weights no.safetensors",
    "sample -o out --weights w.safetensors --label 2",
    "sample -o out --weights w.safetensors --guidance 2",
    "sample -o out --weights w.safetensors --sampler ddpm --variance learned",
    "sample -o out --stages w.safetensors,no.safetensors",
    "sample -o out --stages w.safetensors,foreign.safetensors --size 64",
    "sample -o out --vectors no.npy",
    "vary photo.png --mask small.png",
    "vary photo.png --reference no.png",
    "vary photo.png --weights no.safetensors",
    "fit photo.png -o w.safetensors",
    "fit photo.png -o nowhere/x.safetensors",
    "fit noisy -o x.safetensors --resume --weights w.safetensors",
    "fit photo.png -o x.safetensors --weights cut.safetensors",
    "fit photo.png -o x.safetensors --minutes 0",
    "fit tiny.png -o x.safetensors --weights w.safetensors",
]


@pytest.fixture
def broken(here: Path, weights: Path) -> Path:
    """The current folder, with all kinds of files that commands cannot use."""
    shutil.copy(weights, "w.safetensors")
    Path("cut.safetensors").write_bytes(weights.read_bytes()[:-50])
    Path("text.safetensors").write_text("no weights")
    foreign_weights(Path("foreign.safetensors"))
    foreign_weights(Path("classes.safetensors"), classes=3)
    foreign_weights(Path("coarse.safetensors"), steps=50)
    Image.fromarray(PHOTO[:3, :3]).save("tiny.png")
    Image.fromarray(HOLE[:20, :20]).save("small.png")
    Image.fromarray(np.zeros((2, 5000, 3), np.uint8)).save("wide.png")
    Path("empty.png").touch()
    Path("file").touch()
    Path("taken/photo.png").mkdir(parents=True)
    Path("folder.tif").mkdir()
    Path("dangling.png").symlink_to("nowhere/x.png")
    Path("noisy").mkdir()
    for k in range(3):
        Image.fromarray(white_noise(20 + k)).save(f"noisy/{k}.png")
    Path("method.toml").write_text('method = "magic"')
    Path("key.toml").write_text("bla = 1")
    return here


def last_line(done: Result) -> str:
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("line", BROKEN)
def test_a_dry_run_fails_as_the_run_does(broken: Path, line: str) -> None:
    before = sorted(broken.rglob("*"))
    planned = cli(*line.split(), "--dry-run")
    assert sorted(broken.rglob("*")) == before
    done = cli(*line.split())
    assert done.exit_code in (1, 2)
    assert (planned.exit_code, last_line(planned)) == (done.exit_code, last_line(done))
    assert [json.loads(each)["event"] for each in planned.stdout.splitlines()] == ["error"] * (
        "--json" in line
    )


@pytest.mark.parametrize(
    "line",
    [
        "denoise photo.png --weights w.safetensors",
        "denoise photo.png --method real --weights w.safetensors --uncertainty map.tif",
        "inpaint photo.png --mask mask.png --method repaint --steps 20 --weights w.safetensors",
        "upscale photo.png --scale 6 --weights w.safetensors",
        "solve photo.png --operator blur=gaussian:1 --operator down=2 --weights foreign.safetensors",
        "sample -o out --size 32 --steps 2 --sampler ddpm --weights w.safetensors",
        "sample -o out --size 32 --stages w.safetensors,w.safetensors --scale 2 --steps 1",
        "vary photo.png --steps 3 --weights w.safetensors",
    ],
)
def test_what_can_be_run_is_planned_without_a_call(
    broken: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    before = sorted(broken.rglob("*"))

    def called(*_: object, **__: object) -> None:
        raise AssertionError("the network was called")

    monkeypatch.setattr(UNet, "forward", called)
    done = cli(*line.split(), "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert done.stdout != ""
    assert sorted(broken.rglob("*")) == before
