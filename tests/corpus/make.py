"""Make the small files that fuzzing begins from: ``python tests/corpus/make.py``. Regressions stay."""

from __future__ import annotations

import io
import json
import struct
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # for the helpers that tests share

import heif_files
from picture_files import SRGB, XMP, exif_block, png_by_hand

from restore import images
from restore.cli.provenance import History, Record, stamped
from restore.images import exif, named_profiles
from restore.priors import adapters, checkpoint
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.foreign import backbone as foreign
from restore.priors.foreign.attention_unet import AttentionUNet, AttentionUNetConfig
from restore.priors.unet import UNet, UNetConfig

HERE = Path(__file__).parent
H, W = 9, 13
RECORD = Record("1.2", "denoise", (("--sigma", "25"),), (("a b.png", "00" * 32),), "ab" * 32, "direct", 7, 3)
EXIF = exif_block(6).tobytes()
OPTIONS = {
    "options/denoise.toml": b"# denoise\nsigma = 25\nensemble = 2\nseed = 7\noverwrite = true\ntile = 256\n",
    "options/upscale.toml": b"# upscale\nscale = 2\nsteps = 3\nsampler = 'ddim'\nprecision = 'fp32'\n",
    "options/sample.toml": b"# sample\ncount = 2\nsize = '64x48'\nsteps = 4\neta = 0.5\noutput = 'drawn'\n",
    "options/solve.toml": b"# solve\noperator = ['blur=gaussian:1.6']\nmethod = 'ddrm'\nsigma = 2.5\n",
}
ICC = SRGB[:128] + struct.pack(">I", 0)  # a header without tags


def samples(channels: int, dtype: str = "uint8") -> np.ndarray[Any, Any]:
    """A ramp with a little noise, ``(h, w, channels)``."""
    y, x, c = np.mgrid[:H, :W, :channels]
    values = (0.05 * x + 0.04 * y + 0.1 * c + 0.1 * np.random.default_rng(0).random((H, W, channels))) % 1
    return (values if dtype[0] == "f" else values * np.iinfo(dtype).max).astype(dtype)


def pil(mode: str) -> Image.Image:
    """A Pillow image of a mode."""
    return Image.fromarray(samples(3)).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file that Pillow writes."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pictures() -> dict[str, bytes]:
    """Pictures of all formats in many modes and depths, by folder and name."""
    frames = [pil("L").convert("RGB")]
    layer = Image.merge("RGBA", [*[Image.new("L", (W, H), 9)] * 3, pil("1").convert("L")])
    ones = (samples(1) > 128).astype(np.uint8).repeat(3, 2)
    found = {
        "png/palette-clear.png": saved(pil("P"), "PNG", transparency=3),
        "png/bilevel.png": saved(pil("1"), "PNG", dpi=(300, 300)),
        "png/gray-clear.png": saved(pil("L"), "PNG", transparency=9),
        "png/told.png": saved(pil("RGB"), "PNG", exif=EXIF, icc_profile=ICC, dpi=(72, 72)),
        "png/stamped.png": images.encode(stamped(images.Picture(samples(3)), RECORD, "png"), "png"),
        "png/deep-gray-alpha.png": png_by_hand(samples(2, "uint16"), (b"gAMA", struct.pack(">I", 45455))),
        "png/deep-clear.png": png_by_hand(samples(3, "uint16"), (b"tRNS", bytes(6))),
        "png/deep-alpha.png": images.encode(images.Picture(samples(3, "uint16"), xmp=XMP), "png"),
        "jpeg/told.jpg": saved(pil("RGB"), "JPEG", exif=EXIF, icc_profile=ICC, dpi=(300, 300), comment=b"hi"),
        "jpeg/progressive.jpg": saved(pil("RGB"), "JPEG", progressive=True, subsampling=2),
        "jpeg/gray-restart.jpg": saved(pil("L"), "JPEG", restart_marker_blocks=1, xmp=XMP),
        "jpeg/cmyk.jpg": saved(pil("CMYK"), "JPEG", quality=50),
        "jpeg/stamped.jpg": images.encode(stamped(images.Picture(samples(3)), RECORD, "jpeg"), "jpeg"),
        "webp/lossy-alpha.webp": saved(pil("RGBA"), "WEBP", exif=EXIF, quality=50),
        "webp/lossless.webp": saved(pil("RGB"), "WEBP", lossless=True, xmp=XMP, icc_profile=ICC),
        "webp/plain.webp": saved(pil("RGB"), "WEBP", quality=50),
        "webp/animated.webp": saved(pil("RGB"), "WEBP", save_all=True, append_images=frames),
        "bmp/plain.bmp": saved(pil("RGB"), "BMP", dpi=(72, 72)),
        "bmp/palette.bmp": saved(pil("P"), "BMP"),
        "bmp/bilevel.bmp": saved(pil("1"), "BMP"),
        "bmp/alpha.bmp": images.encode(images.Picture(samples(3), alpha=samples(1)[..., 0]), "bmp"),
        "bmp/packed.bmp": packed_bmp(),
        "mask/strokes.png": saved(pil("L").point(lambda value: 255 * (value > 128)), "PNG"),
        "mask/ones.png": images.encode(images.Picture(ones), "png"),
        "mask/layer.png": saved(layer, "PNG"),
        "mask/strokes.gif": saved(pil("L").point(lambda value: 255 * (value > 128)), "GIF"),
    }
    return found | tiffs()


def packed_bmp() -> bytes:
    """A BMP of 8 bits with run-length coding, which Pillow does not write."""
    rows = b"".join(bytes([W - 4, y, 0, 4, 1, 2, 3, 4, 0, 0]) for y in range(H)) + b"\0\1"
    palette = b"".join(bytes([n, n, n, 0]) for n in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, W, H, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sI4xI", b"BM", start + len(rows), start) + header + palette + rows


def tiffs() -> dict[str, bytes]:
    """TIFF by Pillow, tifffile, OpenCV and the package."""

    def by_tifffile(channels: np.ndarray[Any, Any], **options: Any) -> bytes:
        out = io.BytesIO()
        plain = {"photometric": "rgb", "metadata": None, "software": False}
        tifffile.imwrite(out, channels, **{**plain, **options})
        return out.getvalue()

    lzw = [cv2.IMWRITE_TIFF_COMPRESSION, 5]
    deep = images.Picture(
        samples(3, "uint16"), alpha=samples(1, "uint16")[..., 0], exif=EXIF[6:], xmp=XMP, dpi=(300.0, 300.0)
    )
    gray, planes = samples(1)[..., 0], samples(3).transpose(2, 0, 1).copy()
    turned = [(274, 3, 1, 6, True)]
    tiled = {"tile": (16, 16), "compression": "zlib", "predictor": True}
    return {
        "tiff/own-deep-alpha.tif": images.encode(deep, "tiff"),
        "tiff/stamped.tif": images.encode(stamped(images.Picture(samples(3)), RECORD, "tiff"), "tiff"),
        "tiff/floats.tif": by_tifffile(samples(3, "float32")),
        "tiff/halves-big-endian.tif": by_tifffile(samples(3, "float16"), byteorder=">"),
        "tiff/planar-strips.tif": by_tifffile(planes, planarconfig="separate", rowsperstrip=2),
        "tiff/tiled.tif": by_tifffile(samples(3, "uint16"), **tiled),
        "tiff/bigtiff.tif": by_tifffile(samples(4), bigtiff=True, extrasamples=["assocalpha"]),
        "tiff/white-is-zero.tif": by_tifffile(gray, photometric="miniswhite", extratags=turned),
        "tiff/pages.tif": by_tifffile(np.stack([samples(3), samples(3)[::-1]])),
        "tiff/lzw8.tif": saved(pil("RGB"), "TIFF", compression="tiff_lzw", tiffinfo={274: 3}),
        "tiff/lzw16.tif": cv2.imencode(".tif", samples(3, "uint16"), lzw)[1].tobytes(),
        "tiff/palette.tif": saved(pil("P"), "TIFF"),
        "tiff/bilevel-fax.tif": saved(pil("1"), "TIFF", compression="group4"),
        "tiff/cmyk.tif": saved(pil("CMYK"), "TIFF"),
        "tiff/ycbcr-jpeg.tif": saved(pil("YCbCr"), "TIFF", compression="jpeg"),
    }


def newer() -> dict[str, bytes]:
    """HEIC, AVIF and JPEG XL."""
    wide = named_profiles.profile_for(12, 13)
    deep = images.Picture(samples(3, "uint16"), exif=EXIF[6:], xmp=XMP, icc=wide)
    clear = images.Picture(samples(3), alpha=samples(1)[..., 0])
    gray = images.Picture(samples(1, "uint16").repeat(3, axis=2), gray=True)
    floats = images.Picture(samples(3, "float32").clip(0), exif=EXIF[6:])
    return {
        "heif/turned.heic": heif_files.heic(samples(4), exif=heif_files.exif_of(6), thumbnails=[8]),
        "heif/deep.heic": images.encode(deep, "heic"),
        "heif/gray.heic": images.encode(gray, "heic"),
        "heif/turned.avif": heif_files.avif(samples(4), exif=heif_files.exif_of(5)),
        "heif/deep.avif": images.encode(deep, "avif"),
        "heif/film.avif": heif_files.avif(samples(3), save_all=True, append_images=[pil("RGB")]),
        "jxl/deep.jxl": images.encode(deep, "jxl"),
        "jxl/clear.jxl": images.encode(clear, "jxl"),
        "jxl/gray.jxl": images.encode(gray, "jxl"),
        "jxl/floats.jxl": images.encode(floats, "jxl"),
        "jxl/lossy.jxl": images.encode(clear, "jxl", quality=80),
    }


def told() -> dict[str, bytes]:
    """EXIF, records of what was done, and options."""
    block = EXIF[6:]
    big = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    return {
        "exif/all-directories": block,
        "exif/comment": exif.with_comment(block, "a note in \u732b"),
        "exif/big-endian": exif.with_comment(big, "a note"),
        "exif/thumbnail": thumbnail(),
        "record/two.json": History((RECORD, RECORD)).text().encode(),
        "record/none.json": b"[]",
        **OPTIONS,
    }


def thumbnail() -> bytes:
    """EXIF with a thumbnail in a second directory."""
    small = saved(pil("L"), "JPEG")
    first = struct.pack("<HHHIIIH", 1, 0x0112, 3, 1, 1, 26, 2)
    second = struct.pack("<HHIIHHII", 0x0201, 4, 1, 56, 0x0202, 4, 1, len(small))
    return b"II*\0\x08\0\0\0" + first + second + struct.pack("<I", 0) + small


def weights() -> dict[str, bytes]:
    """Checkpoints of the smallest networks that there are, and others' to be converted."""
    generator = torch.Generator().manual_seed(0)

    def drawn(network: torch.nn.Module) -> Any:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.normal_(0, 0.05, generator=generator)
        return network

    found = {}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "x.safetensors")
        shape = UNetConfig(channels=(1, 2), blocks=1, embedding=4)
        tiny = Backbone(drawn(UNet(shape)), BackboneConfig(network=shape), {"name": "tiny"})
        digest = checkpoint.save(tiny, path)
        found["weights/tiny.safetensors"] = path.read_bytes()
        adapters.add_adapters(tiny.network, 1)
        shapes = {name: t.shape for name, t in adapters.adapter_tensors(tiny.network).items()}
        added = {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        checkpoint.save_adapters(added, path, base=digest, facts={"steps": 1})
        found["weights/adapters.safetensors"] = path.read_bytes()
        small = AttentionUNetConfig((2, 2), 1, (False, True), (True, False), groups=1, head_channels=1)
        described = foreign.ForeignConfig(small, steps=10)
        foreign.save(foreign.ForeignBackbone(drawn(AttentionUNet(small)), described, {"name": "x"}), path)
        found["weights/foreign.safetensors"] = path.read_bytes()
        found["convert/guided.pt"] = guided(Path(place, "x.pt"))
    return found | {"convert/pipeline.zip": pipeline()}


def guided(path: Path) -> bytes:
    """A state of guided-diffusion. Each tensor repeats one number, so that the file is small."""
    from guided_unet import GuidedUNet

    network = GuidedUNet(channels=32, multipliers=(1,), blocks=1, attends=())
    torch.save({name: torch.zeros(1).expand(t.shape) for name, t in network.state_dict().items()}, path)
    return packed_zip({name: data for name, data in members(path.read_bytes()).items()})


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed_zip(files: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    """A zip that is the same each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, how)
    return out.getvalue()


def pipeline() -> bytes:
    """A folder of diffusers with zeros for weights, packed."""
    from diffusers import DDPMScheduler, UNet2DModel

    network = UNet2DModel(
        sample_size=8, block_out_channels=(4, 4), norm_num_groups=2, layers_per_block=1, attention_head_dim=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    with tempfile.TemporaryDirectory() as place:
        network.save_pretrained(Path(place, "unet"))
        DDPMScheduler().save_pretrained(Path(place, "scheduler"))
        names = ["unet/config.json", "scheduler/scheduler_config.json"]
        names += ["unet/diffusion_pytorch_model.safetensors"]
        return packed_zip({name: Path(place, name).read_bytes() for name in names}, zipfile.ZIP_DEFLATED)


def main() -> None:
    """Write them all."""
    files = pictures() | newer() | told() | weights()
    for name, data in files.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_bytes(data)
    print(json.dumps({name: len(data) for name, data in files.items()}, indent=1))


if __name__ == "__main__":
    main()
