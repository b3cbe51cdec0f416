"""Pages as an office scans them: rendered text in several sizes on tinted paper."""

from __future__ import annotations

import pydoc_data.topics

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WORDS = " ".join(pydoc_data.topics.topics[name] for name in ("assert", "strings", "numbers", "with")).split()
PLAIN = [word for word in WORDS if word.isalpha() and word.isascii() and len(word) > 1]


def page(number: int, size: tuple[int, int] = (1152, 880), height: int = 0) -> tuple[NDArray[np.uint8], str]:
    """(an RGB page ``(h, w, 3)``, its text), the same for a number. height: of the letters in pixels."""
    rng = np.random.default_rng(number)
    h, w = size
    height = height or int(rng.integers(16, 30))
    font = ImageFont.load_default(height)
    paper = rng.uniform(205, 235, 3)
    ink = rng.uniform(15, 70, 3)
    sheet = Image.new("L", (w, h))
    draw = ImageDraw.Draw(sheet)
    margin, top, lines, at = w // 11, h // 14, [], number * 37
    while top < h - h // 14 - height:
        line = ""
        while font.getlength(line + " " + PLAIN[at % len(PLAIN)]) < w - 2 * margin:
            line = f"{line} {PLAIN[at % len(PLAIN)]}".strip()
            at += 1
        draw.text((margin, top), line, fill=255, font=font)
        lines.append(line)
        top += round(height * 1.45) + (height if len(lines) % 7 == 0 else 0)
    share = np.asarray(sheet, np.float32)[..., None] / 255
    grain = rng.normal(0, 1, (h // 8 + 1, w // 8 + 1, 1)).repeat(8, 0).repeat(8, 1)[:h, :w]
    shade = paper * (1 - share) + ink * share + 0.6 * grain
    return shade.clip(0, 255).round().astype(np.uint8), "\n".join(lines)
