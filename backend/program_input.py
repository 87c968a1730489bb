"""What a client sends to its program, kept until the program may have it."""

from __future__ import annotations

from ..engine.interface import ProgramStream


class ProgramInput:
    """Keeps what comes early, and passes it on in order. Loop only."""

    def __init__(self) -> None:
        self._stream: ProgramStream | None = None
        self._early: list[bytes] = []
        self._ended = False

    @property
    def flows(self) -> bool:
        """Whether the program has it already."""
        return self._stream is not None

    def write(self, data: bytes) -> None:
        """Pass bytes on, now or later."""
        if self._stream:
            self._stream.write(data)
        else:
            self._early.append(data)

    def write_eof(self) -> None:
        """It ends here."""
        if self._stream:
            self._stream.write_eof()
        self._ended = True

    def pass_to(self, stream: ProgramStream) -> None:
        """The program may have it: what was kept goes first. Once."""
        self._stream = stream
        for data in self._early:
            stream.write(data)
        self._early.clear()
        if self._ended:
            stream.write_eof()
