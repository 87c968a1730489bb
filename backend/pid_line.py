"""The first line of an exec's output: the program's pid, or what the engine says instead."""

from __future__ import annotations

import re

from ..engine.launcher import APART, CLOSED, PID_LINE_LIMIT, PIPED

_KEPT = 4096
_LINE = re.compile(rf"([0-9]{{1,20}})((?: [0-9]+:[0-9]+)*)(?: ({PIPED}|{APART}|{CLOSED}))?".encode())


class PidLine:
    """Cuts the launcher's first line off the output, however the bytes are cut.

    The line is the program's pid, the files that are its stdout and stderr, as far as it can tell, and what became of
    the named pipes that it was told of.

    The engine carries stdout and stderr in no order: what a program said on stderr may come before its launcher's line.
    """

    def __init__(self) -> None:
        self._seen = bytearray()
        self._stderr = bytearray()
        self.pid: int | None = None
        self.files: tuple[str, ...] = ()
        self.carrier = ""

    def hold(self, data: bytes | memoryview) -> None:
        """Keep output of stderr: the program's if a pid comes, else the engine's reason."""
        self._stderr += data

    @property
    def held(self) -> bytes:
        """The output of stderr so far."""
        return bytes(self._stderr)

    def feed(self, data: bytes | memoryview) -> bytes | None:
        """Take stdout. Returns what comes behind the line once it is complete, None before (and without a pid).

        On a terminal what `/bin/sh` itself complains of, bash of an unknown locale say, comes before: it is dropped.
        """
        if len(self._seen) < _KEPT:
            self._seen += data
        start = 0
        while (end := self._seen.find(b"\n", start)) >= 0:
            if end - start <= PID_LINE_LIMIT and (said := _LINE.fullmatch(self._seen[start:end].strip())):
                pid, files, carrier = (part.decode() for part in said.groups(b""))
                self.pid, self.files, self.carrier = int(pid), tuple(files.split()), carrier
                return bytes(self._seen[end + 1 :])
            start = end + 1
        return None

    @property
    def seen(self) -> bytes:
        """The output of stdout so far, as long as no pid came."""
        return bytes(self._seen)

    @property
    def text(self) -> str:
        """What was said when no pid came: the engine's reason, for the operator."""
        return bytes((self._seen + self._stderr)[:_KEPT]).decode(errors="replace").strip()
