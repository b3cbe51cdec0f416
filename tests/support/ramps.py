"""A picture without texture."""

from __future__ import annotations

import numpy as np

SIZE = 208
rows, columns = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
RAMP = 0.1 + 0.8 * np.stack([columns, rows, (columns + rows) / 2], axis=2)
"""Every brightness in every channel, and no texture."""
