"""A listener on loopback that counts who comes."""

from __future__ import annotations

import socket
import threading


class Doorbell:
    """Listens on loopback; `rings` counts the connections. Use it as a context manager."""

    def __init__(self) -> None:
        self.rings = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Doorbell:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.rings += 1
