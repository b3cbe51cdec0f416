"""Measure everything that docs/measured.md states, and print its "Measured" part.

    benchmarks/run --data DIR             # about half an hour on two cores
    benchmarks/run --data DIR --write     # and put it between the marks in docs/measured.md
    benchmarks/run --data DIR --limit 1   # a trial; cannot be written

No number is printed that this very run has not measured: cells are looked up in its tables, and a row, a
picture or a file that is missing ends the run. benchmarks/README.md says what DIR holds.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import speed
from common import add_data_option, lpips_of
from PIL import Image
from tqdm import tqdm

import restore
from restore.errors import RestoreError
from restore.evaluation.cases import Protocol
from restore.evaluation.columns import metrics_of
from restore.evaluation.environment import facts
from restore.evaluation.measure import measure
from restore.evaluation.observer import Observer
from restore.evaluation.peers import peer_method
from restore.evaluation.pictures import PictureSet
from restore.evaluation.protocols import BicubicDown, Gaussian, Holes
from restore.evaluation.results import Candidate, Row, Table
from restore.evaluation.rows import baseline_rows, own_rows
from restore.evaluation.scoring import Scorer
from restore.evaluation.selection import Selection
from restore.images.fingerprints import Fingerprints
from restore.images.perceptual import Lpips
from restore.priors.backbone import Backbone

HERE = Path(__file__).resolve().parent
MEASURED_FILE = HERE.parent / "docs" / "measured.md"
START, END = "<!-- measured -->", "<!-- /measured -->"
HOLES = ("strokes-narrow", "text", "box")
LARGE = (6000, 4000)  # w x h: 24 megapixels

MEAN, SAMPLE = "restore mean", "restore sample"
TURNED = "restore x8"
NAMES = {
    MEAN: "**restore** `--estimate mean`",
    SAMPLE: "**restore** `--estimate sample`",
    "restore mean, gaussian": "**restore**, sigma told",
    "restore mean, gaussian, sigma estimated": "**restore**, sigma estimated",
    f"{TURNED} mean, gaussian": "**restore**, sigma told, `--ensemble 8`",
    "FFDNet": "FFDNet (its published weights)",
    "VDSR": "VDSR (its published weights)",
    "BM3D": "BM3D (the bm3d package)",
}


class NotMeasuredError(Exception):
    """A number was asked for that this run has not measured."""


@dataclass
class Bench:
    """The data, the network and the scores that all tables share."""

    data: Path
    backbone: Backbone
    limit: int | None
    known: dict[str, Fingerprints]
    nets: dict[str, Lpips]

    def pictures(self, name: str, *, crop: int = 0) -> PictureSet:
        listed = None
        folder = self.data / "test" / name
        if name == "cbsd68":
            listed, folder = self.data / "test" / "cbsd68.txt", self.data / "test" / "bsd300_test"
        return PictureSet.of(folder, listed=listed, limit=self.limit, crop=crop, known=self.known)

    def peer(self, name: str, file: str) -> Candidate:
        path = self.data / "peers" / file
        return peer_method(f"{name}={HERE / 'peers.py'}:{name.lower()}:{path}", str(self.backbone.device))

    def turned(self, protocol: Protocol) -> list[Candidate]:
        """Denoising as the mean of eight orientations, told the level."""
        backbone = self.backbone.copy(self.backbone.dtype)
        backbone.ensemble = 8
        rows = own_rows(protocol, backbone, Selection(), TURNED)
        return [row for row in rows if row.name == f"{TURNED} mean, gaussian"]

    def table(
        self, name: str, protocol: Protocol, others: Sequence[Candidate], *,
        metrics: Sequence[str] = (), crop: int = 0,
    ) -> Table:  # fmt: skip
        """All rows in one run: others, then restore's own; denoising also with eight orientations."""
        candidates = [*others, *own_rows(protocol, self.backbone, Selection())]
        if protocol.task == "denoise":
            candidates += self.turned(protocol)
        nets = self.nets if not metrics or "lpips" in metrics else {}
        scorer = Scorer(metrics_of(protocol.task, list(nets), metrics), nets)
        pictures = self.pictures(name, crop=crop)
        with tqdm(
            total=100, desc=f"{name}, {protocol.name}", file=sys.stderr, leave=False, disable=None
        ) as bar:

            def tick(_: str, done: int, total: int) -> None:
                bar.update(100 * done / total - bar.n)

            table = measure(pictures, protocol, candidates, scorer, observer=Observer(_refuse, tick))
        if table.overlaps:
            raise NotMeasuredError(
                f"{', '.join(table.overlaps)}: in the training data; no number is worth printing"
            )
        return table

    def denoised(self, name: str, protocol: Protocol, peer: Candidate, baselines: Sequence[str]) -> Table:
        """PSNR and SSIM of all that denoises."""
        others = [*chosen_baselines(protocol, baselines), peer]
        return self.table(name, protocol, others, metrics=("psnr", "ssim"))


def chosen_baselines(protocol: Protocol, names: Sequence[str]) -> list[Candidate]:
    """The classical rows of these names."""
    return [row for row in baseline_rows(protocol) if row.name in names]


def _refuse(problem: str) -> None:
    raise NotMeasuredError(problem)


def row_of(table: Table, name: str) -> Row | None:
    """The row of that name, or the one that begins with it; None where it was not asked for."""
    rows = {row.label: row for row in table.rows}
    found = (
        [rows[name]] if name in rows else [r for label, r in rows.items() if label.startswith(f"{name}, ")]
    )
    if len(found) > 1:
        raise NotMeasuredError(f"{table.title}: {name} names {len(found)} rows")
    return found[0] if found else None


def number(table: Table, row: Row, key: str) -> str:
    """A mean of this run, over all its pictures."""
    value, digits = row.mean(key), next(m.digits for m in table.metrics if m.key == key)
    if value is None or len(row.pictures) != table.count:
        raise NotMeasuredError(f"{table.title}: {row.label} has no {key}")
    text = f"{value:.{digits}f}"
    return text if key.startswith("psnr") else text.removeprefix("0")


def grid(
    columns: Sequence[tuple[str, Table]], rows: Sequence[str], keys: Sequence[str], timed: Table
) -> list[str]:
    """A Markdown table: a column for each table, cells with these metrics, then time and calls of ``timed``.

    The best of each metric in a column is bold.
    """
    cells: dict[str, list[str]] = {name: [] for name in rows}
    for _, table in columns:
        found = {name: row for name in rows if (row := row_of(table, name)) is not None}
        best = {key: _best(table, found, key) for key in keys}
        for name in rows:
            row = found.get(name)
            parts = [] if row is None else [number(table, row, key) for key in keys]
            marked = [f"**{p}**" if name == best[k] else p for k, p in zip(keys, parts, strict=False)]
            cells[name].append(" / ".join(marked))
    lines = ["| | " + " | ".join(title for title, _ in columns) + " | s / picture | network calls |"]
    lines.append("|---" * (len(columns) + 3) + "|")
    for name in rows:
        row = row_of(timed, name)
        seconds = "" if row is None else f"{row.seconds:.2f}"
        calls = "" if row is None or row.calls is None else f"{round(row.calls, 1):g}"
        lines.append("| " + " | ".join([NAMES.get(name, name), *cells[name], seconds, calls]) + " |")
    return lines


def _best(table: Table, rows: dict[str, Row], key: str) -> str:
    higher = next(m.higher_is_better for m in table.metrics if m.key == key)
    values = {name: value for name, row in rows.items() if (value := row.mean(key)) is not None}
    return (max if higher else min)(values, key=lambda name: values[name], default="")


def denoising(bench: Bench) -> list[str]:
    """CBSD68 at three levels, as files, and Kodak."""
    classical = ["OpenCV non-local means (8 bit)"]
    plain, clipped = bench.peer("FFDNet", "ffdnet_color.npz"), bench.peer("FFDNet", "ffdnet_clip_color.npz")
    columns = []
    for sigma in (15, 25, 50):
        rows = [*classical, "BM3D"] if sigma == 25 else classical
        columns.append((f"sigma {sigma}", bench.denoised("cbsd68", Gaussian(sigma), plain, rows)))
    as_file = bench.denoised("cbsd68", Gaussian(25, True), clipped, classical)
    kodak = bench.denoised("kodak24", Gaussian(25), plain, classical)
    names = ["restore mean, gaussian", "restore mean, gaussian, sigma estimated", f"{TURNED} mean, gaussian"]
    names += ["FFDNet", "BM3D", *classical]
    timed = columns[1][1]
    columns += [("sigma 25, 8-bit files", as_file), ("Kodak24, sigma 25", kodak)]
    return [
        f"**Denoising**, CBSD68 ({timed.count} pictures, 481x321) and Kodak24 (768x512), PSNR in dB / SSIM. "
        f"{timed.description} FFDNet has its own weights for 8-bit files; seconds are those of CBSD68 at "
        "sigma 25.",
        "",
        *grid(columns, names, ("psnr", "ssim"), timed),
    ]


def upscaling(bench: Bench) -> list[str]:
    """Set5 and Set14, x4."""
    protocol, classical = BicubicDown(4), ["Pillow bicubic", "Pillow Lanczos"]
    others = [*chosen_baselines(protocol, classical), bench.peer("VDSR", "vdsr_luma.npz")]
    tables = {
        name: bench.table(name, protocol, others, metrics=("psnr-y", "ssim-y", "lpips"))
        for name in ("set5", "set14")
    }
    description = tables["set5"].description
    return [
        f"**Upscaling x4**, PSNR and SSIM on Y / LPIPS (lower is better). {description}",
        "",
        *grid(
            [("Set5", tables["set5"]), ("Set14", tables["set14"])], [MEAN, SAMPLE, "VDSR", *classical],
            ("psnr_y", "ssim_y", "lpips_squeeze"), tables["set14"],
        ),
    ]  # fmt: skip


def inpainting(bench: Bench) -> list[str]:
    """Kodak crops, three families of holes."""
    classical = ["scikit-image biharmonic", "OpenCV Navier-Stokes", "OpenCV Telea"]
    tables = [
        (
            protocol.family,
            bench.table(
                "kodak24",
                protocol,
                chosen_baselines(protocol, classical),
                metrics=("psnr", "lpips"),
                crop=256,
            ),
        )
        for protocol in map(Holes, HOLES)
    ]
    return [
        f"**Inpainting**, {tables[0][1].count} centre crops of 256x256 of the Kodak pictures, holes of three "
        "families from fixed seeds, filled with mid-grey before anybody sees them; PSNR inside the hole "
        "only / LPIPS of the whole crop:",
        "",
        *grid(tables, [MEAN, SAMPLE, *classical], ("psnr_hole", "lpips_squeeze"), tables[0][1]),
    ]


def speeds(bench: Bench) -> list[str]:
    """One megapixel in both precisions, 24 megapixels through the command line."""
    device = bench.backbone.device.type
    measured = {name: speed.measure(name, None, device)[0] for name in ("bf16", "fp32")}
    fast, exact = measured["bf16"], measured["fp32"]
    seconds, gib = large_picture(bench, device)
    return [
        f"**Speed**: a megapixel is denoised in {fast.seconds:.2f} s in bf16 ({exact.seconds:.2f} s in fp32, "
        f"{abs(fast.psnr - exact.psnr):.3f} dB apart), at {fast.ratio:.0%} of the rate of plain 3x3 "
        f"convolutions of the same width on the same machine. A {LARGE[0] * LARGE[1] / 1e6:.0f}-megapixel "
        f"photograph takes {seconds:.0f} s and {gib:.1f} GiB, reading and writing included.",
    ]


def large_picture(bench: Bench, device: str) -> tuple[float, float]:
    """(seconds, peak GiB) of `restore denoise` on a large photograph made of Kodak's, noise added."""
    paths = bench.pictures("kodak24").files
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "large.png"), Path(folder, "clean.png")
        with Image.open(paths[0]) as picture:
            whole = np.asarray(picture.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC))
        noise = np.random.default_rng(0).normal(0, 25, whole.shape)
        Image.fromarray((whole + noise).clip(0, 255).astype(np.uint8)).save(source, compress_level=1)
        command = [sys.executable, "-m", "restore", "denoise", str(source), "-o", str(target), "--quiet"]
        started = time.perf_counter()
        subprocess.run([*command, "--device", device], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        if not target.is_file():
            raise NotMeasuredError("the large picture was not written")
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale / 2**30


PARTS = {"denoising": denoising, "upscaling": upscaling, "inpainting": inpainting, "speed": speeds}


def block(bench: Bench) -> str:
    """All that is measured."""
    found = facts({"restore": bench.backbone}, bench.nets)
    weights, _, computed = found["weights"].partition(", ")
    lpips = next((value for key, value in found.items() if key.startswith("LPIPS")), "")
    parts = [
        [
            f"By `benchmarks/run` on {found['date'][:10]}: weights `{weights}`, {computed}; "
            f"{found['machine']}; {found['versions']}; LPIPS squeeze by {lpips}.",
            "All rows of a block come from one run. No choice was made on these pictures: methods and steps "
            "were chosen on other, validation pictures, and none of these looks like a picture that the "
            "weights were trained on. [benchmarks/README.md](../benchmarks/README.md) says how to repeat it.",
        ]
    ]
    parts += [part(bench) for part in PARTS.values()]
    return "\n\n".join("\n".join(part) for part in parts)


def alone(bench: Bench, name: str) -> str:
    """One part, with the date and the threads of its own run."""
    lines, found = PARTS[name](bench), facts({"restore": bench.backbone}, bench.nets)
    lines[0] = f"{lines[0].rstrip(':.')}. Measured anew on {found['date'][:10]}: {found['machine']}."
    return "\n".join(lines)


def written_part(text: str, new: str) -> str:
    """The file with one part, which begins with its name between stars, in place of what is there."""
    title = new.split("**")[1]
    pattern = re.compile(rf"\*\*{re.escape(title)}\*\*.*?(?=\n\n\*\*|\n{re.escape(END)})", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise NotMeasuredError(f"{MEASURED_FILE}: expected a part {title} once")
    return pattern.sub(lambda _: new, text)


def written(text: str, new: str) -> str:
    """The file with the new part between its marks."""
    pattern = re.compile(f"{re.escape(START)}\n.*?{re.escape(END)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise NotMeasuredError(f"{MEASURED_FILE}: expected {START} and {END} once")
    return pattern.sub(lambda _: f"{START}\n{new}\n{END}", text)


def main() -> None:
    """Measure and print; with --write also put it into docs/measured.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add_data_option(parser)
    parser.add_argument("--write", action="store_true", help="put the result into docs/measured.md")
    parser.add_argument("--only", choices=list(PARTS), help="this part alone, which then tells its own date")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N pictures: a trial, not written")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="another checkpoint: a trial too")
    parser.add_argument("--device", help="default: the best there is")
    options = parser.parse_args()
    if options.write and (options.limit or options.weights):
        parser.error("--limit and --weights measure something else than what docs/measured.md states")
    backbone = restore.load(options.weights, device=options.device)
    prints = backbone.facts.get("fingerprints")
    if prints is None:
        raise NotMeasuredError(
            "the weights carry no fingerprints; whether a test picture was trained on is unknown"
        )
    lpips = lpips_of(options.data).to(backbone.device)
    known = {"the training data": Fingerprints.parse(prints)}
    bench = Bench(options.data, backbone, options.limit, known, {"squeeze": lpips})
    result = alone(bench, options.only) if options.only else block(bench)
    print(result)
    if options.write:
        text, put = MEASURED_FILE.read_text(encoding="utf-8"), written_part if options.only else written
        MEASURED_FILE.write_text(put(text, result), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (RestoreError, NotMeasuredError, subprocess.CalledProcessError) as error:
        sys.exit(f"benchmarks/run: {error}; nothing is printed that was not measured")
