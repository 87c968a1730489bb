"""What a server needs to begin that its file, and the files that this names, can tell: for `serve` and `check-config`.

What only the machine can tell is left to the start: whether an address is free, the state folder, the engine itself.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from pathlib import Path

import asyncssh

from ..config.load import parse, read_text, require_serving
from ..config.models import Config, ConnectionConfig
from ..config.problems import DANGEROUS, ConfigError, Fault
from ..engine.address import EngineAddress
from ..engine.tls_check import unusable
from .algorithms import host_key_pairs
from .authorized_keys import KeyFilePattern
from .hostkeys import HostKeyError, load_host_keys
from .passwords import PasswordFileError, check_password_file
from .settings import connection_options, software_of

_CONNECTION = ("docker", "connection")


def load_to_serve(path: Path, *, embedded: bool = False) -> Config:
    """Read a configuration and try everything that it names. Blocks; any thread. Raises ConfigError, of all faults.

    `embedded`: for a program that brings its own authentication, and needs no `auth`.
    """
    config, place = parse(read_text(path), str(path))
    faults = [] if embedded else [*_logins(config)]
    faults += [*_host_keys(config), *_passwords(config), *_engine(config.docker.connection)]
    if faults:
        problems = [place(fault) for fault in faults]
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0), str(path))
    return config.with_notes((*config.notes, *map(place, _exposed_files(config))))


def _logins(config: Config) -> Iterator[Fault]:
    try:
        require_serving(config)
    except ConfigError as error:
        yield from (Fault((problem.path,), problem.message) for problem in error.problems)


def _host_keys(config: Config) -> Iterator[Fault]:
    pairs = []
    for index, value in enumerate(config.ssh.hostkeys):
        place = ("ssh", "hostkeys", index)
        try:
            found = host_key_pairs(load_host_keys([value], Path()))
        except HostKeyError as error:
            yield Fault(place, str(error))
            continue
        pairs += found
        if not any(pair.host_key_algorithms for pair in found):
            yield Fault(place, "is of a kind that clients do not take any more")
    some = pairs or host_key_pairs([asyncssh.generate_private_key("ssh-ed25519")])
    try:
        connection_options(config, software_of(config), some)
    except ValueError as error:
        yield Fault(("ssh",), str(error))


def _passwords(config: Config) -> Iterator[Fault]:
    if config.auth.passwords is None:
        return
    try:
        check_password_file(config.auth.passwords)
    except PasswordFileError as error:
        yield Fault(("auth", "passwords"), str(error))


def _exposed_files(config: Config) -> Iterator[Fault]:
    """What the files say of themselves that is dangerous, or of no use for now."""
    if config.auth.passwords and (danger := check_password_file(config.auth.passwords)):
        yield Fault(("auth", "passwords"), f"{DANGEROUS}{danger}")
    if config.auth.authorized_keys is not None:
        folder = KeyFilePattern(config.auth.authorized_keys).base
        if not os.path.isdir(folder):
            yield Fault(
                ("auth", "authorizedKeys"),
                f"{folder} is no folder that this user sees: until it is one, no key logs anybody in",
            )


def _engine(connection: ConnectionConfig) -> Iterator[Fault]:
    texts = (connection.cacert or "", connection.cert or "", connection.key or "")
    try:
        address = EngineAddress.parse(connection.host, *texts)
    except ValueError as error:
        yield Fault((*_CONNECTION, "host"), str(error))
        return
    if address.tls:
        yield from (Fault((*_CONNECTION, name), fault) for name, fault in unusable(address.tls))
