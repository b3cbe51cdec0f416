"""Random changes to JSON and TOML that leave them mostly readable."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63, 10**30,
    10**400, 0.0, -0.0, 0.5, -0.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"), "", " ", "0",
    "x", "../x", "/", "\n", "\x1b[31m", "\u202e", "\ud800", "\0", "a" * 2000,
    "ü\u732b", [], [[]], {}, {"": 0},
    [1] * 300, "float32",
)  # fmt: skip
"""What stands at boundaries of what programs expect"""

TOML_VALUES = (
    "", "0", "1", "-1", "255", "32768", "2147483647", "4294967296", "9223372036854775807", "1" + "0" * 400,
    "0.0", "-0.0", "1e-300", "1e300", "1e999", "nan", "inf", "-inf", '""', '" "', '"x"', '"\\u0000"',
    '"\\u001b[31m"', '"\\n"', '"\\u202e"', '"' + "a" * 2000 + '"', "true", "false", "[]", "[[]]", "[1, 2]",
    '["a", 1]', "{}", "{a = 1}", "1979-05-27", "1979-05-27T07:32:00Z", "07:32:00", "'''\na\nb'''",
    "0x7fffffff",     "[" * 500 + "]" * 500, '"auto"',
)  # fmt: skip
TOML_LINES = (b"[x]", b"[[data]]", b"x = 1", b"\xff", b"\x00", b"[run]", b'"" = 1', b"run.x.y = 2")


def looks_like_json(data: bytes) -> bool:
    """Whether it begins as an object or a list does, other than a TOML table."""
    return data[:1] == b"{" or data[:2] in (b"[{", b"[]", b"[[", b'["')


def json_edited(rng: Random, data: bytes) -> bytes:
    """JSON with one node changed; JSON within a string is changed, too. Other text is cut somewhere."""
    try:
        tree = json.loads(data)
        changed = _node_edited(rng, tree)
        if rng.random() < 0.05:
            changed = _nested(rng.choice((50, 2000)), changed)
        return json.dumps(changed, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return data[: rng.randrange(len(data) + 1)]


def _nested(depth: int, tree: Any) -> Any:
    for _ in range(depth):
        tree = [tree]
    return tree


def _node_edited(rng: Random, tree: Any) -> Any:
    """The tree with a change at a random depth."""
    if isinstance(tree, str) and looks_like_json(tree.encode("utf-8", "replace")) and rng.random() < 0.9:
        return json_edited(rng, tree.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    if not isinstance(tree, dict | list) or not tree or rng.random() < 0.03:
        return _other_value(rng, tree)
    tree = dict(tree) if isinstance(tree, dict) else list(tree)
    keys: list[Any] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = rng.choice(keys)
    match rng.randrange(12):
        case 0:
            del tree[key]
        case 1 if isinstance(tree, dict):
            tree[rng.choice((*keys, "x", "", "__class__", "a\nb"))] = tree.pop(key)
        case 1:
            tree.insert(key, tree[key])
        case 2:
            tree[key] = tree[rng.choice(keys)]
        case _:
            tree[key] = _node_edited(rng, tree[key])
    return tree


def _other_value(rng: Random, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.4:
        return rng.choice((value + 1, value - 1, -value, value * 2, value * 1000, str(value), [value]))
    if isinstance(value, str) and value and rng.random() < 0.3:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice(("", "\n", "\x00", "é", value)) + value[at + 1 :]
    return rng.choice(VALUES)


def looks_like_toml(data: bytes) -> bool:
    """Whether a line of it could be one of TOML."""
    return re.search(rb"(?m)^(#|\[?[\w.-]+\]?\s*(=|$))", data[:400]) is not None


def toml_edited(rng: Random, data: bytes, other: bytes) -> bytes:
    """TOML with a line changed, doubled, moved or taken from another file."""
    lines = data.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    key, equals, _ = lines[at].partition(b"=")
    match rng.randrange(10):
        case 0:
            del lines[at]
        case 1:
            lines.insert(to, lines[at])
        case 2:
            lines[at], lines[to] = lines[to], lines[at]
        case 3:
            lines.insert(to, rng.choice(other.split(b"\n")))
        case 4 if equals:  # another key for the value
            lines[at] = lines[to].partition(b"=")[0] + b"=" + lines[at].partition(b"=")[2]
        case 5 if equals:  # another key's value
            lines[at] = key + b"=" + rng.choice(rng.choice((lines, other.split(b"\n")))).partition(b"=")[2]
        case _ if equals:
            lines[at] = key + b"= " + rng.choice(TOML_VALUES).encode()
        case _:
            lines.insert(at, rng.choice(TOML_LINES))
    return b"\n".join(lines)
