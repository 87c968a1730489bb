"""The page on security names what the source has."""

from __future__ import annotations

from sshore.config.hardening import DROPPED, PIDS_LIMIT
from sshore.ssh.client_environment import AcceptedNames
from support.documents import page

REFUSED = ("HOME", "USER", "LOGNAME", "SHELL", "PATH", "SSH_TTY", "LD_*", "BASH_ENV", "ENV", "IFS", "SHELLOPTS")


def test_every_default_of_containers_is_explained() -> None:
    rows = page("docs/security.md").table("default", "why", "what it costs", "how to loosen it")
    told = " ".join(row["default"] for row in rows)
    assert [name for name in DROPPED if f"`{name}`" not in told] == []
    assert f"PidsLimit: {PIDS_LIMIT}" in told
    assert "no-new-privileges" in told


def test_every_variable_that_no_client_may_set_is_named() -> None:
    (row,) = (line for line in page("docs/sessions.md").text.splitlines() if line.startswith("| what else the client"))
    assert [name for name in REFUSED if f"`{name}`" not in row] == []
    assert [name for name in REFUSED if AcceptedNames().accept(name)] == []
