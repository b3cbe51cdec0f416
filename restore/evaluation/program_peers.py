"""Rows for programs of any kind: they read the damaged picture as a PNG file and write another."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from restore.errors import ConfigError, ImageError, RestoreError
from restore.evaluation.cases import Given, to_bytes
from restore.evaluation.pictures import read_rgb
from restore.images.outside import brief

PLACES = ("input", "output", "mask", "sigma", "scale")
TOO_LONG = 600.0  # seconds that a program may take for one picture


def is_program(source: str) -> bool:
    """Whether the source of a peer is a command: it says where the picture goes.

    Examples
    --------
    >>> is_program("median {input} {output}"), is_program("mine.py:median")
    (True, False)
    """
    return "{input}" in source or "{output}" in source


@dataclass(frozen=True)
class Program:
    """A restorer that is a program.

    It is started once a picture, without a shell and from the current folder. In the words of its command
    ``{input}`` becomes the path of a PNG file, RGB, 8 bits, and ``{output}`` the path at which it must write
    a PNG file of the size of the result, of 8 bits or of 16, which are rounded to 8. ``{mask}`` is the path
    of a PNG file, grey, 255 where the picture is missing, ``{sigma}`` the standard deviation of the noise on
    the 0..255 scale, and ``{scale}`` how many times larger the result must be. The files are in a folder that
    is gone afterwards. It has as many threads as torch has and is stopped after ten minutes.

    Parameters
    ----------
    words : of the command.
    seconds : that it may take for one picture.

    Raises
    ------
    RestoreError
        When it is called: the program reports an error, takes too long or writes no picture, or its command
        asks for what the protocol does not tell.

    Examples
    --------
    >>> picture = Given(torch.full((1, 3, 2, 2), 0.2))
    >>> Program(("cp", "{input}", "{output}"))(picture).mul(255).unique()
    tensor([51.])
    """

    words: tuple[str, ...]
    seconds: float = TOO_LONG

    @classmethod
    def parse(cls, command: str) -> Program:
        """The program of a command line, quoted as for a shell.

        Raises
        ------
        ConfigError
            The command cannot be split, has no place for the output, asks for something unknown, or its
            program is not found.
        """
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise ConfigError(f"--peer {brief(command)}: the command cannot be split ({error})") from None
        asked = re.findall(r"\{([^{}]*)\}", command)
        missing = [place for place in ("input", "output") if place not in asked]
        if missing:
            raise ConfigError(
                f"--peer {brief(command)}: expected both {{input}} and {{output}} in the command, got no "
                f"{{{missing[0]}}}"
            )
        if unknown := [each for each in asked if each not in PLACES]:
            known = ", ".join(f"{{{place}}}" for place in PLACES)
            raise ConfigError(f"--peer {brief(command)}: expected {known}, got {{{unknown[0]}}}")
        if shutil.which(words[0]) is None:
            raise ConfigError(
                f"--peer: there is no program {words[0]}; install it or give its path, and begin with NAME= "
                "where the command itself holds ="
            )
        return cls(words)

    def __call__(self, given: Given) -> Tensor:
        """The restored picture ``(1, 3, h, w)`` in [0, 1]."""
        with tempfile.TemporaryDirectory(prefix="restore-peer-") as name:
            folder = Path(name)
            values = {"input": str(folder / "input.png"), "output": str(folder / "output.png")}
            Image.fromarray(to_bytes(given.image)).save(values["input"])
            if given.hole is not None:
                values["mask"] = str(folder / "mask.png")
                Image.fromarray((given.hole[0, 0] > 0).cpu().numpy().astype(np.uint8) * 255).save(
                    values["mask"]
                )
            if given.sigma is not None:
                values["sigma"] = f"{given.sigma:g}"
            if given.scale is not None:
                values["scale"] = str(given.scale)
            self._run([self._filled(word, values) for word in self.words])
            return self._read(Path(values["output"]))

    def _filled(self, word: str, values: dict[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] not in values:
                raise RestoreError(f"{self.words[0]} asks for {found[0]}, which this protocol does not tell")
            return values[found[1]]

        return re.sub(r"\{(\w+)\}", value, word)

    def _run(self, words: list[str]) -> None:
        threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        try:
            done = subprocess.run(
                words, env=os.environ | threads, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", check=False, timeout=self.seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RestoreError(
                f"{self.words[0]} had not ended after {self.seconds:g} s: it was stopped"
            ) from None
        except OSError as error:
            raise RestoreError(f"{self.words[0]} cannot be run ({error.strerror})") from None
        if done.returncode:
            said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            last = brief(said[-1]) if said else "it said nothing"
            raise RestoreError(f"{self.words[0]} ended with exit code {done.returncode}: {last}")

    def _read(self, path: Path) -> Tensor:
        if not path.exists():
            raise RestoreError(f"{self.words[0]} wrote nothing at the path {{output}}; expected a PNG file")
        try:
            return read_rgb(path)
        except ImageError as error:
            why = brief(str(error).replace(str(path), "{output}"))
            raise RestoreError(f"{self.words[0]} wrote no picture that can be read ({why})") from None
