"""Server-sent events: what has changed, told to every tab of a visitor, and again to those that were away."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

KEPT = 4000  # events for those that come back
KEPT_CHARACTERS = 2**22  # of these
WAITING = 4000  # events that one tab may be behind
BEAT = 15.0  # seconds after which something is sent, so that a lost connection is noticed


class Feed:
    """The events of a session. Every one has a number, by which a tab that comes back says what it has."""

    def __init__(self) -> None:
        self._number = 0
        self._kept: deque[tuple[int, str]] = deque()
        self._characters = 0  # of what is kept
        self._readers: set[asyncio.Queue[str | None]] = set()

    @property
    def read(self) -> bool:
        """Whether a tab is open."""
        return bool(self._readers)

    @property
    def number(self) -> int:
        """That of the newest event."""
        return self._number

    def send(self, name: str, data: dict[str, Any]) -> None:
        """Tell all tabs."""
        self._number += 1
        text = f"id: {self._number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        self._kept.append((self._number, text))
        self._characters += len(text)
        while len(self._kept) > KEPT or self._characters > KEPT_CHARACTERS:
            self._characters -= len(self._kept.popleft()[1])
        for reader in list(self._readers):
            if reader.full():  # it does not read; it is to come back, and is told to begin anew
                self._readers.discard(reader)
                reader.get_nowait()
                reader.put_nowait(None)
            else:
                reader.put_nowait(text)

    def close(self) -> None:
        """End all streams."""
        for reader in list(self._readers):
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(None)

    async def stream(self, last: int | None) -> AsyncIterator[str]:
        """Give what has been sent since the event with that number, and all that is sent from here on."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        missed = self._since(last)
        self._readers.add(queue)
        try:
            yield "retry: 1000\n\n"
            for each in missed:
                yield each
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), BEAT)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if text is None:
                    return
                yield text
        finally:
            self._readers.discard(queue)

    def _since(self, last: int | None) -> list[str]:
        """What a tab has missed; where that is not known any more, it is to read everything anew."""
        if last is None:
            return [f"id: {self._number}\nevent: ready\ndata: {{}}\n\n"]
        first = self._kept[0][0] if self._kept else self._number + 1
        if last > self._number or last < first - 1:
            return [f"id: {self._number}\nevent: reset\ndata: {{}}\n\n"]
        return [text for number, text in self._kept if number > last]
