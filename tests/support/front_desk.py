"""sshore's own listener in front of a fake engine, with limits, a key and a password, and clients for it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import bcrypt
from sshore.backend.backend import Backend
from sshore.config.load import parse_config
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.metrics.counters import Metrics
from sshore.ssh.listener import Listener

from .client import SECONDS, eventually
from .logbook import Logbook

USER = "alice"
PASSWORD = "wonderland"


class FrontDesk:
    """A listener that runs; `book` has the log of its connections."""

    def __init__(self, folder: Path, limits: dict[str, Any]) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.key = self._make_key("id")
        self._write(folder / "keys" / USER, self.key.export_public_key(), 0o644)
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
        self._write(folder / "htpasswd", f"{USER}:{hashed.decode()}\n".encode(), 0o600)
        self.book = Logbook()
        self.metrics = Metrics()
        self.config = parse_config(json.dumps(self._sections(limits)), str(folder / "sshore.json"))
        self._state = folder / "state"
        self._state.mkdir(mode=0o700)

    @asynccontextmanager
    async def open(self, engine: FakeEngine | None = None) -> AsyncIterator[FrontDesk]:
        self.engine = engine or FakeEngine()
        log, metrics = self.book.log, self.metrics
        self.backend = Backend(self.config.docker, self._state, log=log, metrics=metrics, engine=self.engine)
        self.listener = Listener(self.config, self._state, self.backend)
        async with self.backend:
            await self.listener.start()
            try:
                yield self
            finally:
                await self.listener.stop()
                self.listener.dismiss("The test is over.")
                self.listener.close()

    def login(self, user: str = USER, **options: Any) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
        """A connection of asyncssh's client, by key unless the options say otherwise."""
        defaults = {"known_hosts": None, "client_keys": [self.key], "agent_path": None, "config": None}
        return asyncssh.connect("127.0.0.1", self.listener.port, username=user, **(defaults | options))

    async def openssh(self, *arguments: str) -> tuple[int, str]:
        """Run OpenSSH's client with the user's key; return its status and what it said."""
        process = await asyncio.create_subprocess_exec(
            *("ssh", "-F", "none", "-T", "-p", str(self.listener.port), "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
            *("-o", "BatchMode=yes", "-o", f"User={USER}", "-i", str(self.folder / "id"), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode is not None
        return process.returncode, said.decode()

    async def socket(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that says nothing."""
        return await asyncio.open_connection("127.0.0.1", self.listener.port)

    def refusals(self, code: str) -> float:
        """How many have been counted."""
        return self.metrics.registry.get_sample_value("sshore_refusals_total", {"code": code}) or 0.0

    def connected(self) -> float:
        return self.metrics.registry.get_sample_value("sshore_connections_current") or 0.0

    async def until_connected(self, number: int) -> None:
        await eventually(lambda: self.connected() == number, lambda: f"{number} connections, not {self.connected()}")

    def _sections(self, limits: dict[str, Any]) -> dict[str, Any]:
        host_key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        return {
            "ssh": {"listen": "127.0.0.1:0", "hostkeys": [host_key]},
            "auth": {"authorizedKeys": f"{self.folder}/keys/%u", "passwords": f"{self.folder}/htpasswd"},
            "limits": limits,
            "docker": {
                "connection": {"host": "unix:///nowhere/docker.sock"},
                "execution": {"container": {"Image": FAKE_IMAGE}, "host": {"NetworkMode": "none"}},
            },
        }

    def _make_key(self, name: str) -> asyncssh.SSHKey:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self._write(self.folder / name, key.export_private_key(), 0o600)
        return key

    def _write(self, path: Path, data: bytes, mode: int) -> None:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.write_bytes(data)
        os.chmod(path, mode)
