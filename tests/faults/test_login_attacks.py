"""Clients that never log in, in any number: honest ones do, at the first try, and who is there already feels nothing.

All of them come from one address, as from behind one gateway.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median, quantiles

import bcrypt
import pytest
from support.clients import SECONDS
from support.gateway import Gateway, StartGateway
from support.growth import MIB, Growth
from support.server import USER
from support.witness import Witness, witness_of

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

LOGINS = 20
MOST_GROWTH = 32 * MIB
FACTOR = 5
TRIES = 3
DRAIN = 3.0
SLACK = 3.0
"""What the end of a connection and of the process takes, beside others' work."""
PASSWORD = "wonderland"
_SCRIPT = Path(__file__).parent.parent / "support" / "login_attackers.py"


@contextmanager
def attack(gateway: Gateway, *kinds: str) -> Iterator[None]:
    """Attackers at work, as long as the block runs."""
    command = [sys.executable, str(_SCRIPT), str(gateway.port), *kinds]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as attackers:
        assert attackers.stdout
        assert attackers.stdin
        try:
            assert attackers.stdout.readline() == b"ready\n"
            yield
            assert attackers.poll() is None
        finally:
            attackers.stdin.close()
            attackers.wait(SECONDS)


class Logins:
    """OpenSSH's client, which logs in and leaves."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._folder = gateway.folder
        askpass = self._folder / "askpass"
        askpass.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
        askpass.chmod(0o755)
        self._environment = os.environ | {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}

    def seconds(self, number: int, *, by_password: bool) -> list[float]:
        """Log in so many times, one after the other; each has to succeed. Return what each took."""
        return [self._log_in(by_password=by_password) for _ in range(number)]

    def _log_in(self, *, by_password: bool) -> float:
        control, errors = self._folder / "control", self._folder / "errors"
        method = "password" if by_password else "publickey"
        options = ["-o", f"PreferredAuthentications={method}", "-o", "BatchMode=no", "-S", str(control)]
        began = time.monotonic()
        # It goes to the background once it is logged in, and asks for no channel.
        argv = self._gateway.ssh_argv(options=[*options, "-M", "-f", "-N"])
        with errors.open("wb") as said:
            status = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self._environment, timeout=60, check=False
            ).returncode
        took = time.monotonic() - began
        assert status == 0, errors.read_text(errors="replace")
        leave = self._gateway.ssh_argv(options=[*options, "-O", "exit"])
        subprocess.run(leave, check=True, capture_output=True, timeout=SECONDS)
        return took


class Keystrokes:
    """What a neighbour's line takes, all the time that the block runs."""

    def __init__(self, witness: Witness) -> None:
        self.seconds: list[float] = []
        self._witness = witness
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._type)

    def __enter__(self) -> Keystrokes:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def usual(self) -> float:
        """What nine of ten take at most, in seconds."""
        return quantiles(self.seconds, n=10)[-1]

    def _type(self) -> None:
        while not self._over.wait(0.01) or len(self.seconds) < 20:
            self.seconds.append(self._witness.answers())


@pytest.fixture(scope="module")
def start(
    starting: Callable[[], AbstractContextManager[StartGateway]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Gateway]]:
    """Starts a gateway that takes passwords, too. In session mode a login by itself starts no container."""
    folder = tmp_path_factory.mktemp("passwords")
    folder.chmod(0o755)
    passwords = folder / "htpasswd"
    passwords.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()}\n")
    passwords.chmod(0o600)
    with starting() as start_gateway:

        def start() -> Gateway:
            gateway = start_gateway("session", sections={"ssh": {"drainTime": f"{DRAIN:g}s"}})
            gateway.settings["auth"]["passwords"] = str(passwords)
            gateway.write_settings()
            gateway.signal(signal.SIGHUP)
            gateway.wait_for_log("event=reloaded")
            return gateway

        yield start


@pytest.fixture(scope="module")
def gateway(start: Callable[[], Gateway]) -> Gateway:
    return start()


@pytest.fixture(scope="module")
def other_gateway(start: Callable[[], Gateway]) -> Gateway:
    """One that is attacked while the first is not: the attackers take the same share of the machine then."""
    return start()


@pytest.fixture(scope="module")
def witness(gateway: Gateway) -> Iterator[Witness]:
    with witness_of(gateway) as one:
        yield one


@pytest.mark.parametrize(
    ("attackers", "by_password"),
    [
        (("sitters=100", "silent=50"), False),
        (("silent=1000",), False),
        (("speakers=500",), False),
        (("dribblers=150", "scanners=200"), False),
        (("guessers=90",), True),
        (("strangers=90",), True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_honest_logins_succeed_and_a_neighbour_feels_nothing(
    gateway: Gateway, other_gateway: Gateway, witness: Witness, attackers: tuple[str, ...], by_password: bool
) -> None:
    logins, growth = Logins(gateway), Growth(gateway.pid)
    # What a server is kept from by clients comes every time, what the machine does for itself does not.
    for _ in range(TRIES):
        with attack(other_gateway, *attackers), Keystrokes(witness) as undisturbed:
            before = logins.seconds(LOGINS // 2, by_password=by_password)
        with attack(gateway, *attackers), Keystrokes(witness) as disturbed:
            took = logins.seconds(LOGINS, by_password=by_password)
        if median(took) <= FACTOR * median(before) and disturbed.usual <= FACTOR * undisturbed.usual:
            break
    saw = f"a login {median(took):.2f} s, {max(took):.2f} at most, undisturbed {median(before):.2f}; "
    saw += f"a keystroke {disturbed.usual * 1000:.0f} ms, undisturbed {undisturbed.usual * 1000:.0f}; "
    saw += f"{growth.peak / MIB:.1f} MiB"
    print(saw)
    assert median(took) <= FACTOR * median(before), saw
    assert disturbed.usual <= FACTOR * undisturbed.usual, saw
    assert growth.peak <= MOST_GROWTH, saw


def test_a_server_that_is_attacked_stops_within_its_drain_time(start: Callable[[], Gateway]) -> None:
    gateway = start()
    with attack(gateway, "sitters=50", "silent=500", "speakers=50", "guessers=50"):
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(DRAIN + SECONDS) == 0
        assert time.monotonic() - began < DRAIN + SLACK, gateway.log[-4000:]
