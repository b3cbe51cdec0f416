"""Draw docs/architecture.svg from the imports in restore/: ``python docs/draw_architecture.py [--check]``.

Rows are the layers of the import-linter contract in pyproject.toml. An arrow says that a package imports
another; one that follows from others is left out. ``--check`` writes nothing and fails where the picture is
out of date.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
BOX_WIDTH, BOX_HEIGHT, GAP, ROW = 150, 52, 40, 100
WIDTH, MIDDLE = 650, 400
LEFTMOST = MIDDLE - BOX_WIDTH - GAP / 2  # of the rooms that share a row

TEXTS = {
    "__main__": "python -m restore",
    "cli": "commands",
    "evaluation": "measure restorers",
    "fitting": "learn from noisy pictures",
    "integrations": "deepinv, scikit-image",
    "nn": "tasks as modules",
    "training": "train a backbone",
    "tasks": "denoise, inpaint, ...",
    "testing": "contract tests",
    "stores": "object stores",
    "priors": "networks as denoisers",
    "inverse": "operators and solvers",
    "diffusion": "schedules and samplers",
    "images": "pictures and files",
    "noise": "measure noise",
    "plugins": "of other packages",
    "turns": "of threads",
    "types": "words and units",
    "errors": "what may go wrong",
}


def layers() -> list[list[str]]:
    """The rooms of every layer, highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    contract = next(each for each in contracts if each["type"] == "layers")
    return [[room.strip() for room in layer.split(":")] for layer in contract["layers"]]


def imports() -> dict[str, set[str]]:
    """Which rooms of the package import which; those for annotations alone do not count."""
    rooms = {room for layer in layers() for room in layer}
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for path in sorted((ROOT / "restore").rglob("*.py")):
        room = path.relative_to(ROOT / "restore").with_suffix("").parts[0]
        if room in rooms:
            names = imported(ast.parse(path.read_text(encoding="utf-8")))
            found[room] |= {name for name in names if name in rooms and name != room}
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """The rooms that a module imports anywhere, but for annotations."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "restore":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("restore."):
            yield str(node.module).split(".")[1]
        yield from imported(node)


def reduced(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The edges that do not follow from others (transitive reduction of a graph without circles)."""

    def reached(room: str) -> set[str]:
        return edges[room] | {far for near in edges[room] for far in reached(near)}

    return {
        room: {near for near in its if not any(near in reached(other) for other in its if other != near)}
        for room, its in edges.items()
    }


def places() -> dict[str, tuple[float, float]]:
    """The upper left corner of every room; one that is alone in a lower row stands at the left."""
    found: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(layers()):
        alone = len(row) == 1 and number > 1
        left = 20 if alone else MIDDLE - (len(row) * (BOX_WIDTH + GAP) - GAP) / 2
        for column, room in enumerate(row):
            found[room] = left + column * (BOX_WIDTH + GAP), 20 + number * ROW
    return found


def svg() -> str:
    """The picture."""
    place = places()
    height = max(y for _, y in place.values()) + BOX_HEIGHT + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#57606a"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    edges = [(room, other) for room, its in sorted(reduced(imports()).items()) for other in sorted(its)]
    for number, (room, other) in enumerate(edges):
        parts.append(arrow(place[room], place[other], shift=5 * (number % 7) - 15))
    for room, (x, y) in place.items():
        middle = x + BOX_WIDTH / 2
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="#f6f8fa" '
            'stroke="#57606a"/>'
            f'<text x="{middle:g}" y="{y + 22:g}" text-anchor="middle" font-size="15" font-weight="bold" '
            f'fill="#1f2328">{room}</text>'
            f'<text x="{middle:g}" y="{y + 40:g}" text-anchor="middle" font-size="11" '
            f'fill="#57606a">{TEXTS[room]}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def arrow(start: tuple[float, float], end: tuple[float, float], *, shift: float) -> str:
    """From a room down to another, past rows between along the side. shift: keeps lines apart, in pixels."""
    (x, y), (to_x, to_y) = start, end
    begin, tip = x + BOX_WIDTH / 2 + 2 * shift, to_x + BOX_WIDTH / 2 + 2 * shift
    bottom = y + BOX_HEIGHT
    if y == to_y:
        right = x < to_x
        begin, tip, middle = x + BOX_WIDTH * right, to_x + BOX_WIDTH * (not right), y + BOX_HEIGHT / 2
        path = f"M{begin:g},{middle:g} H{tip:g}"
    elif min(x, to_x) >= LEFTMOST and all(x < LEFTMOST for x, other in places().values() if y < other < to_y):
        path = f"M{begin:g},{bottom:g} V{bottom + 24 + shift:g} H{tip:g} V{to_y:g}"
    else:
        side = (BOX_WIDTH + GAP if min(x, to_x) < LEFTMOST else WIDTH - 30) + shift
        turn, below = bottom + 24 + shift, to_y - 24 + shift
        path = f"M{begin:g},{bottom:g} V{turn:g} H{side:g} V{below:g} H{tip:g} V{to_y:g}"
    return f'<path d="{path}" fill="none" stroke="#57606a" stroke-linejoin="round" marker-end="url(#tip)"/>'


def main() -> int:
    """Write the picture, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the picture is out of date")
    drawn = svg()
    if not parser.parse_args().check:
        PICTURE.write_text(drawn, encoding="utf-8")
        return 0
    if PICTURE.read_text(encoding="utf-8") == drawn:
        return 0
    print(f"{PICTURE.name} is out of date; run python docs/draw_architecture.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
