"""A pull in one line for the user who waits for it."""

from __future__ import annotations

from ..engine.types import PullProgress

_BEGINNING = "Fetching the image"
_FIRST_WORDS = ("Pulling fs layer", "Already exists")
_LAST_WORDS = ("Download complete", "Pull complete", "Already exists")
"""Not every engine tells of a layer's unpacking, Docker 29 did not: what is counted is the fetch."""
_MEGABYTE = 1_000_000
_MOST_LAYERS = 1000


class PullSummary:
    """Adds up what the engine says of every layer. Docker API, "ImageCreate": the words are Docker's own.

    One thread adds; any other may read the sentence.
    """

    def __init__(self) -> None:
        self.sentence = _BEGINNING
        """How far it has come, without names."""
        self._done: dict[str, bool] = {}
        self._bytes: dict[str, int] = {}

    def add(self, progress: PullProgress) -> None:
        """Take in a line; those about the image as a whole say nothing here."""
        layer, status = progress.layer, progress.status
        if layer and status in _FIRST_WORDS and len(self._done) < _MOST_LAYERS:
            self._done.setdefault(layer, False)
        if layer not in self._done:
            return
        if status in _LAST_WORDS:
            self._done[layer] = True
        elif status == "Downloading":
            self._bytes[layer] = progress.current
        megabytes = sum(self._bytes.values()) / _MEGABYTE
        self.sentence = f"{_BEGINNING}: {sum(self._done.values())} of {len(self._done)} layers, {megabytes:.1f} MB"
