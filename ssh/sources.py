"""Whose an address is, as far as limits are concerned."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

_IPV6_NETWORK_BITS = 64


@lru_cache(maxsize=4096)
def source_of(address: str) -> str:
    """Return what is counted as one client: an IPv4 address, the /64 network of an IPv6 one, else the text itself.

    Whoever has one IPv6 address commonly has the other 2^64 of its network too.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    bits = int(parsed) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS
    return f"{ipaddress.IPv6Address(bits)}/{_IPV6_NETWORK_BITS}"
