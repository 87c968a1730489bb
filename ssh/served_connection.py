"""asyncssh's side of a connection whose client has said its version already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh


class ServedConnection(asyncssh.SSHServerConnection):
    """A connection that begins with bytes which were read, and a version which was sent, before it was made.

    Loop only.
    """

    def __init__(
        self,
        options: asyncssh.SSHServerConnectionOptions,
        make_owner: Callable[[], asyncssh.SSHServer],
        said: bytes,
    ) -> None:
        """`said` is what came from the client until now; `make_owner` is called when the transport is there."""
        super().__init__(asyncio.get_running_loop(), options)
        self._protocol_factory = make_owner
        self._said = said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        said, self._said = self._said, b""
        # The owner may have sent the client away.
        if self._transport and not transport.is_closing():
            self.data_received(said)

    async def reload_config(self) -> None:
        """Nothing: no configuration of asyncssh's depends on the user.

        asyncssh would make all options anew, in a thread of the loop's own pool, in which whatever else is slow would
        hold up every login.
        """

    def _send_version(self) -> None:
        """It is sent."""
        self._server_version = b"SSH-2.0-" + self._version
        self.set_extra_info(server_version=self._server_version.decode("ascii"))
