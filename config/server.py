"""The sections about the server itself: ssh, auth, log, metrics, health."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from .base import FilePath, Flag, Listen, Pem, Section, Word, base_of
from .key_exchanges import checked_exchanges
from .limits import Span
from .pem import resolved
from .problems import refuse_value

LONGEST_BANNER = 32_000
"""Bytes: a message of 32,768 is the largest that every client has to take (RFC 4253 §6.1)."""
_PATTERN = re.compile(r"%(.?)", re.DOTALL)


class SshConfig(Section):
    """The SSH listener."""

    listen: Listen = Field(
        default="0.0.0.0:2222",
        description="Address to listen on. `[::]:2222` is every IPv6 address, `:2222` every address.",
        examples=["127.0.0.1:2222"],
    )
    hostkeys: list[Pem] = Field(
        default_factory=list,
        description="Private host keys, each as PEM text or the path of a file. When the list is empty, keys "
        "are created with mode 0600 in the state folder and kept there.",
        examples=[["/etc/sshore/ssh_host_ed25519_key"]],
    )
    banner: str | None = Field(
        default=None,
        description="Text shown to clients before they authenticate (RFC 4252, section 5.4), 32,000 bytes at most.",
        examples=["Authorised use only.\n"],
    )
    server_version: str | None = Field(
        default=None,
        description="Software version in the server's identification, with or without `SSH-2.0-` in front "
        "(RFC 4253, section 4.2). sshore's own by default.",
        examples=["SSH-2.0-sshore"],
    )
    drain_time: Span = Field(
        default=10.0,
        description="How long a server that was told to stop waits for its clients to finish; 0 is not at all.",
        examples=["1m"],
    )

    kex: list[str] | None = Field(
        default=None,
        description="Key exchanges to offer, the preferred one first; by default those of OpenSSH 10's sshd. Those "
        "over finite fields (`diffie-hellman-…`) cost much time each: only if they are listed here.",
        examples=[["curve25519-sha256", "diffie-hellman-group14-sha256"]],
    )

    @field_validator("banner")
    @classmethod
    def _banner(cls, value: str | None) -> str | None:
        size = len((value or "").encode("utf-8", "surrogatepass"))
        if size > LONGEST_BANNER:
            refuse_value(f"it has {size} bytes, and no client has to take more than {LONGEST_BANNER}")
        return value

    @field_validator("kex")
    @classmethod
    def _exchanges(cls, value: list[str] | None) -> list[str] | None:
        return checked_exchanges(value)

    @field_validator("server_version")
    @classmethod
    def _software_version(cls, value: str | None) -> str | None:
        if value is None:
            return None
        software = value.removeprefix("SSH-2.0-")
        if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", software) or len(software) > 240:
            raise ValueError("expected 1 to 240 printable ASCII characters, such as 'SSH-2.0-sshore'")
        return software


class AuthConfig(Section):
    """Who may log in. A server needs at least one of the two; an embedding program brings its own."""

    authorized_keys: str | None = Field(
        default=None,
        description="Path of the users' authorized-keys files; `%u` is the user's name, `%%` a percent sign. "
        "Owner and mode of the files are checked as sshd's StrictModes does.",
        examples=["/etc/sshore/keys/%u"],
        json_schema_extra={"format": "path"},
    )
    passwords: FilePath | None = Field(
        default=None,
        description="File of passwords in htpasswd's form, bcrypt or better. No password login without it.",
        examples=["/etc/sshore/htpasswd"],
    )

    @field_validator("authorized_keys")
    @classmethod
    def _pattern(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        for sign in _PATTERN.findall(value):
            if sign not in ("u", "%") or not sign:
                raise ValueError(f"'%{sign[:1]}' means nothing here; there are %u (the user) and %% (a percent sign)")
        return resolved(value, base_of(info))


class LogLevel(Word):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @classmethod
    def synonyms(cls, member: Word) -> tuple[str, ...]:
        """Return ContainerSSH's names of the levels."""
        names = {cls.INFO: ("notice",), cls.WARNING: ("warn",), cls.CRITICAL: ("crit", "alert", "emerg")}
        return {str(level): words for level, words in names.items()}.get(str(member), ())


class LogFormat(Word):
    """How a log line looks."""

    TEXT = "text"
    JSON = "json"


class LogConfig(Section):
    """The log, which goes to stderr."""

    level: Annotated[LogLevel, BeforeValidator(LogLevel.parse)] = Field(
        default=LogLevel.INFO, description="The least level that is logged.", examples=["debug"]
    )
    format: Annotated[LogFormat, BeforeValidator(LogFormat.parse)] = Field(
        default=LogFormat.TEXT,
        description="`text` is one line of key=value pairs per event, `json` one JSON object per line.",
        examples=["json"],
    )


class MetricsConfig(Section):
    """The Prometheus exporter."""

    enable: Flag = Field(default=False, description="Whether metrics are served.", examples=[True])
    listen: Listen = Field(default="127.0.0.1:9100", description="Address of the exporter.", examples=["0.0.0.0:9100"])
    path: str = Field(default="/metrics", description="Path of the metrics.", examples=["/metrics"])

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not re.fullmatch(r"/[!-~]*", value) or "?" in value or "#" in value:
            raise ValueError("expected a path that begins with '/', such as '/metrics'")
        return value


class HealthConfig(Section):
    """The health endpoints, `/healthz` and `/readyz`."""

    enable: Flag = Field(default=False, description="Whether health is served.", examples=[True])
    listen: Listen = Field(default="127.0.0.1:7000", description="Address of the endpoints.", examples=["0.0.0.0:7000"])
