"""A listener that authenticates from files and tells every session what its login permits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import bcrypt
from sshore.ssh.authentication import Credentials, FileAuthentication

PASSWORD = "wonderland"


class Desk:
    """The listener, its users' keys and their one password, and clients for it."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self.keys = folder / "keys"
        self.keys.mkdir(mode=0o755)
        self.passwords = folder / "htpasswd"
        self.passwords.write_text(f"alice:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
        self.passwords.chmod(0o600)
        self.folder = folder
        self.port = 0
        self.owners: list[FileAuthentication] = []

    def make_key(self, name: str) -> asyncssh.SSHKey:
        key = asyncssh.generate_private_key("ssh-ed25519")
        path = self.folder / name
        path.write_bytes(key.export_private_key())
        path.chmod(0o600)
        (self.folder / f"{name}.pub").write_bytes(key.export_public_key())
        (self.folder / f"{name}.pub").chmod(0o600)
        return key

    def authorize(self, user: str, *lines: tuple[str, asyncssh.SSHKey]) -> None:
        text = b"".join(options.encode() + b" " + key.export_public_key() for options, key in lines)
        (self.keys / user).write_bytes(text)
        (self.keys / user).chmod(0o644)

    @asynccontextmanager
    async def listening(self, passwords: bool = True) -> AsyncIterator["Desk"]:
        credentials = Credentials(f"{self.keys}/%u", self.passwords if passwords else None)

        def make_owner() -> FileAuthentication:
            self.owners.append(FileAuthentication(credentials))
            return self.owners[-1]

        listener = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=make_owner,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=report_permissions,
            agent_forwarding=False,
        )
        async with listener:
            self.port = listener.get_port()
            yield self
        credentials.close()

    @asynccontextmanager
    async def connected(self, user: str, **options: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
        defaults = {"known_hosts": None, "client_keys": None, "agent_path": None, "config": None}
        connection = await asyncssh.connect("127.0.0.1", self.port, username=user, **(defaults | options))
        async with connection:
            yield connection

    async def log_in(self, user: str, **options: Any) -> dict[str, Any]:
        async with self.connected(user, **options) as connection:
            return json.loads((await connection.run("anything")).stdout)

    async def openssh(self, user: str, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *("ssh", "-F", "none", "-T", "-p", str(self.port), "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
            *("-o", "BatchMode=yes", "-o", f"User={user}"),
            *arguments,
            *("127.0.0.1", "anything"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


async def report_permissions(process: "asyncssh.SSHServerProcess[str]") -> None:
    permissions = process.channel.get_connection().get_owner().permissions
    process.stdout.write(
        json.dumps(
            {
                "command": permissions.command,
                "pty": permissions.pty,
                "environment": dict(permissions.environment),
                "asked": process.command,
                "asyncssh_environment": dict(process.env),
            }
        )
    )
    process.exit(0)


class Signer(asyncssh.SSHKeyPair):
    """A key whose owner signs as `sign_data` does; without it he can only offer the key."""

    def __init__(self, public_data: bytes, sign_data: Callable[[bytes], bytes] | None = None) -> None:
        algorithm = public_data[4 : 4 + int.from_bytes(public_data[:4], "big")]
        super().__init__(algorithm, algorithm, [algorithm], [algorithm], public_data, None)
        self._sign_data = sign_data

    def sign(self, data: bytes) -> bytes:
        if self._sign_data is None:
            raise ValueError("no private key")
        return self._sign_data(data)


# What an unrestricted login's session says.
UNRESTRICTED = {"command": None, "pty": True, "environment": {}, "asked": "anything", "asyncssh_environment": {}}
