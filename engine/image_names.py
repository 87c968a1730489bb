"""What the name of an image, and of a platform, says."""

from __future__ import annotations

from docker.auth import resolve_repository_name
from docker.errors import InvalidRepository

_OTHER_NAMES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386", "armhf": "arm"}


def tagged(image: str) -> str:
    """Return the name with the tag that Docker reads into one without tag and digest: `latest`."""
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"


def registry_of(image: str) -> str:
    """Return the registry's `HOST` or `HOST:PORT`; `docker.io` where the name has none, empty where it is no name."""
    try:
        registry, _ = resolve_repository_name(image)
    except (InvalidRepository, IndexError):
        return ""
    return str(registry)


def runs_on(has: str, wanted: str | None) -> bool:
    """Return whether an image of the platform `has` is what was asked for.

    Both are `os[/arch[/variant]]`; what either leaves out is as it may be.
    """
    return all(not one or not other or one == other for one, other in zip(_parts(has), _parts(wanted), strict=True))


def _parts(platform: str | None) -> list[str]:
    parts = [*(platform or "").lower().split("/"), "", ""][:3]
    return [_OTHER_NAMES.get(part, part) for part in parts]
