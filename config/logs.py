"""Sets up the log: one line per event on stderr, our own and the libraries' alike.

log = structlog.get_logger().bind(connection=…, user=…, container=…)
log.info("container_started", image=…)
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from .log_writer import LogWriter
from .models import LogConfig, LogFormat, LogLevel
from .text import printable

# Libraries that log at INFO what only a developer wants to know.
CHATTY = ("asyncssh", "pykka", "docker", "urllib3")
# What clients type and set may be a secret; asyncssh would tell it at DEBUG.
_WITHHELD = ("  Env: ", "  Command: ", "  Forced command override: ")
_PLAIN = re.compile(r"""[^\s"'=\\]+""")
_UNSAFE_IN_KEY = re.compile(r"[^A-Za-z0-9_.-]")
_FIRST = ("timestamp", "level", "event")
_LONGEST_VALUE = 2_000
_WHOLE = ("exception", "stack")


def configure_logging(config: LogConfig, stream: TextIO | None = None) -> None:
    """Send structlog's and logging's events of the level and above to `stream`, stderr unless given.

    Call it once, before other threads log; a second call replaces the first. Lines are written by a thread of their own
    (`LogWriter`); `logging.shutdown`, which Python calls at its end, waits for the last of them.
    """
    level = getattr(logging, config.level.upper())
    _configure_structlog()
    handler = _writer(stream or sys.stderr)
    handler.setFormatter(_formatter(config.format))
    handler.addFilter(_tells_no_secret)
    root = logging.getLogger()
    replaced, root.handlers[:] = root.handlers[:], [handler]
    for old in replaced:
        if isinstance(old, LogWriter) and old is not handler:
            old.close()
    root.setLevel(level)
    quiet = logging.NOTSET if config.level is LogLevel.DEBUG else max(level, logging.WARNING)
    for name in CHATTY:
        logging.getLogger(name).setLevel(quiet)


def _writer(stream: TextIO) -> LogWriter:
    """Return the one that writes there already: lines wait in it, and it counts what is lost."""
    writers = (one for one in logging.getLogger().handlers if isinstance(one, LogWriter) and one.stream is stream)
    return next(writers, None) or LogWriter(stream)


def count_losses(count: Callable[[], object]) -> None:
    """Have `count` called, in any thread, for each line that could not be written."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogWriter):
            handler.on_loss = count


def render_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render an event as `key=value` pairs in one line, whatever the values hold."""
    keys = [key for key in _FIRST if key in event] + [key for key in event if key not in _FIRST]
    return " ".join(f"{_UNSAFE_IN_KEY.sub('_', key)}={_text(event[key])}" for key in keys)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    # ASCII only: neither control characters nor half surrogates reach a terminal or a log collector.
    return json.dumps(event, default=str, skipkeys=True)


def _tells_no_secret(record: logging.LogRecord) -> bool:
    return not (record.name == "asyncssh" and any(text in str(record.msg) for text in _WITHHELD))


def _bounded(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut what a client may have made long: a line is not to fill a disk. Tracebacks are ours."""
    return {key: value if key in _WHOLE else _cut(value) for key, value in event.items()}


def _cut(value: Any) -> Any:
    longer = isinstance(value, str) and len(value) > _LONGEST_VALUE
    return f"{value[:_LONGEST_VALUE]}…" if longer else value


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _bounded,
    ]


def _configure_structlog() -> None:
    structlog.configure(
        # Asked at every event, as loggers that were bound before have to learn of another level too.
        processors=[structlog.stdlib.filter_by_level, *_shared(), ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _formatter(form: LogFormat) -> ProcessorFormatter:
    renderer = _render_json if form is LogFormat.JSON else render_text
    return ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(["lines"]), *_shared()],
        processors=[ProcessorFormatter.remove_processors_meta, renderer],
    )
