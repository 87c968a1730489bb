"""The long-running process: backend, listener, metrics and health, from start to the last container's end."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from ..backend.backend import Backend
from ..config.logs import configure_logging, count_losses
from ..config.models import Config
from ..metrics.counters import Metrics
from ..metrics.monitoring import Monitoring
from .activation import inherited_sockets
from .garbage import keep_for_good
from .listener import Listener
from .loop_errors import LoopErrors
from .notify import Notifier
from .reload import Reloads
from .settings import Settings
from .terminal import terminal_is_there
from .watchdog import Pulse, supervise, taken_interval

_NOTICE = "The server is shutting down."
_FAILED = 1


class Service:
    """Serves until SIGTERM or SIGINT, or until its root actor crashed. One per process, in its main thread."""

    def __init__(self, config: Config, state: Path, load: Callable[[], Config]) -> None:
        """`load` reads the configuration again, for SIGHUP; it blocks and raises ConfigError.

        What a service manager says in the environment is taken out of it. Raises OSError or ValueError, with a sentence
        for the operator.
        """
        self._log = structlog.get_logger()
        self._notifier = Notifier.taken_from(os.environ)
        self._interval = taken_interval(os.environ)
        self._metrics = Metrics()
        self._backend = Backend(config.docker, state, metrics=self._metrics)
        self._listener = Listener(config, state, self._backend, inherited_sockets(os.environ))
        self._monitoring = self._monitored(config)
        self._reloads = Reloads(load, state, self._listener.settings, self._apply, self._notifier, self._metrics)
        self._reloading: asyncio.Task[None] | None = None
        self._supervising: asyncio.Task[None] | None = None
        self._terminal = terminal_is_there()
        self._stopping = asyncio.Event()
        self._signals = 0

    async def run(self) -> int:
        """Serve; return the exit status: 0 after a drain, 1 if the root actor crashed.

        Raises OSError or ValueError, with a sentence for the operator, if it cannot start.
        """
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        count_losses(self._metrics.log_line_lost)
        self._take_hangups()
        await self._backend.start()
        try:
            await self._monitoring.start()
            await self._listener.start()
            self._listen_to_signals()
            keep_for_good()
            self._notifier.ready()
            self._reloading = asyncio.create_task(self._reloads.run())
            self._supervising = asyncio.create_task(self._supervision())
            return await self._until_the_end()
        finally:
            await self._end()

    async def _until_the_end(self) -> int:
        if not await self._unless_the_root_fails(self._stopping.wait()):
            return _FAILED
        if self._reloading:
            # It would say, behind this, that the server is ready again.
            self._reloading.cancel()
        self._notifier.stopping()
        await self._listener.stop()
        drain = self._reloads.config.ssh.drain_time
        self._log.info("draining", clients=self._listener.clients, seconds=drain)
        return 0 if await self._unless_the_root_fails(self._listener.drain(drain)) else _FAILED

    async def _unless_the_root_fails(self, awaited: Coroutine[Any, Any, object]) -> bool:
        """Wait for it; return whether it ended before the root actor crashed."""
        task = asyncio.ensure_future(awaited)
        await asyncio.wait((task, self._backend.root_failure), return_when=asyncio.FIRST_COMPLETED)
        if not task.cancel():
            task.result()
        return not self._backend.root_failure.done()

    async def _end(self) -> None:
        self._notifier.stopping()
        await self._listener.stop()
        self._listener.dismiss(_NOTICE)
        await self._backend.shutdown(self._reloads.config.docker.timeouts.container_stop)
        await self._monitoring.stop()
        self._listener.close()
        for task in filter(None, (self._reloading, self._supervising)):
            task.cancel()
        self._notifier.close()
        self._log.info("stopped")

    def _monitored(self, config: Config) -> Monitoring:
        async def ready() -> str | None:
            return await self._backend.is_ready() if self._listener.is_open else "the listener is closed"

        monitoring = Monitoring()
        if config.metrics.enable:
            monitoring.add_metrics(config.metrics.listen, config.metrics.path, self._metrics.registry)
        if config.health.enable:
            monitoring.add_health(config.health.listen, ready)
        return monitoring

    def _apply(self, settings: Settings) -> None:
        self._listener.renew(settings)
        self._backend.configure(settings.config.docker)
        configure_logging(settings.config.log)

    def _supervision(self) -> Coroutine[Any, Any, None]:
        """The engine's check gives up by itself; that it does not return is another matter."""
        half = self._interval / 2
        root = Pulse("root", self._backend.root_answers, lambda: half)
        engine = Pulse("engine", self._backend.is_ready, lambda: self._reloads.config.docker.timeouts.http + half)
        return supervise(self._notifier, self._interval, (root, engine), self._status)

    def _status(self) -> str:
        clients = self._listener.clients
        return f"Shutting down, clients left: {clients}" if self._stopping.is_set() else f"Serving, clients: {clients}"

    def _take_hangups(self) -> None:
        """From here on; one that came since the process blocked them comes now."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))

    def _hang_up(self) -> None:
        if not self._terminal or terminal_is_there():
            self._reloads.want()
        elif not self._stopping.is_set():
            # From the kernel: whoever started this by hand has closed his window.
            self._stop(signal.SIGHUP)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        signal.signal(signal.SIGUSR1, _show_threads)

    def _stop(self, number: signal.Signals) -> None:
        self._signals += 1
        self._log.info("stopping", signal=number.name, at_once=self._signals > 1)
        if self._signals > 1:
            logging.shutdown()
            # The janitor removes what is left as soon as this process is gone.
            os._exit(128 + number)
        self._stopping.set()


def _show_threads(_number: int, _frame: FrameType | None) -> None:
    # Not `faulthandler.register`: its handler reads the stacks of threads that run meanwhile, and was seen to crash.
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
