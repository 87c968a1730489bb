"""The pages of the documentation, as tests read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .source_tree import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks of that language."""
        return [block for named, block in _FENCE.findall(self.text) if named == language]

    @property
    def code(self) -> list[str]:
        """Everything that is set as code: spans, and the lines of blocks, but for pictures and programs."""
        blocks = (block for language, block in _FENCE.findall(self.text) if language not in ("mermaid", "python"))
        lines = [line for block in blocks for line in block.splitlines()]
        return [*_SPAN.findall(self.prose), *lines]

    @property
    def links(self) -> list[str]:
        """The targets that are not URLs."""
        return [target for target in _LINK.findall(self.prose) if "://" not in target]

    @property
    def anchors(self) -> set[str]:
        """The headings' anchors, as GitHub makes them."""
        headings = (heading.lower().replace("`", "") for heading in _HEADING.findall(self.prose))
        return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}

    def table(self, *columns: str) -> list[dict[str, str]]:
        """The rows of all tables with exactly these columns, a code span without its ticks where it is the cell."""
        rows: list[dict[str, str]] = []
        reading = False
        for line in self.prose.splitlines():
            cells = _cells(line)
            if tuple(cells) == columns:
                reading = True
            elif not cells:
                reading = False
            elif reading and set(cells[0]) != {"-"}:
                rows.append(dict(zip(columns, cells, strict=True)))
        assert rows, f"{self.name} has no table with the columns {columns}"
        return rows


def page(name: str) -> Page:
    """The page at this path from the project's root."""
    return Page(ROOT / name)


def pages() -> list[Page]:
    """Every page."""
    return [Page(path) for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))]


def _cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    cells = re.split(r"(?<!\\)\|", line.strip("|\n "))
    return [re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in cells]
