"""Who is alive: a lock per gateway process."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sshore.actors.gateway import Gateway

CHILD = """
import sys, pathlib
from sshore.actors.gateway import Gateway
gateway = Gateway(pathlib.Path(sys.argv[1]))
print(gateway.id, gateway.machine, flush=True)
sys.stdin.read()
"""


def locks(state: Path) -> list[str]:
    return os.listdir(state / "gateways")


def test_a_gateway_holds_a_lock_of_its_name_as_long_as_it_lives(state_dir: Path) -> None:
    gateway, other = Gateway(state_dir), Gateway(state_dir)
    assert sorted(locks(state_dir)) == sorted([gateway.id, other.id])
    assert not other.has_ended(gateway.id)
    gateway.close()
    assert locks(state_dir) == [other.id]
    assert other.has_ended(gateway.id)
    other.close()


def test_a_gateway_never_takes_itself_for_dead(state_dir: Path) -> None:
    gateway = Gateway(state_dir)
    assert not gateway.has_ended(gateway.id)
    gateway.close()
    assert not gateway.has_ended(gateway.id)


def test_closing_twice_does_no_harm(state_dir: Path) -> None:
    gateway = Gateway(state_dir)
    gateway.close()
    before = os.listdir("/proc/self/fd")
    gateway.close()
    assert os.listdir("/proc/self/fd") == before


def test_a_killed_gateway_is_dead_and_its_lock_is_cleared_away(state_dir: Path) -> None:
    gateway = Gateway(state_dir)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    other, machine = child.stdout.readline().split()
    assert machine == gateway.machine
    assert not gateway.has_ended(other)
    child.kill()
    child.communicate()
    assert gateway.has_ended(other)
    assert locks(state_dir) == [gateway.id]
    assert gateway.has_ended(other)
    gateway.close()


def test_locks_of_the_dead_are_cleared_away_and_no_others(state_dir: Path) -> None:
    gateway, neighbour = Gateway(state_dir), Gateway(state_dir)
    (state_dir / "gateways" / "0123456789abcdef").touch()
    gateway.clear_locks()
    assert sorted(locks(state_dir)) == sorted([gateway.id, neighbour.id])
    gateway.close()
    neighbour.close()


@pytest.mark.parametrize("name", ["", ".", "..", "../machine", "a/b", ".hidden", "a\0b"])
def test_a_name_that_is_no_gateways_is_not_looked_up(state_dir: Path, name: str) -> None:
    gateway = Gateway(state_dir)
    assert not gateway.has_ended(name)
    assert (state_dir / "machine").exists()
    gateway.close()


def test_the_folder_has_one_id_for_all_its_gateways(state_dir: Path, tmp_path: Path) -> None:
    first, second, elsewhere = Gateway(state_dir), Gateway(state_dir), Gateway(tmp_path / "other")
    assert first.machine == second.machine != elsewhere.machine
    assert first.labels == {"sshore": "1", "sshore.gateway": first.id, "sshore.machine": first.machine}
    for gateway in (first, second, elsewhere):
        gateway.close()


def test_gateways_that_start_at_once_agree_on_the_folders_id(state_dir: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        gateways = list(pool.map(lambda _: Gateway(state_dir), range(16)))
    machines = {gateway.machine for gateway in gateways}
    assert len(machines) == 1
    assert all(machines)
    for gateway in gateways:
        gateway.close()


def test_an_id_that_was_never_written_is_made_up_for(state_dir: Path) -> None:
    (state_dir / "machine").touch()
    gateway = Gateway(state_dir)
    assert gateway.machine
    assert (state_dir / "machine").read_text() == gateway.machine
    gateway.close()


@pytest.mark.parametrize(
    ("make", "what"), [(os.mkfifo, "a named pipe"), (lambda path: path.symlink_to("/dev/zero"), "a device")]
)
def test_an_id_that_is_no_file_is_refused_and_read_by_nobody(
    state_dir: Path, make: Callable[[Path], None], what: str
) -> None:
    make(state_dir / "machine")
    with pytest.raises(OSError, match=f"is not a regular file but {what}"):
        Gateway(state_dir)


def test_only_the_owner_sees_the_locks(state_dir: Path) -> None:
    gateway = Gateway(state_dir)
    assert stat.S_IMODE((state_dir / "gateways").stat().st_mode) == 0o700
    assert stat.S_IMODE((state_dir / "gateways" / gateway.id).stat().st_mode) == 0o600
    gateway.close()


def test_a_lock_is_not_inherited_by_a_child(state_dir: Path) -> None:
    gateway = Gateway(state_dir)
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    other = Gateway(state_dir)
    gateway.close()
    assert other.has_ended(gateway.id)
    child.kill()
    child.wait()
    other.close()


def test_a_lock_that_somebody_removed_is_held_again_and_others_without_one_are_not_judged(state_dir: Path) -> None:
    gateway, other = Gateway(state_dir), Gateway(state_dir)
    shutil.rmtree(state_dir / "gateways")
    gateway.keep_lock()
    assert locks(state_dir) == [gateway.id]
    assert not gateway.has_ended(other.id)
    other.keep_lock()
    other.keep_lock()
    assert not gateway.has_ended(other.id)
    assert not other.has_ended(gateway.id)
    other.close()
    gateway.close()
    assert locks(state_dir) == []
