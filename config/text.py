"""Text from elsewhere made safe to print on a terminal or in a log line."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with what is unprintable (control, bidi, surrogates) as `\\n`, `\\x1b`, `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def shortened(text: str, limit: int = 60) -> str:
    """Return `text` printable, in quotes, and cut behind `limit` characters."""
    safe = printable(text if len(text) <= limit else text[:limit] + "…")
    return f"'{safe}'"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
