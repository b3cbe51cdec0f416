"""Text that a terminal shows as it is: nothing in it steers the terminal, hides, or begins a line of its own.

Names of files, keys of configurations, metadata of weights and messages of libraries come from outside.
"""

from __future__ import annotations

import re

MOST = 500  # characters of a message
GAP = " ... "
# C0, C1 and DEL; marks and overrides of the writing direction; separators of lines; the byte order mark;
# surrogates, which are bytes of file names that are no text.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text in one line, with what could steer a terminal as an escape, such as \\x1b."""
    return _UNSAFE.sub(lambda found: _SHORT.get(found[0]) or escaped(found[0]), text)


def printable_lines(text: str) -> str:
    """The same of each line of a text of several."""
    return "\n".join(map(printable, text.split("\n")))


def bounded(text: str, most: int = MOST) -> str:
    """The text, without its middle where it is longer than that: both ends say more."""
    if len(text) <= most:
        return text
    head = (most - len(GAP)) // 2
    return text[:head] + GAP + text[len(text) - (most - len(GAP) - head) :]


def message(text: str) -> str:
    """One line that can be shown, of bounded length."""
    return bounded(printable(text))


def escaped(character: str) -> str:
    """The bytes of a character, as \\x1b."""
    stray = "\udc80" <= character <= "\udcff"  # a byte of a file name that is no text
    data = character.encode("utf-8", "surrogateescape" if stray else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data)
