"""The listener's authentication, against the real ssh client."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.login_desk import UNRESTRICTED, Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path).listening() as made:
        yield made


@pytest.mark.parametrize(
    ("options", "permitted"),
    [
        ("", {}),
        ('command="a \\"b\\", c"', {"command": 'a "b", c'}),
        ('COMMAND="x",No-Pty', {"command": "x", "pty": False}),
        ("restrict,pty", {}),
        ("restrict,no-port-forwarding", {"pty": False}),
        ('environment="A=1",environment="B=2"', {"environment": {"A": "1", "B": "2"}}),
        ('from="10.0.0.1,127.0.0.*"', {}),
        ('expiry-time="29990101"', {}),
        ('from="10.0.0.1"', None),
        ('from="*,!127.0.0.0/8"', None),
        ('expiry-time="20200101"', None),
        ('permitopen="host:22"', None),
        ("cert-authority", None),
        ("nonsense", None),
    ],
)
async def test_openssh_is_let_in_with_what_its_keys_options_say(
    desk: Desk, options: str, permitted: dict[str, Any] | None
) -> None:
    desk.authorize("alice", (options, desk.make_key("key")))
    status, out, err = await desk.openssh("alice", "-i", str(desk.folder / "key"))
    if permitted is None:
        assert status == 255
        assert "Permission denied" in err
    else:
        assert status == 0, err
        assert json.loads(out) == UNRESTRICTED | permitted


async def test_openssh_offers_one_key_and_logs_in_with_another(desk: Desk) -> None:
    free, bound = desk.make_key("free"), desk.make_key("bound")
    desk.authorize("alice", ("", free), ('command="forced"', bound))
    for offered, used, command in (("free", "bound", "forced"), ("bound", "free", None)):
        status, out, err = await desk.openssh(
            "alice", "-v", *("-i", str(desk.folder / f"{offered}.pub")), *("-i", str(desk.folder / used))
        )
        assert status == 0, err
        assert json.loads(out)["command"] == command
        assert err.count("Server accepts key") == 2, "both keys were offered and taken"
