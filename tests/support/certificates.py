"""Certificates of the tests' own, for engines that listen with TLS."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write `NAME-cert.pem` and `NAME-key.pem`; return their paths."""
        certificate, key = folder / f"{name}-cert.pem", folder / f"{name}-key.pem"
        certificate.write_text(self.certificate)
        key.touch(mode=0o600)
        key.write_text(self.key)
        return certificate, key


class Authority:
    """A certificate authority. What it issues is good for servers and for clients."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self._key, is_authority=True)

    def write(self, folder: Path) -> Path:
        """Write `ca.pem`; return its path."""
        path = folder / "ca.pem"
        path.write_text(self.certificate)
        return path

    def issue(self, address: str = LOOPBACK, *, expired: bool = False) -> Issued:
        """Return a certificate for `address`, valid today, or until yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Issued(self._sign(key, address=address, expired=expired), private.decode())

    def _sign(
        self, key: ec.EllipticCurvePrivateKey, *, address: str = "", expired: bool = False, is_authority: bool = False
    ) -> str:
        end = datetime.datetime.now(datetime.UTC) + (-_DAY if expired else _DAY)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name("authority" if is_authority else "issued"))
            .issuer_name(_name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - 3 * _DAY)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
