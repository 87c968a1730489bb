"""The key exchanges that a server may be told to offer."""

from __future__ import annotations

from .problems import refuse_value
from .suggest import did_you_mean

DEFAULT = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
)
"""Those of OpenSSH 10's sshd: none over a finite field."""
ON_DEMAND = (
    "mlkem768nistp256-sha256",
    "mlkem1024nistp384-sha384",
    "curve448-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group15-sha512",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group17-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
)
"""For clients that know nothing newer; only if they are listed."""
_TOO_SHORT = ("diffie-hellman-group1-sha1",)


def checked_exchanges(names: list[str] | None) -> list[str] | None:
    """Return the names; refuse one that there is not, and one whose group is too small."""
    if names is not None and not names:
        refuse_value("expected at least one key exchange; leave the key out for the default ones")
    for name in names or ():
        if name in _TOO_SHORT:
            refuse_value(f"{name} is over a group of 1,024 bits; the smallest that may be offered is 2,048")
        if name not in (*DEFAULT, *ON_DEMAND):
            refuse_value(f"there is no key exchange '{name}'{did_you_mean(name, (*DEFAULT, *ON_DEMAND))}")
    return names
