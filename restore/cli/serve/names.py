"""Names of files that come from a visitor, made harmless."""

from __future__ import annotations

import os
import re
import unicodedata

MOST_BYTES = 200  # of the 255 that file systems allow; results and masks add some to the name
# Paths of Windows are bounded as a whole, and the folder of a server takes its part.
MOST_CHARACTERS = 100 if os.name == "nt" else MOST_BYTES
ALLOWED = frozenset(" ._-()+&'!#,@[]{}")
"""What is allowed of ASCII beside letters and digits: nothing that shells, Windows or options read."""
NOTHING = "picture"
JOINER = "\u200d"
UNJOINER = "\u200c"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}")
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?", re.IGNORECASE
)  # of Windows
_SEPARATING = re.compile('[/\\\\:*?"<>|]')
_SLASHES = "\u2044\u2215\u2216\u29f5\u29f8\u29f9"  # fonts draw them as / and \
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters and marks that nobody sees


def clean_name(name: str) -> str:
    """Give a name for a file that can lead nowhere, and that every system can have.

    Letters, digits, marks, punctuation and symbols of all scripts stay, emoji among them; of ASCII only those
    of ``ALLOWED``. Other blanks become plain ones. The ending stays, too.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    text = "".join(_kept(each, base[at - 1 : at], base[at + 1 : at + 2]) for at, each in enumerate(base))
    stem, ending = _split(text)
    stem = _shortened(stem.strip(" ").lstrip(" .-").rstrip(" ."), ending)
    if not any(map(_is_seen, stem)):
        stem = NOTHING
    if _DEVICE.fullmatch(stem):
        stem = _shortened(f"{NOTHING}-{stem}", ending)
    return stem + ending


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if _ENDING.fullmatch(dot + ending) else (name, "")


def _shortened(stem: str, ending: str) -> str:
    """Cut a name where it is too long, between characters as people count them."""
    most = MOST_BYTES - len(ending)
    cut = stem.encode()[:most].decode("utf-8", "ignore")[: MOST_CHARACTERS - len(ending)]
    whole = cut
    while whole and (whole[-1] in JOINER + UNJOINER or _joins(stem[len(whole) : len(whole) + 1])):
        whole = whole[:-1]
    return (whole or cut).rstrip(" .")


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before it: an accent, a tone of skin, a joiner."""
    if not character:
        return False
    tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return tone or character in JOINER + UNJOINER or unicodedata.category(character)[0] == "M"


def _is_seen(character: str) -> bool:
    """Whether something tells this character from others: not only dots and lines."""
    return unicodedata.category(character)[0] in "LN" or unicodedata.category(character) == "So"


def _kept(character: str, before: str, after: str) -> str:
    """Give a character, or what stands for it."""
    kind = unicodedata.category(character)
    if character.isascii():
        return character if character.isalnum() or character in ALLOWED else "_"
    if kind == "Zs":
        return " "
    if character in JOINER + UNJOINER:  # of emoji, and of letters in scripts that join them
        return "_" if before.isascii() or after.isascii() else character
    if kind[0] not in "LMNPS" or character in _SLASHES + _INVISIBLE:
        return "_"
    # Some programs take a wide or small form for the character itself.
    return "_" if _SEPARATING.search(unicodedata.normalize("NFKC", character)) else character
