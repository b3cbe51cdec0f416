"""What a checkpoint says of its training: free form, but what is used of it is of the types it must have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from restore.images.fingerprints import Fingerprints
from restore.images.outside import parse_json, plain, shown

MOST_WORD = 1000  # characters
MOST_FACTS = 1000
BRANCHES = ("gaussian", "blind", "real")
UNBOUNDED = "picture_sigma"  # of a loss, where infinity stands for all noise levels


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e30


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_WORD and value.isprintable()


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 64 and value.isalnum()


def _is_choice(value: Any) -> bool:
    """Whether a table has numbers, words and lists of numbers, as the options of a run."""
    return isinstance(value, dict) and all(
        _is_number(each)
        or _is_word(each)
        or isinstance(each, bool)
        or (key == UNBOUNDED and each == math.inf)
        or (isinstance(each, list) and all(map(_is_number, each)))
        for key, each in value.items()
    )


def _are_shares(value: Any) -> bool:
    """Whether a table has the shares of tasks, and how noise levels are drawn."""
    return isinstance(value, dict) and all(
        _is_word(each) if key == "levels" else _is_number(each) for key, each in value.items()
    )


def _are_runs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(run, dict) and all(map(_is_number, run.values())) for run in value
    )


def _are_fingerprints(value: Any) -> bool:
    try:
        Fingerprints.parse(value)
    except ValueError:
        return False
    return isinstance(value, str)


def _is_fit(value: Any) -> bool:
    """Whether it says which branch was fitted, and to what noise."""
    if not isinstance(value, dict) or value.get("branch") not in BRANCHES:
        return False
    noise = value.get("noise", {"sigma": 0.0} if value["branch"] == "blind" else None)
    return (
        isinstance(noise, dict)
        and _is_number(noise.get("sigma"))
        and noise["sigma"] >= 0
        and isinstance(noise.get("clipped", False), bool)
    )


_NUMBER = (_is_number, "a number")
_HASH = (_is_hash, "a hash")
_WORD = (_is_word, "a text")
_CHOICE = (_is_choice, "a table of numbers and words")
KNOWN: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("steps", "crops", "minutes", "pictures", "megapixels", "crop", "ema"), _NUMBER),
    **dict.fromkeys(("adapts", "noise_adapters"), _HASH),
    **dict.fromkeys(("device", "name", "from"), _WORD),
    "mix": (_are_shares, "a table of shares"),
    "loss": _CHOICE,
    "optim": _CHOICE,
    "runs": (_are_runs, "a list of tables of numbers"),
    "fingerprints": (_are_fingerprints, "base64 of 16 bytes for each picture"),
    "fit": (_is_fit, "a table with the branch, and the noise with its sigma"),
}
"""What is right for a fact of this name, and that in words."""


def parse_facts(text: str) -> dict[str, Any]:
    """Read the facts of a checkpoint; ValueError for what is none, naming the fact.

    Examples
    --------
    >>> parse_facts('{"steps": 100}')
    {'steps': 100}
    >>> parse_facts('{"steps": "many"}')
    Traceback (most recent call last):
        ...
    ValueError: the fact steps is 'many'; expected a number
    """
    facts = parse_json(text, infinite=True)
    if not isinstance(facts, dict) or len(facts) > MOST_FACTS:
        raise ValueError(f"expected a table of facts, got {shown(facts)}")
    for name, value in facts.items():
        right, expected = KNOWN.get(name, (_is_finite, "finite numbers"))
        if not right(value) or not _is_finite(value):
            raise ValueError(f"the fact {plain(name)} is {shown(value)}; expected {expected}")
    return facts


def _is_finite(value: Any, key: str = "") -> bool:
    if isinstance(value, Mapping):
        return all(_is_finite(each, name) for name, each in value.items())
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value) or key == UNBOUNDED
