"""Streams of JSON lines: what an engine, or a registry through it, may say without end is bounded."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sshore.actors.pull_summary import PullSummary
from sshore.engine.address import EngineAddress
from sshore.engine.errors import ServerFault
from sshore.engine.json_stream import LONGEST_LINE, JsonStream
from sshore.engine.types import PullProgress

SECONDS = 20.0
CHUNK = b"x" * 65_536


@contextmanager
def engine_that_says(folder: Path, status: int, pieces: Iterable[bytes]) -> Iterator[EngineAddress]:
    """An engine that answers one request with these pieces, as long as somebody listens."""
    path = str(folder / "engine.sock")

    def serve() -> None:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.recv(65_536)
            client.sendall(b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\n" % status)
            for piece in pieces:
                client.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield EngineAddress.parse(f"unix://{path}")
        serving.join(SECONDS)
        assert not serving.is_alive()


def test_a_line_without_an_end_is_given_up(tmp_path: Path) -> None:
    with engine_that_says(tmp_path, 200, itertools.repeat(CHUNK)) as address:
        stream = JsonStream.open(address, "pull", "POST", "/images/create", timeout=SECONDS)
        with pytest.raises(ServerFault, match=f"more than {LONGEST_LINE} bytes"):
            list(stream)


def test_the_text_of_an_error_without_an_end_is_given_up(tmp_path: Path) -> None:
    with (
        engine_that_says(tmp_path, 500, itertools.repeat(CHUNK)) as address,
        pytest.raises(ServerFault, match=f"more than {LONGEST_LINE} bytes"),
    ):
        JsonStream.open(address, "pull", "POST", "/images/create", timeout=SECONDS)


def test_lines_without_an_end_come_one_by_one(tmp_path: Path) -> None:
    line = b'{"status": "Downloading"}\n'
    with engine_that_says(tmp_path, 200, itertools.repeat(line * 1000)) as address:
        stream = JsonStream.open(address, "pull", "POST", "/images/create", timeout=SECONDS)
        for _, value in zip(range(50_000), stream, strict=False):
            assert value == {"status": "Downloading"}
        stream.close()


def test_a_summary_counts_so_many_layers_and_no_more() -> None:
    summary = PullSummary()
    for number in range(3000):
        summary.add(PullProgress(layer=f"layer{number}", status="Pulling fs layer", current=0, total=0))
    assert summary.sentence == "Fetching the image: 0 of 1000 layers, 0.0 MB"
