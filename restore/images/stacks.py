"""Descriptions of stacks in TIFF files, rewritten for the one page that is written.

Programs for microscopes describe a file of many planes in its first page. Under that description a single
page would be read as a stack with missing planes, or not at all.
"""

from __future__ import annotations

import re
from json import dumps

from restore.images.outside import parse_json

DESCRIPTION = 270
STACK_TAGS = frozenset((33628, 33629, 33630, 33631, 34361, 34362, 34412))
"""Of MetaMorph, FluoView and LSM: they describe planes, or their size, in forms of their own."""
IMAGEJ_TAGS = frozenset((50838, 50839))
"""Labels and colours of the planes of an ImageJ stack."""

MOST_TEXT = 4_000_000
"""Characters of a description that is rewritten; those of real stacks are shorter."""
MOST_ELEMENTS = 100_000
"""Elements of one name in it."""

_IMAGEJ_STACK = re.compile(r"^(images|channels|slices|frames|hyperstack|mode|loop)=.*\n?", re.MULTILINE)


def of_one_page(text: str, shape: tuple[int, int, int], depth: str) -> str:
    r"""The description of a page for one plane of it.

    Parameters
    ----------
    text : of ImageJ, OME-XML, or the JSON of tifffile; any other is given back as it is.
    shape : ``(h, w, channels)`` of what is written.
    depth : name of its dtype.

    Returns
    -------
    str
        Empty where the text cannot be made to fit, or is too long.

    Examples
    --------
    >>> of_one_page("ImageJ=1.54f\nimages=5\nslices=5\nunit=um\n", (4, 6, 1), "uint16")
    'ImageJ=1.54f\nunit=um\n'
    >>> of_one_page('{"shape": [5, 4, 6]}', (4, 6, 3), "uint8")
    '{"shape": [4, 6, 3]}'
    """
    of_imagej, of_tifffile = text.startswith("ImageJ="), text.startswith('{"shape"')
    of_microscopes = re.search(r"<(\w+:)?OME[\s>]", text[:2000]) is not None
    if (of_imagej or of_tifffile or of_microscopes) and len(text) > MOST_TEXT:
        return ""
    if of_imagej:
        return _IMAGEJ_STACK.sub("", text)
    if of_tifffile:
        try:
            facts = parse_json(text)
        except ValueError:
            return ""
        facts.pop("axes", None)
        return dumps(facts | {"shape": list(shape if shape[2] > 1 else shape[:2])})
    if of_microscopes:
        return _of_one_plane(text, shape, depth)
    return text


def _of_one_plane(text: str, shape: tuple[int, int, int], depth: str) -> str:
    """OME-XML of the first image of a file, which is one plane."""
    start = re.search(r"<(?:\w+:)?Pixels\b[^<>]*>", text)
    if start is None:
        return ""
    h, w, count = shape
    sizes = {"SizeX": w, "SizeY": h, "SizeC": count, "SizeZ": 1, "SizeT": 1}
    told = {name: _attribute(start[0], name) for name in (*sizes, "PhysicalSizeX", "PhysicalSizeY")}
    changes: dict[str, object] = {**sizes, "Type": depth.replace("float32", "float")}
    try:
        for name, size in (("X", w), ("Y", h)):
            if told[f"PhysicalSize{name}"] and told[f"Size{name}"] != str(size):
                pixel = float(told[f"PhysicalSize{name}"]) * int(told[f"Size{name}"]) / size
                changes[f"PhysicalSize{name}"] = f"{pixel:.9g}"
    except ValueError:
        return ""
    tag = start[0]
    for name, value in changes.items():
        tag = re.sub(rf'(\s{name}=)("[^"]*"|\'[^\']*\')', rf'\g<1>"{value}"', tag)
    text = text[: start.start()] + tag + text[start.end() :]
    text = _kept(text, "Image", 1)
    text = _kept(text, "Channel", 1)
    text = re.sub(r'(<(?:\w+:)?Channel\b[^<>]*\sSamplesPerPixel=)"\d+"', rf'\g<1>"{count}"', text)
    text = _kept(text, "Plane", 0)
    return _kept(text, "TiffData", 1, instead='<{}TiffData IFD="0" PlaneCount="1"/>')


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}=["\']([^"\']*)["\']', tag)
    return found[1] if found else ""


def _kept(text: str, name: str, number: int, *, instead: str = "") -> str:
    """Leave out all elements of a name but the first ones. instead: what these become, by their prefix."""
    parts, at = [], 0
    for k, start in enumerate(re.finditer(rf"<((?:\w+:)?){name}(?=[\s/>])[^<>]*>", text)):
        if k >= MOST_ELEMENTS:
            return ""
        if start.start() < at:  # within the one before
            continue
        end = start.end()
        if not start[0].endswith("/>"):
            closing = f"</{start[1]}{name}>"
            end = text.find(closing, end) + len(closing)
            if end < start.end():
                return ""
        parts.append(text[at : start.start()])
        if k < number:
            parts.append(instead.format(start[1]) or text[start.start() : end])
        at = end
    return "".join([*parts, text[at:]])
