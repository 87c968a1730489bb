"""Reads configuration files of ContainerSSH 0.3 to 0.5 (https://containerssh.io/v0.5/reference/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .containerssh_docker import translate_docker
from .containerssh_sections import FOREIGN, NOTED, REFUSED, translate_section
from .dockerrun import translate_dockerrun
from .document import Document
from .go_yaml import read_as_go
from .listen import EVERY_ADDRESS, parse_listen
from .problems import KeyPath, dotted
from .text import shortened
from .translation import Translation, is_zero

_OWN_SECTIONS = ("backend", "dockerrun", *FOREIGN)
_EXECUTION = ("docker", "execution")
_OWN_KEYS: tuple[KeyPath, ...] = (
    *((name,) for name in _OWN_SECTIONS),
    *(("ssh", key) for key in (*REFUSED["ssh"], *NOTED["ssh"])),
    # Not `password`: in sshore's own file that is a misspelled `passwords`.
    *(("auth", key) for key in REFUSED["auth"] if key != "password"),
    *(("log", key) for key in NOTED["log"]),
    *((*_EXECUTION, key) for key in ("agentPath", "disableAgent", "exposeAuthMetadataAsEnv", "containerName")),
    (*_EXECUTION, "host", "resources"),
)
# The API's spelling is `Image`; ContainerSSH takes lower case only.
_ITS_SPELLING: KeyPath = (*_EXECUTION, "container", "image")
_BACKENDS = ("docker", "dockerrun")


def translate(document: Document) -> Translation:
    """Return a document's values in sshore's keys. A document without a key of ContainerSSH's stays as it is."""
    t = Translation(dict(document.data), document.spelled, is_json=document.is_json)
    own = next((path for path in _OWN_KEYS if _has(t.data, path)), None) or _password_server(t.data)
    mark = own or (_ITS_SPELLING if _has(t.data, _ITS_SPELLING) else None)
    if mark is not None:
        t.note(mark, f"read as a configuration of ContainerSSH, because it has '{dotted(mark)}'")
        _translate(t, own_image=own is not None)
    return t


def _password_server(data: Any) -> KeyPath | None:
    """As a mapping it is ContainerSSH's: sshore's `passwords` is a path."""
    auth = data.get("auth")
    found = isinstance(auth, Mapping) and isinstance(auth.get("password"), Mapping)
    return ("auth", "password") if found else None


def _has(data: Any, path: KeyPath) -> bool:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data is not None


def _translate(t: Translation, *, own_image: bool) -> None:
    if not t.is_json:
        t.data = read_as_go(t.data)
    _listen(t)
    for name in ("ssh", "metrics", "health"):
        _both_families(name, t)
    for name in ("ssh", "auth", "log", "metrics", "health"):
        if name in t.data:
            t.data[name] = translate_section(name, t.data[name], t)
    for name, judge in FOREIGN.items():
        section = t.data.pop(name, None)
        # As a limit, 0 is no zero value.
        if not is_zero(section) or (name == "security" and section):
            judge(section, (name,), t)
    _backend(t)
    docker = translate_docker(t.data.get("docker") or {}, t, own_image=own_image)
    if docker:
        t.data["docker"] = docker


def _both_families(name: str, t: Translation) -> None:
    """Go listens on IPv4 and IPv6 where a wildcard of either is given (https://pkg.go.dev/net#Listen)."""
    section = t.data.get(name)
    if not isinstance(section, Mapping) or not isinstance(section.get("listen"), str):
        return
    try:
        host, port = parse_listen(section["listen"])
    except ValueError:
        return
    if host and host in EVERY_ADDRESS:
        t.note((name, "listen"), "taken for IPv4 and IPv6, as ContainerSSH does")
        t.data[name] = {**section, "listen": f":{port}"}


def _listen(t: Translation) -> None:
    """Move the `listen` of 0.3, which `ssh.listen` replaced."""
    listen, ssh = t.data.pop("listen", None), t.data.get("ssh")
    if is_zero(listen) or not isinstance(ssh, Mapping | None):
        return
    if ssh and not is_zero(ssh.get("listen")):
        t.note(("listen",), "ignored: ssh.listen is given as well")
        return
    t.moved(("ssh", "listen"), ("listen",))
    t.data["ssh"] = {**(ssh or {}), "listen": listen}


def _backend(t: Translation) -> None:
    backend, dockerrun, docker = t.data.pop("backend", None), t.data.pop("dockerrun", None), t.data.get("docker")
    if not is_zero(backend) and backend not in _BACKENDS:
        t.refuse(("backend",), f"sshore runs containers of Docker only, not {shortened(str(backend))}")
    elif is_zero(backend) and dockerrun is not None and not is_zero(docker):
        t.refuse(("dockerrun",), "'docker' is given as well: say which one is meant with 'backend'")
    elif backend == "dockerrun" or (is_zero(backend) and dockerrun is not None):
        _use_dockerrun(dockerrun, docker, t)
    elif not is_zero(dockerrun):
        t.note(("dockerrun",), "ignored: this backend is not used")
    elif isinstance(docker, Mapping) and "config" in docker:
        _use_dockerrun(docker, None, t, at=("docker",))


def _use_dockerrun(section: Any, docker: Any, t: Translation, at: KeyPath = ("dockerrun",)) -> None:
    # ContainerSSH's manual shows the keys of this backend below `docker`.
    if is_zero(section) and not is_zero(docker):
        section, docker, at = docker, None, ("docker",)
    if not is_zero(docker):
        t.note(("docker",), "ignored: this backend is not used")
    t.data["docker"] = translate_dockerrun(section, at, t)
