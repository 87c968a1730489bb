"""The buffer that streams are read into."""

from __future__ import annotations

import threading

from .tls_socket import BUFFER_SIZE

READ_SIZE = max(256 * 1024, BUFFER_SIZE)


class _Scratch(threading.local):
    """One read buffer per thread: what is read is delivered before the loop turns to the next stream.

    Hundreds of idle shells hold no buffer at all.
    """

    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_SIZE))


scratch = _Scratch()
