"""Colour profiles for colours that a file names by number (ITU-T H.273) and not by a profile."""

from __future__ import annotations

import struct
from functools import cache

_D50, _D65 = (0.9642, 1.0, 0.8249), (0.3127, 0.3290)

_PRIMARIES = {
    5: ("BT.601 625", (0.64, 0.33, 0.29, 0.60, 0.15, 0.06), _D65),
    6: ("BT.601 525", (0.63, 0.34, 0.31, 0.595, 0.155, 0.07), _D65),
    7: ("SMPTE 240M", (0.63, 0.34, 0.31, 0.595, 0.155, 0.07), _D65),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046), _D65),
    11: ("DCI P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060), (0.314, 0.351)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060), _D65),
}
_SRGB_PRIMARIES = ("sRGB", (0.64, 0.33, 0.30, 0.60, 0.15, 0.06), _D65)
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@cache
def profile_for(primaries: int, transfer: int, *, gray: bool = False) -> bytes:
    """An ICC profile for colours that are named by numbers.

    Parameters
    ----------
    primaries, transfer : as in H.273, tables 2 and 3. Where the transfer is that of video (1, 6, 14, 15), or
        unknown, it is taken for that of sRGB, as browsers do.
    gray : whether the profile is for one channel.

    Returns
    -------
    bytes
        Empty for sRGB, which is what a picture without a profile has.

    Examples
    --------
    >>> profile_for(1, 13), profile_for(12, 13)[12:20]
    (b'', b'mntrRGB ')
    """
    gamma = _GAMMAS.get(transfer)
    if gamma is None and (gray or primaries not in _PRIMARIES):
        return b""
    return _built(primaries, gamma, gray=gray)


@cache
def srgb_profile(*, gray: bool = False) -> bytes:
    """The ICC profile of sRGB, for files in which a picture without one would be something else.

    Parameters
    ----------
    gray : whether it is for one channel.

    Examples
    --------
    >>> srgb_profile(gray=True)[16:20]
    b'GRAY'
    """
    return _built(1, None, gray=gray)


def _built(primaries: int, gamma: float | None, *, gray: bool) -> bytes:
    """A profile of primaries by their number, and of a gamma; None is the curve of sRGB."""
    name, corners, white = _PRIMARIES.get(primaries, _SRGB_PRIMARIES)
    title = name if gamma is None else f"{name}, gamma {gamma:g}"
    if gamma is None:
        curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + b"".join(map(_fixed, _SRGB_CURVE))
    else:
        curve = b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _fixed(gamma)
    tags = {b"desc": _text(title), b"cprt": _text("No copyright"), b"wtpt": _xyz(_D50)}
    if gray:
        tags[b"kTRC"] = curve
    else:
        columns, adapted = _matrix(corners, white)
        names = (b"rXYZ", b"gXYZ", b"bXYZ")
        tags |= {kind: _xyz(column) for kind, column in zip(names, columns, strict=True)}
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
        tags[b"chad"] = b"sf32" + bytes(4) + b"".join(_fixed(value) for row in adapted for value in row)
    return _profile(tags, b"GRAY" if gray else b"RGB ")


def _profile(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """The bytes of a profile of a display (ICC.1:2010, 7); tags of equal contents share them."""
    at, body, table = 128 + 4 + 12 * len(tags), b"", b""
    there: dict[bytes, int] = {}
    for kind, contents in tags.items():
        if contents not in there:
            there[contents] = at + len(body)
            body += contents + bytes(-len(contents) % 4)
        table += struct.pack(">4sII", kind, there[contents], len(contents))
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x04200000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _matrix(
    corners: tuple[float, ...], white: tuple[float, float]
) -> tuple[list[list[float]], list[list[float]]]:
    """The colours of red, green and blue under D50, and how they were brought there (Bradford)."""
    import numpy as np

    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    chromas = np.array(corners).reshape(3, 2)
    colours = np.array([[x / y, 1, (1 - x - y) / y] for x, y in chromas]).T
    of_white = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    colours *= np.linalg.solve(colours, of_white)
    gains = (bradford @ np.array(_D50)) / (bradford @ of_white)
    adapted = np.linalg.inv(bradford) @ np.diag(gains) @ bradford
    return (adapted @ colours).T.tolist(), adapted.tolist()


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, ...] | list[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _text(text: str) -> bytes:
    words = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(words), 28) + words
