"""The golden cases: what is run, and what it writes. All that names the project's options stands here.

In a command ``{in}`` stands for the folder of `golden_inputs`, ``{out}`` for an empty one, ``{tiny}`` for the
checkpoint of a tiny network. No case keeps a record of how a picture was made, which names options and
versions, and none is measured in seconds. When an option or a command gets another name, it is changed here
and nowhere else; what is recorded stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from golden_inputs import hole, noisy, picture
from numpy.typing import NDArray

import restore
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.priors.checkpoint import save
from restore.tasks.inpaint_methods import Jumps
from restore.testing import tiny_prior

Places = dict[str, str]
Arrays = Iterable[NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A command and the files that it writes, or a call that gives arrays.

    tolerances: on other machines, by kinds of numbers, where the usual ones are too tight.
    """

    name: str
    command: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    call: Callable[[Places], Arrays] | None = None
    tolerances: dict[str, float] = field(default_factory=dict)


# ------------------------------------------------------------------------------------ how they are run

PLAIN = ("--device", "cpu", "--precision", "fp32")
NO_RECORD = ("--no-provenance",)
TINY = ("--weights", "{tiny}")
JPEG = {"uint8": 6.0}  # of a pixel that is another, eight by eight are coded otherwise
LEARNED = {"float16": 0.02, "float32": 0.02}  # two steps' way where a gradient of nearly nothing turns round


def make_weights(path: Path) -> None:
    """The checkpoint of a tiny network."""
    save(tiny_prior(), path)


def make_configurations(folder: Path) -> None:
    """Files with options."""
    (folder / "denoise.toml").write_text('sigma = 18\nestimate = "sample"\nsteps = 3\nseed = 5\n')
    (folder / "train.toml").write_text(
        f'[data]\ntrain = ["{(folder / "to-learn").as_posix()}"]\ncrop = 16\ntext = 0.0\n'
        "[backbone.network]\nchannels = [8, 8]\nblocks = 1\nembedding = 8\n"
        "[optim]\nlr = 0.01\nwarmup_steps = 1\n"
        '[run]\nsteps = 2\nbatch = 6\ndevice = "cpu"\nprecision = "fp32"\ncompile = false\nlog_every = 1\n'
        "save_every = 0\n"
    )


def tiny(
    name: str,
    command: str,
    *,
    out: str = "out.png",
    outputs: Sequence[str] = (),
    tolerances: dict[str, float] | None = None,
) -> Case:
    """By the tiny network: one picture, or ``outputs`` in the order in which they are hashed."""
    words = (*command.split(), "-o", f"{{out}}/{out}".removesuffix("."), *TINY, *PLAIN, *NO_RECORD)
    return Case(name, words, tuple(outputs) or (out,), tolerances=tolerances or {})


def shipped(name: str, command: str) -> Case:
    """By the weights in the package: one picture."""
    words = (*command.split(), "-o", "{out}/out.png", *PLAIN, *NO_RECORD)
    return Case(f"shipped-{name}", words, ("out.png",))


# -------------------------------------------------------------------------------------------- commands

FILL = "inpaint {in}/photo.png --mask {in}/mask.png"
INPAINT = (
    tiny("inpaint", f"{FILL} --steps 6"),
    tiny("inpaint-alternating-mean", f"{FILL} --estimate mean --steps 4"),
    tiny("inpaint-alternating-heun", f"{FILL} --sampler heun --steps 6 --seed 1"),
    tiny("inpaint-conditional-mean", f"{FILL} --method conditional --estimate mean"),
    tiny("inpaint-conditional-sample", f"{FILL} --method conditional --steps 4"),
    tiny("inpaint-conditional-guided", f"{FILL} --method conditional --guidance 2.5 --steps 4 --seed 3"),
    tiny("inpaint-conditional-langevin", f"{FILL} --method conditional --sampler langevin --steps 3"),
    tiny("inpaint-repaint", f"{FILL} --method repaint --steps 6 --jump-length 2 --jump-repeats 3"),
    tiny(
        "inpaint-repaint-dpmpp-2m",
        f"{FILL} --method repaint --sampler dpmpp-2m --steps 7 --jump-length 3 --jump-repeats 2",
    ),
    tiny(
        "inpaint-ddnm-alpha",
        "inpaint {in}/alpha.png --mask {in}/alpha-mask.png --method splitting-ddnm --steps 5",
    ),
    tiny("inpaint-splitting", f"{FILL} --method splitting --estimate mean --steps 5"),
    tiny(
        "inpaint-ddrm-gray-16", "inpaint {in}/gray16.png --mask {in}/gray16-mask.png --method ddrm --steps 4"
    ),
    tiny("inpaint-ddnm-plus", f"{FILL} --method ddnm-plus --steps 4 --seed 2"),
    tiny("inpaint-diffpir", f"{FILL} --method diffpir --steps 4 --seed 4294967295"),
    tiny("inpaint-pigdm", f"{FILL} --method pigdm --steps 4"),
    tiny("inpaint-dps", f"{FILL} --method dps --steps 4"),
    tiny("inpaint-two-samples", f"{FILL} --steps 4 --samples 2 --seed 7", outputs=("out-1.png", "out-2.png")),
    tiny("inpaint-grown", f"{FILL} --grow 3 --estimate mean --steps 3"),
    tiny("inpaint-keep", "inpaint {in}/photo.png --mask {in}/keep.png --invert-mask --steps 4"),
    tiny("inpaint-budget", f"{FILL} --nfe 9"),
    tiny("inpaint-repaint-budget", f"{FILL} --method repaint --nfe 40"),
    tiny(
        "inpaint-uncertainty",
        f"{FILL} --steps 3 --uncertainty {{out}}/map.tif --uncertainty-samples 3",
        outputs=("out.png", "map.tif"),
    ),
    tiny(
        "inpaint-tiff-16",
        "inpaint {in}/deep.tif --mask {in}/deep-mask.png --estimate mean --steps 3",
        out="o.tif",
    ),
    tiny(
        "inpaint-turned-jpeg",
        "inpaint {in}/turned.jpg --mask {in}/turned-mask.png --steps 3",
        out="o.jpg",
        tolerances=JPEG,
    ),
    tiny("inpaint-tiled", "inpaint {in}/large.png --mask {in}/large-mask.png --steps 4 --tile 64"),
    tiny("inpaint-ensemble", f"{FILL} --steps 3 --ensemble 3"),
)

CLEAN = "denoise {in}/noisy.png"
DENOISE = (
    tiny("denoise-auto-white", "denoise {in}/white.png"),
    tiny("denoise-auto-grainy", "denoise {in}/grainy.png"),
    tiny("denoise-auto-clean", "denoise {in}/clean.png"),
    tiny("denoise-auto-sample", "denoise {in}/white.png --estimate sample --steps 3"),
    tiny("denoise-gaussian-mean", f"{CLEAN} --sigma 20"),
    tiny("denoise-gaussian-estimated", f"{CLEAN} --method gaussian"),
    tiny("denoise-blind-mean", f"{CLEAN} --method blind"),
    tiny("denoise-blind-sample", f"{CLEAN} --method blind --estimate sample --steps 4 --seed 2"),
    *(
        tiny(
            f"denoise-{sampler}",
            f"{CLEAN} --sigma 25 --estimate sample --sampler {sampler} --steps 4 --seed 1",
        )
        for sampler in ("ddim", "ddpm", "heun", "dpmpp-2m", "langevin")
    ),
    tiny(
        "denoise-two-samples",
        f"{CLEAN} --sigma 25 --estimate sample --steps 3 --samples 2",
        outputs=("out-1.png", "out-2.png"),
    ),
    tiny(
        "denoise-uncertainty",
        f"{CLEAN} --sigma 20 --uncertainty {{out}}/map.png",
        outputs=("out.png", "map.png"),
    ),
    tiny(
        "denoise-blind-uncertainty",
        f"{CLEAN} --method blind --uncertainty {{out}}/map.tif --uncertainty-samples 2",
        outputs=("out.png", "map.tif"),
    ),
    tiny("denoise-ensemble", f"{CLEAN} --sigma 20 --ensemble 5"),
    tiny("denoise-budget", f"{CLEAN} --sigma 20 --nfe 6"),
    tiny("denoise-tiled", "denoise {in}/large.png --sigma 20 --tile 64"),
    tiny("denoise-webp", "denoise {in}/noisy.webp --sigma 15", out="out.webp"),
    tiny("denoise-bmp", "denoise {in}/noisy.bmp --sigma 15 --estimate sample --steps 2", out="out.bmp"),
    tiny("denoise-alpha", "denoise {in}/alpha.png --sigma 15"),
    tiny("denoise-gray-16", "denoise {in}/gray16.png --sigma 8 --estimate sample --steps 3"),
    tiny("denoise-tiff-float", "denoise {in}/float.tif --sigma 8", out="out.tif"),
    tiny("denoise-turned-jpeg", "denoise {in}/turned.jpg --method blind", out="out.jpg", tolerances=JPEG),
    tiny("denoise-config", f"{CLEAN} --config {{in}}/denoise.toml"),
    tiny("denoise-folder", "denoise {in}/folder --sigma 20", out=".", outputs=("0.png", "1.png")),
)

ENLARGE = "upscale {in}/small.png --scale 2"
UPSCALE = (
    tiny("upscale", f"{ENLARGE} --steps 4"),
    tiny("upscale-mean", f"{ENLARGE} --estimate mean"),
    tiny("upscale-projection-ddpm", f"{ENLARGE} --sampler ddpm --steps 3 --seed 9"),
    tiny("upscale-conditional-mean", f"{ENLARGE} --method conditional --estimate mean"),
    tiny("upscale-conditional-sample", f"{ENLARGE} --method conditional --steps 4 --sampler dpmpp-2m"),
    tiny("upscale-conditional-guided", f"{ENLARGE} --method conditional --steps 3 --guidance 1.5"),
    tiny("upscale-fraction-consistent", "upscale {in}/small.png --scale 1.5 --consistent --steps 3"),
    tiny("upscale-consistent-mean", "upscale {in}/small.jpg --scale 3 --consistent --estimate mean"),
    tiny(
        "upscale-uncertainty",
        f"{ENLARGE} --steps 2 --uncertainty {{out}}/map.png --uncertainty-samples 2",
        outputs=("out.png", "map.png"),
    ),
    tiny("upscale-budget", f"{ENLARGE} --nfe 7"),
    tiny("upscale-alpha", "upscale {in}/alpha.png --scale 1.5 --method conditional --estimate mean"),
    tiny("upscale-tiff-16", "upscale {in}/deep.tif --scale 1.5 --estimate mean", out="out.tif"),
)

DEJPEG = (
    tiny("dejpeg", "dejpeg {in}/bad.jpg"),
    tiny("dejpeg-blind", "dejpeg {in}/bad.jpg --method blind"),
    tiny("dejpeg-ddnm", "dejpeg {in}/bad.jpg --estimate sample --steps 3 --seed 6"),
    tiny("dejpeg-dps", "dejpeg {in}/bad.jpg --estimate sample --method dps --steps 3 --start 0.2"),
    tiny("dejpeg-quality", "dejpeg {in}/noisy.png --quality 30 --steps 3"),
    tiny("dejpeg-gray", "dejpeg {in}/bad-gray.jpg"),
    tiny("dejpeg-turned", "dejpeg {in}/turned.jpg"),
    tiny(
        "dejpeg-uncertainty",
        "dejpeg {in}/bad.jpg --uncertainty {out}/map.tif --uncertainty-samples 2",
        outputs=("out.png", "map.tif"),
    ),
)

SHARPEN = "deblur {in}/photo.png --kernel gaussian:1"
SHAKEN = "deblur {in}/photo.png --kernel motion:5:30 --sigma 2 --estimate sample --steps 4"
HALVED = "solve {in}/small.png --operator down=2"
SOLVE = (
    tiny("deblur", f"{SHARPEN} --steps 4 --sigma 4"),
    tiny("deblur-motion", "deblur {in}/photo.png --kernel motion:5:30 --sigma 2 --steps 3 --start 0.4"),
    *(tiny(f"deblur-{m}", f"{SHAKEN} --method {m}") for m in ("ddnm", "ddnm-plus", "diffpir", "pigdm")),
    tiny("deblur-dps", f"{SHARPEN} --estimate sample --method dps --steps 4 --start 0.3"),
    tiny("deblur-pigdm-ddim", f"{SHARPEN} --sigma 4 --estimate sample --sampler ddim --steps 3 --seed 8"),
    tiny("deblur-tiled", "deblur {in}/large.png --kernel gaussian:1 --sigma 8 --steps 2 --tile 64"),
    tiny("colorize", "colorize {in}/gray.png --steps 4"),
    tiny("colorize-mean", "colorize {in}/gray.png --estimate mean --steps 3"),
    tiny(
        "colorize-two-samples",
        "colorize {in}/photo.png --steps 3 --samples 2 --start 0.7",
        outputs=("out-1.png", "out-2.png"),
    ),
    tiny("run-ddrm", f"{HALVED} --method ddrm --estimate sample --steps 4 --sigma 3"),
    tiny("run-chain", "solve {in}/small.png --operator blur=gaussian:1.2 --operator down=2 --steps 3"),
    tiny(
        "run-chain-jpeg",
        "solve {in}/small.jpg --operator area=2 --operator jpeg=40 --estimate sample --steps 3",
    ),
    tiny(
        "run-area-ddnm-plus",
        "solve {in}/small.png --operator area=2 --method ddnm-plus --estimate sample --steps 3",
    ),
    tiny(
        "run-gray-diffpir", "solve {in}/gray.png --operator gray --method diffpir --estimate sample --steps 3"
    ),
    tiny("run-jpeg", "solve {in}/bad.jpg --operator jpeg=15 --steps 2"),
    tiny("run-budget", f"{HALVED} --nfe 5"),
    tiny(
        "run-uncertainty",
        f"{HALVED} --steps 2 --uncertainty {{out}}/map.tif --uncertainty-samples 2",
        outputs=("out.png", "map.tif"),
    ),
)

SAMPLE = (
    *(
        tiny(
            f"sample-{sampler}",
            f"sample -n 1 --size 27x21 --sampler {sampler} --steps {steps} --seed 3",
            out=".",
            outputs=("sample-000.png",),
        )
        for sampler, steps in {"ddim": 4, "ddpm": 4, "heun": 15, "dpmpp-2m": 8, "langevin": 6}.items()
    ),
    tiny(
        "sample-three",
        "sample -n 3 --size 20x16 --steps 3 --ensemble 2",
        out=".",
        outputs=("sample-000.png", "sample-001.png", "sample-002.png", "grid.png"),
    ),
)

FILL_REAL = "inpaint {in}/real-scratched.png --mask {in}/real-scratched-mask.png"
SHARPEN_REAL = "deblur {in}/real-small.png --kernel gaussian:0.6 --sigma 3"
SHIPPED = (
    shipped("denoise-mean", "denoise {in}/real-noisy.png --sigma 25"),
    shipped("denoise-auto", "denoise {in}/real-noisy.png"),
    shipped("denoise-sample", "denoise {in}/real-noisy.png --sigma 25 --estimate sample --steps 5"),
    shipped(
        "inpaint-mean",
        f"{FILL_REAL} --estimate mean --steps 4",
    ),
    shipped("inpaint", f"{FILL_REAL} --steps 6"),
    shipped("upscale-mean", "upscale {in}/real-small.png --scale 2 --estimate mean"),
    shipped("upscale", "upscale {in}/real-small.png --scale 2 --steps 3"),
    shipped("dejpeg", "dejpeg {in}/real-bad.jpg"),
    shipped("deblur", f"{SHARPEN_REAL} --steps 4"),
    shipped(
        "deblur-pigdm",
        f"{SHARPEN_REAL} --estimate sample --steps 4",
    ),
    shipped("colorize", "colorize {in}/real-small.png --steps 4"),
    Case(
        "shipped-sample",
        ("sample", "--size", "29x25", "--steps", "5", "-o", "{out}", *PLAIN, *NO_RECORD),
        ("sample-000.png",),
    ),
)

SCORES = ("--metrics", "psnr,psnr-y,ssim,ssim-y,colour", "--json", "{out}/scores.json", *TINY, *PLAIN)
EVAL = tuple(
    Case(
        f"eval-{name}", ("eval", task, "--data", "{in}/to-measure", *more.split(), *SCORES), ("scores.json",)
    )
    for name, (task, more) in {
        "denoise": ("denoise", "--limit 1 --sigma 30 --estimate mean,sample --steps 2"),
        # Not the default: which patches are most similar can differ with the rounding of torch's versions. No
        # baselines: which there are depends on the programs that are installed.
        "inpaint": ("inpaint", "--limit 2 --holes box,text --steps 3 --method alternating --no-baselines"),
        "upscale": ("upscale", "--crop 32 --scale 2 --steps 2"),
        "dejpeg": ("dejpeg", "--limit 1 --quality 20 --no-baselines"),
        "run": ("solve", "--limit 1 --operator blur=gaussian:1.2 --steps 2"),
    }.items()
)

FIT_QUICKLY = "--minutes 0 --steps 2 --batch 2 --crop 32 --held-out 0.3 --lr 0.1 --force --seed 4"
LEARN = (
    *(
        Case(
            f"fit-{name}",
            (*f"fit {{in}}/to-fit -o {{out}}/own.safetensors {FIT_QUICKLY} {more}".split(), *TINY, *PLAIN),
            ("own.safetensors", "own.fit/state.safetensors"),
            tolerances=LEARNED,
        )
        for name, more in {
            "recorrupted": "",
            "neighbours": "--method neighbor2neighbor",
            "adapters": "--rank 2 --sigma 20",
        }.items()
    ),
    Case(
        "train",
        ("train", "{in}/train.toml", "--out", "{out}/run"),
        ("run/weights.safetensors", "run/state.safetensors"),
        tolerances=LEARNED,
    ),
)


# ---------------------------------------------------------------------------------------------- Python


def _tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def _denoise_tensors(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    batch = torch.stack([_tensor(noisy(61 + k, 13, 17)) for k in range(2)])
    yield restore.denoise(batch, sigma=20, prior=prior).numpy()
    yield restore.denoise(
        batch[0], sigma=20, estimate="sample", steps=3, sampler="ddim", seed=5, prior=prior
    ).numpy()


def _denoise_arrays(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    yield restore.denoise(noisy(62, 24, 26), method="blind", prior=prior)
    yield restore.denoise(noisy(63, 24, 26), prior=prior)
    yield restore.denoise(noisy(64, 20, 17)[..., 0].astype(np.uint16) * 257, sigma=12, prior=prior)


def _inpaint(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    mask = hole(19, 17)
    yield restore.inpaint(picture(65, 19, 17), mask > 0, steps=4, seed=1, prior=prior)
    yield restore.inpaint(
        picture(66, 19, 17), mask > 0, method="conditional", guidance=2.0, steps=3, prior=prior
    )
    batch = torch.stack([_tensor(picture(67 + k, 19, 17)) for k in range(2)])
    yield restore.inpaint(
        batch, torch.from_numpy(mask / np.float32(255))[None], estimate="mean", steps=3, prior=prior
    ).numpy()


def _upscale(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    yield restore.upscale(picture(69, 13, 11), 2.0, steps=3, prior=prior)
    yield restore.upscale(_tensor(picture(70, 10, 9)), 2.5, estimate="mean", prior=prior).numpy()


def _solve(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    reduced = chain_of([parse_spec("down=2")])
    yield restore.solve(_tensor(picture(71, 11, 9)), reduced, steps=3, prior=prior).numpy()
    yield restore.solve(
        picture(72, 12, 10), reduced, estimate="sample", method="ddrm", sigma=2, steps=3, prior=prior
    )
    yield restore.deblur(picture(73, 20, 22), "gaussian:1", sigma=4, steps=3, prior=prior)
    yield restore.colorize(picture(74, 16, 18), steps=3, seed=2, prior=prior)
    yield restore.dejpeg(picture(75, 24, 20), quality=25, prior=prior)


def _sample(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    yield restore.sample(2, size=(14, 17), steps=3, seed=11, prior=prior).numpy()
    yield restore.sample(1, size=(12, 10), sampler="dpmpp-2m", steps=8, prior=prior).numpy()


# Floats: bytes in which no change, however small, is rounded away.


def _every_denoiser(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    image = _tensor(noisy(80, 16, 17))
    yield restore.denoise(image, sigma=20, prior=prior).numpy()
    yield restore.denoise(image, method="blind", prior=prior).numpy()
    yield restore.denoise(image, method="blind", estimate="sample", steps=3, prior=prior).numpy()
    for sampler in ("ddim", "ddpm", "heun", "dpmpp-2m", "langevin"):
        yield restore.denoise(
            image, sigma=20, estimate="sample", sampler=sampler, steps=3, prior=prior
        ).numpy()


def _every_inpainter(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    image, mask = _tensor(picture(81, 16, 17)), hole(16, 17) > 0
    for method in ("alternating", "conditional", "splitting"):
        yield restore.inpaint(
            image, mask, method=method, estimate="mean", steps=None if method == "conditional" else 3,
            prior=prior,
        ).numpy()  # fmt: skip
    drawing: tuple[Any, ...] = (
        "alternating", "conditional", "splitting-ddnm", "ddrm", "ddnm-plus", "diffpir", "pigdm", "dps",
    )  # fmt: skip
    for method in drawing:
        yield restore.inpaint(image, mask, method=method, steps=4, seed=1, prior=prior).numpy()
    yield restore.inpaint(
        image, mask, method="repaint", steps=6, jumps=Jumps(2, 2), seed=1, prior=prior
    ).numpy()
    for sampler in ("ddpm", "heun", "dpmpp-2m", "langevin"):
        yield restore.inpaint(
            image, mask, method="conditional", sampler=sampler, steps=3, prior=prior
        ).numpy()


def _every_enlarger(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    image = _tensor(picture(82, 9, 8))
    for method in ("conditional", "projection"):
        yield restore.upscale(image, 2.0, method=method, estimate="mean", prior=prior).numpy()
        yield restore.upscale(image, 1.5, method=method, steps=3, seed=2, prior=prior).numpy()


def _every_solver(places: Places) -> Arrays:
    prior = restore.load(places["tiny"], dtype=torch.float32)
    image = _tensor(picture(83, 9, 8))
    able = ("ddnm", "ddnm-plus", "diffpir", "pigdm", "dps")
    for words, methods in {
        ("down=2",): ("ddrm", *able),
        ("blur=gaussian:1", "area=2"): able,
        ("gray",): ("ddrm", *able),
    }.items():
        done = chain_of([parse_spec(word) for word in words])
        yield restore.solve(image, done, sigma=2, steps=3, prior=prior).numpy()
        for method in methods:
            yield restore.solve(
                image, done, sigma=2, estimate="sample", method=method, steps=3, prior=prior
            ).numpy()
    image = _tensor(picture(84, 16, 17))
    yield restore.deblur(image, "motion:3:40", sigma=3, steps=3, prior=prior).numpy()
    dejpeg: tuple[tuple[Any, Any], ...] = (
        ("splitting", "mean"), ("blind", "mean"), ("ddnm", "sample"), ("dps", "sample"),
    )  # fmt: skip
    for method, estimate in dejpeg:
        steps = None if method == "blind" else 2
        yield restore.dejpeg(
            image, quality=25, method=method, estimate=estimate, steps=steps, prior=prior
        ).numpy()


PYTHON = (
    Case("python-denoise-tensors", call=_denoise_tensors),
    Case("python-denoise-arrays", call=_denoise_arrays),
    Case("python-inpaint", call=_inpaint),
    Case("python-upscale", call=_upscale),
    Case("python-solve", call=_solve),
    Case("python-sample", call=_sample),
    Case("python-every-denoiser", call=_every_denoiser),
    Case("python-every-inpainter", call=_every_inpainter),
    Case("python-every-enlarger", call=_every_enlarger),
    Case("python-every-solver", call=_every_solver),
)

CASES = (*INPAINT, *DENOISE, *UPSCALE, *DEJPEG, *SOLVE, *SAMPLE, *SHIPPED, *EVAL, *LEARN, *PYTHON)
