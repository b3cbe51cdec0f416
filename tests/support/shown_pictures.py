"""Pictures as a page sees them, through a process that shows them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from restore.cli.serve.viewer import Viewer, ViewerError

T = TypeVar("T")
Pixels = NDArray[Any]


class Shown:
    """A viewer that is asked one thing after the other."""

    def __init__(self, folder: Path, **options: Any):
        self._runner = asyncio.Runner()
        self.viewer = Viewer(folder, **options)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def open(self, path: Path, **options: Any) -> dict[str, Any]:
        return self.do(self.viewer.open(path, name=path.name, **options))

    def tile(self, path: Path, level: int = 0, column: int = 0, row: int = 0) -> Pixels:
        """The pixels of a tile, as they are in its file."""
        data, kind = self.do(self.viewer.tile(path, level, column, row))
        assert kind in ("image/png",) if level == 0 else ("image/jpeg", "image/webp")
        with Image.open(io.BytesIO(data)) as image:
            assert kind == f"image/{(image.format or '').lower()}"
            return np.asarray(image)

    def refused(self, work: Coroutine[Any, Any, Any]) -> ViewerError:
        with pytest.raises(ViewerError) as refused:
            self.do(work)
        assert "\n" not in refused.value.message
        return refused.value

    def close(self) -> None:
        self.do(self.viewer.close())
        self._runner.close()


RNG = np.random.default_rng(3)
PHOTO = cv2.resize(RNG.integers(0, 256, (30, 41, 3), dtype=np.uint8), (1281, 927), interpolation=2)


SPOT = np.full((80, 100, 3), 180, np.uint8)
SPOT[30:44, 40:60] = 60, 20, 90
