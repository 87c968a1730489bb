"""Key exchanges over finite fields: none by default, none below 2,048 bits, and not in the loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh import kex_dh
from sshore.config.load import parse_config
from sshore.config.problems import ConfigError
from sshore.ssh import finite_fields
from support.client import eventually
from support.front_desk import FrontDesk

GROUPS = ("diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512")
EXCHANGE = "diffie-hellman-group-exchange-sha256"


def desk_with(folder: Path, exchanges: Sequence[str] | None) -> FrontDesk:
    desk = FrontDesk(folder, {})
    if exchanges:
        ssh = desk.config.ssh.model_copy(update={"kex": list(exchanges)})
        desk.config = desk.config.model_copy(update={"ssh": ssh})
    return desk


async def test_none_is_offered_unless_it_is_listed(tmp_path: Path) -> None:
    async with desk_with(tmp_path, None).open() as desk:
        with pytest.raises(asyncssh.KeyExchangeFailed):
            await asyncio.wait_for(desk.login(kex_algs=[*GROUPS, EXCHANGE]).__aenter__(), 10)


@pytest.mark.parametrize("exchange", [GROUPS[0], GROUPS[2], EXCHANGE])
async def test_openssh_logs_in_over_one_that_is_listed(exchange: str, tmp_path: Path) -> None:
    async with desk_with(tmp_path, [exchange]).open() as desk:
        status, said = await desk.openssh("-o", f"KexAlgorithms={exchange}", "-v", "127.0.0.1", "true")
        assert status == 0, said
        assert f"kex: algorithm: {exchange}" in said


@pytest.mark.parametrize(("preferred", "bits"), [(512, 2048), (1024, 2048), (3072, 3072)])
async def test_a_group_is_never_smaller_than_2048_bits(
    preferred: int, bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    primes: list[int] = []
    taken = kex_dh._KexDHGex._process_group

    def take(self: Any, *packet: Any) -> None:
        taken(self, *packet)
        primes.append(self._p)

    monkeypatch.setitem(kex_dh._KexDHGex._packet_handlers, kex_dh.MSG_KEX_DH_GEX_GROUP, take)  # type: ignore[arg-type]
    monkeypatch.setattr(kex_dh, "KEX_DH_GEX_MIN_SIZE", 512)
    monkeypatch.setattr(kex_dh, "KEX_DH_GEX_PREFERRED_SIZE", preferred)
    async with desk_with(tmp_path, [EXCHANGE]).open() as desk, desk.login(kex_algs=[EXCHANGE]):
        assert [prime.bit_length() for prime in primes] == [bits]


async def test_a_client_that_wants_only_smaller_ones_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kex_dh, "KEX_DH_GEX_PREFERRED_SIZE", 1024)
    monkeypatch.setattr(kex_dh, "KEX_DH_GEX_MAX_SIZE", 1024)
    async with desk_with(tmp_path, [EXCHANGE]).open() as desk:
        with pytest.raises(asyncssh.KeyExchangeFailed, match="2048 bits"):
            await asyncio.wait_for(desk.login(kex_algs=[EXCHANGE]).__aenter__(), 10)


async def test_more_than_so_many_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite_fields, "MOST_WAITING", 1)

    async def log_in(desk: FrontDesk) -> None:
        async with desk.login(kex_algs=[GROUPS[0]]):
            pass

    async with desk_with(tmp_path, [GROUPS[0]]).open() as desk:
        async with finite_fields._worker()._free:
            logins = [asyncio.create_task(log_in(desk)) for _ in range(5)]
            # Two may wait for the one who computes, here the test.
            await eventually(lambda: sum(login.done() for login in logins) == 3, "the refusals")
        came = await asyncio.gather(*logins, return_exceptions=True)
        refused = [str(one) for one in came if isinstance(one, asyncssh.KeyExchangeFailed)]
        assert len(refused) == 3
        assert all("at once" in reason for reason in refused)
        assert came.count(None) == 2


@pytest.mark.parametrize(
    ("exchanges", "reason"),
    [
        (["diffie-hellman-group1-sha1"], "1,024 bits"),
        (["diffie-hellman-group14-sha265"], "diffie-hellman-group14-sha256"),
        ([], "at least one"),
    ],
)
def test_what_cannot_be_offered_is_refused_when_the_file_is_read(exchanges: list[str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_config(json.dumps({"ssh": {"kex": exchanges}}), "c.json")
