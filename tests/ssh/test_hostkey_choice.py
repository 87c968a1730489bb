"""What a client's key exchange is signed with is that client's choice, whatever others choose meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
from support.front_desk import FrontDesk

ALGORITHMS = (b"rsa-sha2-256", b"rsa-sha2-512")


async def test_another_clients_choice_changes_nothing(tmp_path: Path) -> None:
    desk = FrontDesk(tmp_path, {})
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_private_key().decode()
    ssh = desk.config.ssh.model_copy(update={"hostkeys": [key]})
    desk.config = desk.config.model_copy(update={"ssh": ssh})
    async with desk.open(), desk.login(), desk.login():
        sides: list[Any] = [guest._connection for guest in desk.listener._limits.admission.guests()]
        for side, algorithm in zip(sides, ALGORITHMS, strict=True):
            assert side.choose_server_host_key([b"nonsense", algorithm])
        assert [side.get_server_host_key().sig_algorithm for side in sides] == list(ALGORITHMS)
        assert not sides[0].choose_server_host_key([b"nonsense"])
