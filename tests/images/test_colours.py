"""Pictures without colour are told from those with some, however large."""

from __future__ import annotations

import pytest
import torch

from restore.images.colours import ROWS, are_gray, gray_as


@pytest.mark.parametrize("row", [0, ROWS - 1, ROWS, 2 * ROWS + 9])
def test_a_single_coloured_pixel_is_found(row: int) -> None:
    gray = torch.rand(2, 1, 2 * ROWS + 10, 3, generator=torch.Generator().manual_seed(0)).repeat(1, 3, 1, 1)
    given = gray.clone()
    given[1, 2, row, 1] = 2
    assert are_gray(given).flatten().tolist() == [True, False]
    visible = torch.ones(2, 1, 2 * ROWS + 10, 3, dtype=torch.bool)
    visible[1, 0, row, 1] = False
    assert are_gray(given, visible).flatten().tolist() == [True, True]
    result = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    found = gray_as(result, given)
    assert torch.equal(found[0], result[0].mean(0, keepdim=True).expand(3, -1, -1))
    assert torch.equal(found[1], result[1])
