"""A package of ten lines that offers a sampler, an operator and methods, installed for a test."""

from __future__ import annotations

from pathlib import Path

MODULE = """
from restore.inverse.operators import Resize

def sampler(denoise, x, sigmas):
    return denoise(x, sigmas[0])

def operator(size, device, factor=2.0):
    return Resize(tuple(round(side * factor) for side in size), size, device, kernel="area")

def method(request):
    return request.sample(request.prior.denoiser(), request.image, [0.1, 0.05, 0.0])

def flat(request):
    return request.image.new_full(request.shape, 0.5)
"""
POINTS = {
    "restore.samplers": {"mine": "sampler"},
    "restore.operators": {"mine": "operator"},
    "restore.methods": {"denoise.mine": "method", "inpaint.mine": "flat", "solve.mine": "flat"},
}


def install(
    folder: Path,
    module: str = MODULE,
    points: dict[str, dict[str, str]] = POINTS,
    *,
    name: str = "ten-lines",
    version: str = "1.2",
) -> Path:
    """Write a package and its metadata into a folder, which then is as one that pip installs into."""
    importable = f"{name.replace('-', '_')}_{version.replace('.', '_')}"
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    (folder / f"{importable}.py").write_text(module)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, offered in points.items():
        lines += [f"[{group}]", *(f"{key} = {importable}:{value}" for key, value in offered.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
