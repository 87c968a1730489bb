"""Runs a command as the options of a systemd unit confine it, as far as a process can do that to itself.

`python unit_sandbox.py UNIT COMMAND…`; the unit names groups of system calls as systemd.exec(5) says.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ALLOW = 0x7FFF0000
_EPERM = 0x00050001
_EQUAL, _MASKED_EQUAL = 4, 7
_NO_NEW_PRIVS, _DROP_BOUNDING, _AMBIENT, _CLEAR_ALL = 38, 24, 47, 4
_WRITE, _EXECUTE, _SHM_EXECUTE = 2, 4, 0o100000
_CONDITIONS = {
    "mmap": [(2, _WRITE | _EXECUTE, allowed) for allowed in (0, _WRITE, _EXECUTE)],
    "mprotect": [(2, _EXECUTE, 0)],
    "pkey_mprotect": [(2, _EXECUTE, 0)],
    "shmat": [(2, _SHM_EXECUTE, 0)],
}
"""MemoryDenyWriteExecute=: by argument, what of a mask it may have."""
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}


class _Comparison(ctypes.Structure):
    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    ]


def options_of(unit: Path) -> dict[str, list[str]]:
    """Return the words of every option of a unit file, in order."""
    options: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        options.setdefault(name, []).extend(value.split() or [""])
    return options


def confine(options: dict[str, list[str]]) -> None:
    """Take from this process, for good, what the options forbid."""
    libc = ctypes.CDLL(None, use_errno=True)
    if options["CapabilityBoundingSet"] == [""]:
        for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
            _check(libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0))
    _check(libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0))
    assert options["NoNewPrivileges"] == options["MemoryDenyWriteExecute"] == ["yes"]
    _check(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _filter(options["SystemCallFilter"], options["RestrictAddressFamilies"])
    os.umask(int(options["UMask"][0], 8))


def _filter(groups: list[str], families: list[str]) -> None:
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = context = ctypes.c_void_p
    rules = context(seccomp.seccomp_init(_EPERM))
    for number in _numbers(seccomp, groups):
        _check(-seccomp.seccomp_rule_add_array(rules, _ALLOW, number, 0, None))
    for family in families:
        _allow_if(seccomp, rules, "socket", _Comparison(0, _EQUAL, _FAMILIES[family], 0))
    for name, conditions in _CONDITIONS.items():
        for argument, mask, value in conditions:
            _allow_if(seccomp, rules, name, _Comparison(argument, _MASKED_EQUAL, mask, value))
    _check(-seccomp.seccomp_load(rules))


def _allow_if(seccomp: ctypes.CDLL, rules: ctypes.c_void_p, name: str, comparison: _Comparison) -> None:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    _check(-seccomp.seccomp_rule_add_array(rules, _ALLOW, number, 1, ctypes.byref(comparison)))


def _numbers(seccomp: ctypes.CDLL, groups: list[str]) -> Iterator[int]:
    names: set[str] = set()
    for group in groups:
        names = names - set(_calls(group[1:])) if group.startswith("~") else names | set(_calls(group))
    for name in sorted(names - {"socket", *_CONDITIONS}):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            yield number


def _calls(group: str) -> Iterator[str]:
    """The system calls of a group; groups hold groups."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True)
    for word in re.findall(r"^ +([@\w-]+)", said.stdout, re.MULTILINE):
        if word.startswith("@"):
            yield from _calls(word)
        else:
            yield word


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"{result}")


if __name__ == "__main__":
    confine(options_of(Path(sys.argv[1])))
    os.execvp(sys.argv[2], sys.argv[2:])
