"""The geometry of holes: depth, sizes, growth and the boxes around them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from restore.images.resize import resize
from restore.inverse.fill import push_pull
from restore.types import Estimate

# Where a hole is deeper than so many pixels the picture is filled at half its size first, and so on: from
# twelve on samples look better, from 24 on the mean gains, too.
DEEP: dict[Estimate, int] = {"mean": 24, "sample": 12}
SMALLEST = 32  # pixels a side of a picture that can be halved
CONTEXT = 96  # pixels around a hole that are computed with it, at least
GRID = 16  # boxes around holes lie on the grid of the network's coarsest cells


def check_masks(hole: Tensor, batch: Tensor) -> None:
    """Raise ValueError unless there is one mask, or one for each picture."""
    if len(hole) not in (1, len(batch)):
        raise ValueError(f"there are {len(hole)} masks for {len(batch)} pictures; pass one, or one for each")


def filled_where_hidden(batch: Tensor, visible: Tensor | None) -> Tensor:
    """Pictures with a smooth fill where nothing is seen, so that what lies hidden there has no influence.

    Parameters
    ----------
    batch : ``(b, 3, h, w)``.
    visible : bool ``(b, 1, h, w)``, as `restore.images.canvas.Canvas.visible` gives it; None for pictures of
        which everything is seen, which come back as they are.

    Returns
    -------
    Tensor
        ``(b, 3, h, w)``; what is seen has not changed.

    Examples
    --------
    >>> batch = torch.tensor([0.5, 0.5, 9.0]).expand(1, 3, 1, 3)
    >>> filled_where_hidden(batch, torch.tensor([[[[True, True, False]]]]))[0, 0]
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    return batch if visible is None else push_pull(batch, (~visible).to(batch))


def halvings(hole: Tensor, estimate: Estimate) -> int:
    """How often a picture with a hole ``(b, 1, h, w)`` is halved before it is filled."""
    deepest, side, count = float(depth_of(hole).max()), min(hole.shape[-2:]), 0
    while deepest > DEEP[estimate] and side >= 2 * SMALLEST:
        deepest, side, count = deepest / 2, (side + 1) // 2, count + 1
    return count


def depth_of(hole: Tensor) -> Tensor:
    """How far every missing pixel is from a known one, in pixels ``(b, 1, h, w)``."""
    import cv2

    missing = (hole[:, 0] > 0).byte().cpu().numpy()
    far = [torch.from_numpy(cv2.distanceTransform(m, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)) for m in missing]
    return torch.stack(far)[:, None]


def halved(image: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the known pixels of every 2x2; what has none is missing still."""
    h, w = image.shape[-2:]
    edges = (0, w % 2, 0, h % 2)
    known = pad(1 - hole, edges)
    share = avg_pool2d(known, 2)
    means = avg_pool2d(pad(image, edges) * known, 2) / share.clamp_min(0.25)
    return means, (share == 0).to(hole)


def enlarged(fill: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    """A fill of half the size in the hole of a picture, without a step at its edge.

    What it differs by from the known pixels around is spread over the hole (a membrane, as in Perez et al.
    2003, "Poisson image editing").
    """
    h, w = image.shape[-2:]
    large = resize(fill, (2 * fill.shape[-2], 2 * fill.shape[-1]))[..., :h, :w]
    large = large + push_pull((image - large) * (1 - hole), hole)
    return torch.where(hole > 0, large, image)


def grown(hole: Tensor, pixels: int) -> Tensor:
    """Widen a hole ``(b, 1, h, w)`` by a disc of radius ``pixels``; raises ValueError below 0."""
    if pixels < 0:
        raise ValueError(f"a hole grows by 0 pixels or more, got {pixels}")
    if not pixels:
        return hole
    import cv2

    wider = []
    for known in (hole[:, 0] == 0).byte().cpu().numpy():
        # In time and memory the same for every radius, which a dilation by a large disc is not.
        distance = cv2.distanceTransform(known, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        wider.append(torch.from_numpy(distance <= pixels + 1e-3))
    return torch.stack(wider)[:, None].to(hole)


def widened(hole: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Widen a hole, bool ``(h, w)``, as `grown` does."""
    wider: NDArray[np.bool_] = grown(torch.from_numpy(hole)[None, None].float(), pixels)[0, 0].numpy() > 0
    return wider


def surroundings(hole: Tensor, context: int) -> list[tuple[int, int, int, int]]:
    """Boxes (top, bottom, left, right) that cover every hole with at least ``context`` pixels around it.

    Boxes lie on the grid and do not overlap, so no pixel is computed twice, and the network sees in a
    box what it would see in the whole picture. hole ``(b, 1, h, w)``.
    """
    import cv2

    h, w = hole.shape[-2:]
    # Holes whose surroundings meet are one from the start: ten thousand specks cost no more than one hole.
    cells = max_pool2d(hole.amax((0, 1), keepdim=True), GRID, ceil_mode=True)
    reach = -(-context // GRID)
    near = max_pool2d(cells, 2 * reach + 1, stride=1, padding=reach)[0, 0] > 0
    _, _, found, _ = cv2.connectedComponentsWithStats(near.byte().cpu().numpy(), connectivity=4)
    boxes = []
    for left, top, width, height, _ in (found[1:] * GRID).tolist():  # the first is what is far from holes
        boxes.append((top, min(h, top + height), left, min(w, left + width)))
    return _merged(boxes)


def _merged(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    merged: list[tuple[int, int, int, int]] = []
    for box in boxes:
        while other := next((m for m in merged if _overlap(m, box)), None):
            merged.remove(other)
            box = (min(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), max(box[3], other[3]))
        merged.append(box)
    return sorted(merged)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
