"""That the clients still cannot do what they are excused from (`driver.CANNOT`), as far as a machine can see it."""

from __future__ import annotations

import subprocess

import paramiko


def test_paramikos_channel_knows_no_signals() -> None:
    assert [name for name in dir(paramiko.Channel) if "signal" in name] == []


def test_dbclient_has_no_options_for_signals_variables_and_shared_connections() -> None:
    said = _said("dbclient", "-h")
    assert "Request a subsystem" in said
    assert [word for word in ("signal", "environment", "variable", "share", "master") if word in said.lower()] == []


def test_plink_has_no_option_for_signals() -> None:
    said = _said("plink", "--help")
    assert "-share" in said
    assert "signal" not in said.lower()


def test_openssh_has_no_control_command_for_signals() -> None:
    assert _said("ssh", "-O", "signal", "nowhere") == "Invalid multiplex command.\n"


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout + done.stderr.replace("\r\n", "\n")
