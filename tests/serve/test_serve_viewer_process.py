"""The process that shows pictures: what comes first, what ends it, and what becomes of requests then."""

from __future__ import annotations

import asyncio
import base64
import errno
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shown_pictures import PHOTO, SPOT, Shown

from restore import images
from restore.cli.serve.picture_cache import Asked, PictureCache, scale_of
from restore.cli.serve.tiles import Scale
from restore.cli.serve.viewer import Viewer, ViewerError
from restore.cli.serve.viewer_process import Responder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photo.png"


def test_the_server_stays_small() -> None:
    heavy = "import sys, restore.cli.serve.viewer; print({'numpy', 'cv2', 'torch', 'PIL'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def process_of(viewer: Viewer) -> Any:
    assert viewer._process is not None
    return viewer._process._process


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_that_is_killed_is_started_again(tmp_path: Path, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    small = path.with_name("small.png")
    Image.fromarray(SPOT).save(small)
    shown = Shown(tmp_path / "private")

    async def killed() -> list[Any]:
        await shown.viewer.open(small, name="small.png")
        process = process_of(shown.viewer)
        os.kill(process.pid, signal.SIGSTOP)
        asked = [shown.viewer.open(path, name="photo.png"), shown.viewer.tile(small, 0, 0, 0)]
        waiting = [asyncio.create_task(each) for each in asked]
        while len(shown.viewer._waiting) < len(asked):
            await asyncio.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        return await asyncio.gather(*waiting, return_exceptions=True)

    try:
        for error in shown.do(killed()):
            assert isinstance(error, ViewerError)
            assert error.status == 503
            assert error.message == (
                "the process that shows pictures has ended, probably for lack of memory; it is started "
                "again, try once more"
            )
        assert np.array_equal(shown.tile(small), SPOT)  # it is read again
        assert shown.open(path)["width"] == 1281
        left = [each.name for each in (tmp_path / "private" / "tiles").iterdir()]
        assert len(left) <= 4  # nothing of the process that was killed
    finally:
        shown.close()


def test_requests_that_are_cancelled_are_dropped(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    shown.open(path)

    async def cancelled() -> int:
        asked = [asyncio.create_task(shown.viewer.tile(path, 0, 0, 0)) for _ in range(8)]
        await asyncio.sleep(0)
        for each in asked[1:]:
            each.cancel()
        done = await asyncio.gather(*asked, return_exceptions=True)
        return sum(isinstance(each, tuple) for each in done)

    assert shown.do(cancelled()) == 1
    assert shown.viewer._waiting == {}


def test_what_takes_too_long_ends(shown: Shown, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(SPOT).save(path)
    shown.open(path)
    monkeypatch.setattr("restore.cli.serve.viewer.LONGEST", 0.0)
    error = shown.refused(shown.viewer.open(path, name="photo.png"))
    assert (error.status, error.message) == (503, "this takes too long; try a smaller picture")
    monkeypatch.undo()
    assert shown.open(path)["width"] == 100


def responder_of(folder: Path, **options: Any) -> tuple[Responder, io.StringIO]:
    """A responder in this process, which answers when it is told to; and its answers."""
    answers = io.StringIO()
    responder = Responder(answers, folder)
    responder.cache = PictureCache(folder, **options)
    return responder, answers


def test_tiles_give_way_and_are_made_again(tmp_path: Path) -> None:
    for name in "abc":
        Image.fromarray(PHOTO[:600]).save(tmp_path / f"{name}.png")
    asked = [Asked(tmp_path / f"{name}.png", f"{name}.png") for name in "abc"]
    length = 600 * 1281 * 3 * 3 // 2
    cache = PictureCache(tmp_path, most_bytes=2 * length)
    for each in asked:
        builder = cache.build(each)
        assert builder is not None
        builder.first()
    assert cache.pyramid(asked[0].path) is None
    assert cache.pyramid(asked[2].path) is not None
    assert len(list(tmp_path.glob("*.tiles"))) == len(list(tmp_path.glob("*.full"))) == 2
    assert cache.build(asked[2]) is None  # all is there
    assert cache.build(asked[0]) is not None
    assert cache.pyramid(asked[1].path) is None


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    responder, answers = responder_of(tmp_path)

    def full(self: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("restore.cli.serve.tiles.Builder.first", full)
    responder.take({"do": "tile", "id": 7, "path": str(tmp_path / "photo.png"), "name": "photo.png", **PLACE})
    request = responder._large.get(0)
    assert request is not None
    responder._answer_to(request)
    assert json.loads(answers.getvalue()) == {
        "id": 7, "status": 507, "option": None,
        "refused": "the disk of the server is full; remove pictures, or make room, and try again",
    }  # fmt: skip
    assert not list(tmp_path.glob("*.part"))


PLACE = {"level": 0, "column": 0, "row": 0}


def test_what_is_in_view_comes_first_and_what_is_cancelled_not_at_all(tmp_path: Path) -> None:
    responder, answers = responder_of(tmp_path)
    path = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(path)
    builder = responder.cache.build(Asked(path, "photo.png"))
    assert builder is not None
    about = {"path": str(path), "name": "photo.png"}
    responder.take({"do": "thumbnail", "id": 1, **about})
    responder.take({"do": "tile", "id": 2, **about, **PLACE, "level": 1})
    responder.take({"do": "tile", "id": 3, **about, **PLACE})  # the first level is not there yet
    responder.take({"do": "tile", "id": 4, **about, **PLACE, "level": 2})
    responder.take({"do": "cancel", "id": 4})
    order = []
    while (request := responder._small.get(0)) is not None:
        order.append(request["id"])
        responder._answer_to(request)
    assert order == [2, 4, 1]
    show = responder._large.get(0)
    assert show is not None
    responder._answer_to(show)
    last = responder._small.get(0)
    assert last is not None
    responder._answer_to(last)
    assert [json.loads(line)["id"] for line in answers.getvalue().splitlines()] == [2, 1, 3]


def test_of_many_pictures_only_those_that_are_looked_at_get_all_tiles(tmp_path: Path) -> None:
    responder, answers = responder_of(tmp_path)
    about = [{"path": str(tmp_path / f"{name}.png"), "name": f"{name}.png"} for name in "ab"]
    for number, each in enumerate(about):
        Image.fromarray(PHOTO).save(each["path"])
        responder.take({"do": "open", "id": number, **each})
    for _ in about:
        request = responder._large.get(0)
        assert request is not None
        responder._answer_to(request)
    assert [path.name for path in tmp_path.glob("*.full")] == ["2.full"]
    responder.take({"do": "tile", "id": 2, **about[0], **PLACE})
    show = responder._large.get(0)
    assert show is not None
    assert show["do"] == "show"
    responder._answer_to(show)
    tile = responder._small.get(0)
    assert tile is not None
    responder._answer_to(tile)
    said = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert ["facts" in each for each in said] == [True, True, False]
    with Image.open(io.BytesIO(base64.b64decode(said[2]["data"]))) as image:
        assert np.array_equal(np.asarray(image), PHOTO[:512, :512])
    assert sorted(path.name for path in tmp_path.glob("*.full")) == ["1.full", "2.full"]


def test_small_views_stay_when_tiles_have_given_way(tmp_path: Path) -> None:
    responder, answers = responder_of(tmp_path, most_bytes=1)
    for name in "ab":
        Image.fromarray(PHOTO).save(tmp_path / f"{name}.png")
        responder.take({"do": "open", "id": 0, "path": str(tmp_path / f"{name}.png"), "name": "a.png"})
        request = responder._large.get(0)
        assert request is not None
        responder._answer_to(request)
    path = tmp_path / "a.png"
    assert responder.cache.pyramid(path) is None
    responder.take({"do": "thumbnail", "id": 1, "path": str(path), "name": "a.png"})
    view = responder._small.get(0)
    assert view is not None
    responder._answer_to(view)
    assert json.loads(answers.getvalue().splitlines()[-1])["type"] == "image/jpeg"
    responder.take({"do": "forget", "id": 0, "path": str(path)})
    assert not responder.cache.has_thumbnail(path)


def test_tiles_that_somebody_has_removed_are_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PHOTO).save(path)
    viewer = Viewer(tmp_path)

    async def again() -> list[bytes]:
        await viewer.open(path, name="a.png")
        found = [(await viewer.tile(path, 1, 0, 0))[0]]
        await viewer.tile(path, 0, 0, 0)  # all files are there
        for each in (tmp_path / "tiles").iterdir():
            each.unlink()
        found.append((await viewer.tile(path, 1, 0, 0))[0])
        await viewer.tile(path, 0, 0, 0)
        await viewer.close()
        return found

    first, second = asyncio.run(again())
    assert first == second


def test_floats_far_beyond_white_are_shown_darker(tmp_path: Path) -> None:
    ramp = np.linspace(0, 12, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3)
    asked = Asked(tmp_path / "a.tif", "a.tif")
    scale, notes = scale_of(images.Picture(ramp), asked)
    assert notes == ["it is bright, and shown at 0.0838 of that here"]
    assert scale.levels(ramp[-1:, -1:]).tolist() == [[[255] * 3]]
    few = ramp / 12
    few[:2] = 9  # highlights
    assert scale_of(images.Picture(few), asked) == (Scale(32, 0.0, 1.0), [])
