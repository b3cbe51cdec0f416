"""The plugin of OCRmyPDF: what is read, what is shown, and what is said of options without effect."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from printed_pages import printed_pages

from restore import testing
from restore.priors.backbone import Backbone

pytest.importorskip("ocrmypdf", reason="needs OCRmyPDF: pip install 'restore-diffusion[ocrmypdf]'")

from ocrmypdf.exceptions import BadArgsError

from restore.integrations import ocrmypdf as plugin

PROGRAMS = [name for name in ("tesseract", "gs") if shutil.which(name) is None]


def page_with(**options: Any) -> Any:
    """A page of OCRmyPDF, as far as the hooks look at it."""
    known = {"use_threads": True, "jobs": None, **options}
    return SimpleNamespace(
        options=SimpleNamespace(**known), pageno=4, pageinfo=SimpleNamespace(images=["a scan"])
    )


def read_image(page: Any, image: Image.Image, before: Image.Image | None = None) -> Image.Image:
    """What the recogniser is given. before: what other plugins have made of the image."""
    hook = plugin.filter_ocr_image(page=page, image=image)
    next(hook)
    with pytest.raises(StopIteration) as end:
        hook.send(image if before is None else before)
    found: Image.Image = end.value.value
    return found


def noisy(mode: str) -> Image.Image:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 32) if mode in ("L", "P") else (24, 32, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    image.info["dpi"] = (300.0, 300.0)
    return image


@pytest.fixture(autouse=True)
def prior(monkeypatch: pytest.MonkeyPatch) -> Backbone:
    small = testing.tiny_prior()
    monkeypatch.setattr(plugin, "_prior_of", lambda options: small)
    return small


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_the_image_that_is_read_is_cleaned_and_keeps_its_resolution(mode: str) -> None:
    image = noisy(mode)
    found = read_image(page_with(), image)
    assert found.size == image.size
    assert found.mode == ("RGB" if mode == "P" else mode)
    assert found.info["dpi"] == (300.0, 300.0)
    assert found.tobytes() != image.convert(found.mode).tobytes()


def test_other_filters_come_before() -> None:
    half = noisy("L").resize((16, 12))
    half.info["dpi"] = (150.0, 150.0)
    found = read_image(page_with(), noisy("L"), half)
    assert (found.size, found.info["dpi"]) == ((16, 12), (150.0, 150.0))


def test_what_holds_no_noise_of_a_scanner_is_handed_on_as_it_is() -> None:
    line_art, image = noisy("1"), noisy("RGB")
    assert read_image(page_with(), line_art) is line_art
    assert read_image(page_with(restore_method="none"), image) is image
    page = page_with()
    page.pageinfo.images = []
    assert read_image(page, image) is image


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "PNG"), (".jpg", "JPEG")])
def test_the_page_that_is_shown_is_cleaned_if_asked(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"visible{suffix}"
    noisy("RGB").save(path, dpi=(200, 200))
    before = path.read_bytes()
    assert plugin.filter_page_image(page=page_with(), image_filename=path) == path
    found = plugin.filter_page_image(page=page_with(restore_page="page"), image_filename=path)
    assert found.parent == tmp_path
    assert found != path
    assert path.read_bytes() == before
    with Image.open(found) as image:
        assert (image.format, image.size, image.mode) == (kind, (32, 24), "RGB")
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)


def test_an_image_that_is_read_and_shown_is_computed_once(prior: Backbone, tmp_path: Path) -> None:
    page, image = page_with(restore_page="page"), noisy("RGB")
    read = read_image(page, image)
    calls = prior.calls
    image.save(tmp_path / "visible.png", dpi=(300, 300))
    shown = plugin.filter_page_image(page=page, image_filename=tmp_path / "visible.png")
    assert prior.calls == calls > 0
    with Image.open(shown) as found:
        assert found.tobytes() == read.tobytes()


def test_a_page_that_cannot_be_cleaned_stays_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> Image.Image:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(plugin, "_denoised", fail)
    image = noisy("RGB").transpose(Image.Transpose.ROTATE_90)
    assert read_image(page_with(), image) is image
    assert caplog.messages == ["page 5 is left as it is: out of memory"]


def test_options_without_effect_are_refused(tmp_path: Path) -> None:
    parser = ArgumentParser()
    plugin.add_options(parser)
    options = vars(parser.parse_args([]))
    plugin.check_options(SimpleNamespace(**options, lossless_reconstruction=True))
    for changed, said in (
        ({"restore_page": "page"}, "--force-ocr"),
        ({"restore_method": "blur"}, "--restore-method is one of none, auto"),
        ({"restore_weights": str(tmp_path / "none.safetensors")}, "there is no file"),
    ):
        with pytest.raises(BadArgsError, match=said):
            plugin.check_options(SimpleNamespace(**{**options, **changed}, lossless_reconstruction=True))


def share_read(sidecar: Path, text: str) -> float:
    """Share of the words of a text that were recognised, in their order."""
    found, words = sidecar.read_text().split(), text.split()
    blocks = difflib.SequenceMatcher(None, found, words, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words)


@pytest.mark.slow
@pytest.mark.skipif(bool(PROGRAMS), reason="needs tesseract and ghostscript")
def test_more_words_are_read_from_a_noisy_scan(tmp_path: Path) -> None:
    clean, text = printed_pages().page(2, (400, 500))
    rng = np.random.default_rng(0)
    shadow = np.linspace(1, 0.45, clean.shape[1])[:, None]  # as of a book's spine
    scan = clean * shadow + 20 * rng.standard_normal(clean.shape)
    page = Image.fromarray(scan.clip(0, 255).round().astype(np.uint8))
    page.save(tmp_path / "scan.pdf", resolution=100)
    shares, options = {}, {"none": [], "page": ["--force-ocr", "--restore-page", "page"]}
    # Threads of tesseract that wait for each other take most of the time where other tests run.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    for method, more in options.items():
        sidecar = tmp_path / f"{method}.txt"
        command = [sys.executable, "-m", "ocrmypdf", "-q", "--plugin", "restore.integrations.ocrmypdf"]
        command += ["--output-type", "pdf", "--optimize", "0", "--sidecar", str(sidecar)]
        command += ["--restore-method", method, *more]
        command += [str(tmp_path / "scan.pdf"), str(tmp_path / f"{method}.pdf")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        shares[method] = share_read(sidecar, text)
    assert shares["none"] < 0.9 < shares["page"]
