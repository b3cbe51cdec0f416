"""What the tests of the page share: a browser for each module, a server for all of them, a viewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command_photos import here as here
from shown_pictures import Shown
from web_desk import chromium as chromium
from web_desk import desk as desk
from web_desk import served as served


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A process that shows pictures to a page."""
    shown = Shown(tmp_path_factory.mktemp("private"), pixels=8_000_000)
    yield shown
    shown.close()
