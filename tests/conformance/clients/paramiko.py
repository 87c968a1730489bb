"""paramiko, a library: an implementation of SSH of its own, in threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import paramiko
from conformance.driver import SECONDS, Connection, Ended, Program, Screen
from conformance.output import Output
from support.server import USER, Server


class Paramiko:
    """The release that requirements.lock names, with the key and the known host of the server's clients."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection."""
        folder = self._server.folder
        with paramiko.SSHClient() as client:
            blob = (folder / "known_hosts").read_text().split()[2]
            host_key = paramiko.hostkeys.HostKeyEntry.from_line(f"sshore ssh-ed25519 {blob}")
            assert host_key is not None
            client.get_host_keys().add(f"[127.0.0.1]:{self._server.port}", "ssh-ed25519", host_key.key)
            client.connect(
                "127.0.0.1",
                self._server.port,
                username=USER,
                key_filename=str(folder / "id"),
                allow_agent=False,
                look_for_keys=False,
                timeout=SECONDS,
            )
            yield _Open(client)


class _Open:
    def __init__(self, client: paramiko.SSHClient) -> None:
        self._client = client

    def start(self, command: str, env: Mapping[str, str] | None = None) -> Program:
        channel = self._channel()
        channel.update_environment(dict(env or {}))
        channel.exec_command(command)
        return _Program(channel)

    @contextmanager
    def screen(self, columns: int, rows: int) -> Iterator[Screen]:
        channel = self._channel()
        channel.get_pty("xterm", columns, rows)
        channel.invoke_shell()
        try:
            yield _Screen(channel)
        finally:
            channel.close()

    def round_trip(self, source: Path, remote: str, target: Path) -> None:
        with self._client.open_sftp() as sftp:
            sftp.put(str(source), remote)
            sftp.get(remote, str(target))

    def _channel(self) -> paramiko.Channel:
        transport = self._client.get_transport()
        assert transport is not None
        channel = transport.open_session(timeout=SECONDS)
        channel.settimeout(SECONDS)
        return channel


class _Program:
    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._stdout, self._stderr = Output(), Output()
        self._stdout.collect(channel.recv)
        self._stderr.collect(channel.recv_stderr)
        self.expect, self.read = self._stdout.expect, self._stdout.read

    def write(self, data: bytes) -> None:
        self._channel.sendall(data)

    def end_input(self) -> None:
        self._channel.shutdown_write()

    def wait(self) -> Ended:
        stdout, stderr = self._stdout.whole(), self._stderr.whole()
        ended = Ended(_status(self._channel), stdout, stderr)
        self._channel.close()
        return ended


class _Screen:
    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._output = Output()
        self._output.collect(channel.recv)

    def type(self, text: str) -> None:
        self._channel.sendall(text.encode())

    def expect(self, text: str) -> bytes:
        return self._output.expect(text.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._channel.resize_pty(columns, rows)

    def wait(self) -> int:
        self._output.whole()
        return _status(self._channel)


def _status(channel: paramiko.Channel) -> int:
    """The exit status; -1 without one, as paramiko has it."""
    assert channel.status_event.wait(SECONDS), "no exit status comes"
    return channel.recv_exit_status()
