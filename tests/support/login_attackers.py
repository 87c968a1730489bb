"""Clients that never log in, in a process of their own: `python login_attackers.py PORT KIND=NUMBER…`.

It says `ready` once all of them are at work, and goes on until its stdin ends. NUMBER is how many there are, or for
kinds that come and go how many come in a second.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import asyncssh

_HELD = 3000
"""Sockets that an attacker keeps open, whatever the server does."""
_TICK = 0.01
_QUIET = {"known_hosts": None, "client_keys": None, "agent_path": None, "config": None, "login_timeout": 3600}

AtWork = Callable[[], None]


class _Sitter(asyncssh.SSHClient):
    """Exchanges keys, names a user, and says no more."""

    def __init__(self, at_work: AtWork) -> None:
        self._at_work = at_work

    async def password_auth_requested(self) -> str:
        self._at_work()
        await asyncio.Event().wait()
        return ""


class _Guesser(asyncssh.SSHClient):
    """Has wrong passwords without end."""

    def __init__(self, at_work: AtWork) -> None:
        self._at_work = at_work

    def password_auth_requested(self) -> str:
        self._at_work()
        return "wrong"


async def _client(port: int, user: str, make: Callable[[], asyncssh.SSHClient]) -> None:
    try:
        options = {**_QUIET, "username": user, "client_factory": make, "preferred_auth": "password"}
        async with asyncssh.connect("127.0.0.1", port, **options):
            pass
    except (OSError, asyncssh.Error):
        pass


async def sitters(port: int, number: int, at_work: AtWork) -> None:
    """So many name a user and wait; who is sent away comes back a second later."""

    async def sit(user: str) -> None:
        while True:
            await _client(port, user, lambda: _Sitter(at_work))
            # Whoever was sent away before he could sit has been at work, too.
            at_work()
            await asyncio.sleep(1)

    await asyncio.gather(*(sit(f"user{one}") for one in range(number)))


async def guessers(port: int, number: int, at_work: AtWork) -> None:
    """So many guess passwords, each for a user of its own, without a pause."""

    async def guess(user: str) -> None:
        while True:
            await _client(port, user, lambda: _Guesser(at_work))
            await asyncio.sleep(0.1)

    await asyncio.gather(*(guess(f"user{one}") for one in range(number)))


async def strangers(port: int, number: int, at_work: AtWork) -> None:
    """So many guess passwords, each try for another user."""
    names = count()

    async def guess() -> None:
        while True:
            await _client(port, f"stranger{next(names)}", lambda: _Guesser(at_work))
            await asyncio.sleep(0.1)

    await asyncio.gather(*(guess() for _ in range(number)))


async def _sockets(port: int, rate: int, at_work: AtWork, says: bytes) -> None:
    loop, held, opened = asyncio.get_running_loop(), deque[socket.socket](), 0
    began = loop.time()
    while True:
        due = int((loop.time() - began) * rate) + 1
        for _ in range(min(due - opened, 50)):
            sock = socket.socket()
            sock.settimeout(0.2)
            try:
                sock.connect(("127.0.0.1", port))
                sock.send(says)
            except OSError:
                pass
            held.append(sock)
            at_work()
        opened = due
        while len(held) > _HELD:
            held.popleft().close()
        await asyncio.sleep(_TICK)


async def silent(port: int, rate: int, at_work: AtWork) -> None:
    """Opens so many sockets a second, and says nothing."""
    await _sockets(port, rate, at_work, b"")


async def speakers(port: int, rate: int, at_work: AtWork) -> None:
    """Opens so many sockets a second, says its version, and no more."""
    await _sockets(port, rate, at_work, b"SSH-2.0-attacker\r\n")


async def scanners(port: int, rate: int, at_work: AtWork) -> None:
    """Opens so many sockets a second, and asks for a page."""
    await _sockets(port, rate, at_work, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


async def dribblers(port: int, number: int, at_work: AtWork) -> None:
    """So many say their version a byte at a time, and come back when they are sent away."""

    async def dribble() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                for byte in b"SSH-2.0-" + b"x" * 200:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    at_work()
                    await asyncio.sleep(0.05)
                writer.close()
            except OSError:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(dribble() for _ in range(number)))


_ATTACKS: tuple[Callable[[int, int, AtWork], Coroutine[Any, Any, None]], ...] = (
    *(sitters, guessers, strangers, silent, speakers, scanners, dribblers),
)
ATTACKS = {attack.__name__: attack for attack in _ATTACKS}


async def _attack(port: int, kinds: dict[str, int]) -> None:
    left = sum(kinds.values())

    def at_work() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            print("ready", flush=True)

    attackers = [asyncio.create_task(ATTACKS[kind](port, number, at_work)) for kind, number in kinds.items()]
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    ended = asyncio.ensure_future(asyncio.gather(*attackers))
    await asyncio.wait((ended, asyncio.create_task(over.wait())), return_when=asyncio.FIRST_COMPLETED)
    if not over.is_set():
        ended.result()
    os._exit(0)


if __name__ == "__main__":
    # The machine's processors are shared with what is attacked: its own work is what is looked at.
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * _HELD, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    asyncio.run(
        _attack(int(sys.argv[1]), {kind: int(number) for kind, number in (one.split("=") for one in sys.argv[2:])})
    )
