"""The log's writer: nobody who logs waits, memory is bounded, and what is missing is told where it is missing."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sshore.config.log_writer import LOST, LogWriter
from sshore.config.logs import configure_logging, count_losses
from sshore.config.models import LogConfig

CAPACITY = 64 * 1024
SECONDS = 10.0

Opened = Callable[..., LogWriter]


@pytest.fixture
def opened() -> Iterator[Opened]:
    writers: list[LogWriter] = []

    def open_writer(stream: Any, capacity: int = CAPACITY) -> LogWriter:
        writer = LogWriter(stream, capacity)
        writer.setFormatter(Plain())
        writers.append(writer)
        return writer

    yield open_writer
    for writer in writers:
        writer.close()
        assert not writer._thread.is_alive()


class Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        lines = getattr(record, "lines", "")
        return f"{record.getMessage()} {lines}".rstrip()


def say(writer: LogWriter, text: str) -> None:
    writer.handle(logging.makeLogRecord({"msg": text}))


def test_nobody_waits_for_a_reader_that_does_not_read(opened: Opened) -> None:
    reading, writing = os.pipe()
    lost: list[None] = []
    with open(writing, "w") as pipe, open(reading) as reader:
        writer = opened(pipe)
        writer.on_loss = lambda: lost.append(None)
        began = time.monotonic()
        for number in range(5000):
            say(writer, f"line {number} {'x' * 100}")
        assert time.monotonic() - began < SECONDS
        assert len(lost) > 1000
        waiting = sum(len(line) for _, line in writer._waiting._lines)
        assert 0 < waiting < CAPACITY
        # In their order, and in the place of the missing ones their number.
        number = 0
        while number < 5000:
            word, said = reader.readline().split()[:2]
            assert word == LOST or said == str(number)
            number += int(said) if word == LOST else 1
        say(writer, "it goes on")
        assert reader.readline() == "it goes on\n"


def test_a_full_disk_loses_lines_and_says_so_when_there_is_room_again(opened: Opened, tmp_path: Path) -> None:
    lost: list[None] = []
    with (tmp_path / "log").open("w") as log, Path("/dev/full").open("w") as full:
        kept = os.dup(log.fileno())
        writer = opened(log)
        writer.on_loss = lambda: lost.append(None)
        say(writer, "before")
        writer.flush()
        os.dup2(full.fileno(), log.fileno())
        for _ in range(3):
            say(writer, "nowhere to go")
        writer.flush()
        assert len(lost) == 3
        os.dup2(kept, log.fileno())
        os.close(kept)
        say(writer, "behind")
        writer.flush()
        assert (tmp_path / "log").read_text() == f"before\n{LOST} 3\nbehind\n"


def test_a_line_that_was_cut_short_is_ended_before_the_next(opened: Opened) -> None:
    written: list[str] = []
    rooms = [100, 4]

    def output(data: memoryview) -> int:
        room = rooms.pop(0) if rooms else 100
        if not rooms and room == 100 and written[-1:] == ["cut "]:
            written.append("")
            raise OSError("the disk is full")
        written.append(str(data[:room], "utf-8"))
        return min(room, len(data))

    writer = opened(io.StringIO())
    writer._output = output
    say(writer, "short one")
    say(writer, "cut here")
    say(writer, "and on")
    writer.flush()
    assert "".join(written) == f"short one\ncut \n{LOST} 1\nand on\n"


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for(opened: Opened) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(writing, "w") as pipe, open(reading) as reader:
        writer = opened(pipe, capacity=10_000_000)
        for number in range(2000):
            say(writer, f"line {number} {'x' * 100}")
        assert [reader.readline().split()[1] for _ in range(2000)] == [str(number) for number in range(2000)]


def test_lines_of_many_threads_are_whole(opened: Opened, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        writer = opened(log, capacity=10_000_000)
        threads = [
            threading.Thread(target=lambda name=name: [say(writer, f"{name} {number}") for number in range(200)])
            for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.flush()
    lines = (tmp_path / "log").read_text().splitlines()
    for name in "abcd":
        assert [line for line in lines if line.startswith(name)] == [f"{name} {number}" for number in range(200)]


def test_losses_of_the_configured_log_are_counted_and_told_as_an_event() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    reading, writing = os.pipe()
    lost: list[None] = []
    try:
        with open(writing, "w") as pipe, open(reading) as reader:
            configure_logging(LogConfig.model_validate({"format": "text"}), pipe)
            count_losses(lambda: lost.append(None))
            for number in range(3000):
                structlog.get_logger().info("wordy", number=number, text="x" * 2000)
            assert lost
            while LOST not in (line := reader.readline()):
                assert "event=wordy" in line
            assert re.search(rf"level=error event={LOST} (.* )?lines=[1-9]", line)
            [writer] = [handler for handler in root.handlers if isinstance(handler, LogWriter)]
            writer.close()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


PROGRAM = """
import logging, os, sys
from sshore.config.logs import configure_logging
from sshore.config.models import LogConfig
configure_logging(LogConfig())
for number in range({number}):
    logging.getLogger("test").warning("line %d %s", number, "x" * 100)
{end}
"""


@pytest.mark.parametrize("end", ["sys.exit(3)", "logging.shutdown(); os._exit(3)", "raise RuntimeError('crash')"])
def test_a_process_that_ends_writes_its_last_lines(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(number=1000, end=end)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 3)
    assert len(re.findall(r"event=\"line \d+ x+\"", done.stderr)) == 1000


@pytest.mark.parametrize("end", ["sys.exit(3)", "logging.shutdown(); os._exit(3)"])
def test_a_process_whose_log_nobody_reads_ends_all_the_same(end: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(number=5000, end=end)], stderr=subprocess.PIPE, text=True
    )
    assert process.wait(SECONDS * 3) == 3
    assert process.stderr
    process.stderr.close()
