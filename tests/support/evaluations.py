"""A made-up evaluation with everything that a report or a figure has to show."""

from __future__ import annotations

from typing import Any

import numpy as np

from restore.evaluation.columns import Metric
from restore.evaluation.results import Evaluation, Row, Scored, Shown, Table

H, W = 32, 48
NASTY = '</script><b>"Jürgen\'s & Söhne" <!--'
PICTURES = ["a.png", NASTY, "日本.png", "z/10.png", "z/9.png"]
METRICS = [
    Metric("psnr", "PSNR", True, 2, "peak signal-to-noise ratio in dB"),
    Metric("lpips", "LPIPS", False, 4, "perceptual distance"),
]
INF = float("inf")


def picture(seed: int, height: int = H, width: int = W) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def row(method: str, kind: Any, psnr: list[float], *, seconds: float = 0.5, **rest: Any) -> Row:
    calls = rest.pop("calls", None)
    pictures = [
        Scored(name, {"psnr": score, "lpips": round(1 / (1 + min(score, 99)), 4)}, seconds, 0.5, calls)
        for name, score in zip(PICTURES, psnr, strict=False)
    ]
    return Row(method, kind, pictures=pictures, **rest)


def table(task: str, protocol: str, rows: list[Row], **rest: Any) -> Table:
    words = {"set_hash": "5e7", "inputs_hash": "1n9", "description": f"{task} in words, 100 % & <more>"}
    level, name = rest.pop("level", None), rest.pop("level_name", "")
    return Table(
        task,
        "tiny",
        protocol=protocol,
        level=level,
        level_name=name,
        series=name,
        metrics=METRICS,
        rows=rows,
        **words,
        **rest,
    )


def denoising() -> Table:
    """Sigma 25, with a sweep, an infinity, a score that is missing, and pictures to look at."""
    rows = [
        row("input", "input", [20, 20.5, 21, 20, 20], seconds=0),
        row("median", "baseline", [25, 31, 22, 26, 24], seconds=0.01, options={"size": 3}),
        row("restore denoise", "restore", [30, 29, 28, 27, INF], calls=1, weights="abc123", peak_bytes=2**30),
        *(
            row("restore sample", "restore", [25 + s] * 5, seconds=s, calls=s, sweep={"steps": s})
            for s in (1, 4, 16)
        ),
    ]
    rows[1].pictures[2].scores["lpips"] = None
    shown = []
    for number, name in enumerate(PICTURES[:2]):
        given = picture(10 * number + 1)
        results = {one.label: picture(10 * number + 2 + place) for place, one in enumerate(rows)}
        results["input"] = given.copy()
        shown.append(Shown(name, picture(10 * number), given, results, why="2nd worst"))
    return table(
        "denoise", "sigma 25", rows, level=25.0, level_name="sigma", count=5, shown=shown,
        left_out={"broken.png": "truncated & <lost>"}, overlaps={"z/9.png": "train/0009.png"},
    )  # fmt: skip


def evaluation() -> Evaluation:
    weaker = [row("median", "baseline", [28] * 5), row("restore denoise", "restore", [33] * 5, calls=1)]
    hole = np.zeros((H, W), bool)
    hole[8:16, 12:30] = True
    filled = {"telea": picture(52), "restore inpaint": picture(53)}
    inpainting = table(
        "inpaint", "box", [row("telea", "baseline", [30]), row("restore inpaint", "restore", [32])], count=1,
        shown=[Shown("a.png", picture(50), picture(51), filled, hole)],
    )  # fmt: skip
    upscaling = table(
        "upscale", "x4", [row("bicubic", "baseline", [26])], count=1,
        shown=[Shown("a.png", picture(60), picture(61, H // 4, W // 4), {"bicubic": picture(62)})],
    )  # fmt: skip
    comparison = table(
        "compare", "two folders", [row("theirs", "given", [26]), row("ours", "given", [27])], count=1,
        shown=[Shown("a.png", picture(70), picture(71), {"theirs": picture(71), "ours": picture(72)})],
    )  # fmt: skip
    tables = [
        denoising(),
        table("denoise", "sigma 15", weaker, level=15.0, level_name="sigma", count=5),
        inpainting,
        upscaling,
        comparison,
    ]
    facts = {"version": "0.1.0", "date": "2025-07-01", "command": f"restore eval '{NASTY}'"}
    return Evaluation(facts, tables, [f"a note about {NASTY}"])
