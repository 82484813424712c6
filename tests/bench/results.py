# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of bench.py measured: tables for the terminal and docs/bench.md, and an SVG chart."""

import dataclasses
import html
import math
import statistics
import textwrap

BEGIN, END = "<!-- begin of what make bench writes -->", "<!-- end of what make bench writes -->"


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median, minimum and maximum of values."""
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def ratio(cls, values, base):
        """Of the ratios of values that were measured in the same round."""
        return cls.of([one / other for one, other in zip(values, base, strict=True)])

    def text(self, scale=1):
        median, low, high = (digits(value * scale)
                             for value in (self.median, self.low, self.high))
        return median if self.low == self.high else f"{median} ({low} to {high})"


def digits(value):
    """Two significant digits, or the whole part of a larger number."""
    if value == 0 or value >= 100:
        return f"{value:.0f}"
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}"


@dataclasses.dataclass(frozen=True)
class Goal:
    """A limit, and what was measured: not more than the limit is good."""
    text: str
    limit: float
    measured: float

    def row(self):
        met = "yes" if self.measured <= self.limit else "**no**"
        return [self.text, digits(self.measured), met]


@dataclasses.dataclass(frozen=True)
class Panel:
    """A part of the chart: each row is a name, a Spread, and the highest good value or None."""
    title: str
    rows: list


class Results:
    """The tables, goals and panels of one run."""

    def __init__(self):
        self.parts = []
        self.goals = []
        self.panels = []

    def table(self, title, head, rows, notes=""):
        self.parts.append((title, head, rows, notes))

    def markdown(self, where):
        """The text of all tables; `where` says on which machine they were measured."""
        parts = [("Goals", ["goal", "measured", "met"], [goal.row() for goal in self.goals], "")]
        picture = "![ratios of times, with their medians and ranges](bench.svg)"
        lines = [wrap(where), "", picture, ""]
        for title, head, rows, notes in parts + self.parts:
            lines += [f"## {title}", "", *table(head, rows), ""]
            lines += [wrap(notes), ""] if notes else []
        return "\n".join(lines)


def table(head, rows):
    return [line(head), line(["---"] * len(head)), *map(line, rows)]


def wrap(notes):
    return textwrap.fill(notes, 100, break_long_words=False, break_on_hyphens=False)


def line(cells):
    return "| " + " | ".join(cells) + " |"


def replace_part(path, text):
    """Replaces the part of a file that a run writes."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{path} does not have the lines {BEGIN!r} and {END!r}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


# The chart: a line for each ratio, from its minimum to its maximum, with a dot at the median. The
# scale is logarithmic: half and double are equally far from 1.

WIDTH, NAMES, ROW, TOP, MARGIN = 760, 250, 24, 34, 20
STYLE = """
text { font: 13px sans-serif; fill: #24292f; } .title { font-weight: bold; }
.scale { font-size: 11px; fill: #57606a; text-anchor: middle; } .name { text-anchor: end; }
.grid { stroke: #d0d7de; } .one { stroke: #57606a; } .range { stroke: #0969da; stroke-width: 3; }
.median { fill: #0969da; } .goal { stroke: #1a7f37; stroke-width: 3; } .back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .scale { fill: #9198a1; } .grid { stroke: #3d444d; }
.one { stroke: #9198a1; } .range { stroke: #4493f8; } .median { fill: #4493f8; }
.goal { stroke: #3fb950; } .back { fill: #0d1117; } }
"""


def vertical(kind, x, top, bottom):
    return f"<line class='{kind}' x1='{x:.1f}' x2='{x:.1f}' y1='{top:.1f}' y2='{bottom:.1f}'/>"


def text(kind, x, y, content):
    return f"<text class='{kind}' x='{x:.1f}' y='{y:.1f}'>{html.escape(content)}</text>"


def scale_of(panel):
    """Powers of ten, and two and five times those, that enclose all values of the panel and 1."""
    values = [1] + [value for _, spread, goal in panel.rows
                    for value in (spread.low, spread.high, goal or 1)]
    steps = [factor * 10.0 ** power for power in range(-4, 7) for factor in (1, 2, 5)]
    first = max(i for i, step in enumerate(steps) if step <= min(values))
    last = min(i for i, step in enumerate(steps) if step >= max(values))
    return steps[first:max(last, first + 1) + 1]


def draw_panel(panel, top):
    """The elements of a panel whose upper end is at `top`, and its lower end."""
    steps = scale_of(panel)
    begin, end = math.log(steps[0]), math.log(steps[-1])

    def place(value):
        return NAMES + (math.log(value) - begin) / (end - begin) * (WIDTH - NAMES - 2 * MARGIN)

    rows = top + TOP
    bottom = rows + ROW * len(panel.rows)
    yield text("title", MARGIN, top + 18, panel.title)
    # With many steps, those of ten only.
    for step in steps if len(steps) < 9 else [step for step in steps
                                              if math.log10(step).is_integer()]:
        yield vertical("one" if step == 1 else "grid", place(step), rows, bottom)
        yield text("scale", place(step), bottom + 15, f"{step:g}")
    for number, (name, spread, goal) in enumerate(panel.rows):
        middle = rows + ROW * (number + 0.5)
        yield text("name", NAMES - 12, middle + 4, name)
        if goal:
            yield vertical("goal", place(goal), middle - 9, middle + 9)
        yield (f"<line class='range' x1='{place(spread.low):.1f}' x2='{place(spread.high):.1f}' "
               f"y1='{middle}' y2='{middle}'/>")
        yield f"<circle class='median' cx='{place(spread.median):.1f}' cy='{middle}' r='5'/>"


def chart(panels):
    """The SVG file."""
    elements, top = [], 8
    for panel in panels:
        elements += draw_panel(panel, top)
        top += TOP + ROW * len(panel.rows) + 34
    elements.append(text("", MARGIN, top + 10,
                         "dot: median, line: minimum to maximum, green mark: goal"))
    height = top + 24
    return "\n".join([
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}'>",
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->", f"<style>{STYLE}</style>",
        f"<rect class='back' width='{WIDTH}' height='{height}' rx='6'/>", *elements, "</svg>", ""])
