"""The line that a user with a terminal sees while he waits for his program."""

from __future__ import annotations

_USUAL_COLUMNS = 80


class WaitingLine:
    """One line, rewritten in place and wiped in the end. It needs nothing of a terminal but the carriage return."""

    def __init__(self) -> None:
        self.columns = 0
        """The terminal's width, 0 where it is not known."""
        self._shown = 0

    def show(self, sentence: str) -> bytes:
        """Return what puts the sentence, cut to the terminal's width, in the place of the one before."""
        text = f"sshore: {sentence}".encode("ascii", "replace")[: (self.columns or _USUAL_COLUMNS) - 1]
        rest = self._shown - len(text)
        self._shown = len(text)
        return b"\r" + text + b" " * rest + b"\b" * rest

    def wipe(self) -> bytes:
        """Return what leaves an empty line with the cursor at its beginning; nothing if nothing was shown."""
        shown, self._shown = self._shown, 0
        return b"\r" + b" " * shown + b"\r" if shown else b""
