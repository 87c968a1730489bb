import asyncio
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest
from sshore.ssh.hostkeys import HostKeyError, load_host_keys
from support.posix_lists import give


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def publics(keys: list[asyncssh.SSHKey]) -> list[bytes]:
    return [key.public_data for key in keys]


def test_keys_are_made_once_with_mode_0600_and_kept(tmp_path: Path) -> None:
    first = load_host_keys([], tmp_path / "state")
    folder = tmp_path / "state" / "hostkeys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {
        "ssh_host_ed25519_key",
        "ssh_host_ecdsa_key",
        "ssh_host_rsa_key",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert publics(load_host_keys([], tmp_path / "state")) == publics(first)


def test_a_missing_one_is_made_again_beside_the_others(tmp_path: Path) -> None:
    first = load_host_keys([], tmp_path)
    (tmp_path / "hostkeys" / "ssh_host_ecdsa_key").unlink()
    second = load_host_keys([], tmp_path)
    assert publics(second)[0] == publics(first)[0]
    assert publics(second)[1] != publics(first)[1]


def test_openssh_understands_the_files(tmp_path: Path) -> None:
    load_host_keys([], tmp_path)
    for path in (tmp_path / "hostkeys").iterdir():
        subprocess.run(["ssh-keygen", "-y", "-f", str(path)], check=True, capture_output=True)


def test_gateways_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as executor:
        loaded = list(executor.map(lambda _: publics(load_host_keys([], tmp_path)), range(4)))
    assert loaded == [loaded[0]] * 4
    assert len(list((tmp_path / "hostkeys").iterdir())) == 3


def test_keys_are_taken_as_text_and_from_files(tmp_path: Path, key: asyncssh.SSHKey) -> None:
    text = key.export_private_key().decode()
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    assert publics(load_host_keys([text, str(path)], tmp_path)) == publics([key, key])
    assert not (tmp_path / "hostkeys").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, key: asyncssh.SSHKey, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(key.export_private_key())
    path.chmod(mode)
    with pytest.raises(HostKeyError, match=f"chmod 600 {path}"):
        load_host_keys([str(path)], tmp_path)


def test_a_kept_key_that_became_readable_is_refused_too(tmp_path: Path) -> None:
    load_host_keys([], tmp_path)
    (tmp_path / "hostkeys" / "ssh_host_rsa_key").chmod(0o644)
    with pytest.raises(HostKeyError, match="ssh_host_rsa_key is open to others"):
        load_host_keys([], tmp_path)


def test_what_is_no_private_key_is_refused_without_being_shown(tmp_path: Path, key: asyncssh.SSHKey) -> None:
    encrypted = key.export_private_key(passphrase="phrase").decode()
    damaged = key.export_private_key().decode().replace("AAAA", "!!!!", 1)
    public = tmp_path / "key.pub"
    public.write_bytes(key.export_public_key())
    public.chmod(0o600)
    for value, said in [
        (encrypted, "passphrase"),
        (damaged, "not a private key"),
        (str(public), "not a private key"),
        (str(tmp_path / "missing"), "No such file"),
        (str(tmp_path), "is a folder"),
    ]:
        with pytest.raises(HostKeyError, match=said) as caught:
            load_host_keys([value], tmp_path)
        assert "AAAA" not in str(caught.value)


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostKeyError, match="file"):
        load_host_keys([], tmp_path / "file" / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_of_somebody_else_is_refused(tmp_path: Path, key: asyncssh.SSHKey) -> None:
    path = tmp_path / "key"
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    os.chown(path, 4711, -1)
    with pytest.raises(HostKeyError, match="uid 4711"):
        load_host_keys([str(path)], tmp_path)


async def test_a_server_offers_all_three(tmp_path: Path) -> None:
    keys = await asyncio.to_thread(load_host_keys, [], tmp_path)
    async with await asyncssh.listen("127.0.0.1", 0, server_host_keys=keys) as server:
        for key in keys:
            algorithm = key.algorithm.decode().replace("ssh-rsa", "rsa-sha2-256")
            offered = await asyncssh.get_server_host_key(
                "127.0.0.1", server.get_port(), server_host_key_algs=[algorithm]
            )
            assert offered is not None
            assert offered.public_data == key.public_data


def test_a_list_that_gives_a_file_to_this_user_is_no_fault(tmp_path: Path, key: asyncssh.SSHKey) -> None:
    path = tmp_path / "key"
    path.write_bytes(key.export_private_key())
    path.chmod(0o400)
    give(path, "user", os.geteuid())
    # What the group seems to have is the list's mask.
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert publics(load_host_keys([str(path)], tmp_path)) == publics([key])


@pytest.mark.parametrize(
    ("holder", "number", "owning_group"), [("user", 12345, 0), ("group", 12345, 0), ("user", os.geteuid(), 4)]
)
def test_a_list_that_gives_a_file_to_others_is_refused(
    tmp_path: Path, key: asyncssh.SSHKey, holder: str, number: int, owning_group: int
) -> None:
    path = tmp_path / "key"
    path.write_bytes(key.export_private_key())
    path.chmod(0o400)
    give(path, holder, number, owning_group=owning_group)
    with pytest.raises(HostKeyError, match="is open to others"):
        load_host_keys([str(path)], tmp_path)


def test_a_reload_does_not_parse_keys_that_are_as_they_were(tmp_path: Path) -> None:
    first, again = (load_host_keys([], tmp_path) for _ in range(2))
    assert all(one is other for one, other in zip(first, again, strict=True))
    (tmp_path / "hostkeys" / "ssh_host_ed25519_key").unlink()
    ed25519, _, rsa = load_host_keys([], tmp_path)
    assert ed25519 is not first[0]
    assert rsa is first[2]
