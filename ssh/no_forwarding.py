"""Forwarding of every kind is refused, in the protocol's own terms and with a log line."""

from __future__ import annotations

import asyncssh

from ..actors.log import Log
from ..actors.refusals import record, refuse
from ..metrics.codes import Code
from ..metrics.counters import Metrics


class NoForwarding(asyncssh.SSHServer):
    """A mixin of a connection's server class. Loop only; asyncssh calls everything here.

    It is not asked about an agent's socket and an X11 display: those are a channel's requests (`refuse_forwarding`).
    """

    _log: Log
    _metrics: Metrics

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

    def _prohibited(self, kind: str, target: str) -> asyncssh.ChannelOpenError:
        """The refusal of a channel (RFC 4254 §5.1)."""
        self._note(kind, target)
        return asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "forwarding is not possible here")

    def _note(self, kind: str, target: str) -> None:
        note_refusal(self._log, self._metrics, kind, target)


def note_refusal(log: Log, metrics: Metrics, kind: str, target: str) -> None:
    """Log and count that a forwarding of this kind was refused."""
    refused = refuse(Code.FORWARDING_REFUSED, "sshore forwards nothing")
    record(refused, "forwarding_refused", log.bind(kind=kind, target=target), metrics, "warning")


def _unit(unit: int | None) -> str:
    return "any unit" if unit is None else f"unit {unit}"
