"""Numbers of 10 and 12 bits on the scale of 16, where white is white, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def at_full_scale(channels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Numbers of so many bits as 16; those of 8 as they are. `at_bits` gives the same numbers again.

    Parameters
    ----------
    channels : whole numbers up to ``2**bits - 1``.
    bits : 8, 10 or 12.

    Examples
    --------
    >>> import numpy as np
    >>> deep = at_full_scale(np.array([0, 512, 1023], np.uint16), 10)
    >>> deep.tolist(), at_bits(deep, 10).tolist()
    ([0, 32800, 65535], [0, 512, 1023])
    """
    import numpy as np

    if bits == 8:
        return channels.astype(np.uint8, copy=False)
    top = 2**bits - 1
    full: NDArray[Any] = ((channels.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)
    return full


def at_bits(channels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Numbers of 16 bits as so many; those of 8 as they are.

    Parameters
    ----------
    channels : uint16, or uint8 for 8 bits.
    bits : 8, 10 or 12.
    """
    import numpy as np

    if bits == 8:
        return channels
    top = 2**bits - 1
    coded: NDArray[Any] = ((channels.astype(np.uint32) * top + 32767) // 65535).astype(np.uint16)
    return coded
