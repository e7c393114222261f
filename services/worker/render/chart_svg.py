"""The momentum chart as SVG: in the page, coloured by its style sheet, or as a picture that stands alone."""

from __future__ import annotations

from html import escape

from services.worker.pipelines.contracts import Chart, Point

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 22, 34, 24
#: Colours where no page gives them.
ALONE = """text{font:11px sans-serif;fill:#5b6777}.mark{fill:#16202e;font-weight:bold}.grid{stroke:#d5dbe3}
.axis{stroke:#5b6777}.usual{stroke:#5b6777;stroke-dasharray:4 3;fill:none}
.posts{stroke:#0b6e8f;stroke-width:1.8;fill:none}.under{fill:#0b6e8f;fill-opacity:.16}.dot{fill:#0b6e8f}.gap{stroke:#b0543b;fill:url(#hatch)}.hatch{stroke:#b0543b}
.moment{stroke:#16202e;stroke-dasharray:1 3}"""


def inline(chart: Chart) -> str:
    """An ``<svg>`` element for the report's page."""
    return _svg(chart, "")


def picture(chart: Chart) -> str:
    """A whole SVG document."""
    return _svg(chart, f"<style>{ALONE}</style>")


def _svg(chart: Chart, style: str) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(chart.caption)}">{style}',
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<path class="hatch" d="M0 6 6 0"/></pattern></defs>',
    ]
    for tick in chart.y_ticks:
        y = _y(tick.at)
        parts.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(tick.label)}</text>')
    for band in chart.gaps:
        wide = max(_x(band.end) - _x(band.start), 1.5)
        parts.append(
            f'<rect class="gap" x="{_x(band.start)}" y="{TOP}" width="{wide:.1f}" height="{HEIGHT - TOP - BOTTOM}"/>'
        )
    for line in chart.posts:
        parts.append(f'<path class="under" d="{_path(line)}L{_x(line[-1].x)} {_y(0)}L{_x(line[0].x)} {_y(0)}Z"/>')
    parts += [f'<path class="usual" d="{_path(line)}"/>' for line in chart.usual]
    for line in chart.posts:
        parts.append(f'<path class="posts" d="{_path(line)}"/>')
        if len(line) == 1:
            parts.append(f'<circle class="dot" cx="{_x(line[0].x)}" cy="{_y(line[0].y)}" r="1.5"/>')
    parts.append(f'<path class="axis" d="M{LEFT} {_y(0)}H{WIDTH - RIGHT}"/>')
    for tick in chart.x_ticks:
        parts.append(f'<path class="axis" d="M{_x(tick.at)} {_y(0)}v4"/>')
        parts.append(f'<text x="{_x(tick.at)}" y="{HEIGHT - 6}" text-anchor="middle">{escape(tick.label)}</text>')
    for number, mark in enumerate(chart.marks):
        high, x = 12 + 13 * number, _x(mark.at)
        side, anchor = (x + 4, "start") if mark.at < 0.75 else (x - 4, "end")
        parts.append(f'<path class="moment" d="M{x} {high - 9}V{_y(0)}"/>')
        parts.append(f'<text class="mark" x="{side:.1f}" y="{high}" text-anchor="{anchor}">{escape(mark.label)}</text>')
    return "".join([*parts, "</svg>"])


def _x(at: float) -> float:
    return round(LEFT + at * (WIDTH - LEFT - RIGHT), 1)


def _y(at: float) -> float:
    return round(TOP + (1 - at) * (HEIGHT - TOP - BOTTOM), 1)


def _path(line: list[Point]) -> str:
    return "M" + "L".join(f"{_x(point.x)} {_y(point.y)}" for point in line)
