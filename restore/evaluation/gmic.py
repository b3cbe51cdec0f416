"""The patch methods of the program G'MIC, which fill large holes with pieces of the rest of the picture.

They are measured where a program ``gmic`` is on the PATH. It runs in a folder of its own that is gone
afterwards, with as many threads as torch has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from restore.evaluation.cases import Given, Restorer, from_bytes, to_bytes

PROGRAM = "gmic"
COMMANDS = {
    "G'MIC inpaint_matchpatch": "inpaint_matchpatch[0] [1],0,7,10,5,1",
    "G'MIC inpaint (patches)": "inpaint[0] [1],11,30,1,1,9,0.5",
}
"""What is done to image 0 with the mask 1, by the names of the rows.

``inpaint_matchpatch`` searches from coarse to fine (Barnes et al. 2009), ``inpaint`` with a patch size copies
patches one by one from the border inwards (Criminisi et al. 2004). The settings have the best LPIPS of
several that were tried for each, on 9 validation crops of 384x384 with holes box-128 and object; matchpatch
with patches of 9 instead of 7 is no different, and the settings that G'MIC's own window begins with for
``inpaint`` (7, 16, 0.1) leave holes of this size half filled.
"""


def gmic_rows() -> dict[str, Restorer]:
    """The patch methods by the names of their rows; none where there is no program ``gmic``.

    Examples
    --------
    >>> sorted(gmic_rows()) in ([], sorted(COMMANDS))
    True
    """
    if shutil.which(PROGRAM) is None:
        return {}
    return {name: partial(filled_by_gmic, command=command) for name, command in COMMANDS.items()}


def filled_by_gmic(given: Given, *, command: str) -> Tensor:
    """Fill a hole by a command of G'MIC.

    Parameters
    ----------
    given : Given
        The picture with its hole.
    command : str
        What is done to image 0; image 1 is the mask, 255 in the hole.

    Returns
    -------
    Tensor
        ``(1, 3, h, w)`` in [0, 1] at 8 bits.

    Raises
    ------
    ValueError
        There is no hole.
    OSError
        The program cannot be run, reports an error or writes no picture.

    Examples
    --------
    >>> filled_by_gmic(given, command="inpaint_matchpatch[0] [1]")  # doctest: +SKIP
    """
    if given.hole is None:
        raise ValueError("a fill needs a hole")
    mask = (given.hole[0, 0] > 0).cpu().numpy().astype(np.uint8) * 255
    with tempfile.TemporaryDirectory(prefix="restore-gmic-") as folder:
        Image.fromarray(to_bytes(given.image)).save(Path(folder, "photo.png"))
        Image.fromarray(mask).save(Path(folder, "mask.png"))
        _run([PROGRAM, "photo.png", "mask.png", *command.split(), "keep[0]", "output", "filled.png"], folder)
        try:
            with Image.open(Path(folder, "filled.png")) as picture:
                return from_bytes(np.asarray(picture.convert("RGB")))
        except (OSError, UnidentifiedImageError):
            raise OSError(f"{PROGRAM} {command.partition('[')[0]} wrote no picture") from None


def _run(words: list[str], folder: str) -> None:
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(
        words, cwd=folder, env=os.environ | threads, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = "".join(c for c in said[-1] if c.isprintable())[:300] if said else "it said nothing"
        raise OSError(f"{words[0]} ended with exit code {done.returncode}: {last}")
