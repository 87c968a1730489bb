"""The logger that is handed down: anything that structlog can bind."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

Log = FilteringBoundLogger
