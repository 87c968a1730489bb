"""SIGHUP: the configuration and its files are read again, and all of it takes effect or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from ..config.models import Config
from ..config.problems import ConfigError, Problem
from ..config.reload import reloaded
from ..metrics.counters import Metrics
from .file_reader import in_own_thread
from .hostkeys import HostKeyError
from .notify import Notifier
from .passwords import PasswordFileError
from .settings import Settings

_log = structlog.get_logger(__name__)
_LONGEST = 60.0


class Reloads:
    """One after the other; wishes that come during one are one more. Loop only, which it does not block."""

    def __init__(
        self,
        load: Callable[[], Config],
        state: Path,
        settings: Settings,
        apply: Callable[[Settings], None],
        notifier: Notifier,
        metrics: Metrics,
    ) -> None:
        """`load` blocks and raises ConfigError; `apply` is called in the loop with what is right."""
        self._settings = settings
        self._load = load
        self._state = state
        self._apply = apply
        self._notifier = notifier
        self._metrics = metrics
        self._wanted = asyncio.Event()

    @property
    def config(self) -> Config:
        """What is in effect."""
        return self._settings.config

    def want(self) -> None:
        """Reload soon: at once, or when `run` begins, or when the one that is under way is over."""
        self._wanted.set()

    async def run(self) -> None:
        """Do what is wanted, until it is cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._notifier.reloading()
            self._metrics.reloaded(await self._reload())
            self._notifier.ready()

    async def _reload(self) -> bool:
        try:
            async with asyncio.timeout(_LONGEST):
                settings, waiting = await in_own_thread(self._read)
            self._apply(settings)
        except Exception as error:
            for problem in _problems(error):
                _log.error("reload_refused", key=problem.path, line=problem.line, reason=problem.message)
            return False
        self._settings = settings
        for note in settings.config.notes:
            _log.warning("configuration_note", line=note.line, key=note.path, note=note.message)
        for key in waiting:
            _log.warning("reload_needs_restart", key=key)
        _log.info("reloaded")
        return True

    def _read(self) -> tuple[Settings, list[str]]:
        config, waiting = reloaded(self.config, self._load())
        return Settings.load(config, self._state, self._settings.credentials.workers), waiting


def _problems(error: Exception) -> Iterator[Problem]:
    match error:
        case ConfigError():
            yield from error.problems
        case HostKeyError():
            yield Problem("ssh.hostkeys", None, str(error))
        case PasswordFileError():
            yield Problem("auth.passwords", None, str(error))
        case TimeoutError():
            yield Problem("", None, f"the files could not be read within {_LONGEST:g} s")
        case _:
            # Not its repr, which of a decoding error holds all that was read.
            yield Problem("", None, f"{type(error).__name__}: {error}")
