"""Credentials for a registry."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic import Field, SecretStr, model_validator

from .base import Section
from .problems import Fault, refuse


class RegistryAuthConfig(Section):
    """Credentials for the registry that the image is pulled from, with the Docker API's own keys."""

    username: str = Field(default="", description="User name at the registry.", examples=["puller"])
    password: SecretStr = Field(default=SecretStr(""), description="Password at the registry.", examples=["…"])
    serveraddress: str = Field(default="", description="Address of the registry.", examples=["registry.example:5000"])
    identitytoken: SecretStr = Field(
        default=SecretStr(""),
        description="Token from an earlier login, instead of a password.",
        examples=["…"],
    )
    registrytoken: SecretStr = Field(
        default=SecretStr(""), description="Bearer token sent to the registry as it is.", examples=["…"]
    )
    email: str = Field(
        default="", description="Taken for compatibility; registries ignore it.", examples=["a@b.example"]
    )
    auth: SecretStr = Field(
        default=SecretStr(""),
        description="`username:password` in Base64, as in Docker's config.json; instead of the two keys.",
        examples=["…"],
    )

    @model_validator(mode="before")
    @classmethod
    def _decode_auth(cls, data: Any) -> Any:
        auth = data.get("auth") if isinstance(data, Mapping) else None
        if not isinstance(auth, str) or not auth:
            return data
        username, password = _decoded(auth)
        given = [name for name in ("username", "password") if data.get(name)]
        refuse(Fault((name,), "give either this or 'auth'") for name in given)
        return {**data, "username": username, "password": password, "auth": ""}

    @model_validator(mode="after")
    def _pair(self) -> RegistryAuthConfig:
        if self.username and not self.password.get_secret_value():
            refuse([Fault(("username",), "needs 'password' as well", (("password",), ("auth",)))])
        if self.password.get_secret_value() and not self.username:
            refuse([Fault(("password",), "needs 'username' as well", (("username",), ("auth",)))])
        return self


def _decoded(auth: str) -> tuple[str, str]:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon:
        refuse([Fault(("auth",), "expected 'username:password' in Base64")])
    return username, password
