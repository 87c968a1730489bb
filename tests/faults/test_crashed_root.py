"""The root actor of a real gateway crashes: the process ends with 1, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.census import LeavesNoContainer
from support.clients import clients
from support.gateway import StartGateway

pytestmark = pytest.mark.engine

BOMB = """
import os, sys
if "serve" in sys.argv or "-m" in sys.orig_argv:
    from sshore.actors.messages import ChildEnded
    from sshore.actors.root import RootActor
    handle = RootActor.handle

    def handle_or_crash(self, message):
        if isinstance(message, ChildEnded) and os.path.exists({flag!r}):
            raise {kind}("injected")
        handle(self, message)

    RootActor.handle = handle_or_crash
"""


@pytest.mark.parametrize("kind", ["ValueError", "SystemExit"])
def test_a_root_that_crashes_ends_the_process_with_1(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, kind: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    (tmp_path / "sitecustomize.py").write_text(BOMB.format(flag=str(flag), kind=kind))
    gateway = start_gateway(mode, wrapper=["env", f"PYTHONPATH={tmp_path}"])
    with (
        clients(gateway, 2, "echo ready; exec sleep 1000") as users,
        leaving_no_container(f"{kind} in the root actor", gateway) as fault,
    ):
        for user in users:
            user.expect("ready")
        flag.touch()
        # Whoever leaves is the last straw.
        users[0].kill()
        assert gateway.wait() == 1
        fault.begins()
        assert users[1].wait() == 255
        fault.saw = users[1].output.decode().removeprefix("ready\n").partition("\r")[0].strip()
    assert "event=actor_failed" in gateway.log
