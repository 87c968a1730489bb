"""The sections about the engine: how to reach it, and how long to wait for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .base import Duration, Pem, Section
from .limits import Count
from .problems import Fault, refuse
from .suggest import did_you_mean
from .text import shortened

SCHEMES = ("unix", "tcp", "http", "https", "ssh")
DEFAULT_HOST = "unix:///var/run/docker.sock"
_TLS_KEYS = ("cacert", "cert", "key")


class ConnectionConfig(Section):
    """The Docker Engine."""

    host: str = Field(
        default=DEFAULT_HOST,
        description="URL of the engine: `unix:///PATH`, `tcp://HOST:PORT`, `http://…`, `https://…`, `ssh://USER@HOST`.",
        examples=["tcp://engine.example:2376"],
    )
    cacert: Pem | None = Field(
        default=None,
        description="Certificate of the engine's authority, as PEM text or the path of a file.",
        examples=["/etc/sshore/ca.pem"],
    )
    cert: Pem | None = Field(
        default=None,
        description="Client certificate shown to the engine, as PEM text or the path of a file.",
        examples=["/etc/sshore/cert.pem"],
    )
    key: Pem | None = Field(
        default=None,
        description="Private key of the client certificate, as PEM text or the path of a file.",
        examples=["/etc/sshore/key.pem"],
    )

    starts_at_once: Count = Field(
        default=0,
        description="Containers that start at the same time; users take turns for more. 0: twice as many as sshore's "
        "own machine has processors, at least 4; set it where the engine is on a larger one.",
        examples=[32],
    )

    @field_validator("host")
    @classmethod
    def _url(cls, value: str) -> str:
        scheme, separator, rest = value.partition("://")
        if not separator:
            raise ValueError(f"expected a URL such as '{DEFAULT_HOST}', not {shortened(value)}")
        if scheme not in SCHEMES:
            known = ", ".join(f"{name}://" for name in SCHEMES)
            raise ValueError(f"unknown scheme {shortened(scheme)}{did_you_mean(scheme, SCHEMES)}; there are {known}")
        if scheme == "unix" and (not rest.startswith("/") or "\0" in rest):
            raise ValueError(f"expected an absolute path behind unix://, as in '{DEFAULT_HOST}'")
        if scheme != "unix":
            _check_authority(scheme, value)
        return value

    @model_validator(mode="after")
    def _combinations(self) -> ConnectionConfig:
        refuse(self._tls_faults())
        return self

    def _tls_faults(self) -> list[Fault]:
        given = [name for name in _TLS_KEYS if getattr(self, name) is not None]
        scheme = self.host.partition("://")[0]
        if scheme not in ("tcp", "https"):
            message = f"TLS is for tcp:// and https://, and the host is {scheme}://"
            return [Fault((name,), message, (("host",),)) for name in given]
        faults = []
        for name, needed in (("cert", "key"), ("key", "cert"), ("cert", "cacert")):
            if name in given and needed not in given:
                faults.append(Fault((name,), f"needs '{needed}' as well", ((needed,), ("host",))))
        return faults


class TimeoutsConfig(Section):
    """How long each operation may take."""

    # Seconds, as attributes.
    container_start: Duration = Field(
        default=60.0,
        description="Until a container is created and started, pulling its image not counted.",
        examples=["60s"],
    )
    image_pull: Duration = Field(
        default=3600.0, description="Until an image is pulled, however many wait for it.", examples=["10m"]
    )
    image_pull_stall: Duration = Field(
        default=120.0, description="For as long a pull may make no progress at all.", examples=["30s"]
    )
    container_stop: Duration = Field(
        default=60.0, description="Until a container is stopped and removed.", examples=["30s"]
    )
    command_start: Duration = Field(default=60.0, description="Until a program has started.", examples=["1m30s"])
    signal: Duration = Field(default=60.0, description="Until a signal is delivered.", examples=["10s"])
    window: Duration = Field(default=60.0, description="Until a new window size is set.", examples=["10s"])
    http: Duration = Field(
        default=15.0, description="For any single request to the engine not named above.", examples=["500ms"]
    )


def _check_authority(scheme: str, url: str) -> None:
    example = f"expected '{scheme}://HOST:PORT'"
    try:
        parts: Any = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{example}: {error}") from None
    if not host or any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError(example)
    if parts.password is not None or (parts.username is not None and scheme != "ssh"):
        raise ValueError(f"{example} without a user name or password")
