"""The log: one safe line per event."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sshore.config.logs import CHATTY, configure_logging, render_text
from sshore.config.models import LogConfig

Configured = Callable[..., io.StringIO]


class Written(io.StringIO):
    """A stream for the log, whose value has everything that was logged by then."""

    def getvalue(self) -> str:
        for handler in logging.getLogger().handlers:
            handler.flush()
        return super().getvalue()


@pytest.fixture
def configured() -> Iterator[Configured]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configure(**keys: object) -> io.StringIO:
        stream = Written()
        configure_logging(LogConfig.model_validate(keys), stream)
        return stream

    yield configure
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_a_text_line_carries_what_was_bound(configured: Configured) -> None:
    stream = configured()
    log = structlog.get_logger().bind(connection="c1", user="ada", container="sshore-1")
    log.info("program_started", argv=["sh", "-c"])
    line = stream.getvalue()
    assert line.endswith(
        "Z level=info event=program_started connection=c1 user=ada container=sshore-1 argv=\"['sh', '-c']\"\n"
    )
    assert line.startswith("timestamp=20")


def test_a_json_line_carries_what_was_bound(configured: Configured) -> None:
    stream = configured(format="json")
    structlog.get_logger().bind(user="a\nb").warning("refused", port=22)
    line = json.loads(stream.getvalue())
    assert (line["level"], line["event"], line["user"], line["port"]) == ("warning", "refused", "a\nb", 22)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_one_line(configured: Configured, form: str) -> None:
    stream = configured(format=form)
    try:
        raise ValueError("odd\nvalue")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("pykka").exception("actor failed")
    assert len(stream.getvalue().splitlines()) == 2
    assert stream.getvalue().count("ValueError") >= 2


def test_what_is_below_the_level_is_not_logged(configured: Configured) -> None:
    stream = configured(level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("elsewhere").info("quiet")
    assert stream.getvalue() == ""


def test_libraries_are_heard_from_warning_on_and_fully_when_debugging(configured: Configured) -> None:
    stream = configured()
    logging.getLogger("asyncssh").info("chatter")
    logging.getLogger("urllib3").warning("pool of %s is full", "x")
    assert "chatter" not in stream.getvalue()
    assert 'event="pool of x is full" logger=urllib3' in stream.getvalue()
    stream = configured(level="debug")
    logging.getLogger("asyncssh").debug("chatter")
    assert "chatter" in stream.getvalue()


def test_setting_up_twice_does_not_log_twice(configured: Configured) -> None:
    configured()
    stream = configured()
    structlog.get_logger().info("once")
    assert len(stream.getvalue().splitlines()) == 1


@given(st.text(st.characters()), st.text(st.characters()))
def test_no_value_breaks_out_of_its_line(key: str, value: str) -> None:
    line = render_text(None, "info", {"event": value, key: value})
    assert line.isprintable()


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_client_made_long_is_cut_and_a_traceback_is_not(configured: Configured, form: str) -> None:
    stream = configured(format=form)
    structlog.get_logger().info("said", target="x" * 100_000)
    logging.getLogger("elsewhere").warning("%s", "y" * 100_000)
    assert len(stream.getvalue()) < 5_000
    try:
        raise ValueError("z" * 3_000)
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "z" * 3_000 in stream.getvalue()


@pytest.mark.parametrize("line", ["  Env: %s=%s", "  Command: %s", "[conn=1, chan=0]   Command: %s"])
def test_what_clients_set_and_type_is_withheld_at_every_level(configured: Configured, line: str) -> None:
    stream = configured(level="debug")
    logging.getLogger("asyncssh").debug(line, *["hush"] * line.count("%s"))
    logging.getLogger("asyncssh").debug("  Terminal type: %s", "xterm")
    assert "hush" not in stream.getvalue()
    assert "xterm" in stream.getvalue()
