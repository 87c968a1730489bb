"""What a server held, over time, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from leather import Chart, Grid

from .server import Sample

_WIDTH, _HEIGHT = 1200, 1000
_CHARTS: dict[str, Callable[[Sample], float | None]] = {
    "resident memory, MiB": lambda sample: sample.rss,
    "command, median ms of connect, run, disconnect": lambda sample: sample.latency,
    "threads": lambda sample: sample.threads,
    "actors": lambda sample: sample.actors,
    "file descriptors": lambda sample: sample.fds + sample.streams,
    "containers": lambda sample: sample.containers,
}


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Write an SVG with one chart for each figure, all over the same cycles."""
    grid = Grid()
    for title, figure in _CHARTS.items():
        grid.add_one(_chart(title, [(one.cycles, value) for one in samples if (value := figure(one)) is not None]))
    grid.to_svg(str(path), _WIDTH, _HEIGHT)


def _chart(title: str, points: list[tuple[int, float]]) -> Chart:
    chart = Chart(title)
    chart.add_line(points, width=1)
    chart.add_x_axis(name="cycles")
    chart.add_y_scale(0, max(1.0, *(value for _, value in points)) * 1.1 if points else 1.0)
    return chart
