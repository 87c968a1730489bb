"""A socket in front of the engine's, on which a test can hold back a request or its answer."""

from __future__ import annotations

import re
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

SECONDS = 10.0
_CHUNK = 65536
_REQUEST = re.compile(rb"([A-Z]+) (?:/v[0-9.]+)?(/\S*) HTTP/1\.1\r\n")
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


class Hold:
    """What a rule caught. Nothing that was caught goes on before `release`."""

    def __init__(self, method: str, path: str, *, answers: bool, most: int) -> None:
        self.answers = answers
        self._method = method
        self._path = re.compile(path)
        self._most = most
        self._caught = 0
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._dropped = False

    def wait_for(self, count: int, seconds: float = SECONDS) -> None:
        """Wait until so many were caught and are held."""
        with self._changed:
            caught = self._changed.wait_for(lambda: self._caught >= count, seconds)
        assert caught, f"{self._caught} of {count} were caught: {self._method} {self._path.pattern}"

    def release(self) -> None:
        """Let everything go on that is held, or comes later."""
        self._released.set()

    def drop(self) -> None:
        """Let nothing go on any more."""
        self._dropped = True
        self._released.set()

    def takes(self, method: str, path: str) -> bool:
        """Whether this rule is for a request; each counts once."""
        if self._released.is_set() or method != self._method or not self._path.fullmatch(path):
            return False
        with self._changed:
            self._most -= 1
            return self._most >= 0

    def hold(self) -> bool:
        """Wait for the release; return whether to go on."""
        with self._changed:
            self._caught += 1
            self._changed.notify_all()
        self._released.wait()
        return not self._dropped


class EngineProxy:
    """Passes everything on to the engine at `target` but what a rule holds. Use it as a context manager.

    It closes towards the engine what its client closed, so a killed gateway looks to the engine like one.
    """

    def __init__(self, target: str) -> None:
        self._target = target.removeprefix("unix://")
        self._folder = Path(tempfile.mkdtemp(prefix="sshore-proxy-"))
        self._listener = socket.socket(socket.AF_UNIX)
        self.socket = self._folder / "sock"
        self._listener.bind(str(self.socket))
        self._listener.listen(128)
        self._rules: list[Hold] = []
        self.host = f"unix://{self.socket}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> EngineProxy:
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for rule in self._rules:
            rule.drop()
        shutil.rmtree(self._folder)

    def for_crowd(self, count: int) -> dict[str, object]:
        """The section `docker.connection` through it, with a turn at the engine for each of so many."""
        return {"host": self.host, "startsAtOnce": count}

    def hold_request(self, method: str, path: str, most: int = 1000) -> Hold:
        """Keep the first `most` requests whose path (without version, with query) matches from the engine."""
        return self._add(Hold(method, path, answers=False, most=most))

    def hold_answer(self, method: str, path: str, most: int = 1000) -> Hold:
        """Let the engine do what such requests ask, and keep its answers."""
        return self._add(Hold(method, path, answers=True, most=most))

    def permits(self, method: str, path: str) -> bool:
        """Whether a request is passed on at all; else it is answered with 403."""
        return True

    def _add(self, rule: Hold) -> Hold:
        self._rules.append(rule)
        return rule

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX)
        with client, engine:
            try:
                engine.connect(self._target)
                _Relay(client, engine, self._rules, self.permits).run()
            except OSError:
                # One of the two is gone: leaving closes both.
                return


class _Relay:
    """One connection. Clients of the engine do not pipeline: a request is at the beginning of what is received."""

    def __init__(
        self,
        client: socket.socket,
        engine: socket.socket,
        rules: list[Hold],
        permits: Callable[[str, str], bool],
    ) -> None:
        self._client, self._engine = client, engine
        self._rules = rules
        self._permits = permits
        self._hijacked = False
        self._unsent = b""
        self._held_answer: Hold | None = None

    def run(self) -> None:
        poll = select.poll()
        poll.register(self._client, select.POLLIN)
        poll.register(self._engine, select.POLLIN)
        ended: set[int] = set()
        while True:
            for number, events in poll.poll():
                source, target = self._pair(number)
                data = source.recv(_CHUNK) if number not in ended else b""
                if data:
                    if not self._pass(source, data):
                        return
                elif source is self._client and self._held_answer:
                    # The answer is waited for though the client is not there any more.
                    poll.unregister(number)
                elif events & (select.POLLHUP | select.POLLERR):
                    return
                else:
                    ended.add(number)
                    target.shutdown(socket.SHUT_WR)
                    poll.modify(number, 0)

    def _pair(self, number: int) -> tuple[socket.socket, socket.socket]:
        both = (self._client, self._engine)
        return both if number == self._client.fileno() else both[::-1]

    def _pass(self, source: socket.socket, data: bytes) -> bool:
        if source is self._client:
            return self._request(data)
        rule, self._held_answer = self._held_answer, None
        if rule and not rule.hold():
            return False
        self._client.sendall(data)
        return True

    def _request(self, data: bytes) -> bool:
        self._unsent += data
        if not self._hijacked and not _complete(self._unsent):
            # Whoever sends it may be killed before the rest of it is here.
            return True
        data, self._unsent = self._unsent, b""
        head = None if self._hijacked else _REQUEST.match(data)
        if head and not self._permits(head[1].decode(), head[2].decode()):
            self._client.sendall(_FORBIDDEN)
            return False
        if head:
            self._hijacked = b"\r\nUpgrade: tcp\r\n" in data
            taking = [rule for rule in self._rules if rule.takes(head[1].decode(), head[2].decode())]
            self._held_answer = next((rule for rule in taking if rule.answers), None)
            if not all(rule.hold() for rule in taking if not rule.answers):
                return False
        self._engine.sendall(data)
        return True


def _complete(request: bytes) -> bool:
    head, end_of_head, body = request.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(end_of_head) and len(body) >= int(length[1] if length else 0)
