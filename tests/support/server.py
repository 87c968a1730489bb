"""A `sshore serve` process of the tests' own, with users, and the OpenSSH clients set up for it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import asyncssh
from docker import DockerClient

from .leftovers import await_none_but
from .pool_switch import with_pool

USER = "demo"
READY_SECONDS = 20.0
EVENT_SECONDS = 10.0
STOP_SECONDS = 20.0
_PAUSE = 0.02


class Server:
    """One gateway. `folder` is for its configuration, keys, state and log; the clients find theirs there too.

    Every user name has an authorized-keys file only once `authorize` wrote it; USER has one from the start.
    """

    _started: ClassVar[set[Server]] = set()

    def __init__(
        self,
        folder: Path,
        client: DockerClient,
        host: str | Mapping[str, str],
        execution: Mapping[str, Any],
        *,
        timeouts: Mapping[str, str] | None = None,
        uid: int | None = None,
        log_level: str = "info",
        state: Path | None = None,
        sections: Mapping[str, Any] | None = None,
        wrapper: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        listen: str = "127.0.0.1:0",
        limits: Mapping[str, Any] | None = None,
        log: Path | None = None,
    ) -> None:
        """`execution` and `timeouts` are parts of the configuration's `docker`, `sections` come beside `docker`.

        `host` is the engine's address, or its whole section `connection`; `client` is docker-py on that engine.
        `wrapper` is a command that runs the command behind it, as `setpriv` does; `log` is where its stderr goes.
        `environment` is added to the tests' own. Unless a section `ssh` says otherwise, it does not wait for its
        clients when it has to stop.
        """
        self.folder = folder
        self.state = state or folder / "state"
        self.port = 0
        self.pid = 0
        self._docker = client
        self._uid = uid
        self._wrapper = wrapper
        self._environment = dict(environment or {})
        self._pass_fds = pass_fds
        self._began = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = log or folder / "server.log"
        self._keys = folder / "keys"
        self._keys.mkdir(mode=0o755)
        self._host_key = _make_key(folder / "host_key")
        self._user_key = _make_key(folder / "id")
        self.authorize(USER)
        self._config = folder / "config.json"
        host_key = self._host_key.export_private_key().decode()
        self.settings: dict[str, Any] = {
            "auth": {"authorizedKeys": f"{self._keys}/%u"},
            "log": {"level": log_level},
            "docker": {
                "connection": {"host": host} if isinstance(host, str) else dict(host),
                "execution": with_pool(execution),
                "timeouts": dict(timeouts or {}),
            },
            **({"limits": dict(limits)} if limits else {}),
            **(sections or {}),
        }
        given = self.settings.get("ssh", {})
        self.settings["ssh"] = {"listen": listen, "hostkeys": [host_key], "drainTime": 0, **given}
        self.write_settings()

    def write_settings(self) -> None:
        """Write the configuration file anew."""
        self._replace("config.json", json.dumps(self.settings))

    def authorize(self, user: str, options: str = "") -> None:
        """Let `user` in with the key of these tests, with these options in front of it."""
        line = f"{options} {self._user_key.export_public_key().decode()}".lstrip()
        (self._keys / user).write_text(line)
        (self._keys / user).chmod(0o644)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        if self._uid is not None:
            os.chown(self.state, self._uid, self._uid)
        self._log.touch()
        self._began = self.log_mark()
        serve = [sys.executable, "-m", "sshore", "serve", "--config", str(self._config), "--state", str(self.state)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._wrapper, *serve],
                cwd=self.folder,
                user=self._uid,
                group=self._uid,
                env=os.environ | self._environment,
                pass_fds=self._pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._started.add(self)
        self.port = int(self.wait_for_log(r"event=listening address=\S*:(\d+)", READY_SECONDS, self._began)[1])
        self._write_client_files()

    def stop(self) -> None:
        """End it as a supervisor does: it must go with 0 and leave nothing on the engine."""
        process = self._process
        assert process is not None
        gateway = self.gateway
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.show_threads()
            process.kill()
            process.wait()
            raise AssertionError(f"did not stop within {STOP_SECONDS:g} s:\n{self.log}") from None
        assert status == 0, f"ended with {status}:\n{self.log}"
        left = await_none_but(self._docker, (), EVENT_SECONDS, {"sshore.gateway": gateway})
        assert not left, f"left on the engine: {sorted(left.values())}\n{self.log}"

    @classmethod
    def handed_out_by_all(cls) -> dict[str, set[str]]:
        """Return what each that runs has handed out, by its id."""
        return {one.gateway: one.handed_out() for one in cls._started if one.alive}

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pool_size(self) -> int:
        """How many containers are to wait for users."""
        return int(self.settings["docker"]["execution"].get("pool", {}).get("size", 0))

    def handed_out(self) -> set[str]:
        """Return the names in the pool of all containers that it has given to users."""
        return set(re.findall(r"event=container_taken .*?pooled=(\S+)", self.log))

    @property
    def gateway(self) -> str:
        """Its id, as its containers' labels have it."""
        return self.wait_for_log(r"gateway=(\w+)", since=self._began)[1]

    @property
    def log(self) -> str:
        """Everything that it has written so far."""
        return self._log.read_text(errors="replace")

    def log_mark(self) -> int:
        """Where the log ends now, for `wait_for_log`."""
        return len(self.log)

    def wait_for_log(self, pattern: str, seconds: float = EVENT_SECONDS, since: int = 0) -> re.Match[str]:
        """Return the first match behind the mark; its line may still come."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.log[since:])
            if found:
                return found
            assert self._process is None or self._process.poll() is None, f"it ended:\n{self.log}"
            assert time.monotonic() < deadline, f"no {pattern!r} within {seconds:g} s:\n{self.log[since:]}"
            time.sleep(_PAUSE)

    def show_threads(self) -> None:
        """Have it write every thread's stack to its log."""
        assert self._process is not None
        mark, deadline = self.log_mark(), time.monotonic() + EVENT_SECONDS
        self._process.send_signal(signal.SIGUSR1)
        while "most recent call first" not in self.log[mark:] and time.monotonic() < deadline:
            time.sleep(_PAUSE)

    @property
    def ssh_options(self) -> list[str]:
        """Options that make any of OpenSSH's programs reach it as the host `sshore`."""
        return ["-F", str(self.folder / "ssh_config")]

    @property
    def ssh_command(self) -> str:
        """The `ssh` for programs that start one themselves."""
        return shlex.join(["ssh", *self.ssh_options])

    def ssh_argv(self, *command: str, options: Sequence[str] = ()) -> list[str]:
        """The command line of a client that runs `command`, or a shell without one."""
        return ["ssh", *self.ssh_options, *options, "sshore", *command]

    def ssh(
        self, *command: str, options: Sequence[str] = (), stdin: bytes | None = None, timeout: float = 30
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a client to its end. Without `stdin` there is none (`ssh -n`)."""
        return self.run(self.ssh_argv(*command, options=options), stdin=stdin, timeout=timeout)

    def run(
        self, argv: list[str], *, stdin: bytes | None = None, timeout: float = 30, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run any program to its end, with its output."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        try:
            return subprocess.run(argv, capture_output=True, timeout=timeout, check=False, **given, **more)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{argv} hangs; it said {error.stdout!r} and {error.stderr!r}") from None

    @contextmanager
    def master(self, options: Sequence[str] = ()) -> Iterator[list[str]]:
        """One open connection, begun with `options`; give the options it yields to `ssh` for a session on it."""
        socket = self.folder / f"master{time.monotonic_ns() % 10**9}"
        argv = self.ssh_argv(options=["-M", "-N", "-S", str(socket), *options])
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + EVENT_SECONDS
            while not socket.exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, self.log
                time.sleep(_PAUSE)
            yield ["-S", str(socket)]
        finally:
            # Not by a signal: one that comes between two looks of OpenSSH 9.2's loop is noticed with the next packet.
            self.run(self.ssh_argv(options=["-S", str(socket), "-O", "exit"]))
            process.communicate(timeout=EVENT_SECONDS)

    def connect(self, **options: Any) -> Any:
        """An asyncssh client's connection, for what OpenSSH's cannot be made to ask."""
        defaults = {
            "username": USER,
            "client_keys": [self._user_key],
            "known_hosts": ([self._host_key.convert_to_public()], [], []),
            "agent_path": None,
            "config": None,
        }
        return asyncssh.connect("127.0.0.1", self.port, **(defaults | options))

    def _write_client_files(self) -> None:
        self._replace("known_hosts", f"sshore {self._host_key.export_public_key().decode()}")
        self._replace(
            "ssh_config",
            f"""Host *
  HostName 127.0.0.1
  HostKeyAlias sshore
  Port {self.port}
  User {USER}
  IdentityFile {self.folder}/id
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {self.folder}/known_hosts
  StrictHostKeyChecking yes
  BatchMode yes
""",
        )

    def _replace(self, name: str, text: str) -> None:
        """Write a file in one step for whoever reads it meanwhile."""
        draft = self.folder / f"{name}.draft"
        draft.write_text(text)
        draft.rename(self.folder / name)


Serving = Callable[..., AbstractContextManager[Server]]
"""The fixture `serving` of the end-to-end tests."""


def _make_key(path: Path) -> asyncssh.SSHKey:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(path)
    path.chmod(0o600)
    return key
