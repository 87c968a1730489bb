"""The section about limits: what one client, one address and all of them may take of the server."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core.core_schema import ValidationInfo

from .base import Duration, Section, seconds
from .problems import Fault, refuse, refuse_value

_LARGEST = 2**31 - 1
_NONE = (0, "0", "0s")
_TWICE_WHAT_A_KERNEL_TAKES = 4 * 1024 * 1024


def _count(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        refuse_value(f"expected a whole number from 0 to {_LARGEST}")
    return value


def _span(value: object, info: ValidationInfo) -> float:
    return 0.0 if value in _NONE and not isinstance(value, bool) else seconds(value, info)


Count = Annotated[int, BeforeValidator(_count), WithJsonSchema({"type": "integer", "minimum": 0})]
Span = Annotated[
    float,
    BeforeValidator(_span),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}], "format": "duration"}),
]


class LimitsConfig(Section):
    """What clients may take. Names are those of sshd_config(5) where it has the same. 0 switches a limit off."""

    max_connections: Count = Field(
        default=1000,
        description="Connections at once. When they are that many, one that is not logged in makes room, as for "
        "`maxStartups`; without one, newcomers are refused.",
        examples=[200],
    )
    max_connections_per_address: Count = Field(
        default=0,
        description="Connections at once from one IPv4 address or IPv6 /64 network, logged in or not. A whole class "
        "may sit behind one address.",
        examples=[50],
    )
    max_startups: Count = Field(
        default=100,
        description="Connections at once that are not logged in. One more closes another, of the stage of the login "
        "and the address that hold the most: unlike sshd's, it locks nobody out.",
        examples=[200],
    )
    handshake_time: Span = Field(
        default=30.0, description="Until a new connection has exchanged keys and names its user.", examples=["10s"]
    )
    login_grace_time: Span = Field(default=120.0, description="Until a new connection has logged in.", examples=["1m"])
    max_auth_tries: Count = Field(
        default=6,
        description="Failed tries to log in per connection, of any method; a key that was offered and is not listed "
        "is one.",
        examples=[3],
    )
    ban_after: Count = Field(
        default=0,
        description="Failed passwords from one IPv4 address or IPv6 /64 network that close it out, keys included, "
        "until `banDecay` has brought their number down.",
        examples=[20],
    )
    ban_decay: Duration = Field(
        default=60.0, description="One failed password of an address is forgotten in each such time.", examples=["5m"]
    )
    max_sessions: Count = Field(
        default=64,
        description="Session channels open at once on one connection. sshd's `MaxSessions` is 10; here a client that "
        "goes on with a further connection, as OpenSSH's does by itself, finds another container there.",
        examples=[20],
    )
    session_wait: Span = Field(
        default=10.0,
        description="How long a channel that is one too many waits for another one to close before it is refused. At "
        "most 64 of a connection wait.",
        examples=["1m"],
    )
    max_sessions_per_user: Count = Field(
        default=0, description="Session channels open at once for one user name, over all connections.", examples=[8]
    )
    max_env: Count = Field(
        default=1000, description="Environment variables that a client sets for one session.", examples=[128]
    )
    max_env_size: Count = Field(
        default=_TWICE_WHAT_A_KERNEL_TAKES,
        description="Bytes of their names and values together. A program gets 2 MiB at most: more is an error.",
        examples=[32768],
    )
    max_memory_per_connection: Count = Field(
        default=8 * 1024 * 1024,
        description="Bytes of one connection that may wait: environment variables, twice the windows of its channels, "
        "output of programs that have ended. A variable beyond it is refused, a channel goes on with a smaller window, "
        "2 KiB at least, and of unread output the end is lost.",
        examples=[16777216],
    )
    max_memory_per_user: Count = Field(
        default=16 * 1024 * 1024,
        description="The same of one user name, over all connections.",
        examples=[33554432],
    )
    max_memory: Count = Field(
        default=256 * 1024 * 1024, description="The same of all clients together.", examples=[536870912]
    )
    max_containers_per_user: Count = Field(
        default=0,
        description="Containers at once of one user name. In connection mode every connection has one, whether a "
        "session is open or not, from its login until the container is removed: one more is disconnected. In session "
        "mode every session has one.",
        examples=[4],
    )
    max_command_length: Count = Field(
        default=0,
        description="Bytes of a command. No kernel runs more than 131071.",
        examples=[8192],
    )
    idle_timeout: Span = Field(
        default=0.0,
        description="A session ends when nothing went in or out for this long, as by sshd's ChannelTimeout.",
        examples=["30m"],
    )
    session_timeout: Span = Field(
        default=0.0, description="A session ends this long after its program was asked for.", examples=["8h"]
    )
    timeout_warning: Duration = Field(
        default=60.0,
        description="How long before such an end a terminal is warned; at half of the time when that is shorter.",
        examples=["5m"],
    )
    client_alive_interval: Span = Field(
        default=0.0,
        description="A client that sent nothing for this long is asked whether it is there; off unless set.",
        examples=["30s"],
    )
    client_alive_count_max: Count = Field(
        default=3,
        description="So many unanswered questions in a row end the connection, an interval after the last of them.",
        examples=[2],
    )

    @model_validator(mode="after")
    def _order(self) -> LimitsConfig:
        if 0 < self.login_grace_time < self.handshake_time and "handshake_time" in self.model_fields_set:
            refuse([Fault(("handshakeTime",), "is longer than loginGraceTime", (("loginGraceTime",),))])
        return self
