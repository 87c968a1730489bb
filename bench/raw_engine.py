"""The Docker Engine by hand: HTTP on its unix socket and nothing in between, as the floor to measure against."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

_SECONDS = 60
_HEAD_END = b"\r\n\r\n"


class RawEngine:
    """Blocking calls on one kept connection, streams on connections of their own. Raises RuntimeError on a refusal."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._http = _UnixConnection(path)

    def another(self) -> RawEngine:
        """Return one with a connection of its own, for another thread."""
        return RawEngine(self._path)

    def version(self) -> str:
        """Docker API, "SystemVersion": return the engine's."""
        return str(self._call("GET", "/version")["Version"])

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Docker API, "ContainerCreate": return the new container's id."""
        return str(self._call("POST", f"/containers/create?{urlencode({'name': name})}", config)["Id"])

    def attach(self, container: str) -> socket.socket:
        """Docker API, "ContainerAttach", stdin only: return the socket that holds it open."""
        return self._switched(f"/containers/{container}/attach?stream=1&stdin=1", {})[0]

    def start(self, container: str) -> None:
        """Docker API, "ContainerStart"."""
        self._call("POST", f"/containers/{container}/start")

    def freeze(self, container: str, frozen: bool) -> None:
        """Docker API, "ContainerPause" and "ContainerUnpause"."""
        self._call("POST", f"/containers/{container}/{'pause' if frozen else 'unpause'}")

    def remove(self, container: str) -> None:
        """Docker API, "ContainerDelete"; a container that is gone already is fine."""
        self._call("DELETE", f"/containers/{container}?force=1&v=1", allowed=(204, 404, 409))

    def has(self, container: str) -> bool:
        """Docker API, "ContainerInspect": return whether it is there."""
        return "Id" in self._call("GET", f"/containers/{container}/json", allowed=(404,))

    def containers(self, label: str) -> list[str]:
        """Docker API, "ContainerList": return the ids of all containers that carry `label`, stopped ones too."""
        return list(self.states(label))

    def states(self, label: str) -> dict[str, str]:
        """Docker API, "ContainerList": return the states of all containers that carry `label`, by their ids."""
        query = urlencode({"all": 1, "filters": json.dumps({"label": [label]})})
        return {row["Id"]: row["State"] for row in self._call("GET", f"/containers/json?{query}")}

    def exec(
        self, container: str, argv: Sequence[str], *, tty: bool = False, user: str = ""
    ) -> tuple[socket.socket, bytes]:
        """Docker API, "ContainerExec" and "ExecStart": return the program's stream and the bytes that came early."""
        wish = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)}
        wish |= {"Tty": tty, "User": user}
        exec_id = self._call("POST", f"/containers/{container}/exec", wish)["Id"]
        return self._switched(f"/exec/{exec_id}/start", {"Detach": False, "Tty": tty})

    def close(self) -> None:
        """Close the kept connection."""
        self._http.close()

    def _call(self, method: str, target: str, body: object = None, allowed: tuple[int, ...] = ()) -> Any:
        payload = None if body is None else json.dumps(body)
        self._http.request(method, target, payload, {"Content-Type": "application/json"})
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status >= 400 and answer.status not in allowed:
            raise RuntimeError(f"{method} {target}: {answer.status} {text.decode(errors='replace').strip()}")
        return json.loads(text) if text else None

    def _switched(self, target: str, body: object) -> tuple[socket.socket, bytes]:
        sock = _connected(self._path)
        payload = json.dumps(body).encode()
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        sock.sendall(head.encode() + payload)
        answer = b""
        while _HEAD_END not in answer:
            data = sock.recv(4096)
            if not data:
                raise RuntimeError(f"POST {target}: the engine closed the connection")
            answer += data
        first, _, early = answer.partition(_HEAD_END)
        if b" 101 " not in first.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"POST {target}: {answer.decode(errors='replace')}")
        return sock, early


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = _connected(self._path)


def _connected(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(_SECONDS)
    sock.connect(path)
    return sock
