"""`HOST:PORT`, the address of a listener."""

from __future__ import annotations

import ipaddress
import re

from .text import shortened

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_WILDCARDS = {"0.0.0.0": 4, "::": 6}
EVERY_ADDRESS = frozenset(("", *_WILDCARDS))
"""The hosts that stand for every address, at least of one family."""


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPv6]:PORT`.

    An empty host means every address, port 0 any free one. Raises ValueError with a sentence.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port):
        raise ValueError(f"expected HOST:PORT such as '0.0.0.0:2222', not {shortened(text)}")
    if int(port) > 65535:
        raise ValueError(f"port {port} is above 65535")
    return _host(host), int(port)


def host_and_port(host: str, port: int) -> str:
    """Return `HOST:PORT`, an IPv6 address in brackets: what `parse_listen` takes apart again."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def overlap(one: str, other: str) -> bool:
    """Whether two listeners cannot both be opened: the same port on the same address, or on every address."""
    (host, port), (other_host, other_port) = parse_listen(one), parse_listen(other)
    if port != other_port or port == 0:
        return False
    if "" in (host, other_host) or host == other_host:
        return True
    families = {_family(host), _family(other_host)}
    return len(families) == 1 and not _WILDCARDS.keys().isdisjoint((host, other_host))


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return str(_ipv6(text[1:-1]))
    if ":" in text:
        raise ValueError(f"an IPv6 address goes in brackets: '[{text[:45]}]:PORT'")
    if re.fullmatch(r"[0-9.]+", text):
        return str(_ipv4(text))
    if text and not _HOST_NAME.fullmatch(text):
        raise ValueError(f"{shortened(text)} is neither an address nor a host name")
    return text


def _ipv4(text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"{shortened(text)} is not an IPv4 address") from None


def _ipv6(text: str) -> ipaddress.IPv6Address:
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"{shortened(text)} is not an IPv6 address") from None


def _family(host: str) -> int:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 4
