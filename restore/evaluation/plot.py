"""One figure of an evaluation for papers and slides: quality against cost, against level, or as bars.

A table with a sweep gives curves against network calls and against seconds; tables that differ in their
level alone give curves against the level; rows that bring a curve of their own, as likelihoods do, give that;
a table that is in none of these gives bars.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from itertools import cycle, groupby
from typing import TYPE_CHECKING, Literal

from restore.errors import ConfigError
from restore.evaluation.columns import Metric
from restore.evaluation.results import Evaluation, Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_INK, _SOFT, _LINE, _INPUT = "#1c1d1f", "#5b5e63", "#e4e4e1", "#85888c"

# Those of the report on light paper.
_COLOURS = (
    "#2156d0", "#d4601f", "#12857a", "#8b4cc4", "#b08400",
    "#c4326b", "#0b86b5", "#6a8a17", "#8a5a3b", "#4d5fa8",
)  # fmt: skip

_MARKERS = "osD^v"

_WIDTH, _DPI = 10.0, 160


@dataclass(frozen=True)
class _Curve:
    """flat: the method has nothing to vary and stands at one height. x, y: where it was measured."""

    name: str
    colour: str
    points: list[tuple[float, float]]
    flat: bool = False
    marker: str = "o"


@dataclass(frozen=True)
class _Panel:
    """One pair of axes. ticks: the places of the x axis of a level; none for the others."""

    kind: Literal["log", "level", "bars"]
    x_label: str
    y_label: str
    curves: list[_Curve]
    digits: int = 2
    ticks: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Band:
    """A title and panels in rows, all with the same curves."""

    title: str
    rows: list[list[_Panel]]

    @property
    def height(self) -> float:
        """In inches."""
        if self.rows[0][0].kind == "bars":
            return 0.9 + 0.3 * len(self.rows[0][0].curves)
        return 0.75 + 2.5 * len(self.rows) + 0.2 * math.ceil(len(self.rows[0][0].curves) / 3)


def check() -> None:
    """Raise ConfigError where matplotlib is missing, before an evaluation begins."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install matplotlib") from error


def figure(evaluation: Evaluation) -> Figure:
    """Draw an evaluation without pyplot and its global state.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured; means that are not finite are left out.

    Returns
    -------
    matplotlib.figure.Figure
        A band of panels for each table or series of tables.

    Raises
    ------
    ConfigError
        matplotlib is missing.
    """
    check()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    bands = _bands(evaluation)
    heights = [band.height for band in bands]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
    sheet = Figure(figsize=(_WIDTH, sum(heights) or 1), dpi=_DPI, layout=layout, facecolor="white")
    if not bands:
        sheet.text(0.5, 0.5, "nothing was measured", ha="center", va="center", color=_SOFT)
        return sheet
    parts = sheet.subfigures(len(bands), 1, squeeze=False, height_ratios=heights)
    for part, band in zip(parts[:, 0], bands, strict=True):
        _draw(part, band)
    return sheet


def png(evaluation: Evaluation) -> bytes:
    """Draw an evaluation as a PNG file, 1600 pixels wide.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ConfigError
        matplotlib is missing.
    """
    return _encoded(figure(evaluation), "png")


def svg(evaluation: Evaluation) -> bytes:
    """Draw an evaluation as an SVG file; takes, gives and raises what `png` does."""
    return _encoded(figure(evaluation), "svg")


def _encoded(sheet: Figure, form: Literal["png", "svg"]) -> bytes:
    buffer = BytesIO()
    with warnings.catch_warnings():
        # The font knows few scripts; a name in another one comes out as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        sheet.savefig(buffer, format=form)
    return buffer.getvalue()


def _bands(evaluation: Evaluation) -> list[_Band]:
    tables = [table for table in evaluation.tables if table.rows and table.metrics]
    colours = _colours(row for table in tables for row in table.rows)
    bands = []
    for series in _series(tables):
        if len({table.level for table in series}) > 1:
            bands.append(_level_band(series, colours))
        for table in series:
            if any(row.curve for row in table.rows):
                bands.append(_own_band(table, colours))
            elif any(row.sweep for row in table.rows):
                bands.append(_sweep_band(table, colours))
            elif len(series) == 1:
                bands.append(_bar_band(table, colours))
    return [band for band in bands if band.rows]


def _colours(rows: Iterable[Row]) -> dict[str, str]:
    """By method; those of ours are for ours alone as long as there are enough. The input is grey."""
    kinds = {row.method: row.kind for row in rows}
    ours = [method for method, kind in kinds.items() if kind == "restore"]
    others = [method for method, kind in kinds.items() if kind not in ("restore", "input")]
    reserved = min(len(ours), len(_COLOURS) - 1)
    colours = dict.fromkeys(kinds, _INPUT)
    colours |= zip(ours, cycle(_COLOURS), strict=False)
    colours |= zip(others, cycle(_COLOURS[reserved:]), strict=False)
    return colours


def _series(tables: list[Table]) -> list[list[Table]]:
    """Tables that differ in their level together, sorted by it; each of the others alone."""

    def key(table: Table) -> tuple[str, str, str]:
        return table.set_name, table.task, table.series

    alone = [[table] for table in tables if table.level is None]
    with_level = sorted((table for table in tables if table.level is not None), key=key)
    groups = [sorted(group, key=lambda table: table.level or 0) for _, group in groupby(with_level, key)]
    return groups + alone


def _drawn(table: Table) -> list[Metric]:
    """The first metric, and LPIPS where it was measured."""
    return table.metrics[:1] + [metric for metric in table.metrics[1:] if metric.key.startswith("lpips")][:1]


def _heading(metric: Metric) -> str:
    return f"{metric.label} {'↑' if metric.higher_is_better else '↓'}"


def _points(
    rows: Iterable[Row], metric: Metric, x: Callable[[Row], float | None]
) -> list[tuple[float, float]]:
    """Where both numbers are known and finite, sorted by x."""
    pairs = [(x(row), row.mean(metric.key)) for row in rows if row.pictures]
    return sorted((a, b) for a, b in pairs if a is not None and b is not None and math.isfinite(b))


def _sweep_band(table: Table, colours: dict[str, str]) -> _Band:
    rows = [row for row in table.rows if row.kind != "input"]
    swept = list(dict.fromkeys(row.method for row in rows if row.sweep))
    axes: list[tuple[str, Callable[[Row], float | None]]] = [
        ("network calls per picture", lambda row: row.calls),
        ("seconds per picture (median)", lambda row: row.seconds),
    ]
    lines = []
    for x_label, x in axes:
        panels = []
        for metric in _drawn(table):
            curves = [
                _Curve(method, colours[method], [p for p in _points(own, metric, x) if p[0] > 0])
                for method in swept
                for own in [[row for row in rows if row.method == method and row.sweep]]
            ]
            flat = [
                _Curve(row.label, colours[row.method], _points([row], metric, lambda _: 0.0), flat=True)
                for row in rows
                if not row.sweep
            ]
            if any(curve.points for curve in curves):
                panels.append(_Panel("log", x_label, _heading(metric), curves + flat))
        lines.append(panels)
    return _Band(table.title, [panels for panels in lines if panels])


def _level_band(tables: list[Table], colours: dict[str, str]) -> _Band:
    rows = {row.label: row for table in tables for row in table.rows if row.kind != "input"}
    # A method that was measured at one level alone has no curve.
    labels = [label for label in rows if sum(label in [row.label for row in t.rows] for t in tables) > 1]
    methods = [rows[label].method for label in labels]
    panels = []
    for metric in _drawn(tables[0]):
        curves = []
        for number, label in enumerate(labels):
            points = [
                (level or 0.0, y)
                for level, own in [(t.level, [row for row in t.rows if row.label == label]) for t in tables]
                for _, y in _points(own, metric, lambda _: 0.0)
            ]
            marker = _MARKERS[methods[:number].count(methods[number]) % len(_MARKERS)]
            curves.append(_Curve(label, colours[methods[number]], points, marker=marker))
        if any(curve.points for curve in curves):
            ticks = sorted({table.level or 0.0 for table in tables})
            name = tables[0].level_name or "level"
            panels.append(_Panel("level", name, _heading(metric), curves, ticks=ticks))
    return _Band(f"{tables[0].set_name} by {tables[0].level_name or 'level'}", [panels] if panels else [])


def _own_band(table: Table, colours: dict[str, str]) -> _Band:
    """The curves that rows bring, such as the parts of a likelihood by noise level."""
    curves, names = [], ("", "")
    for row in table.rows:
        if row.curve:
            names = next(iter(row.curve)), list(row.curve)[1]
            points = zip(*row.curve.values(), strict=True)
            curves.append(_Curve(row.label, colours[row.method], sorted((x, y) for x, y in points if x > 0)))
    return _Band(table.title, [[_Panel("log", *names, curves)]])


def _bar_band(table: Table, colours: dict[str, str]) -> _Band:
    panels = []
    for metric in _drawn(table):
        bars = [
            _Curve(row.label, colours[row.method], _points([row], metric, lambda _: 0.0))
            for row in table.rows
        ]
        panels.append(_Panel("bars", _heading(metric), "", bars, digits=metric.digits))
    return _Band(table.title, [panels])


def _text(name: str) -> str:
    """A name as it is: matplotlib sets what stands between dollars as a formula and hides _names."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _draw(part: SubFigure, band: _Band) -> None:
    part.suptitle(_text(band.title), x=0.012, ha="left", fontsize=11, fontweight="bold", color=_INK)
    bars = band.rows[0][0].kind == "bars"
    columns = max(len(panels) for panels in band.rows)
    grid = part.subplots(len(band.rows), columns, squeeze=False, sharey="row" if bars else "none")
    for line, panels in zip(grid, band.rows, strict=True):
        for axes in line[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(line, panels, strict=False):
            _draw_bars(axes, panel) if bars else _draw_curves(axes, panel)
    if not bars:
        handles, names = grid[0, 0].get_legend_handles_labels()
        part.legend(
            handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5, labelcolor=_INK
        )


def _plain(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Without the box, with quiet lines across."""
    for side in ("top", "right", "left" if axis == "y" else "bottom"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color("#c4c4c0")
    axes.set_axisbelow(True)
    axes.grid(axis=axis, color=_LINE, linewidth=0.8)
    axes.tick_params(colors=_SOFT, labelsize=8.5, length=0)
    axes.tick_params(axis="x", length=3, color="#c4c4c0")


def _draw_curves(axes: Axes, panel: _Panel) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    for curve in panel.curves:
        if curve.flat:
            for _, y in curve.points:
                axes.axhline(y, color=curve.colour, linewidth=1.3, dashes=(4, 3), label=_text(curve.name))
        else:
            x, y_values = [p[0] for p in curve.points], [p[1] for p in curve.points]
            axes.plot(
                x, y_values, color=curve.colour, linewidth=1.8, marker=curve.marker, markersize=5,
                markeredgecolor="white", markeredgewidth=0.8, label=_text(curve.name),
            )  # fmt: skip
    if panel.kind == "log":
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=9))
    else:
        axes.xaxis.set_major_locator(FixedLocator(panel.ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 else f"{x:.2g}"))
    axes.margins(x=0.04, y=0.08)
    axes.set_xlabel(panel.x_label, fontsize=9, color=_SOFT)
    axes.set_title(panel.y_label, loc="left", fontsize=9.5, color=_INK)
    _plain(axes, "y")


def _draw_bars(axes: Axes, panel: _Panel) -> None:
    """The first method on top; a mean that is not known or not finite has no bar."""
    places = range(len(panel.curves))
    widths = [curve.points[0][1] if curve.points else 0.0 for curve in panel.curves]
    colours = [curve.colour for curve in panel.curves]
    drawn = axes.barh(places, widths, height=0.66, color=colours)
    texts = [f"{curve.points[0][1]:.{panel.digits}f}" if curve.points else "-" for curve in panel.curves]
    axes.bar_label(drawn, labels=texts, padding=4, fontsize=8.5, color=_INK)
    axes.set_yticks(places, [_text(curve.name) for curve in panel.curves])
    axes.set_ylim(len(panel.curves) - 0.4, -0.6)
    axes.margins(x=0.16)
    axes.set_title(panel.x_label, loc="left", fontsize=9.5, color=_INK)
    _plain(axes, "x")
    axes.tick_params(axis="y", labelcolor=_INK)
