"""An asyncssh server without any container: what SSH alone costs. `python -m bench.bare_server KEYS HOSTKEY`.

It knows `true`, `echo hi`, `zeros BYTES` from memory, `sink` for stdin, `mirror`, which says what it hears, and a shell
that has a prompt and nothing else. It prints its two ports: asyncssh as
it comes, and with acknowledgements as quick as sshore's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import asyncssh
from sshore.ssh.quick_acks import QuickAcks
from sshore.ssh.server import server_options

_CHUNK = memoryview(bytes(256 * 1024))
_SAYS = {"echo hi": b"hi\n", "mirror": b"ready\n", "": b"$ "}
_STAYING = ("sink", "mirror", "")


class _Program(asyncssh.SSHServerSession[bytes]):
    """One channel; it writes only while asyncssh has room."""

    _channel: asyncssh.SSHServerChannel[bytes]

    def __init__(self) -> None:
        self._command = ""
        self._left = 0
        self._full = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def shell_requested(self) -> bool:
        return True

    def pty_requested(self, *_: object) -> bool:
        return True

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._command == "mirror":
            self._channel.write(data)

    def session_started(self) -> None:
        if said := _SAYS.get(self._command):
            self._channel.write(said)
        if self._command in _STAYING:
            return
        name, _, argument = self._command.partition(" ")
        if name == "zeros":
            self._left = int(argument)
        self._go_on()

    def eof_received(self) -> bool:
        if self._command in _STAYING:
            self._channel.exit(0)
        return True

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._go_on()

    def _go_on(self) -> None:
        if self._full:
            return
        if not self._left:
            self._channel.exit(0)
            return
        piece = _CHUNK[: self._left]
        self._left -= len(piece)
        try:
            self._channel.write(piece)
        except BrokenPipeError:
            # Its client has gone.
            return
        if not self._full:
            # One piece per turn of the loop, as bytes from a socket would come.
            asyncio.get_running_loop().call_soon(self._go_on)


class _Server(asyncssh.SSHServer):
    def session_requested(self) -> _Program:
        return _Program()


class _QuickServer(_Server):
    _quick_acks: QuickAcks

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._quick_acks = QuickAcks(conn)

    def auth_completed(self) -> None:
        self._quick_acks.stop()


async def _serve(authorized: str, host_key: str) -> None:
    acceptors = [
        await asyncssh.create_server(
            server,
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=authorized,
            **server_options(),
        )
        for server in (_Server, _QuickServer)
    ]
    print(*(acceptor.get_port() for acceptor in acceptors), flush=True)
    await asyncio.gather(*(acceptor.wait_closed() for acceptor in acceptors))


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("authorized_keys")
    parser.add_argument("host_key")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.authorized_keys, arguments.host_key))


if __name__ == "__main__":
    main()
