"""A run as pictures: one PNG for each question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from .flavours import FLAVOURS
from .report import short
from .series import Chapter, Series

matplotlib.use("agg")

_DOTS = 80
_WIDTH = 10.0
_COLOURS = {"raw engine": "#7f7f7f", "bare asyncssh": "#bcbd22", "sshd": "#1f77b4"}
_ALONE = {"engine's stream alone": "#7f7f7f", "named pipes alone": "#c7c7c7"}
_SSHORE = ("#d62728", "#ff7f0e", "#9467bd", "#2ca02c", "#8c564b", "#e377c2")
_BESIDE = "raw engine beside "


def draw(chapters: Sequence[Chapter], folder: Path) -> None:
    """Write the pictures all of whose parts were measured; another is left as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (picture, parts) in _PICTURES.items():
        those = [chapter for chapter in chapters if chapter.label and chapter.part in parts]
        if {chapter.part for chapter in those} == set(parts):
            picture(those).savefig(folder / f"{name}.png", dpi=_DOTS, metadata={"Software": None})


def _latency(those: Sequence[Chapter]) -> Figure:
    """Distributions, one row of them for each kind of command: until its first byte, or its client's exit."""
    figure, rows = _stacked(those, sharex=True)
    for axes, chapter in zip(rows, those, strict=True):
        _boxes(axes, chapter, chapter.series)
        _logarithmic(axes)
    rows[-1].set_xlabel("milliseconds, logarithmic: box 25 to 75 %, whiskers 5 to 95 %")
    return figure


def _bytes(those: Sequence[Chapter]) -> Figure:
    """Medians by direction, write size and cipher; a mark shows what a carrier and SSH would allow."""
    figure, rows = _stacked(those)
    for axes, chapter in zip(rows, those, strict=True):
        _bars(axes, chapter)
        for place, one in enumerate(chapter.series):
            if floor := chapter.floors.get(one.name):
                axes.plot([floor.value] * 2, [place - 0.45, place + 0.45], color="black", linewidth=2)
    rows[-1].set_xlabel("MB/s, medians; black: 1/(1/carrier + 1/bare asyncssh)")
    return figure


def _keys(those: Sequence[Chapter]) -> Figure:
    """How many keystrokes have come back after how long."""
    figure = Figure(figsize=(_WIDTH, 4), layout="constrained")
    for axes, chapter in zip(figure.subplots(1, len(those), squeeze=False)[0], those, strict=True):
        for one in chapter.series:
            ordered = sorted(one.values)
            reached = [100 * (index + 1) / len(ordered) for index in range(len(ordered))]
            dashed = "--" if one.name.startswith(_BESIDE) else "-"
            axes.plot(ordered, reached, dashed, label=one.name, color=_colour(one.name), linewidth=1.3)
        _logarithmic(axes)
        axes.set(title=chapter.label, xlabel="ms until the echo", ylabel="% of keystrokes")
        axes.axhline(99, color="#dddddd", zorder=0)
        axes.legend(fontsize=7)
    return figure


def _many(those: Sequence[Chapter]) -> Figure:
    """Seconds until all are done, by how many came at once."""
    figure = Figure(figsize=(_WIDTH, 4), layout="constrained")
    axes = figure.subplots()
    sizes = [int(chapter.label) for chapter in those]
    for place, one in enumerate(those[0].series):
        medians = [chapter.series[place].median for chapter in those]
        axes.plot(sizes, medians, "o-", label=one.name, color=_colour(one.name))
    floors = [next(iter(chapter.floors.values())).value for chapter in those]
    axes.plot(sizes, floors, "k:", label="raw engine + bare asyncssh")
    axes.set(xlabel="logins at once", ylabel="seconds until all are done", xlim=0, ylim=0)
    axes.legend(fontsize=8)
    return figure


def _costs(those: Sequence[Chapter]) -> Figure:
    """CPU time and memory, medians."""
    figure, rows = _stacked(those)
    for axes, chapter in zip(rows, those, strict=True):
        _bars(axes, chapter)
        axes.set_title(f"{chapter.label}, {chapter.series[0].unit}", loc="left", fontsize=9)
    return figure


def _stacked(chapters: Sequence[Chapter], *, sharex: bool = False) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure with one row for each chapter, as high as it has series."""
    heights = [len(chapter.series) + 1.2 for chapter in chapters]
    figure = Figure(figsize=(_WIDTH, 0.22 * sum(heights) + 0.6), layout="constrained")
    rows = [row[0] for row in figure.subplots(len(chapters), 1, squeeze=False, height_ratios=heights, sharex=sharex)]
    for axes, chapter in zip(rows, chapters, strict=True):
        axes.set_title(chapter.label, loc="left", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
    return figure, rows


def _boxes(axes: Axes, chapter: Chapter, series: Sequence[Series]) -> None:
    drawn = axes.boxplot(
        [one.values for one in series],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        widths=0.6,
        patch_artist=True,
        tick_labels=[f"{one.name}  {short(one.median)} ms" for one in series],
        medianprops={"color": "black"},
    )
    for box, one in zip(drawn["boxes"], series, strict=True):
        box.set_facecolor(_colour(one.name))
    axes.invert_yaxis()


def _bars(axes: Axes, chapter: Chapter) -> None:
    names = [f"{one.name}  {short(one.median)}" for one in chapter.series]
    axes.barh(names, [one.median for one in chapter.series], color=[_colour(one.name) for one in chapter.series])
    axes.invert_yaxis()


def _logarithmic(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter("")


def _colour(name: str) -> str:
    """Return a subject's colour, the same in every picture."""
    for known, colour in (_COLOURS | _ALONE).items():
        if name.removeprefix(_BESIDE).startswith(known):
            return colour
    flavours = [place for place, flavour in enumerate(FLAVOURS) if name.endswith(f", {flavour.name}")]
    return _SSHORE[flavours[0] if flavours else -1]


_PICTURES = {
    "latency": (_latency, ("cold", "pty", "open")),
    "bytes": (_bytes, ("bytes",)),
    "keys": (_keys, ("keys",)),
    "many": (_many, ("many",)),
    "costs": (_costs, ("cpu", "memory")),
}
"""What draws each, and the parts of a run that it is of."""
