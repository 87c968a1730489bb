"""The long-running process: backend, listener, metrics and health, from start to the last container's end."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import structlog

from ..backend.backend import Backend
from ..config.logs import count_losses
from ..config.models import Config
from ..metrics.counters import Metrics
from ..metrics.monitoring import Monitoring
from .listener import Listener
from .loop_errors import LoopErrors

_NOTICE = "The server is shutting down."
_FAILED = 1


class Service:
    """Serves until SIGTERM or SIGINT, or until its root actor crashed. One per process, in its main thread."""

    def __init__(self, config: Config, state: Path) -> None:
        self._config = config
        self._state = state
        self._log = structlog.get_logger()
        self._stopping = asyncio.Event()
        self._signals = 0

    async def run(self) -> int:
        """Serve; return the exit status: 0 after a drain, 1 if the root actor crashed.

        Raises OSError or ValueError, with a sentence for the operator, if it cannot start.
        """
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        metrics = Metrics()
        count_losses(metrics.log_line_lost)
        backend = Backend(self._config.docker, self._state, metrics=metrics)
        listener = Listener(self._config, self._state, backend)
        monitoring = self._monitoring(backend, listener, metrics)
        await backend.start()
        try:
            await monitoring.start()
            await listener.start()
            self._listen_to_signals()
            return await self._until_the_end(backend)
        finally:
            listener.stop()
            listener.dismiss(_NOTICE)
            await backend.shutdown(self._config.docker.timeouts.container_stop)
            await monitoring.stop()
            listener.close()
            self._log.info("stopped")

    def _monitoring(self, backend: Backend, listener: Listener, metrics: Metrics) -> Monitoring:
        async def ready() -> str | None:
            return await backend.is_ready() if listener.is_open else "the listener is closed"

        monitoring = Monitoring()
        if self._config.metrics.enable:
            monitoring.add_metrics(self._config.metrics.listen, self._config.metrics.path, metrics.registry)
        if self._config.health.enable:
            monitoring.add_health(self._config.health.listen, ready)
        return monitoring

    async def _until_the_end(self, backend: Backend) -> int:
        stopping = asyncio.ensure_future(self._stopping.wait())
        done, _ = await asyncio.wait((stopping, backend.root_failure), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return _FAILED if backend.root_failure in done else 0

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
