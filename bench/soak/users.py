"""What users do to a server: most of it ends well, some of it badly; nothing of it may hang."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import asyncssh

from .server import USER, Server

_SECONDS = 120
_MOST_BYTES = 4 * 2**20


class MisbehavedError(Exception):
    """The server did not do what it should."""


class EngineHand(Protocol):
    """What somebody at the engine does to a container, by its name."""

    async def remove(self, name: str) -> None: ...

    async def freeze(self, name: str, frozen: bool) -> None: ...


class Users:
    """Acts of users, drawn from one random source. Loop only."""

    def __init__(self, server: Server, dice: random.Random, engine: EngineHand) -> None:
        self._server = server
        self._dice = dice
        self._engine = engine
        self._key = asyncssh.read_private_key(server.key)
        self._strange_key = asyncssh.generate_private_key("ssh-ed25519")
        self.latencies: list[float] = []
        """Milliseconds from a connection's begin to the end of its command, for commands only."""

    async def command(self) -> None:
        """Connect, run, leave: the one whose time is taken."""
        word, status = f"w{self._dice.randrange(10**9)}", self._dice.randrange(256)
        began = time.perf_counter()
        async with self._connected() as connection:
            done = await connection.run(f"echo {word}; exit {status}")
        _expect((done.stdout, done.stderr, done.returncode), (f"{word}\n", "", status))
        self.latencies.append((time.perf_counter() - began) * 1e3)

    async def openssh(self) -> None:
        """The same with OpenSSH's client."""
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
        }
        flags = [word for pair in options.items() for word in ("-o", "=".join(pair))]
        address = ("-i", str(self._server.key), "-p", str(self._server.port), f"{USER}@127.0.0.1")
        process = await asyncio.create_subprocess_exec(
            *("ssh", "-F", "none", "-n", "-T", *flags, *address, "echo hi"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said = await process.communicate()
        _expect((*said, process.returncode), (b"hi\n", b"", 0))

    async def transfer(self) -> None:
        """Send bytes through `cat` and get them back."""
        data = self._dice.randbytes(self._dice.randrange(_MOST_BYTES))
        async with self._connected() as connection:
            done = await connection.run("cat", input=data, encoding=None)
        sent, got = (hashlib.sha256(some).hexdigest()[:16] for some in (data, done.stdout))
        seen = (len(done.stdout), got, done.stderr, done.exit_status, done.exit_signal)
        _expect(seen, (len(data), sent, b"", 0, None))

    async def sftp(self) -> None:
        """Write a file and read it."""
        data = self._dice.randbytes(self._dice.randrange(2**18))
        async with self._connected() as connection, connection.start_sftp_client() as client:
            async with client.open("/tmp/soak", "wb") as file:
                await file.write(data)
            async with client.open("/tmp/soak", "rb") as file:
                _expect(await file.read() == data, True)

    async def resize(self) -> None:
        """Change a terminal's size as somebody does who drags a corner."""
        async with self._connected() as connection:
            process = await connection.create_process(term_type="xterm", term_size=(80, 24))
            for _ in range(self._dice.randrange(1, 30)):
                process.change_terminal_size(self._dice.randrange(20, 300), self._dice.randrange(5, 100))
            process.stdin.write("stty size; exit 3\n")
            await process.stdout.read()
            _expect((await process.wait()).returncode, 3)

    async def signal(self) -> None:
        """Kill the program."""
        name = self._dice.choice(["KILL", "TERM", "INT"])
        async with self._connected() as connection:
            process = await connection.create_process("trap 'exit 9' TERM INT; echo up; while :; do sleep 0.1; done")
            await process.stdout.readline()
            process.send_signal(name)
            _expect((await process.wait()).returncode, 137 if name == "KILL" else 9)

    async def several(self) -> None:
        """Several programs at once on one connection."""
        async with self._connected() as connection:
            commands = [connection.run(f"exit {status}") for status in range(self._dice.randrange(2, 6))]
            done = await asyncio.gather(*commands)
        _expect([one.returncode for one in done], list(range(len(done))))

    async def vanish(self) -> None:
        """Go away in the middle, without a word."""
        connection = await self._connect()
        await connection.create_process("yes")
        await asyncio.sleep(self._dice.random() * 0.3)
        connection.abort()

    async def stop_reading(self) -> None:
        """Ask for a flood, read nothing of it, go away."""
        connection = await self._connect()
        process = await connection.create_process("yes", window=2**20)
        process.channel.pause_reading()
        await asyncio.sleep(self._dice.random())
        connection.abort()

    async def leave_early(self) -> None:
        """Go away at any moment of the login, or right behind it."""
        task = asyncio.ensure_future(self._connect())
        await asyncio.sleep(self._dice.random() * 0.1)
        task.cancel()
        with suppress(asyncio.CancelledError, asyncssh.Error, OSError):
            (await task).abort()

    async def be_refused(self) -> None:
        """Try a key that is not listed."""
        with suppress(asyncssh.PermissionDenied):
            (await self._connect(client_keys=[self._strange_key])).abort()
            raise MisbehavedError("a key that is not listed was let in")

    async def lose_container(self) -> None:
        """Have the container killed from outside: the session ends, and says so."""
        connection = await self._connect()
        process = await connection.create_process("hostname; cat")
        await self._engine.remove(await self._name_said(process))
        await process.wait()
        _expect(process.returncode == 0, False)
        connection.abort()

    async def freeze_container(self) -> None:
        """Have the container paused from outside for a moment: the session goes on where it was."""
        async with self._connected() as connection:
            process = await connection.create_process("hostname; read line; echo $line; exit 4")
            name = await self._name_said(process)
            await self._engine.freeze(name, True)
            process.stdin.write("thaw\n")
            await asyncio.sleep(self._dice.random())
            await self._engine.freeze(name, False)
            said = await process.stdout.readline()
            _expect((said, (await process.wait()).returncode), ("thaw\n", 4))

    def acts(self) -> Mapping[Callable[[], Awaitable[None]], int]:
        """Every act, and how often it is drawn."""
        return {
            self.command: 50,
            self.openssh: 5,
            self.transfer: 8,
            self.sftp: 4,
            self.resize: 6,
            self.signal: 6,
            self.several: 6,
            self.vanish: 4,
            self.stop_reading: 2,
            self.leave_early: 4,
            self.be_refused: 2,
            self.lose_container: 3,
            self.freeze_container: 2,
        }

    async def act(self) -> str:
        """Do something; return what it was. Raises MisbehavedError if the server did not do its part, in time."""
        acts = self.acts()
        [drawn] = self._dice.choices(list(acts), list(acts.values()))
        name: str = drawn.__name__  # type: ignore[attr-defined]  # bound methods have one
        try:
            async with asyncio.timeout(_SECONDS):
                await drawn()
        except (TimeoutError, OSError, asyncssh.Error, MisbehavedError) as error:
            raise MisbehavedError(f"{name}: {error!r}") from error
        return name

    async def _name_said(self, process: asyncssh.SSHClientProcess[str]) -> str:
        name = (await process.stdout.readline()).strip()
        if not name:
            raise MisbehavedError(f"no name of a container but {await process.stderr.read()!r:.400}")
        return name

    def _connected(self) -> Any:
        return asyncssh.connect("127.0.0.1", **self._options())

    async def _connect(self, **more: Any) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect("127.0.0.1", **(self._options() | more))

    def _options(self) -> dict[str, Any]:
        return {
            "port": self._server.port,
            "username": USER,
            "client_keys": [self._key],
            "known_hosts": None,
            "agent_path": None,
            "config": None,
        }


def _expect(seen: object, expected: object) -> None:
    if seen != expected:
        raise MisbehavedError(f"{seen!r:.400} instead of {expected!r:.200}")
