"""The other sections of ContainerSSH's configuration: what they would restrict here, and what has no meaning.

Whatever restricts, authenticates or records, and has no like here, keeps the server from starting; the rest is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .problems import KeyPath
from .translation import Translation, is_zero

_LOGIN = "this decides who may log in, and sshore has nothing like it yet; give 'authorizedKeys' or 'passwords' instead"
_RESTRICTS = "this restricts what users may do, and sshore has nothing like it yet"
_ALL_COMMANDS = ", but for docker.execution.disableCommand, which refuses all commands"
_ALGORITHMS = "this restricts the algorithms of SSH, and sshore cannot yet; its own are OpenSSH's"
_TLS = "this protects the endpoint, and sshore serves it without TLS"
_HTTP_CLIENT = dict.fromkeys(
    ("timeout", "authTimeout", "allowRedirects", "tlsVersion", "curves", "cipher", "cacert", "cert", "key"),
    "ignored: there is no server to ask",
)
_HTTP_SERVER = dict.fromkeys(("tlsVersion", "curves", "cipher"), "ignored: the endpoint is served without TLS")
_HTTP_SERVER_TLS = dict.fromkeys(("cert", "key", "clientcacert"), _TLS)
_STDERR = "ignored: the log goes to stderr"
_KEEPALIVE = "ignored: give limits.clientAliveInterval and clientAliveCountMax instead"

REFUSED: Mapping[str, Mapping[str, str]] = {
    "ssh": {
        **dict.fromkeys(("ciphers", "cipher", "macs"), _ALGORITHMS),
        "allowedProxies": "the PROXY protocol is not understood here",
    },
    "auth": dict.fromkeys(
        (
            *("url", "method", "webhook", "oauth2", "kerberos", "password", "pubkey", "publicKey"),
            *("keyboardInteractive", "gssapi", "none", "authz"),
        ),
        _LOGIN,
    ),
    "metrics": _HTTP_SERVER_TLS,
    "health": _HTTP_SERVER_TLS,
}
NOTED: Mapping[str, Mapping[str, str]] = {
    "ssh": {
        **dict.fromkeys(("clientAliveInterval", "clientAliveCountMax"), _KEEPALIVE),
        "keyboardInteractiveName": "ignored: nobody is asked interactively",
    },
    "auth": _HTTP_CLIENT,
    "log": dict.fromkeys(("destination", "file", "syslog"), _STDERR),
    "metrics": _HTTP_SERVER,
    "health": {**_HTTP_SERVER, "client": "ignored: sshore does not ask its own endpoint"},
}

# Syslog's severities, from 0.
_LEVELS = ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")


def translate_section(name: str, section: Any, t: Translation) -> Any:
    """Return a section that sshore has too, in its keys. What restricts is refused, what says nothing is left out."""
    if not isinstance(section, Mapping):
        return section
    result = {}
    for key, value in section.items():
        path = (name, key)
        if key in REFUSED.get(name, {}):
            if not _is_off(value):
                t.refuse(path, REFUSED[name][key])
        elif key in NOTED.get(name, {}):
            if not is_zero(value):
                t.note(path, NOTED[name][key])
        elif value not in ("", None):
            result[key] = value
    return _log(result) if name == "log" else _endpoint(name, result, t)


def _is_off(value: Any) -> bool:
    """Whether an authentication method is switched off, whatever its other keys say."""
    return is_zero(value) or (isinstance(value, Mapping) and "method" in value and is_zero(value["method"]))


def _log(section: dict[str, Any]) -> dict[str, Any]:
    level = section.get("level")
    if isinstance(level, int) and not isinstance(level, bool) and 0 <= level < len(_LEVELS):
        section["level"] = _LEVELS[level]
    if section.get("format") == "ljson":
        section["format"] = "json"
    return section


def _endpoint(name: str, section: dict[str, Any], t: Translation) -> dict[str, Any]:
    if name in ("metrics", "health") and section.get("enable") is True:
        if "listen" not in section:
            t.note((name,), "without 'listen' it is reached from this machine only; ContainerSSH takes every address")
        if name == "health":
            t.note((name,), "the paths are /healthz and /readyz")
    return section


def _configserver(section: Any, path: KeyPath, t: Translation) -> None:
    off = isinstance(section, Mapping) and all(is_zero(section[key]) for key in section.keys() - _HTTP_CLIENT.keys())
    if off:
        t.note(path, "ignored: there is no server to ask")
    else:
        t.refuse(path, "a server that configures each user may restrict him, and sshore has nothing like it yet")


def _security(section: Any, path: KeyPath, t: Translation) -> None:
    if not isinstance(section, Mapping):
        t.refuse(path, _RESTRICTS)
        return
    for key, value in section.items():
        if key == "forwarding" and _is_forwarding(value):
            t.note((*path, key), "ignored: sshore forwards nothing")
        elif not _permits(key, value):
            t.refuse((*path, key), _RESTRICTS + (_ALL_COMMANDS if key == "command" else ""))
    t.note(path, "ignored, as it restricts nothing")


def _permits(key: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_permits(inner, item) for inner, item in value.items())
    if key == "maxSessions":
        return value in (-1, None)
    return is_zero(value) or (key in ("mode", "defaultMode") and value == "enable")


def _is_forwarding(value: Any) -> bool:
    return isinstance(value, Mapping) and all(mode in ("", "enable", "disable", None) for mode in value.values())


def _audit(section: Any, path: KeyPath, t: Translation) -> None:
    if isinstance(section, Mapping) and section.get("enable") is False:
        t.note(path, "ignored: it is switched off")
    else:
        t.refuse(path, "this records what users do, and sshore has nothing like it yet")


def _geoip(section: Any, path: KeyPath, t: Translation) -> None:
    # Its default, whatever else is there.
    if isinstance(section, Mapping) and section.get("provider") in ("dummy", "", None):
        t.note(path, "ignored: it is switched off")
    else:
        t.refuse(path, "sshore does not look up where clients come from yet")


def _cleanupserver(_section: Any, path: KeyPath, t: Translation) -> None:
    t.note(path, "ignored: sshore asks no server to clean up; containers are removed by sshore itself")


def _unused(_section: Any, path: KeyPath, t: Translation) -> None:
    if t.data.keys() & {"backend", "docker", "dockerrun"}:
        t.note(path, "ignored: this backend is not used")
    else:
        t.refuse(path, "sshore runs containers of Docker only")


FOREIGN: Mapping[str, Callable[[Any, KeyPath, Translation], None]] = {
    "configserver": _configserver,
    "cleanupserver": _cleanupserver,
    "security": _security,
    "audit": _audit,
    "geoip": _geoip,
    "kubernetes": _unused,
    "kuberun": _unused,
    "sshproxy": _unused,
}
"""The sections that sshore does not have: each notes or refuses what it finds."""
