"""The figures as tables for a terminal, as markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from .goals import verdicts
from .series import Chapter, Claim, Series

VERDICTS = {None: "", True: "met", False: "missed"}
_COLUMNS = ("", "median", "p95", "× floor", "n")
_NOT_MEASURED = "not measured in this run, or not possible with this configuration"


def show(chapter: Chapter, console: Console) -> None:
    """Print one chapter."""
    table = Table(*_COLUMNS, title=chapter.title, title_justify="left", min_width=100)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in chapter.series:
        table.add_row(*_cells(chapter, one))
    table.add_section()
    for claim in chapter.claims:
        table.add_row(*_claim_cells(claim), "", "")
    if floors := _floors(chapter):
        table.caption, table.caption_justify = floors, "left"
    console.print(table)


def show_verdicts(chapters: Sequence[Chapter], console: Console) -> None:
    """Print what the chapters say about every goal."""
    table = Table("goal", "figure", "aim", "", title="Goals", title_justify="left", min_width=100)
    table.columns[1].justify = "right"
    for goal, row in _verdict_rows(chapters):
        table.add_row(goal, *row)
    console.print(table)


def page(chapters: Sequence[Chapter], where: str) -> str:
    """Return a page of documentation: where it was measured, the verdicts, and all chapters."""
    said = "One run of `make bench`, as it writes it. [Performance](performance.md) says what it means."
    lines = ["# Measured", "", said, "", where, "", "## Goals", ""]
    lines += ["| goal | figure | aim | |", "|---|---:|---|---|"]
    lines += [_row([goal, *row]) for goal, row in _verdict_rows(chapters)]
    return "\n".join([*lines, "", markdown(chapters)])


def markdown(chapters: Sequence[Chapter]) -> str:
    """Return all chapters as tables."""
    lines: list[str] = []
    for chapter in chapters:
        lines += [f"## {chapter.title}", "", _row(_COLUMNS), "|---|---:|---:|---:|---:|"]
        lines += [_row(_cells(chapter, one)) for one in chapter.series]
        lines += [_row([*_claim_cells(claim), "", ""]) for claim in chapter.claims]
        lines += ["", *([floors, ""] if (floors := _floors(chapter)) else [])]
    return "\n".join(lines)


def as_json(chapters: Sequence[Chapter]) -> str:
    """Return everything that was measured, every single figure too."""
    return json.dumps(
        [
            {
                "title": chapter.title,
                "part": chapter.part,
                "label": chapter.label,
                "series": [
                    {"name": one.name, "unit": one.unit, "median": one.median, "p95": one.p95, "values": one.values}
                    | _floor_of(chapter, one)
                    for one in chapter.series
                ],
                "claims": [
                    {"name": claim.name, "value": claim.value, "unit": claim.unit, "aim": claim.aim}
                    | {"met": claim.met, "goal": claim.goal}
                    for claim in chapter.claims
                ],
            }
            for chapter in chapters
        ],
        indent=1,
        ensure_ascii=False,
    )


def short(value: float) -> str:
    """Return a figure with three digits or so."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}"


def _floor_of(chapter: Chapter, one: Series) -> dict[str, object]:
    floor = chapter.floor_of(one.name)
    return {"floor": floor.name, "floor_value": floor.value} if floor else {}


def _floors(chapter: Chapter) -> str:
    told = {f"{floor.name} {short(floor.value)}" for floor in chapter.floors.values()}
    unit = chapter.series[0].unit if chapter.series else ""
    return f"Floors, {unit}: {'; '.join(sorted(told))}." if told else ""


def _verdict_rows(chapters: Sequence[Chapter]) -> Iterator[tuple[str, list[str]]]:
    for goal, answers in verdicts(chapters):
        yield goal, ["", "", "" if answers else _NOT_MEASURED]
        for title, claim in answers:
            yield f"{title}: {claim.name}", [_value(claim), claim.aim, VERDICTS[claim.met]]


def _cells(chapter: Chapter, one: Series) -> list[str]:
    floor = chapter.floor_of(one.name)
    ratio = f"{one.median / floor.value:.2f}" if floor and floor.value else ""
    figures = [f"{short(one.median)} {one.unit}", f"{short(one.p95)} {one.unit}"]
    return [one.name, *figures, ratio, str(len(one.values))]


def _claim_cells(claim: Claim) -> list[str]:
    return [claim.name, _value(claim), " ".join(filter(None, [claim.aim, VERDICTS[claim.met]]))]


def _value(claim: Claim) -> str:
    return f"{short(claim.value)} {claim.unit}" if claim.unit else f"{claim.value:.2f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
