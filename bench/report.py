"""The figures as tables for a terminal, as markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .series import Chapter, Claim, Series

VERDICTS = {None: "", True: "met", False: "missed"}


def show(chapter: Chapter, console: Console) -> None:
    """Print one chapter."""
    table = Table("", "median", "p95", "n", title=chapter.title, title_justify="left", min_width=90)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in chapter.series:
        table.add_row(*_cells(one))
    table.add_section()
    for claim in chapter.claims:
        table.add_row(*_claim_cells(claim), "")
    console.print(table)


def markdown(chapters: Sequence[Chapter]) -> str:
    """Return all chapters as tables."""
    lines: list[str] = []
    for chapter in chapters:
        lines += [f"### {chapter.title}", "", "| | median | p95 | n |", "|---|---:|---:|---:|"]
        lines += [_row(_cells(one)) for one in chapter.series]
        lines += [_row([*_claim_cells(claim), ""]) for claim in chapter.claims]
        lines.append("")
    return "\n".join(lines)


def as_json(chapters: Sequence[Chapter]) -> str:
    """Return everything that was measured, every single figure too."""
    return json.dumps(
        [
            {
                "title": chapter.title,
                "series": [
                    {"name": one.name, "unit": one.unit, "median": one.median, "p95": one.p95, "values": one.values}
                    for one in chapter.series
                ],
                "claims": [
                    {"name": claim.name, "value": claim.value, "unit": claim.unit, "aim": claim.aim, "met": claim.met}
                    for claim in chapter.claims
                ],
            }
            for chapter in chapters
        ],
        indent=1,
        ensure_ascii=False,
    )


def _cells(one: Series) -> list[str]:
    return [one.name, f"{one.median:.1f} {one.unit}", f"{one.p95:.1f} {one.unit}", str(len(one.values))]


def _claim_cells(claim: Claim) -> list[str]:
    value = f"{claim.value:.1f} {claim.unit}" if claim.unit else f"{claim.value:.2f}"
    return [claim.name, value, " ".join(filter(None, [claim.aim, VERDICTS[claim.met]]))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
