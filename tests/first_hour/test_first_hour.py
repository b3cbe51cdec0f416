"""Ten things that a newcomer does in the first hour, with the shipped weights and default options.

They are done as they are typed, in first_hour.sh and first_hour.py, without an error or a warning.
"""

from __future__ import annotations

import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from commands import cli
from PIL import Image
from scenes import scene

from restore import images

HERE = Path(__file__).parent
SAID = {
    "restore denoise scans -o clean": (
        "note: 2 restored (of 2 pictures)",
        "note: 0 restored, 2 there already and kept (of 2 pictures); pass --overwrite to replace those",
    ),
    "restore denoise scans -o clean --strength 0.5 --overwrite": ("note: 2 restored (of 2 pictures)",),
    "restore inpaint scans/street.png --mask strokes.png -o filled.png": ("strokes.png",),
    "restore upscale studio --config studio.toml -o prints": ("note: 2 restored (of 2 pictures)",),
}
"""What is to be said on standard error, the first time and the next."""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread", "studio")]


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noisy scans of 8 and 16 bits, a photograph with strokes over it, and a configuration."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("scans").mkdir()
    for number, name in enumerate(("street", "wall")):
        noisy = scene(number, 48, 56) / 255 + rng.normal(0, 0.1, (48, 56, 3))
        Image.fromarray((255 * noisy.clip(0, 1)).astype(np.uint8)).save(f"scans/{name}.png")
    deep = (65535 * noisy.clip(0, 1)).astype(np.uint16)
    images.write("film.tif", images.Picture(deep, format="tiff"))
    painted = np.asarray(Image.open("scans/street.png")).copy()
    painted[20:24, 10:40] = 255, 0, 0
    Image.fromarray(painted).save("strokes.png")
    Path("studio.toml").write_text(
        'device = "cpu"\n\n[denoise]\nstrength = 0.8\n\n[upscale]\nscale = 2\nestimate = "mean"\n'
    )


def test_the_first_hour_on_the_command_line() -> None:
    lines = (HERE / "first_hour.sh").read_text().splitlines()
    typed = [line for line in lines if line and not line.startswith("#")]
    times = dict.fromkeys(typed, 0)
    for line in typed:
        done = cli(*shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.stderr)
        assert not any(word in done.stderr for word in ("error:", "warning:", "Traceback")), line
        assert SAID.get(line, ("",) * 9)[times[line]] in done.stderr
        times[line] += 1
    assert times.keys() >= SAID.keys()
    jpeg, webp = images.read("scans/street-denoised.jpg"), images.read("street.webp")
    assert (jpeg.format, webp.format) == ("jpeg", "webp")
    film = images.read("film-denoised.tif").pixels
    assert film.dtype == np.uint16 and len(np.unique(film & 255)) > 200  # of 16 bits, not of 8
    before, after = (images.read(name).pixels.astype(int) for name in ("scans/street.png", "filled.png"))
    changed = np.abs(after - before).max(axis=2) > 0
    assert changed[20:24, 10:40].any() and not changed[:18].any() and not changed[26:].any()
    sizes = [images.read(name).size for name in ("large.png", "clean/street-100w.png", "prints/wall.png")]
    assert sizes == [(96, 112), (86, 100), (96, 112)]
    told = cli("info", "prints/street.png").stdout
    assert "restore denoise street.png --strength 0.8" in told and "--estimate mean" in told


def test_a_made_up_strength_is_refused_with_what_to_do() -> None:
    """Without --overwrite nothing is lost, and the one line says what to type."""
    cli("denoise", "scans", "-o", "clean")
    before = {path: path.read_bytes() for path in Path("clean").iterdir()}
    done = cli("denoise", "scans", "-o", "clean", "--strength", 0.5)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[0] == (
        "error: clean/street.png is there, made with --strength 1, now --strength 0.5; pass --overwrite to "
        "replace it, or another -o"
    )
    assert before == {path: path.read_bytes() for path in Path("clean").iterdir()}


def test_the_first_hour_in_python() -> None:
    done = runpy.run_path(str(HERE / "first_hour.py"))
    frames, clean, crop = done["frames"], done["clean"], done["crop"]
    assert (clean.shape, clean.dtype) == (frames.shape, np.uint8)
    truth = np.stack([scene(number, 48, 56) for number in range(2)]).astype(float)
    assert np.square(clean - truth).mean() < np.square(frames - truth).mean() / 3
    assert tuple(crop.shape) == (3, 32, 32) and 0 <= float(crop.min()) <= float(crop.max()) <= 1
