"""The first line of an exec's output: the program's pid, or what the engine says instead."""

from __future__ import annotations

import re

from ..engine.launcher import APART, CLOSED, PID_LINE_LIMIT, PIPED

MOST_OUTPUT = 16 * 1024
"""Bytes of stdout that may come before the line: what a shell complains of when it starts."""
MOST_ERRORS = 1024 * 1024
"""Bytes of stderr that may: a program's own, which the engine carried faster than the line before it."""
_KEPT = 4096
_LINE = re.compile(rf"([0-9]{{1,20}})((?: [0-9]+:[0-9]+)*)(?: ({PIPED}|{APART}|{CLOSED}))?".encode())


class PidLine:
    """Cuts the launcher's first line off the output, however the bytes are cut.

    The line is the program's pid, the files that are its stdout and stderr, as far as it can tell, and what became of
    the named pipes that it was told of.

    The engine carries stdout and stderr in no order: what a program said on stderr may come before its launcher's line.
    How much comes before is bounded: who is root in his container may have put anything in the place of its shell.
    """

    def __init__(self) -> None:
        self._seen = bytearray()
        self._line = 0
        self._stderr = bytearray()
        self.pid: int | None = None
        self.files: tuple[str, ...] = ()
        self.carrier = ""
        self.flooded = False
        """Whether more came than comes before a launcher's line: there will be none, nothing more is kept."""

    def hold(self, data: bytes | memoryview) -> bytes | None:
        """Keep output of stderr: the program's if a pid comes, else the engine's reason. There is no line in it."""
        if len(self._stderr) + len(data) > MOST_ERRORS:
            self.flooded = True
        else:
            self._stderr += data
        return None

    @property
    def held(self) -> bytes:
        """The output of stderr so far."""
        return bytes(self._stderr)

    def feed(self, data: bytes | memoryview) -> bytes | None:
        """Take stdout. Returns what comes behind the line once it is complete, None before (and without a pid).

        On a terminal what `/bin/sh` itself complains of, bash of an unknown locale say, comes before: it is dropped.
        """
        room = MOST_OUTPUT - len(self._seen)
        self._seen += data[:room]
        while (end := self._seen.find(b"\n", self._line)) >= 0:
            begin, self._line = self._line, end + 1
            if end - begin <= PID_LINE_LIMIT and (said := _LINE.fullmatch(self._seen[begin:end].strip())):
                pid, files, carrier = (part.decode() for part in said.groups(b""))
                self.pid, self.files, self.carrier = int(pid), tuple(files.split()), carrier
                return bytes(self._seen[end + 1 :]) + bytes(data[room:])
        self.flooded = self.flooded or len(self._seen) >= MOST_OUTPUT
        return None

    @property
    def seen(self) -> bytes:
        """The output of stdout so far, as long as no pid came."""
        return bytes(self._seen)

    @property
    def text(self) -> str:
        """What was said when no pid came: the engine's reason, for the operator."""
        return bytes((self._seen + self._stderr)[:_KEPT]).decode(errors="replace").strip()
