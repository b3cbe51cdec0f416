"""The pictures of a report: some spread over the set, some of the worst."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from restore.evaluation.cases import Case, to_bytes
from restore.evaluation.results import Shown


class Gallery:
    """Chooses the pictures of a report while they come: some spread over the set, and the worst of a row.

    show: how many; count: of how many; row: the number of the row; higher_is_better: of its first score.
    """

    def __init__(self, show: int, count: int, row: int, higher_is_better: bool):
        self._by_turns = set(np.linspace(0, count - 1, min(show - show // 2, count)).round().astype(int))
        self._worst = show // 2
        self._row, self._sign = row, 1 if higher_is_better else -1
        self._seen = 0
        self._kept: list[tuple[int, Shown]] = []
        self._heap: list[tuple[float, int, Shown]] = []

    def offer(
        self,
        name: str,
        case: Case,
        scores: Sequence[dict[str, float | None] | None],
        results: dict[str, Tensor],
    ) -> None:
        """scores: of each row, None where it failed; results: by the label of each row that did not."""
        number = self._seen
        self._seen += 1
        first = next(iter((scores[self._row] or {}).values()), None)
        badness = -self._sign * (first or 0.0)
        chosen = number in self._by_turns
        if not chosen and not (self._worst and (len(self._heap) < self._worst or badness > self._heap[0][0])):
            return
        hole = case.given.hole
        shown = Shown(
            name,
            to_bytes(case.clean),
            to_bytes(case.given.image),
            {label: to_bytes(result) for label, result in results.items()},
            None if hole is None else hole[0, 0].numpy() > 0,
            "by turns" if chosen else "one of the worst",
        )
        if chosen:
            self._kept.append((number, shown))
        else:
            push = heapq.heappush if len(self._heap) < self._worst else heapq.heapreplace
            push(self._heap, (badness, number, shown))

    def shown(self) -> list[Shown]:
        """In the order in which they came."""
        worst = [(number, shown) for _, number, shown in self._heap]
        return [shown for _, shown in sorted(self._kept + worst, key=lambda pair: pair[0])]
