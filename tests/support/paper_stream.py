"""A program's stream on paper."""

from __future__ import annotations


class PaperStream:
    """A program's stream that writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def write(self, data: bytes | memoryview) -> None:
        self.calls.append(bytes(data))

    def write_eof(self) -> None:
        self.calls.append("eof")

    def pause_output(self) -> None:
        self.calls.append("pause")

    def resume_output(self) -> None:
        self.calls.append("resume")

    def close(self) -> None:
        self.calls.append("close")
