"""How many lines of one connection are written, whoever writes them."""

from __future__ import annotations

import threading

import pytest
from sshore.config.paced_log import OF_PROGRAMS, PacedLog
from support.logbook import Logbook


class Clock:
    """Stands still unless it is told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_lines_are_written_at_once_and_the_next_a_minute_later_tells_of_the_rest() -> None:
    book, clock = Logbook(), Clock()
    log = PacedLog(book.log, clock)
    for number in range(50):
        log.info("refused", number=number)
    assert [line["number"] for line in book.lines] == list(range(10))
    clock.now += 59
    log.info("refused", number=50)
    assert len(book.lines) == 10
    clock.now += 1
    log.info("refused", number=51)
    log.info("refused", number=52)
    assert book.lines[10:] == [{"event": "refused", "level": "info", "number": 51, "left_out": 41}]


def test_a_long_silence_saves_up_no_more_than_the_ten() -> None:
    book, clock = Logbook(), Clock()
    log = PacedLog(book.log, clock)
    for _ in range(2):
        for _ in range(100):
            log.info("refused")
        clock.now += 86_400
    assert len(book.lines) == 20


def test_what_is_bound_to_it_has_the_same_pace() -> None:
    book = Logbook()
    log = PacedLog(book.log, Clock())
    for channel in range(20):
        log.bind(channel=channel).bind(signal="TERM").info("refused")
    log.info("another")
    assert [line["channel"] for line in book.of("refused")] == list(range(10))
    assert len(book.of("another")) == 1


def test_a_level_that_may_not_be_written_takes_no_line_from_another() -> None:
    book = Logbook()
    log = PacedLog(book.log, Clock())
    for _ in range(20):
        log.debug("postponed")
    log.warning("postponed", name="a")
    assert [line for line in book.lines if line["level"] == "warning"] == [
        {"event": "postponed", "level": "warning", "name": "a"}
    ]


def test_the_rest_is_told_once() -> None:
    book = Logbook()
    log = PacedLog(book.log, Clock())
    for _ in range(15):
        log.error("refused")
        log.warning("refused")
    log.info("another")
    log.bind(user="alice").tell_left_out()
    told = [(line["level"], line["left_out"], line["user"]) for line in book.lines if "left_out" in line]
    assert told == [("error", 5, "alice"), ("warning", 5, "alice")]
    log.tell_left_out()
    assert len(book.lines) == 23


@pytest.mark.parametrize("event", sorted(OF_PROGRAMS))
def test_ten_thousand_programs_an_hour_are_told_and_no_flood_of_them(event: str) -> None:
    book, clock = Logbook(), Clock()
    log = PacedLog(book.log, clock)
    for _ in range(10_000):
        log.info(event)
        clock.now += 0.36
    assert len(book.lines) == 10_000
    clock.now += 86_400
    for _ in range(10_000):
        log.info(event)
        clock.now += 0.001
    assert 100 <= len(book.lines) - 10_000 <= 130


def test_an_exception_is_told_with_its_traceback() -> None:
    book = Logbook()
    PacedLog(book.log, Clock()).exception("failed")
    assert book.lines == [{"event": "failed", "level": "error", "exc_info": True}]


def test_it_passes_for_the_logger_that_it_wraps() -> None:
    book = Logbook()
    PacedLog(book.log, Clock()).log.bind(user="alice").critical("over")
    assert book.lines == [{"event": "over", "level": "critical", "user": "alice"}]


def test_threads_write_no_line_too_many_and_lose_none_of_the_number() -> None:
    book = Logbook()
    log = PacedLog(book.log)
    start = threading.Barrier(4)

    def write(channel: int) -> None:
        mine = log.bind(channel=channel)
        start.wait(30)
        for _ in range(5_000):
            mine.info("refused")
            mine.info("program_ended")

    def tell() -> None:
        start.wait(30)
        for _ in range(500):
            log.tell_left_out()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=tell))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    log.tell_left_out()
    for event, most in (("refused", 11), ("program_ended", None)):
        lines = book.of(event)
        written = [line for line in lines if "channel" in line]
        assert len(written) + sum(line.get("left_out", 0) for line in lines) == 15_000
        assert most is None or 10 <= len(written) <= most
