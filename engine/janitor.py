"""The janitor: a child process of the gateway that removes its containers when the gateway died.

It listens on a pipe from the gateway, its stdin. The first line is its order, a JSON object: `host`, `cacert`,
`cert` and `key` as `EngineAddress.parse` takes them (certificates as text), `gateway` (the value of the label
`sshore.gateway`) and `grace` in seconds. Then `+NAME` claims a container that is about to be created, `-NAME` says
that it is gone, `bye` that all is well. At the pipe's end without `bye` the janitor removes what was claimed and what
carries the label, and ends.

It lives as long as the gateway, so it is small: only Python's own library, and nothing is imported after the start.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urlencode

from .address import EngineAddress
from .labels import GATEWAY

_THREADS = 8
_CALL_SECONDS = 15.0
_GIVE_UP_SECONDS = 120.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5
_UNANSWERED = 0
NO_ORDER = 78
"""Exit status (EX_CONFIG) of a janitor whose order cannot be understood: another would understand it no better."""


@dataclass(frozen=True, slots=True)
class Order:
    """Whose containers to remove. A claimed name may still be unknown to the engine for `grace` seconds."""

    address: EngineAddress
    gateway: str
    grace: float

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Read the first line of the pipe. Raises ValueError or KeyError."""
        fields = json.loads(line)
        address = EngineAddress.parse(fields["host"], fields["cacert"], fields["cert"], fields["key"])
        return cls(address, fields["gateway"], fields["grace"])


def main() -> None:
    """Obey the pipe on stdin until its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):
        signal.signal(number, signal.SIG_IGN)
    sys.excepthook = _say_where
    pipe = sys.stdin.buffer
    first = pipe.readline()
    if not first:
        return
    order = _understood(first)
    claimed = listen(pipe)
    if claimed is None:
        return
    left = Cleaning(order, claimed).run()
    if left:
        with contextlib.suppress(OSError):
            print(f"sshore janitor: could not remove {' '.join(sorted(left))}", file=sys.stderr)


def _understood(line: bytes) -> Order:
    """The order; one that is none now will never be one, and ends the process with NO_ORDER."""
    try:
        return Order.parse(line)
    except Exception as error:  # whatever it is: its text and its traceback may hold what was read
        _say_where(type(error), error, error.__traceback__)
        sys.exit(NO_ORDER)


def _say_where(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """Say what went wrong without a word of the order, which has the engine's key in it."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "nowhere"
    with contextlib.suppress(OSError):
        print(f"sshore janitor: {kind.__name__} in {place}", file=sys.stderr)


def listen(lines: Iterable[bytes]) -> set[str] | None:
    """Follow the claims until the lines end and return the names still claimed; None after `bye`."""
    claimed: set[str] = set()
    for line in lines:
        text = line.decode().rstrip("\n")
        if text == "bye":
            return None
        if text.startswith("+"):
            claimed.add(text[1:])
        elif text.startswith("-"):
            claimed.discard(text[1:])
    return claimed


class Cleaning:
    """Removes the claimed and the labelled containers of one gateway."""

    def __init__(self, order: Order, claimed: set[str]) -> None:
        self._order = order
        self._pending = claimed
        self._seen: set[str] = set()
        self._started = time.monotonic()
        self.rounds = 0
        """How often everything was tried so far."""

    def run(self) -> set[str]:
        """Remove until nothing is left, and return nothing; or give up and return the names."""
        pause = _FIRST_PAUSE
        with ThreadPoolExecutor(_THREADS) as pool:
            while left := self._round(pool):
                if self._elapsed() > _GIVE_UP_SECONDS:
                    return left
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        return left

    def _round(self, pool: ThreadPoolExecutor) -> set[str]:
        labelled = self._list()
        # What is listed exists: once it is not found any more it is gone.
        self._seen |= labelled or set()
        names = self._pending | (labelled or set())
        statuses = dict(zip(names, pool.map(self._remove, names), strict=True))
        for name, status in statuses.items():
            self._judge(name, status)
        self.rounds += 1
        if labelled is None:
            return self._pending | {"(the engine does not answer)"}
        # An engine that was killed may go on listing what it has removed and does not know any more.
        return self._pending | {name for name in labelled if statuses[name] != 404}

    def _judge(self, name: str, status: int) -> None:
        if status in (204, 409):
            # 409: somebody's removal is under way; it has ended when the name is not found.
            self._seen.add(name)
        # A create that the gateway sent may still be under way, and its name not yet known.
        believed = name in self._seen or self._elapsed() > self._order.grace
        if status in (204, 400) or (status == 404 and believed):
            self._pending.discard(name)

    def _list(self) -> set[str] | None:
        filters = json.dumps({"label": [f"{GATEWAY}={self._order.gateway}"]})
        status, body = self._request("GET", f"/containers/json?{urlencode({'all': 1, 'filters': filters})}")
        if status != 200:
            return None
        return {(row.get("Names") or [row["Id"]])[0].removeprefix("/") for row in json.loads(body)}

    def _remove(self, name: str) -> int:
        return self._request("DELETE", f"/containers/{quote(name, safe='')}?force=1&v=1")[0]

    def _request(self, method: str, target: str) -> tuple[int, bytes]:
        connection = _EngineConnection(self._order.address)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return _UNANSWERED, b""
        finally:
            connection.close()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


class _EngineConnection(http.client.HTTPConnection):
    def __init__(self, address: EngineAddress) -> None:
        super().__init__("localhost", timeout=_CALL_SECONDS)
        self._address = address

    def connect(self) -> None:
        self.sock = self._address.connect_blocking(_CALL_SECONDS)
