"""A keystroke's echo on a terminal, with nothing else going on and beside a session that streams at full speed."""

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .rig import Rig, Server
from .series import Chapter, Claim, Floor, Series, measure

PART = "keys"
_RAW = "raw engine: exec with a tty"
_ECHO = "stty raw -echo; echo ready; exec cat"
_READY = b"ready\n"
_ALL_BYTES = "cat /dev/zero"
_BARE_BYTES = f"zeros {1 << 50}"
_SECONDS = 30.0
_LEAST_PAUSE, _MOST_PAUSE = 0.002, 0.012
_AT_A_TIME = 50


class Keyboard:
    """A terminal on which a program says every byte that it reads."""

    def __init__(self, reads: int, writes: int, said: bytes = b"") -> None:
        self._reads, self._writes = reads, writes
        while not said.endswith(_READY):
            said += self._read()

    def strike(self) -> float:
        """Press a key; return the milliseconds until it has come back."""
        time.sleep(random.uniform(_LEAST_PAUSE, _MOST_PAUSE))  # a user's fingers are what is measured
        began = time.perf_counter()
        os.write(self._writes, b"k")
        said = self._read()
        elapsed = time.perf_counter() - began
        if said != b"k":
            raise RuntimeError(f"a key came back as {said!r}")
        return elapsed * 1e3

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._reads], [], [], _SECONDS)
        data = os.read(self._reads, 4096) if ready else b""
        if not data:
            raise RuntimeError("a terminal says nothing")
        return data


def keystroke_chapters(rig: Rig, strikes: int) -> list[Chapter]:
    """Compare the echoes of so many keystrokes through every server with those on the engine's own terminal."""
    with ExitStack() as stack:
        container = stack.enter_context(rig.raw_container())
        keyboards = {_RAW: stack.enter_context(_raw(rig, container))}
        servers = [*rig.without_containers, *rig.sshore]
        for server in servers:
            command = "mirror" if server is rig.quick else _ECHO
            keyboards[server.name] = stack.enter_context(_keyboard(server, command))
        quiet = measure({name: keyboard.strike for name, keyboard in keyboards.items()}, unit="ms", rounds=strikes)
        return [_quiet_chapter(rig, quiet), _busy_chapter(rig, keyboards, strikes, quiet[_RAW].p99)]


def _quiet_chapter(rig: Rig, series: dict[str, Series]) -> Chapter:
    raw = series[_RAW]
    claims = [
        Claim(f"{server.name} - raw, 99th percentile", series[server.name].p99 - raw.p99, unit="ms")
        for server in rig.sshore
    ]
    title = "Keystroke echo, nothing else going on"
    return Chapter(title, list(series.values()), claims, PART, "quiet", {"": Floor("raw engine", raw.median)})


def _busy_chapter(rig: Rig, keyboards: dict[str, Keyboard], strikes: int, undisturbed: float) -> Chapter:
    """Measure each server while it streams, and the engine's own terminal at the same time.

    A 99th percentile hangs on a few keystrokes, the floor's too: so what a server has is held against the engine's own
    terminal beside the stream, and against its `undisturbed` one.
    """
    servers = [*rig.without_containers, *rig.sshore]
    own = {server.name: Series(server.name, "ms") for server in servers}
    raw = {server.name: Series(f"raw engine beside {server.name}", "ms") for server in servers}
    left = strikes
    while left > 0:
        for server in servers:
            with server.client.streaming(_BARE_BYTES if server is rig.quick else _ALL_BYTES):
                rig.settle(server, connections=2)
                subjects = {"raw": keyboards[_RAW].strike, "own": keyboards[server.name].strike}
                measured = measure(subjects, unit="ms", rounds=min(_AT_A_TIME, left))
            own[server.name].values += measured["own"].values
            raw[server.name].values += measured["raw"].values
            rig.settle(server, connections=1)
        servers.reverse()
        left -= _AT_A_TIME
    claims = [
        Claim(f"{server.name} - raw {floor}, 99th percentile", own[server.name].p99 - value, "≤ 2 ms", "ms", 5)
        for server in rig.sshore
        for floor, value in (("beside it", raw[server.name].p99), ("with nothing else going on", undisturbed))
    ]
    claims += [
        Claim(f"{one.name}, 99th percentile", one.p99, unit="ms") for name in own for one in (raw[name], own[name])
    ]
    floors = {name: Floor(one.name, one.median) for name, one in raw.items()}
    series = [one for name in own for one in (raw[name], own[name])]
    title = "Keystroke echo while another session of the same server streams at full speed"
    return Chapter(title, series, claims, PART, "streaming", floors)


@contextmanager
def _raw(rig: Rig, container: str) -> Iterator[Keyboard]:
    stream, said = rig.engine.exec(container, ["/bin/sh", "-c", _ECHO], tty=True)
    with stream:
        stream.setblocking(True)
        yield Keyboard(stream.fileno(), stream.fileno(), said)


@contextmanager
def _keyboard(server: Server, command: str) -> Iterator[Keyboard]:
    with server.client.terminal(command) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        yield Keyboard(started.stdout.fileno(), started.stdin.fileno())
