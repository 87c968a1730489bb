"""Forwarding of every kind is refused, in the protocol's own terms and with a log line."""

from __future__ import annotations

import asyncssh

from ..actors.log import Log
from ..actors.refusals import record, refuse
from ..metrics.codes import Code
from ..metrics.counters import Metrics


class NoForwarding(asyncssh.SSHServer):
    """A mixin of a connection's server class. Loop only; asyncssh calls everything here.

    The base class accepts none of the others, but an agent's socket and an X11 display, both on the gateway itself,
    are asyncssh's to decide by the listener's options: here they are refused whatever those say.
    """

    _log: Log
    _metrics: Metrics

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        # asyncssh asks the server class about every kind of forwarding but these two.
        conn.create_agent_listener = self._agent_requested  # type: ignore[method-assign]  # there is no hook
        conn.attach_x11_listener = self._x11_requested  # type: ignore[method-assign]  # there is no hook
        super().connection_made(conn)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        raise self._prohibited("direct-tcpip", f"{dest_host}:{dest_port}")

    def unix_connection_requested(self, dest_path: str) -> bool:
        raise self._prohibited("direct-streamlocal", dest_path)

    def tun_requested(self, unit: int | None) -> bool:
        raise self._prohibited("tun", _unit(unit))

    def tap_requested(self, unit: int | None) -> bool:
        raise self._prohibited("tap", _unit(unit))

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        self._note("tcpip-forward", f"{listen_host}:{listen_port}")
        return False

    def unix_server_requested(self, listen_path: str) -> bool:
        self._note("streamlocal-forward", listen_path)
        return False

    async def _agent_requested(self) -> bool:
        self._note("auth-agent", "agent")
        return False

    async def _x11_requested(self, chan: object, auth_proto: bytes, auth_data: bytes, screen: int) -> str | None:
        self._note("x11", f"screen {screen}")
        return None

    def _prohibited(self, kind: str, target: str) -> asyncssh.ChannelOpenError:
        """The refusal of a channel (RFC 4254 §5.1)."""
        self._note(kind, target)
        return asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "forwarding is not possible here")

    def _note(self, kind: str, target: str) -> None:
        refused = refuse(Code.FORWARDING_REFUSED, "sshore forwards nothing")
        record(refused, "forwarding_refused", self._log.bind(kind=kind, target=target), self._metrics, "warning")


def _unit(unit: int | None) -> str:
    return "any unit" if unit is None else f"unit {unit}"
