"""`check-config` and `serve` say the same of every file: refused with the same words, taken with the same warnings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import bcrypt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa

from tests.support.certificates import Authority, Issued
from tests.support.commands import Commands, Verdict

HIDDEN = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" * 3
"""What a private key looks like that has lost the lines around it."""

Sections = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Files:
    """What configurations name, in one folder."""

    folder: Path
    authority: Authority
    issued: Issued
    other: Issued

    def write(self, name: str, text: str, mode: int = 0o600) -> str:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return name

    def fifo(self, name: str) -> str:
        if not (self.folder / name).exists():
            os.mkfifo(self.folder / name)
        return name


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    authority = Authority()
    return Files(tmp_path_factory.mktemp("f"), authority, authority.issue(), authority.issue())


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with closing(Commands(tmp_path_factory.mktemp("c"))) as commands:
        yield commands


def both(commands: Commands, files: Files, file: Path) -> tuple[Verdict, Verdict]:
    state = files.folder / "state"
    return commands.run("check-config", str(file)), commands.run("serve", "--config", str(file), "--state", str(state))


def sections(more: Sections) -> Sections:
    """A configuration that is right, but for an engine that is not there, with `more` in it."""
    base: Sections = {
        "ssh": {"listen": "127.0.0.1:0", "hostkeys": []},
        "auth": {"authorizedKeys": "keys/%u"},
        "docker": {"connection": {"host": "unix:///nowhere/docker.sock"}},
    }
    for name, section in more.items():
        inner = base.setdefault(name, {})
        base[name] = {**inner, **section} if isinstance(section, dict) else section
    return base


def engine(**connection: str) -> Sections:
    return {"docker": {"connection": {"host": "tcp://127.0.0.1:1", **connection}}}


def execution(**keys: Any) -> Sections:
    # `docker` is replaced as a whole.
    return {"docker": {"connection": {"host": "unix:///nowhere/docker.sock"}, "execution": keys}}


def host(**keys: Any) -> Sections:
    return execution(host=keys)


def hostkeys(*keys: str) -> Sections:
    return {"ssh": {"listen": "127.0.0.1:0", "hostkeys": list(keys)}}


def encrypted(files: Files) -> str:
    key = serialization.load_pem_private_key(files.issued.key.encode(), None)
    return key.private_bytes(  # type: ignore[union-attr]  # it is one of EC
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    ).decode()


def old_key() -> str:
    key = dsa.generate_private_key(1024)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def host_key(passphrase: str | None = None, kind: str = "ssh-ed25519") -> str:
    return asyncssh.generate_private_key(kind).export_private_key(passphrase=passphrase).decode()


def htpasswd() -> str:
    return f"alice:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n"


def tls(files: Files, **other: str) -> Sections:
    good = {"cacert": files.authority.certificate, "cert": files.issued.certificate, "key": files.issued.key}
    return engine(**{**good, **other})


REFUSED: dict[str, tuple[Callable[[Files], Sections | str | bytes], str]] = {
    "an unknown key": (lambda f: {"ssh": {"lisen": "1"}}, "ssh.lisen: unknown key, did you mean 'listen'?"),
    "nobody can log in": (lambda f: {"auth": {"authorizedKeys": None}}, "auth: nobody could log in"),
    "not a mapping": (lambda f: "- a\n", "expected a mapping"),
    "not YAML": (lambda f: "ssh: {", "not valid YAML"),
    "latin-1": (lambda f: b"ssh:\n  banner: caf\xe9\n", ":2: not UTF-8 text: the byte 0xe9; is it latin-1?"),
    "binary": (lambda f: b"\x7fELF\xff\0", "is this a binary file?"),
    "empty": (lambda f: "", "the file is empty"),
    "a key without its PEM lines": (
        lambda f: tls(f, key=HIDDEN),
        "docker.connection.key: what is given is neither PEM text nor the path of a file",
    ),
    "a key of several lines that is no PEM": (
        lambda f: tls(f, key=f"{HIDDEN}\n{HIDDEN}"),
        "docker.connection.key: this text of several lines is not PEM",
    ),
    "a key whose PEM is damaged": (
        lambda f: tls(f, key=f.issued.key.replace("\n", "\n!", 2)),
        "docker.connection.key: is damaged",
    ),
    "a key in a file that is no PEM": (
        lambda f: tls(f, key=f.write("no.pem", HIDDEN)),
        "docker.connection.key: is damaged, or no PEM text of this kind",
    ),
    "a key in an empty file": (lambda f: tls(f, key=f.write("empty.pem", "")), "docker.connection.key: is empty"),
    "a key with a passphrase": (lambda f: tls(f, key=encrypted(f)), "docker.connection.key: is encrypted"),
    "another certificate's key": (
        lambda f: tls(f, key=f.other.key),
        "docker.connection.key: is another certificate's private key",
    ),
    "a key for a certificate": (lambda f: tls(f, cert=f.issued.key), "docker.connection.cert: holds no certificate"),
    "an authority that is a key": (
        lambda f: tls(f, cacert=f.issued.key),
        "docker.connection.cacert: holds no certificate",
    ),
    "a file that is not there": (lambda f: tls(f, cacert="nowhere.pem"), "nowhere.pem': No such file or directory"),
    "an engine's path": (lambda f: engine(host="tcp://127.0.0.1:2375/api"), "docker.connection.host: "),
    "a host key that is a certificate": (
        lambda f: hostkeys(f.issued.certificate),
        "ssh.hostkeys[0]: a host key given as text is not a private key",
    ),
    "a host key with a passphrase": (
        lambda f: hostkeys(host_key("secret")),
        "ssh.hostkeys[0]: a host key given as text is not a private key without a passphrase",
    ),
    "a host key that others may read": (
        lambda f: hostkeys(f.write("open", host_key(), 0o644)),
        "is open to others (mode 0644)",
    ),
    "a host key that is a FIFO": (lambda f: hostkeys(f.fifo("fifo")), "fifo' is not a regular file"),
    "a certificate that is a FIFO": (lambda f: tls(f, cert=f.fifo("fifo")), "fifo' is not a regular file"),
    "an authority without end": (lambda f: tls(f, cacert="/dev/zero"), "'/dev/zero' is not a regular file"),
    "a host key without its lines": (lambda f: hostkeys(HIDDEN), "ssh.hostkeys[0]: what is given is neither PEM text"),
    "a host key of a kind that is gone": (lambda f: hostkeys(old_key()), "ssh.hostkeys[0]: is of a kind"),
    "passwords that are plain": (
        lambda f: {"auth": {"passwords": f.write("plain", "alice:secret\n")}},
        "auth.passwords: ",
    ),
    "passwords that others may write": (
        lambda f: {"auth": {"passwords": f.write("shared", htpasswd(), 0o666)}},
        "is writable by its group or by everybody",
    ),
    "passwords whose hash is cut off": (
        lambda f: {"auth": {"passwords": f.write("cut", "alice:$2y$04$x\n")}},
        "auth.passwords: ",
    ),
}

TAKEN: dict[str, tuple[Callable[[Files], Sections], tuple[str, ...]]] = {
    "nothing to say": (lambda f: {}, ()),
    "TLS": (tls, ()),
    "TLS from files": (
        lambda f: tls(f, cert=f.write("cert.pem", f.issued.certificate), key=f.write("key.pem", f.issued.key)),
        (),
    ),
    "two kinds of host keys": (
        lambda f: hostkeys(
            host_key(), asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_private_key().decode()
        ),
        (),
    ),
    "privileged": (lambda f: host(Privileged=True), ("docker.execution.host.Privileged",)),
    "the host's namespaces": (
        lambda f: host(NetworkMode="host", PidMode="host", IpcMode="host", UTSMode="host"),
        tuple(f"docker.execution.host.{key}Mode" for key in ("Network", "Pid", "Ipc", "UTS")),
    ),
    "the engine's socket": (
        lambda f: host(Binds=["/var/run/docker.sock:/s:ro", "/srv:/srv", "/:/host"]),
        ("docker.execution.host.Binds[0]", "docker.execution.host.Binds[2]"),
    ),
    "capabilities and filters": (
        lambda f: host(CapAdd=["ALL"], SecurityOpt=["seccomp=unconfined"]),
        ("docker.execution.host.CapAdd[0]", "docker.execution.host.SecurityOpt[0]"),
    ),
    "an engine elsewhere, in the clear": (
        lambda f: engine(host="tcp://192.0.2.1:2375"),
        ("docker.connection.host",),
    ),
    "one file of keys": (lambda f: {"auth": {"authorizedKeys": "keys/all"}}, ("auth.authorizedKeys",)),
    "limits switched off": (
        lambda f: {"limits": {"maxStartups": 0, "loginGraceTime": 0}},
        ("limits.maxStartups", "limits.loginGraceTime"),
    ),
    "metrics for all": (lambda f: {"metrics": {"enable": True, "listen": ":0"}}, ("metrics.listen",)),
    "passwords that others may read": (
        lambda f: {"auth": {"passwords": f.write("htpasswd", htpasswd(), 0o644)}},
        ("auth.passwords",),
    ),
}


def configuration(files: Files, name: str, made: Sections | str | bytes) -> Path:
    (files.folder / "keys").mkdir(exist_ok=True)
    file = files.folder / f"{abs(hash(name))}.json"
    text = json.dumps(sections(made), indent=1) if isinstance(made, dict) else made
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(0o600)
    return file


def test_there_are_enough_files() -> None:
    assert len(REFUSED) + len(TAKEN) >= 30


@pytest.mark.parametrize("name", REFUSED)
def test_what_one_refuses_the_other_refuses_in_the_same_words(commands: Commands, files: Files, name: str) -> None:
    make, words = REFUSED[name]
    file = configuration(files, name, make(files))
    checked, served = both(commands, files, file)
    assert (checked.status, checked.served) == (served.status, served.served) == (1, False)
    assert checked.err == served.err
    assert words in checked.err
    assert checked.err.startswith(f"{file}")
    assert checked.out == served.out == ""
    secrets = (HIDDEN, files.issued.key.splitlines()[1], "Traceback")
    assert not any(secret in checked.err for secret in secrets)


@pytest.mark.parametrize("name", TAKEN)
def test_what_one_takes_the_other_takes_with_the_same_warnings(commands: Commands, files: Files, name: str) -> None:
    make, warned = TAKEN[name]
    file = configuration(files, name, make(files))
    checked, served = both(commands, files, file)
    assert (checked.status, served.status, served.served) == (0, 0, True), checked.err + served.err
    lines = checked.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == list(warned)
    logged = [line for line in served.err.splitlines() if "event=configuration_note" in line]
    assert len(logged) == len(warned)
    for line, log_line, key in zip(lines, logged, warned, strict=True):
        assert ": dangerous: " in line
        assert f"key={key}" in log_line
        assert line.partition("dangerous: ")[2] in log_line
