"""Inputs that are tried in every run: what was found once, and what is worth a try whatever chance draws."""

from __future__ import annotations

from pathlib import Path

import pytest

_CORPUS = Path(__file__).parents[1] / "properties" / "corpus"


def files_of(folder: str) -> pytest.MarkDecorator:
    """Run a test with each file of a folder of the corpus, as `path`."""
    paths = sorted((_CORPUS / folder).iterdir())
    assert paths
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


def payloads_of(path: Path) -> list[bytes]:
    """Return the packets of a file that has one in each line, in hexadecimal, and comments behind a `#`."""
    lines = (line.partition("#")[0] for line in path.read_text().splitlines())
    return [bytes.fromhex(line) for line in lines if line.strip()]
