"""No link of the documentation is dead."""

from __future__ import annotations

from support.documents import Page, pages


def test_every_link_leads_somewhere() -> None:
    dead = [
        f"{source.name}: {target}" for source in pages() for target in source.links if not _resolves(source, target)
    ]
    assert dead == []


def _resolves(source: Page, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (source.path.parent / path).resolve() if path else source.path
    return file.exists() and (not anchor or anchor in Page(file).anchors)
