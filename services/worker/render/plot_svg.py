"""A report's chart as SVG: in the page, coloured by its style sheet, or as a picture that stands alone."""

from __future__ import annotations

from html import escape

from shared.schemas.chart import Plot, Point

WIDTH, HEIGHT = 760, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 22, 30, 44
COLOURS = ("#0b6e8f", "#b0543b", "#5a7d2a", "#7a4fa3", "#a57a00", "#5b6777")
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "12 4", "4 4")
#: Colours where no page gives them.
ALONE = (
    "text{font:11px sans-serif;fill:#5b6777}.grid{stroke:#d5dbe3}.axis{stroke:#5b6777}.line{fill:none;stroke-width:1.8}"
)


def inline(plot: Plot) -> str:
    """An ``<svg>`` element for the report's page. The table beside it tells the figures to those who do not see it."""
    return _svg(plot, "")


def picture(plot: Plot) -> str:
    """A whole SVG document."""
    rules = "".join(f".s{n}{{stroke:{c}}}.f{n}{{fill:{c}}}" for n, c in enumerate(COLOURS))
    return _svg(plot, f"<style>{ALONE}{rules}</style>")


def _svg(plot: Plot, style: str) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(plot.title)}">{style}'
    ]
    for tick in plot.y_ticks:
        y = _y(tick.at)
        parts.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(tick.label)}</text>')
    for bar in plot.bars:
        parts.append(
            f'<rect class="bar f{bar.series}" x="{_x(bar.x)}" y="{_y(bar.high)}" '
            f'width="{bar.wide * (WIDTH - LEFT - RIGHT):.1f}" height="{max(_y(bar.low) - _y(bar.high), 0.5):.1f}"/>'
        )
    for line in plot.lines:
        parts.append(
            f'<path class="line s{line.series}" stroke-dasharray="{DASHES[line.series]}" d="{_path(line.points)}"/>'
        )
        if len(line.points) == 1:
            [point] = line.points
            parts.append(f'<circle class="f{line.series}" cx="{_x(point.x)}" cy="{_y(point.y)}" r="2.5"/>')
    parts.append(f'<path class="axis" d="M{LEFT} {_y(plot.zero)}H{WIDTH - RIGHT}"/>')
    for tick in plot.x_ticks:
        parts.append(f'<path class="axis" d="M{_x(tick.at)} {_y(0)}v4"/>')
        parts.append(
            f'<text x="{_x(tick.at)}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{escape(tick.label)}</text>'
        )
    parts += _titles(plot)
    return "".join([*parts, "</svg>"])


def _titles(plot: Plot) -> list[str]:
    """The axes' titles and, where there are several series, which is which."""
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts = (
        [f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(plot.x_title)}</text>']
        if plot.x_title
        else []
    )
    if plot.y_title:
        parts.append(f'<text x="6" y="12">{escape(plot.y_title)}</text>')
    at = float(WIDTH - RIGHT)
    for number, name in reversed(list(enumerate(plot.names))):
        at -= 6.4 * len(name)
        parts.append(f'<text x="{at:.0f}" y="12">{escape(name)}</text>')
        at -= 22
        if plot.lines:
            parts.append(f'<path class="line s{number}" stroke-dasharray="{DASHES[number]}" d="M{at:.0f} 8h18"/>')
        else:
            parts.append(f'<rect class="bar f{number}" x="{at + 6:.0f}" y="3" width="10" height="10"/>')
        at -= 10
    return parts


def _x(at: float) -> float:
    return round(LEFT + at * (WIDTH - LEFT - RIGHT), 1)


def _y(at: float) -> float:
    return round(TOP + (1 - at) * (HEIGHT - TOP - BOTTOM), 1)


def _path(points: list[Point]) -> str:
    return "M" + "L".join(f"{_x(point.x)} {_y(point.y)}" for point in points)
