"""A file for each client."""

from __future__ import annotations

from collections.abc import Callable

from conformance.driver import Client
from support.server import Server

from .asyncssh import AsyncSsh
from .dropbear import Dropbear
from .openssh import OpenSsh
from .paramiko import Paramiko
from .putty import Putty

CLIENT_CLASSES: dict[str, Callable[[Server], Client]] = {
    "openssh": OpenSsh,
    "asyncssh": AsyncSsh,
    "paramiko": Paramiko,
    "dropbear": Dropbear,
    "putty": Putty,
}
