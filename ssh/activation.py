"""Listening sockets that systemd opened and passed on (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import MutableMapping

_FIRST = 3
_MOST = 64
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


def inherited_sockets(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the listening TCP sockets that were passed to this process; none is what most get.

    Takes the variables out of the environment, and keeps the descriptors from children. Raises ValueError with a
    sentence when something else was passed.
    """
    given = {name: environment.pop(name, "") for name in _VARIABLES}
    if given["LISTEN_PID"] != str(os.getpid()):
        # Meant for a parent that did not take them out.
        return []
    count = given["LISTEN_FDS"]
    if not count.isdecimal() or not 0 < int(count) <= _MOST:
        raise ValueError(f"LISTEN_FDS is {count!r}: expected a number from 1 to {_MOST}")
    return [_listening(number) for number in range(_FIRST, _FIRST + int(count))]


def _listening(number: int) -> socket.socket:
    try:
        is_socket = stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError as error:
        raise ValueError(f"LISTEN_FDS: descriptor {number}: {error.strerror}") from None
    if not is_socket:
        raise ValueError(f"LISTEN_FDS: descriptor {number} is no socket")
    os.set_inheritable(number, False)
    sock = socket.socket(fileno=number)
    fault = _fault(sock)
    if fault:
        sock.detach()
        raise ValueError(f"LISTEN_FDS: descriptor {number} {fault}")
    return sock


def _fault(sock: socket.socket) -> str:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        return f"is a socket of kind {_name(sock.family)}, {_name(sock.type)}, not one for TCP: use ListenStream=PORT"
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen: use Accept=no"
    return ""


def _name(kind: int) -> str:
    return getattr(kind, "name", str(kind))
