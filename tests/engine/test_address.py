"""Where an engine listens."""

import socket
from pathlib import Path

import pytest
from sshore.engine.address import EngineAddress, unreachable
from sshore.engine.errors import AccessDenied, TimedOut, Unavailable

PEM = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "base_url", "host_header"),
    [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock", "localhost"),
        ("tcp://engine:2375", "http://engine:2375", "engine:2375"),
        ("http://engine", "http://engine:2375", "engine:2375"),
        ("https://engine", "https://engine:2376", "engine:2376"),
        ("tcp://[::1]:4000", "http://[::1]:4000", "[::1]:4000"),
        ("ssh://root@engine:22", "ssh://root@engine:22", "localhost"),
    ],
)
def test_addresses_are_written_as_dockers_client_writes_them(text, base_url, host_header):
    address = EngineAddress.parse(text)
    assert (address.base_url, address.host_header) == (base_url, host_header)


@pytest.mark.parametrize(
    "text",
    ["", "engine:2375", "unix://var/run/docker.sock", "unix://", "ssh://", "tcp://", "tcp://engine:99999",
     "tcp://engine:2375/path", "/var/run/docker.sock"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"engine address|[Pp]ort"):
        EngineAddress.parse(text)


def test_certificates_turn_tls_on_and_may_be_text_or_files(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(PEM)
    address = EngineAddress.parse("tcp://engine", cacert=PEM, cert=PEM, key=str(file))
    assert address.base_url == "https://engine:2376"
    assert address.tls.key == str(file)
    kept = Path(address.tls.cert)
    assert kept.read_text() == PEM
    assert kept.stat().st_mode & 0o077 == 0


def test_a_certificate_without_its_key_is_refused():
    with pytest.raises(ValueError, match="both cert and key"):
        EngineAddress.parse("tcp://engine", cert=PEM)


def test_a_certificate_file_that_is_missing_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"cacert: ./no/such\.pem."):
        EngineAddress.parse("tcp://engine", cacert="/no/such.pem")


def test_a_unix_socket_takes_no_certificates():
    with pytest.raises(ValueError, match="takes no TLS"):
        EngineAddress.parse("unix:///var/run/docker.sock", cacert=PEM)


def test_a_tcp_connection_sends_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = EngineAddress.parse(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        with address.connect_blocking(5) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.gettimeout() == 5


def test_a_socket_that_is_not_there_raises_a_system_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        EngineAddress.parse(f"unix://{tmp_path}/none.sock").connect_blocking(5)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (PermissionError(13, "Permission denied"), AccessDenied),
        (ConnectionRefusedError(111, "Connection refused"), Unavailable),
        (TimeoutError("timed out"), TimedOut),
    ],
)
def test_system_errors_become_our_own(failure, error):
    assert type(unreachable("ping", failure)) is error
