"""What an operator may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like `word`, case and underscores aside, or None."""
    folded = {_folded(name): name for name in known}
    # An absurdly long word makes difflib slow, and is nobody's typing mistake.
    matches = difflib.get_close_matches(_folded(word)[:100], folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'mode'?`, or nothing."""
    found = closest(word, known)
    return f", did you mean '{found}'?" if found else ""


def _folded(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()
