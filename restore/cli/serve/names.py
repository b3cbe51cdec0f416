"""Names of files that come from a visitor, made harmless."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 100  # characters
MOST_BYTES = 180  # the file system's 255 less what results add to names
ALLOWED = " ._-()+&'"
NOTHING = "picture"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows


def clean_name(name: str) -> str:
    """Give a name for a file that can lead nowhere, and that every system can have.

    Letters and digits of all scripts stay, as do blanks and ``._-()+&'``. The ending stays, too.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    text = "".join(each if _is_allowed(each) else "_" for each in base)
    stem, ending = _split(" ".join(text.split(" ")))
    stem = stem.strip(" ").lstrip(" .-").rstrip(" .")
    if not any(map(_is_letter, stem)):
        stem = NOTHING
    if _DEVICE.fullmatch(stem):
        stem = f"{NOTHING}-{stem}"
    return _shortened(stem, ending) + ending


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if _ENDING.fullmatch(dot + ending) else (name, "")


def _shortened(stem: str, ending: str) -> str:
    stem = stem[: LONGEST - len(ending)]
    while len(stem.encode()) > MOST_BYTES - len(ending):
        stem = stem[:-1]
    return stem.rstrip(" .")


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _is_allowed(character: str) -> bool:
    # Marks are parts of letters in many scripts.
    return character in ALLOWED or unicodedata.category(character)[0] in "LMN"
