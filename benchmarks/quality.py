"""Measure restore on published pictures with the functions its users call, beside other methods.

    python benchmarks/quality.py --data DIR [--task denoise upscale inpaint] [--split test|val] [--limit N]

Prints Markdown tables, each under its protocol in words. benchmarks/README.md says what DIR holds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import peers
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from tqdm import tqdm

import restore
from restore.backbone import Backbone
from restore.errors import ConfigError, RestoreError
from restore.fill import push_pull
from restore.metrics import Lpips, luma, psnr, ssim

SIGMAS = (15, 25, 50)
SCALES = (2, 3, 4)
METHODS = ("gaussian", "blind", "conditional", "projection", "repaint", "ddnm", "splitting")
FAMILIES = ("strokes", "text", "box", "half")

NOISE = "numpy's legacy generator seeded with 0 before each picture, N(0, sigma/255) added to [0, 1] floats, "
DENOISED = "whole picture; result clamped and rounded to 8 bits; PSNR and SSIM on RGB, no border cropped"
PROTOCOLS = {
    "denoise float": f"{NOISE}neither clipped nor quantised; {DENOISED}",
    "denoise 8 bit": f"{NOISE}then clamped and rounded to 8 bits, as every file on disk is; {DENOISED}",
    "upscale": (
        "picture cropped at the bottom and right to a multiple of the scale, reduced by Pillow BICUBIC and "
        "rounded to 8 bits; result clamped and rounded to 8 bits; PSNR and SSIM on Y (BT.601, MATLAB's "
        "rgb2ycbcr) with a border of `scale` pixels cropped; LPIPS 0.1 squeeze on the whole RGB picture"
    ),
    "inpaint": (
        "{crop}; holes drawn by this script from a fixed seed for each picture, filled with mid-grey "
        "before anybody sees them; result clamped and rounded to 8 bits; PSNR on RGB inside the hole only; "
        "LPIPS 0.1 squeeze on the whole RGB picture"
    ),
}


@dataclass(frozen=True)
class Case:
    """One damaged picture. told: what a method may know beside it: sigma (0..255), the scale or the hole."""

    clean: Tensor
    given: Tensor
    told: Any


@dataclass(frozen=True)
class Method:
    """A row of a table: its name, ``run(given, told) -> result``, and the hash of the weights it uses."""

    name: str
    run: Callable[[Tensor, Any], Tensor]
    weights: str = "none"
    device: str = "cpu"


@dataclass
class Row:
    """What one method reached on one set. scores: one number per picture."""

    method: str
    device: str
    weights: str
    seconds: list[float] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """All methods on one set under one protocol. inputs: hash of everything the methods were given."""

    task: str
    title: str
    protocol: str
    pictures: int
    inputs: str
    rows: list[Row]


Score = Callable[[Tensor, Case], dict[str, float]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Point = np.ndarray[Any, np.dtype[np.float64]]


# Pictures and their damage


def pictures(data: Path, name: str) -> list[Path]:
    """The files of a set in the order of their names."""
    if name == "cbsd68":
        folder = data / "test" / "bsd300_test"
        return [folder / line for line in (data / "test" / "cbsd68.txt").read_text(encoding="utf-8").split()]
    folder = data / ("val" if name == "cid22_val" else "test") / name
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".png", ".jpg", ".bmp"})
    if not paths:
        raise FileNotFoundError(f"{folder}: no pictures there")
    return paths


def read(path: Path) -> Tensor:
    """A picture file as RGB ``(1, 3, h, w)`` in [0, 1]."""
    with Image.open(path) as picture:
        return peers.from_bytes(np.asarray(picture.convert("RGB")))


def rounded(image: Tensor) -> Tensor:
    """Clamped and rounded to 8 bits."""
    return (image.clamp(0, 1) * 255).round() / 255


def noisy_cases(paths: Iterable[Path], sigma: int, *, as_file: bool) -> Iterator[Case]:
    """White Gaussian noise, the same numbers for every picture of one size."""
    for path in paths:
        clean = read(path)
        # The legacy generator's stream is frozen; drawn as (h, w, 3), as the denoising papers' code does.
        draw = np.random.RandomState(0).normal(0, sigma / 255, (*clean.shape[-2:], 3))
        noisy = (clean.double() + torch.from_numpy(draw).permute(2, 0, 1)).float()
        yield Case(clean, rounded(noisy) if as_file else noisy, told=float(sigma))


def small_cases(paths: Iterable[Path], scale: int) -> Iterator[Case]:
    """Reduced by a whole factor."""
    for path in paths:
        clean = read(path)
        h, w = (side // scale * scale for side in clean.shape[-2:])
        clean = clean[..., :h, :w]
        whole = Image.fromarray(peers.to_bytes(clean))
        small = whole.resize((w // scale, h // scale), Image.Resampling.BICUBIC)
        yield Case(clean, peers.from_bytes(np.asarray(small)), told=scale)


def holed_cases(paths: Iterable[Path], family: str, crop: int) -> Iterator[Case]:
    """Centre crops (0: whole pictures) with a hole of one family."""
    for number, path in enumerate(paths):
        clean = read(path)
        if crop:
            if crop > min(clean.shape[-2:]):
                raise ConfigError(
                    f"{path}: smaller than the crop of {crop}x{crop} pixels; use a smaller --crop"
                )
            top, left = ((side - crop) // 2 for side in clean.shape[-2:])
            clean = clean[..., top : top + crop, left : left + crop]
        h, w = clean.shape[-2:]
        hole = torch.from_numpy(draw_hole(family, number, h, w)).float()[None, None]
        yield Case(clean, clean * (1 - hole) + 0.5 * hole, told=hole)


def draw_hole(family: str, number: int, h: int, w: int) -> Mask:
    """A hole ``(h, w)``, True where content is missing; the same with every version of every library.

    Not by the code that draws holes in training.
    """
    rng = np.random.RandomState([FAMILIES.index(family), number])
    unit = min(h, w)
    if family == "half":
        return np.asarray(rng.random_sample((h, w)) < 0.5)
    hole = np.zeros((h, w), np.bool_)
    if family == "box":
        top, left = rng.randint(unit // 8, h - 3 * unit // 8), rng.randint(unit // 8, w - 3 * unit // 8)
        hole[top : top + unit // 4, left : left + unit // 4] = True
    elif family == "strokes":
        for _ in range(4):
            path = rng.rand(1, 2) * (h, w) + np.cumsum(rng.uniform(-0.3, 0.3, (6, 2)) * unit, axis=0)
            size = np.array([h, w])
            path = np.abs(np.mod(path + size, 2 * size) - size)  # mirrored back into the picture
            radius = rng.uniform(1.5, 6) * unit / 256
            for start, end in pairwise(path):
                hole |= segment(start, end, radius, h, w)
    else:
        for top in range(int(rng.randint(2, 12)), h, int(rng.randint(32, 44))):
            line = print_line(rng, w)[: h - top, :w]
            hole[top : top + line.shape[0]] |= line
    return hole


def segment(start: Point, end: Point, radius: float, h: int, w: int) -> Mask:
    """True within ``radius`` pixels of the segment from start to end, both (y, x)."""
    y, x = np.ogrid[:h, :w]
    dy, dx = end - start
    along = ((y - start[0]) * dy + (x - start[1]) * dx) / max(dy * dy + dx * dx, 1e-9)
    along = np.clip(along, 0, 1)
    return np.asarray((y - start[0] - along * dy) ** 2 + (x - start[1] - along * dx) ** 2 <= radius**2)


def print_line(rng: np.random.RandomState, w: int) -> Mask:
    """A line of nonsense at least w pixels long, in Pillow's bitmap font at twice its size."""
    font = ImageFont.load_default_imagefont()
    letters = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;&")
    text = " ".join("".join(rng.choice(letters, rng.randint(2, 9))) for _ in range(w // 24 + 1))
    left, top, right, bottom = (int(side) for side in font.getbbox(text))
    page = Image.new("1", (right, bottom))
    ImageDraw.Draw(page).text((-left, -top), text, fill=1, font=font)
    return np.kron(np.asarray(page), np.ones((2, 2), np.bool_))


# Methods


def restore_methods(task: str, backbone: Backbone, chosen: Sequence[str], steps: int | None) -> list[Method]:
    """The rows of the toolkit itself: what its functions do by default, and the methods asked for."""
    module = import_module(f"restore.tasks.{task}")
    if task == "denoise":
        able, default = (
            [(m, e) for e in ("mean", "sample") for m in ("gaussian", "blind")],
            [("gaussian", "mean")],
        )
    else:
        able, default = list(module.STEPS), [(m, e) for e, m in module.DEFAULT_METHOD.items()]
    wanted = default if "default" in chosen else []
    wanted = wanted + [pair for pair in able if pair not in wanted and ("all" in chosen or pair[0] in chosen)]
    weights = str(backbone.facts["sha256"])[:12]
    device = f"{backbone.device.type} {str(backbone.dtype).removeprefix('torch.')}"
    rows = []
    for method, estimate in wanted:
        # The mean that is one call takes no steps.
        several = estimate == "sample" or method in ("projection", "splitting")
        options = {"method": method, "estimate": estimate, "steps": steps if several else None}
        for name, run in calls(task, options | {"backbone": backbone}).items():
            rows.append(Method(f"**restore** {estimate}, {method}{name}", run, weights, device))
    return rows


def calls(task: str, options: dict[str, Any]) -> dict[str, Callable[[Tensor, Any], Tensor]]:
    """The function that users call, with these options; denoising also without being told sigma."""
    if task == "denoise":
        return {
            "": lambda given, sigma: restore.denoise(given, sigma=sigma, **options),
            ", sigma estimated": lambda given, _: restore.denoise(given, **options),
        }
    if task == "upscale":
        return {"": lambda given, scale: restore.upscale(given, scale, **options)}
    return {"": lambda given, hole: restore.inpaint(given, hole, **options)}


def denoise_peers(data: Path, device: str, *, as_file: bool) -> list[Method]:
    """FFDNet with the weights for this kind of input; BM3D where installed; non-local means for 8 bits."""
    path = data / "peers" / ("ffdnet_clip_color.npz" if as_file else "ffdnet_color.npz")
    rows = [
        Method("the noisy picture", lambda given, _: given),
        Method("FFDNet", peers.ffdnet(path, device), peers.file_hash(path), f"{device} float32"),
    ]
    if as_file:
        rows.append(Method("OpenCV non-local means", peers.non_local_means))
    if peers.has_bm3d():
        rows.append(Method("BM3D", peers.bm3d))
    return rows


def upscale_peers(data: Path, device: str) -> list[Method]:
    """Two interpolations and VDSR."""
    path = data / "peers" / "vdsr_luma.npz"
    return [
        Method("Pillow bicubic", partial(peers.enlarge, resampling=Image.Resampling.BICUBIC)),
        Method("Pillow Lanczos", partial(peers.enlarge, resampling=Image.Resampling.LANCZOS)),
        Method("VDSR", peers.vdsr(path, device), peers.file_hash(path), f"{device} float32"),
    ]


def inpaint_peers() -> list[Method]:
    """The classical fills."""
    return [
        Method("OpenCV Telea", peers.telea),
        Method("OpenCV Navier-Stokes", peers.navier_stokes),
        Method("scikit-image biharmonic", peers.biharmonic),
        Method("push-pull (restore.fill)", push_pull),
    ]


# Scores


def score_denoised(result: Tensor, case: Case) -> dict[str, float]:
    return {"PSNR": psnr(result, case.clean).item(), "SSIM": ssim(result, case.clean).item()}


def score_upscaled(result: Tensor, case: Case, lpips: Lpips) -> dict[str, float]:
    inner = slice(case.told, -case.told)
    y, clean = luma(result)[..., inner, inner], luma(case.clean)[..., inner, inner]
    distance = lpips(result, case.clean).item()
    return {"PSNR Y": psnr(y, clean).item(), "SSIM Y": ssim(y, clean).item(), "LPIPS": distance}


def score_inpainted(result: Tensor, case: Case, lpips: Lpips) -> dict[str, float]:
    hole = psnr(result, case.clean, where=case.told).item()
    return {"PSNR hole": hole, "LPIPS": lpips(result, case.clean).item()}


# Running and printing


def measure(
    task: str, title: str, protocol: str, cases: Iterable[Case], methods: Sequence[Method], score: Score
) -> Table:
    """Every method on every case. Only the method itself is timed."""
    rows = [Row(m.name, m.device, m.weights) for m in methods]
    digest, count = hashlib.sha256(), 0
    for case in tqdm(cases, desc=title, unit="picture", file=sys.stderr, leave=False):
        count += 1
        # To a sixteenth of a grey level: what two machines' arithmetic may differ by does not count.
        digest.update((case.given * 255 * 16).round().short().numpy().tobytes())
        for method, row in zip(methods, rows, strict=True):
            start = time.perf_counter()
            result = method.run(case.given, case.told).float().cpu()
            row.seconds.append(time.perf_counter() - start)
            for name, value in score(rounded(result), case).items():
                row.scores.setdefault(name, []).append(value)
    return Table(task, title, protocol, count, digest.hexdigest()[:12], rows)


def markdown(table: Table) -> str:
    """The table under its title and protocol. Scores are means, seconds medians over the pictures."""
    names = list(table.rows[0].scores)
    lines = [
        f"### {table.title}, {table.pictures} pictures",
        "",
        f"Protocol: {table.protocol}. Inputs {table.inputs}.",
        "",
        "| set | pictures | method | " + " | ".join(names) + " | s / picture | computed on | weights |",
        "|---|---|---|" + "---|" * (len(names) + 3),
    ]
    for row in table.rows:
        means = (statistics.fmean(row.scores[name]) for name in names)
        scores = (
            f"{m:.2f}" if n.startswith("PSNR") else f"{m:.4f}" for n, m in zip(names, means, strict=True)
        )
        cells = [table.title, str(table.pictures), row.method, *scores]
        cells += [f"{statistics.median(row.seconds):.3f}", row.device, row.weights]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


class Run:
    """What was asked for, and what all tables share."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.data: Path = options.data
        ours = options.methods != ["none"]
        self.backbone = restore.load(options.weights, device=options.device) if ours else None
        self.device = "cpu" if self.backbone is None else self.backbone.device.type

    def sets(self, *test: str) -> Iterator[tuple[str, list[Path]]]:
        for name in ("cid22_val",) if self.options.split == "val" else test:
            if self.options.only and name not in self.options.only:
                continue
            yield name, pictures(self.data, name)[: self.options.limit]

    def methods(self, task: str, others: Callable[[], list[Method]]) -> list[Method]:
        rows = [] if self.options.no_peers else others()
        if self.backbone:
            rows += restore_methods(task, self.backbone, self.options.methods, self.options.steps)
        if not rows:
            raise ConfigError(f"{task} has no method called {' or '.join(self.options.methods)}")
        return rows

    def lpips(self) -> Lpips:
        trunk = self.data / "metrics" / "squeezenet1_1_features.pth"
        return Lpips(trunk if trunk.is_file() else None).to(self.device)


def denoise_tables(run: Run) -> Iterator[Table]:
    for name, paths in run.sets("cbsd68", "kodak24"):
        for as_file in (word == "8bit" for word in run.options.input):
            methods = run.methods("denoise", partial(denoise_peers, run.data, run.device, as_file=as_file))
            kind, words = ("denoise 8 bit", "8-bit") if as_file else ("denoise float", "unclipped")
            for sigma in run.options.sigma:
                title = f"{name} sigma {sigma}, {words} input"
                cases = noisy_cases(paths, sigma, as_file=as_file)
                yield measure("denoise", title, PROTOCOLS[kind], cases, methods, score_denoised)


def upscale_tables(run: Run) -> Iterator[Table]:
    methods = run.methods("upscale", partial(upscale_peers, run.data, run.device))
    score = partial(score_upscaled, lpips=run.lpips())
    for name, paths in run.sets("set5", "set14"):
        for scale in run.options.scale:
            cases = small_cases(paths, scale)
            yield measure("upscale", f"{name} x{scale}", PROTOCOLS["upscale"], cases, methods, score)


def inpaint_tables(run: Run) -> Iterator[Table]:
    methods, crop = run.methods("inpaint", inpaint_peers), run.options.crop
    score = partial(score_inpainted, lpips=run.lpips())
    protocol = PROTOCOLS["inpaint"].format(crop=f"centre crop of {crop}x{crop}" if crop else "whole picture")
    for name, paths in run.sets("kodak24"):
        for family in run.options.holes:
            cases = holed_cases(paths, family, crop)
            yield measure("inpaint", f"{name} {family}", protocol, cases, methods, score)


TABLES = {"denoise": denoise_tables, "upscale": upscale_tables, "inpaint": inpaint_tables}


def machine() -> str:
    """What computed the numbers."""
    cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{cpu}{gpu}, torch {torch.__version__}, Python {platform.python_version()}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    add = parser.add_argument
    add("--data", type=Path, default=Path(os.environ.get("RESTORE_DATA", beside)), help="evaluation data")
    add("--task", nargs="+", choices=list(TABLES), default=list(TABLES))
    add("--split", choices=["test", "val"], default="test", help="report on test, choose methods on val")
    add("--set", nargs="+", dest="only", metavar="NAME", help="of cbsd68, kodak24, set5, set14: these only")
    add("--input", nargs="+", choices=["float", "8bit"], default=["float", "8bit"], help="for denoise")
    add("--limit", type=int, metavar="N", help="the first N pictures of each set only")
    add("--weights", type=Path, metavar="FILE", help="another checkpoint than the one in the package")
    add("--device", help="where restore and the peer networks compute; default: the best there is")
    add(
        "--methods",
        nargs="+",
        default=["default"],
        metavar="NAME",
        help="restore's methods by name (conditional, splitting, ...), 'default': what its functions do "
        "unasked, 'all', or 'none': the others only",
    )
    add("--steps", type=int, metavar="N", help="network calls of restore's methods that take more than one")
    add("--no-peers", action="store_true", help="restore only")
    add("--sigma", nargs="+", type=int, choices=list(SIGMAS), default=list(SIGMAS))
    add("--scale", nargs="+", type=int, choices=list(SCALES), default=list(SCALES))
    add("--holes", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    add("--crop", type=int, default=256, metavar="PIXELS", help="inpaint centre crops of this size; 0: whole")
    add("--json", type=Path, metavar="FILE", help="write every picture's scores there as well")
    options = parser.parse_args(arguments)
    known = ["default", "all", "none", *METHODS]
    if unknown := [name for name in options.methods if name not in known]:
        parser.error(f"--methods: {', '.join(unknown)}: choose from {', '.join(known)}")
    if "none" in options.methods and (len(options.methods) > 1 or options.no_peers):
        parser.error(
            "--methods none leaves the others only; it goes with no other name and not with --no-peers"
        )
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit: expected at least 1, got {options.limit}")
    if not (options.data / "test").is_dir():
        parser.error(
            f"--data: {options.data} has no folder 'test'; benchmarks/README.md says what must be there"
        )
    return options


def main() -> None:
    """Measure and print; with --json also write."""
    options = parse()
    run = Run(options)
    facts = {} if run.backbone is None else run.backbone.facts
    print(f"Machine: {machine()}. restore {restore.__version__}, weights {facts.get('sha256', 'none')}.\n")
    done: list[Table] = []
    for task in options.task:
        for table in TABLES[task](run):
            print(markdown(table), flush=True)
            done.append(table)
            if options.json:
                report = {"machine": machine(), "facts": facts, "tables": [asdict(t) for t in done]}
                options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (RestoreError, FileNotFoundError) as error:
        sys.exit(f"quality.py: {error}")
