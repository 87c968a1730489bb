"""What HostConfig says unless the operator says otherwise, so that a container grants no more than a shell needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PIDS_LIMIT = 1024
"""Processes and threads of a container: an editor's server beside a `make -j64` fits; a fork bomb harms nobody else."""

DROPPED = ("AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT")
"""Of the fourteen capabilities that Docker grants. What stays is what root's `apt-get`, `tar`, `su` and `kill` need."""

_NO_NEW_PRIVILEGES = "no-new-privileges"
_ALL = "ALL"


def hardened(host: Mapping[str, Any]) -> dict[str, Any]:
    """Return HostConfig with the defaults filled in; of `host`, in the API's spelling, nothing is lost.

    Each default gives way to what names its own subject: PidsLimit; SecurityOpt's `no-new-privileges:false`; CapAdd
    of one of `DROPPED`; Privileged. An empty SecurityOpt or CapDrop stays empty. The result of a result is the same.
    """
    result = {**host, "PidsLimit": PIDS_LIMIT if host.get("PidsLimit") is None else host["PidsLimit"]}
    if not host.get("Privileged"):
        result["SecurityOpt"] = _security_options(host.get("SecurityOpt"))
        result["CapDrop"] = _dropped(host.get("CapDrop"), host.get("CapAdd") or ())
    return result


def forbids_new_privileges(host: Mapping[str, Any]) -> bool:
    """Whether containers of this HostConfig, with its defaults, have `no-new-privileges`."""
    options = hardened(host).get("SecurityOpt") or ()
    return any(re.fullmatch(rf"{_NO_NEW_PRIVILEGES}([:=]true)?", option) for option in options)


def _security_options(given: list[str] | None) -> list[str]:
    if given is None:
        return [_NO_NEW_PRIVILEGES]
    if not given or any(option.startswith(_NO_NEW_PRIVILEGES) for option in given):
        return given
    return [*given, _NO_NEW_PRIVILEGES]


def _dropped(given: list[str] | None, added: list[str] | tuple[()]) -> list[str]:
    if given == []:
        return given
    named = {_plain(capability) for capability in (*added, *(given or ()))}
    return [*(given or ()), *(name for name in DROPPED if not named & {name, _ALL})]


def _plain(capability: str) -> str:
    """As the engine reads it: in any letter case, with `CAP_` in front or without."""
    return capability.upper().removeprefix("CAP_")
