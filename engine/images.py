"""The calls about images."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from docker import APIClient
from docker.utils import parse_repository_tag

from .address import EngineAddress
from .clients import ClientPool
from .errors import NotFound
from .image_names import runs_on, tagged
from .json_stream import JsonStream
from .translate import translate_pull_error
from .types import ImageInfo, PullProgress, RegistryAuth


def inspect_image(pool: ClientPool, image: str, timeout: float) -> ImageInfo:
    """Docker API, "ImageInspect"."""

    def inspect(client: APIClient) -> ImageInfo:
        return _image_info(client.inspect_image(image))  # type: ignore[no-untyped-call]  # a gap in the stub

    return pool.run("image_inspect", timeout, inspect)


def find_image(pool: ClientPool, image: str, platform: str | None, timeout: float) -> ImageInfo | None:
    """Docker API, "ImageInspect"."""
    try:
        found = inspect_image(pool, image, timeout)
    except NotFound:
        return None
    return found if runs_on(found.platform, platform) else None


def pull_image(
    address: EngineAddress,
    target_prefix: str,
    image: str,
    platform: str | None,
    auth: RegistryAuth | None,
    *,
    timeout: float,
    stall: float,
    progress: Callable[[PullProgress], None],
) -> None:
    """Docker API, "ImageCreate". `target_prefix` is `/v1.41`; blocks up to `timeout` seconds, `stall` of them idle."""
    repository, tag = parse_repository_tag(tagged(image))
    query = {"fromImage": repository, "tag": tag}
    if platform:
        query["platform"] = platform
    stream = JsonStream.open(
        address,
        "image_pull",
        "POST",
        f"{target_prefix}/images/create?{urlencode(query)}",
        timeout=timeout,
        silence=stall,
        headers={"X-Registry-Auth": _auth_header(auth)},
    )
    try:
        for line in stream:
            _report(line, progress)
    finally:
        stream.close()


def _image_info(image: dict[str, Any]) -> ImageInfo:
    config = image.get("Config") or {}
    platform = "/".join(str(image.get(key) or "") for key in ("Os", "Architecture", "Variant"))
    return ImageInfo(
        id=image["Id"],
        user=config.get("User") or "",
        workdir=config.get("WorkingDir") or "",
        platform=platform.rstrip("/"),
        entrypoint=tuple(config.get("Entrypoint") or ()),
    )


def _report(line: dict[str, Any], progress: Callable[[PullProgress], None]) -> None:
    if "error" in line:
        raise translate_pull_error(str(line["error"]))
    detail = line.get("progressDetail") or {}
    progress(
        PullProgress(
            layer=line.get("id", ""),
            status=line.get("status", ""),
            current=detail.get("current", 0),
            total=detail.get("total", 0),
        )
    )


def _auth_header(auth: RegistryAuth | None) -> str:
    fields = {} if auth is None else _auth_fields(auth)
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


def _auth_fields(auth: RegistryAuth) -> dict[str, str]:
    fields = {
        "username": auth.username,
        "password": auth.password,
        "serveraddress": auth.server,
        "identitytoken": auth.identity_token,
        "registrytoken": auth.registry_token,
    }
    return {name: value for name, value in fields.items() if value}
