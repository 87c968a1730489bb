"""Docker's framing of stdout and stderr on one stream, taken apart without I/O and without copies.

Docker API, "ContainerAttach", section Stream format: 8 bytes of header, namely the type, three zeros
and the length in four bytes, big-endian; then as many bytes of payload. With a tty there are no frames.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

_HEADER = struct.Struct(">BxxxI")
_STDERR_OF_TYPE = {0: False, 1: False, 2: True}

Deliver = Callable[[memoryview, bool], None]
"""Takes a piece of output, valid during the call, and whether it is stderr."""


class FrameError(Exception):
    """What the engine sent is not in its stream format."""


class Decoder(Protocol):
    """Turns what is read from the stream into output."""

    @property
    def inside_frame(self) -> bool:
        """Whether an end of the stream would cut something off here."""

    def feed(self, data: memoryview) -> None:
        """Deliver all output in `data`, in order. Raises FrameError."""


class Raw:
    """The stream of a program with a tty: everything is stdout."""

    inside_frame = False

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def feed(self, data: memoryview) -> None:
        self._deliver(data, False)


class Demux:
    """The stream of a program without a tty. Parts of a frame are delivered as they come, however cut."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._header = bytearray()
        self._stderr = False
        self._left = 0

    @property
    def inside_frame(self) -> bool:
        return self._left > 0 or len(self._header) > 0

    def feed(self, data: memoryview) -> None:
        offset = 0
        while offset < len(data):
            if not self._left:
                offset = self._read_header(data, offset)
                continue
            piece = data[offset : offset + self._left]
            self._left -= len(piece)
            offset += len(piece)
            self._deliver(piece, self._stderr)

    def _read_header(self, data: memoryview, offset: int) -> int:
        if not self._header and len(data) - offset >= _HEADER.size:
            self._begin_frame(*_HEADER.unpack_from(data, offset))
            return offset + _HEADER.size
        part = data[offset : offset + _HEADER.size - len(self._header)]
        self._header += part
        if len(self._header) == _HEADER.size:
            self._begin_frame(*_HEADER.unpack(self._header))
            self._header.clear()
        return offset + len(part)

    def _begin_frame(self, kind: int, length: int) -> None:
        if kind not in _STDERR_OF_TYPE:
            raise FrameError(f"a frame of the unknown stream type {kind}")
        self._stderr = _STDERR_OF_TYPE[kind]
        self._left = length
