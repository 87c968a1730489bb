"""An embedding program's logger, whatever its kind, as the one that sshore writes to."""

from __future__ import annotations

import logging

import structlog

from ..actors.log import Log
from ..config.logs import render_text


def bindable(log: Log | logging.Logger | None) -> Log:
    """Return a logger that context can be bound to; a plain `logging.Logger` gets lines of `key=value`."""
    if isinstance(log, logging.Logger):
        wrapped: Log = structlog.wrap_logger(
            log,
            processors=[structlog.stdlib.filter_by_level, structlog.processors.format_exc_info, render_text],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        return wrapped
    return log or structlog.get_logger()
