"""The gateway's end of the pipe to its janitor (see `janitor.py`)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from .address import EngineAddress
from .janitor import NO_ORDER
from .retry import Backoff

GRACE_SECONDS = 3.0
"""How long after the gateway's death a create that it sent may still come true."""

_TELL_SECONDS = 5.0
_TELL_PAUSE = 0.02
_PACKAGE = Path(__file__).resolve().parent.parent
_LAUNCH = """\
import sys, types
package = types.ModuleType("sshore")
package.__path__ = [sys.argv[1]]
sys.modules["sshore"] = package
from sshore.engine.janitor import main
main()
"""
"""Runs the janitor without the package's own `__init__`, which would load the whole gateway a second time."""


class JanitorLink:
    """Starts a janitor, tells it what to remove if this process dies, and replaces it should it die first.

    `claim` and `release` may be called from any thread, without a lock: the set changes in single steps, and a line
    is one write below PIPE_BUF, which a pipe never mixes with another. The pipe's number stays the same for
    good: a new janitor's pipe replaces the old one under it (dup2), after it was told the set. A claim is in the set
    before it is written; so if the old pipe took it, or breaks under it, either the new janitor was told it
    with the set, or the write is repeated on the new pipe.
    """

    def __init__(
        self,
        address: EngineAddress,
        gateway: str,
        log: FilteringBoundLogger,
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._order = json.dumps({**_address_fields(address), "gateway": gateway, "grace": grace})
        self._log = log
        self._names: set[str] = set()
        self._ended = False
        # Open from the start: there may be no descriptor left when it is needed.
        self._null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._child, self._pipe = self._launch()
        self._supervisor = threading.Thread(target=self._supervise, name="sshore-janitor", daemon=True)
        self._supervisor.start()

    @property
    def names(self) -> frozenset[str]:
        """The names claimed and not released. Any thread."""
        return frozenset(self._names)

    @property
    def pid(self) -> int:
        """The janitor's process id, for whoever watches processes."""
        return self._child.pid

    def claim(self, name: str) -> None:
        """The container `name` is about to be created. Blocks while a dead janitor is replaced, 5 s at most."""
        self._names.add(name)
        self._tell(f"+{name}\n")

    def release(self, name: str) -> None:
        """The container `name` is confirmed gone. Idempotent; blocks as `claim` does."""
        if name in self._names:
            self._names.discard(name)
            self._tell(f"-{name}\n")

    def dismiss(self) -> None:
        """Nothing is left to remove: send the janitor home and wait for its end. Last call on the link."""
        with contextlib.suppress(OSError):
            os.write(self._pipe, b"bye\n")
        self.close()
        self._supervisor.join(_TELL_SECONDS)

    def close(self) -> None:
        """Hang up, as the end of this process would: the janitor removes what is left, on its own."""
        self._ended = True
        self._hang_up()

    def _tell(self, line: str) -> None:
        data = line.encode()
        deadline = time.monotonic() + _TELL_SECONDS
        while not self._ended:
            try:
                os.write(self._pipe, data)
                return
            except (BrokenPipeError, BlockingIOError):
                if time.monotonic() > deadline:
                    self._log.error("janitor_unresponsive", lost=line.strip())
                    return
                time.sleep(_TELL_PAUSE)

    def _supervise(self) -> None:
        backoff = Backoff()
        while True:
            status = self._child.wait()
            if self._ended:
                break
            if status == NO_ORDER:
                # Without one the other nets hold: the switch, and the next gateway's sweep. Claims go nowhere.
                self._log.error("janitor_refused_its_order", status=status)
                self._hang_up()
                return
            self._log.error("janitor_restarted", status=status)
            time.sleep(backoff.next())
            self._replace()
        number, self._pipe = self._pipe, -1
        os.close(number)
        os.close(self._null)

    def _replace(self) -> None:
        try:
            self._child, pipe = self._launch()
        except BaseException as error:  # whatever it was: this thread is the only one that tries again
            self._log.error("janitor_start_failed", cause=str(error) or repr(error))
            return
        os.dup2(pipe, self._pipe, inheritable=False)
        os.close(pipe)
        if self._ended:
            # Hung up meanwhile, on the old pipe.
            self._hang_up()

    def _hang_up(self) -> None:
        # Closing would give the number away while another thread may still write to it.
        if self._pipe >= 0:
            with contextlib.suppress(OSError):
                os.dup2(self._null, self._pipe, inheritable=False)

    def _launch(self) -> tuple[subprocess.Popen[bytes], int]:
        reading, writing = os.pipe()
        try:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LAUNCH, str(_PACKAGE)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        self._brief(writing)
        # An actor must not block for ever on a janitor that was stopped.
        os.set_blocking(writing, False)
        return child, writing

    def _brief(self, pipe: int) -> None:
        # list() of a set is one step for other threads.
        lines = [self._order, *(f"+{name}" for name in list(self._names))]
        with contextlib.suppress(BrokenPipeError), open(pipe, "wb", closefd=False) as file:
            file.write(("\n".join(lines) + "\n").encode())


def _address_fields(address: EngineAddress) -> dict[str, str]:
    tls = address.tls
    files = {"cacert": tls.cacert, "cert": tls.cert, "key": tls.key} if tls else {}
    texts = {name: Path(path).read_text("utf-8", "replace") if path else "" for name, path in files.items()}
    return {"host": address.base_url, "cacert": "", "cert": "", "key": "", **texts}
