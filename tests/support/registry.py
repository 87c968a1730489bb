"""Debian's docker-registry on loopback, with a password, behind a tap that can hold its answers back."""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import bcrypt
from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from .gateway import wait_until

REGISTRY = "docker-registry"
USERNAME = "puller"
# Its Base64 in X-Registry-Auth has both characters in which the two alphabets differ.
PASSWORD = "~~~???>>>"
_READY_SECONDS = 20.0


class Tap:
    """Passes connections on to a port; `hold` keeps what comes back from there until `release`."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._left: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, after: int = 0) -> None:
        """Let about so many bytes through, and no more."""
        with self._changed:
            self._left = after

    def release(self) -> None:
        """Let everything through."""
        with self._changed:
            self._left = None
            self._changed.notify_all()

    def close(self) -> None:
        """Accept nobody any more."""
        self.release()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._target)
                threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, held: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if held:
                    self._wait_for_room(len(data))
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _wait_for_room(self, size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._left is None or self._left > 0)
            if self._left is not None:
                self._left -= size


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image that the registry has, and the engine not any more."""

    registry: Registry
    repository: str
    """Its name without the tag."""
    digest: str
    inquiries: int
    """Those of the push."""

    @property
    def name(self) -> str:
        return f"{self.repository}:latest"

    @property
    def pulls(self) -> int:
        """How often it was pulled by its tag."""
        return self.registry.inquiries(self.repository) - self.inquiries


class Registry:
    """One registry. `auth` is the login in the form of `docker.execution.auth`."""

    def __init__(self, folder: Path, client: DockerClient) -> None:
        self._client = client
        self._folder = folder
        self._log = folder / "log"
        self.auth = {"username": USERNAME, "password": PASSWORD}

    def start(self) -> None:
        """Start it and wait until it answers."""
        port = _free_port()
        users = self._folder / "htpasswd"
        users.write_bytes(USERNAME.encode() + b":" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)) + b"\n")
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}},
            "http": {"addr": f"127.0.0.1:{port}", "secret": secrets.token_hex()},
            "auth": {"htpasswd": {"realm": "tests", "path": str(users)}},
        }
        file = self._folder / "config.yml"
        file.write_text(json.dumps(config))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [REGISTRY, "serve", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(lambda: self._answers(port), _READY_SECONDS)
        self.tap = Tap(port)
        self.address = f"127.0.0.1:{self.tap.port}"

    def stop(self) -> None:
        """End it."""
        self.tap.close()
        self._process.terminate()
        self._process.wait(_READY_SECONDS)

    def docker_config(self, folder: Path, **content: object) -> Path:
        """Write a `config.json` with a login to this registry, or with `content` instead, into the folder."""
        login = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps(content or {"auths": {self.address: {"auth": login}}}))
        return folder

    @contextmanager
    def pushed(self, image: str, size: int = 1000) -> Iterator[Pushed]:
        """Have a new image here: `image` with a file of `size` random bytes. The engine has forgotten it."""
        repository = f"{self.address}/tests/{secrets.token_hex(6)}"
        try:
            digest = self.push(repository, image, size)
            yield Pushed(self, repository, digest, self.inquiries(repository))
        finally:
            self.forget(repository)

    def push(self, repository: str, image: str, size: int = 1000) -> str:
        """The same under a name that may be there already; return its digest."""
        container = self._client.containers.create(image)
        try:
            container.put_archive("/", _archive(secrets.token_bytes(size)))
            container.commit(repository, "latest")
        finally:
            container.remove()
        answer = self._client.api.push(repository, "latest", auth_config=self.auth)
        digest = re.search(r"digest: (sha256:\w+)", answer)
        assert digest, answer
        self.forget(repository)
        return digest[1]

    def forget(self, repository: str) -> None:
        """Remove the image from the engine, if it is there."""
        for image in self._client.images.list(repository):
            for name in (*image.tags, *image.attrs["RepoDigests"]):
                if name.startswith(repository):
                    wait_until(lambda name=name: self._forgotten(name))

    def inquiries(self, repository: str) -> int:
        """How often a client asked which image the tag is, and was told: each pull does it once."""
        path = repository.partition("/")[2]
        return len(re.findall(rf'"(HEAD|GET) /v2/{path}/manifests/latest HTTP/1\.1" 200 ', self._log.read_text()))

    def _forgotten(self, name: str) -> bool:
        try:
            self._client.images.remove(name)
        except ImageNotFound:
            return True
        except APIError as error:
            if error.status_code != 409:
                raise
            # The last container of the image is still going.
            return False
        return True

    def _answers(self, port: int) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False


def _archive(content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("only-here")
        entry.size, entry.mtime = len(content), int(time.time())
        archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
