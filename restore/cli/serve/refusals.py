"""What a server refuses, as an answer to the page."""

from __future__ import annotations

TOO_FULL = "the disk of the server is full; remove pictures, or make room, and try again"


class Refusal(Exception):  # noqa: N818  # an answer, not a fault
    """A request that cannot be answered as it is.

    message: one line, as on the command line. status: of the answer. option: which of the options is wrong,
    or "mask", "picture" or "file".
    """

    def __init__(self, message: str, status: int = 422, option: str | None = None):
        super().__init__(message)
        self.message, self.status, self.option = message, status, option

    def json(self) -> dict[str, dict[str, str | None]]:
        """Give the body of the answer."""
        return {"error": {"message": self.message, "option": self.option}}
