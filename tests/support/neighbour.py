"""A neighbour with a process of its own: how long its keystrokes and commands take while others do what they do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncssh

from .server import Server

FACTOR = 5
"""How many times as long as without others both may take."""

_QUIET_ROUNDS = 8
_KEYS_A_ROUND = 20
_PAUSE = 0.02
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The median over so many rounds of a round's longest keystroke, and of its command, in seconds.

    What keeps a server for a moment once a minute is the machine's; what it is kept from by a client comes every time.
    """

    keystroke: float
    command: float
    rounds: int

    def within(self, quiet: Figures, factor: float = FACTOR) -> bool:
        """Whether neither took more than so many times as long."""
        return self.keystroke <= factor * quiet.keystroke and self.command <= factor * quiet.command


class Neighbour:
    """It types at a terminal and runs commands, round after round, in a process that no disturber has a part in."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._rounds: list[tuple[float, float, float]] = []
        self._news = threading.Condition()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.quiet = self.rounds(_QUIET_ROUNDS)
        """What it took before anything happened."""

    def bore(self, felt: Figures) -> None:
        """Fail if what was felt is too much. Behind what disturbed: the machine may have had more to do all along."""
        if not felt.within(self.quiet):
            quiet = self.rounds(_QUIET_ROUNDS)
            assert felt.within(quiet), f"{felt}, before {self.quiet}, behind {quiet}"

    def rounds(self, count: int) -> Figures:
        """Wait for so many rounds that begin from now on."""
        return self.since(time.monotonic(), count)

    def since(self, moment: float, count: int = 1) -> Figures:
        """Return the figures of the rounds that began behind a moment of the monotonic clock, `count` at least."""
        deadline = time.monotonic() + _SECONDS
        with self._news:
            while len(those := [one for one in self._rounds if one[0] >= moment]) < count:
                left = deadline - time.monotonic()
                assert self._process.poll() is None, "the neighbour has lost its connection"
                assert left > 0, f"the neighbour has made {len(those)} of {count} rounds"
                self._news.wait(min(left, 1.0))
        return Figures(median(one[1] for one in those), median(one[2] for one in those), len(those))

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self._rounds.append(tuple(json.loads(line)))
                self._news.notify_all()


@contextmanager
def neighbour_of(server: Server, user: str = "neighbour") -> Iterator[Neighbour]:
    """Such a neighbour, as another user, as long as the block runs."""
    server.authorize(user)
    told = [str(server.port), user, str(server.folder / "id")]
    module = f"{Path(__file__).parent.name}.{Path(__file__).stem}"
    argv = [sys.executable, "-m", module, *told]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent, bufsize=0
    )
    try:
        yield Neighbour(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()


async def _live(port: int, user: str, key: str) -> None:
    async with asyncssh.connect(
        "127.0.0.1", port, username=user, client_keys=[key], known_hosts=None, agent_path=None, config=None
    ) as connection:
        typing = await connection.create_process("stty raw -echo; echo on; exec cat", term_type="xterm", encoding=None)
        await typing.stdout.readuntil(b"on\n")
        while True:
            began = time.monotonic()
            figures = (began, await _keystrokes(typing), await _command(connection))
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()


async def _keystrokes(typing: asyncssh.SSHClientProcess[bytes]) -> float:
    longest = 0.0
    for _ in range(_KEYS_A_ROUND):
        began = time.monotonic()
        typing.stdin.write(b"k")
        assert await typing.stdout.readexactly(1) == b"k"
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(_PAUSE)
    return longest


async def _command(connection: asyncssh.SSHClientConnection) -> float:
    began = time.monotonic()
    done = await connection.run("echo here")
    assert done.stdout == "here\n", done
    return time.monotonic() - began


if __name__ == "__main__":
    asyncio.run(_live(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
