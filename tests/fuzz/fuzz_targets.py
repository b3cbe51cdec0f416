"""What is tried: every reader of files that others have made, each as a function of bytes."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
from fuzz_judge import Target
from fuzz_loop import corpus_of

from restore import images
from restore.cli import provenance
from restore.errors import MaskError
from restore.images import decode, decode_mask, exif
from restore.images.formats import FORMATS, fitted

ROOT = Path(__file__).parents[2]
LARGE = 100_000  # pixels; larger pictures are not encoded again
PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
RECORD = provenance.Record("1.2", "denoise", (("--sigma", "25"),), (("a.png", "00" * 32),), seed=7)


@cache
def folder() -> Path:
    """A folder of this process, for readers of files; removed at its end."""
    place = tempfile.TemporaryDirectory(prefix="restore-fuzz-")
    atexit.register(place.cleanup)
    return Path(place.name)


def file_of(data: bytes, name: str) -> Path:
    """A file that holds the bytes."""
    path = folder() / name
    path.write_bytes(data)
    return path


# ------------------------------------------------------------------------------------- pictures


def read_picture(data: bytes) -> int:
    """Decode; what is accepted comes back the same from every lossless format, and tells its history."""
    picture = decode(data, name="photo")
    check_history(provenance.history_of(picture))
    pixels = picture.pixels.size // 3
    if pixels > LARGE:
        return pixels
    for kind in {"png", "tiff", picture.format} - {"jpeg", "heic", "avif"}:
        if max(picture.size) > FORMATS[kind].side:
            continue
        stored, _ = fitted(picture, kind)
        again = decode(images.encode(picture, kind), name="again")
        assert again.format == kind
        check_same(again, stored)
        if picture.pixels.dtype.name in FORMATS[kind].depths and kind != "jxl":
            np.testing.assert_array_equal(again.pixels, picture.pixels)
    return pixels


def check_same(again: images.Picture, stored: images.Picture) -> None:
    """What was written is what is read."""
    np.testing.assert_array_equal(again.pixels, stored.pixels)
    assert again.pixels.dtype == stored.pixels.dtype
    assert again.gray == stored.gray, "gray has become colour, or the other way"
    assert (again.alpha is None) == (stored.alpha is None), "alpha was lost or made"
    if stored.alpha is not None:
        np.testing.assert_array_equal(again.alpha, stored.alpha)
    for name in ("icc", "xmp", *(["exif"] if stored.format != "tiff" else [])):
        before, after = getattr(stored, name), getattr(again, name)
        assert after == before, f"{name} has changed from {before[:20]!a} to {after[:20]!a}"


def check_history(history: provenance.History) -> None:
    """A history is printed as lines and written as text that is read back."""
    for line in history.lines("photo.png") if history.records else ():
        assert line.isprintable(), "a command that steers the terminal"
    if history.records:
        assert provenance.read_text(history.text()).records == history.records[-provenance.MOST :]


def read_mask(data: bytes) -> int:
    """Decode a mask, by itself and for a photograph: what it covers is of its size."""
    mask = decode_mask(data, name="mask")
    assert mask.white.dtype == bool
    assert 0 <= mask.gray_fraction <= 1
    assert not (mask.white & ~mask.covers).any(), "white is not covered"
    dark = images.Picture(np.full((*mask.level.shape, 3), 9, np.uint8))
    with contextlib.suppress(MaskError):
        decode_mask(data, name="mask", photo=dark)
    with contextlib.suppress(MaskError):
        decode_mask(data, name="mask", photo=dark, colour="red")
    return mask.white.size


# ----------------------------------------------------------------------------- what pictures tell


def read_exif(data: bytes) -> None:
    """Each function alone, as `Picture` takes EXIF from anywhere; what is usable changes as promised."""
    for function in (exif.comment, exif.tree):
        function(data)
    usable = bool(data) and exif.usable(data)
    changes: list[Callable[[bytes], Any]] = [
        lambda block: exif.number_of(block, 0x112),
        lambda block: len(exif.without_thumbnail(block)) == len(data),
        lambda block: len(exif.patched(block, {0x112: 1, 0x100: 70_000})) == len(data),
        lambda block: exif.with_comment(block, "a note"),
    ]
    for change in changes:
        with contextlib.suppress(*(() if usable else (ValueError, struct.error))):
            assert change(data) is not False, "the length has changed"
    if usable and exif.comment(data) is not None:
        noted = exif.with_comment(data, "a note")
        assert exif.comment(noted) == "a note"
        assert exif.with_comment(noted, "a note") == noted, "a comment is not replaced"
        assert exif.comment(exif.without_comment_from(noted, "note")) == "a"
        assert exif.number_of(exif.patched(noted, {0x112: 1}), 0x112) in (0, 1)


def read_record(data: bytes) -> None:
    """A record as PNG text and as a comment; then one more on top of it."""
    chunk = images.png_chunk(b"iTXt", provenance.HEAD + data)
    told = provenance.MARK + data.decode("utf-8", "replace")
    for picture in (
        images.Picture(PIXELS, chunks=chunk),
        images.Picture(PIXELS, exif=exif.with_comment(b"", told)),
    ):
        history = provenance.history_of(picture)
        check_history(history)
        for kind in ("png", "jpeg", "tiff"):
            stamped = provenance.stamped(picture, RECORD, kind)
            again = decode(images.encode(stamped, kind), name="again")
            records = (*history.records, RECORD)[-provenance.MOST :]
            if len(stamped.exif) < images.MOST_EXIF and (stamped.exif or stamped.chunks):
                assert provenance.history_of(again).records == records, f"the history is lost in {kind}"


# -------------------------------------------------------------------------------- configurations


def read_options(data: bytes) -> None:
    """``--config`` of the command that the first line names after a hash sign."""
    from restore.cli.main import main

    word = data[:40].split(b"\n")[0].removeprefix(b"# ").decode("ascii", "replace")
    parent = click.Context(main, info_name="restore")
    command = main.get_command(parent, word) or main.get_command(parent, "denoise")
    assert command is not None
    path = file_of(data, "options.toml")
    picture = folder() / "photo.png"
    if not picture.exists():
        picture.write_bytes(images.encode(images.Picture(PIXELS), "png"))
    given = ["--config", str(path), *([] if word == "sample" else [str(picture)])]
    try:
        command.make_context(command.name, given, parent=parent).close()
    except click.ClickException as error:
        raise UsageRefusedError(error.format_message()) from error


class UsageRefusedError(Exception):
    """Options that do not go together, as click says it."""


def read_training(data: bytes) -> None:
    """A configuration of ``restore train``."""
    from restore.training.config import read_config

    read_config(file_of(data, "train.toml"), noisy=True)


# --------------------------------------------------------------------------------------- weights


def read_weights(data: bytes) -> None:
    """A checkpoint, adapters beside their checkpoint, or converted weights; what is loaded can be called."""
    import torch

    from restore.priors import checkpoint
    from restore.priors.foreign import backbone as foreign

    base = folder() / "base.safetensors"
    if not base.exists():
        base.write_bytes(corpus_of(TARGETS["weights"])["weights/tiny.safetensors"])
    path = file_of(data, "weights.safetensors")
    prior: Any = foreign if foreign.is_foreign(path) else checkpoint
    network = prior.load(path, device="cpu", dtype=torch.float32)
    sigma = min(max(0.1, network.sigma_min), network.sigma_max)
    assert network.denoiser()(torch.full((1, 3, 8, 8), 0.5), sigma).shape == (1, 3, 8, 8)


def hashed(data: bytes) -> bytes:
    """Weights with the hash that belongs to their tensors, so that more than the hash is checked."""
    import json

    from safetensors.torch import load

    from restore.priors.checkpoint import tensors_hash

    try:
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size])
        header["__metadata__"]["sha256"] = tensors_hash(load(data))
        text = json.dumps(header).encode()
    except Exception:  # what is broken stays broken
        return data
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def read_others(data: bytes) -> None:
    """Weights to be converted: a zip is a diffusers folder, all else a guided-diffusion file."""
    from restore.priors.foreign import diffusers, guided_diffusion

    names = ("unet/config.json", "scheduler/scheduler_config.json")
    names += ("unet/diffusion_pytorch_model.safetensors",)
    place = folder() / "pipeline"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in names if name in archive.namelist()}
    except Exception:
        members = {}
    if not members:
        guided_diffusion.read(file_of(data, "model.pt"))
        return
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).unlink(missing_ok=True)
        if name in members:
            (place / name).write_bytes(members[name])
    diffusers.read(place)


PICTURES = ("png", "jpeg", "tiff", "webp", "bmp")
NEWER = ("heif", "jxl")  # decoders of packages that come with an extra
TARGETS = {
    target.name: target
    for target in (
        *(Target(name, read_picture) for name in (*PICTURES, *NEWER)),
        Target("mask", read_mask, also=PICTURES),
        Target("exif", read_exif),
        Target("record", read_record),
        Target("options", read_options, allowed=(UsageRefusedError,)),
        Target("training", read_training, also=("../../configs/*.toml",)),
        Target("weights", read_weights, repaired=hashed),
        Target("convert", read_others),
    )
}


def warm(target: Target) -> None:
    """Import what the target needs and run it once, so that no input has to pay for it."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with contextlib.suppress(Exception):
        target.call(next(iter(corpus_of(target).values())))
