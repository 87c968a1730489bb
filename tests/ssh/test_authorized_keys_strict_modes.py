import os
from pathlib import Path

import pytest
from sshore.ssh.strict_modes import MAX_BYTES, UnsafeFileError, read_strictly


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    return folder


def make(path: Path, mode: int = 0o644) -> Path:
    path.write_bytes(b"content")
    path.chmod(mode)
    return path


def test_a_file_of_the_gateways_own_is_read(base: Path) -> None:
    assert read_strictly(make(base / "alice"), base).data == b"content"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(base: Path, mode: int) -> None:
    with pytest.raises(UnsafeFileError, match=f"{mode:04o}"):
        read_strictly(make(base / "alice", mode), base)


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o1777])
def test_a_directory_that_others_may_write_is_refused(base: Path, mode: int) -> None:
    folder = base / "alice"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(UnsafeFileError, match="alice is writable"):
        read_strictly(make(folder / "authorized_keys"), base)


def test_the_base_itself_is_checked_and_what_is_above_it_is_not(base: Path) -> None:
    base.parent.chmod(0o777)
    assert read_strictly(make(base / "alice"), base).data
    base.chmod(0o777)
    with pytest.raises(UnsafeFileError, match="keys is writable"):
        read_strictly(base / "alice", base)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("stranger", ["alice", "."])
def test_a_file_or_directory_of_somebody_else_is_refused(base: Path, stranger: str) -> None:
    make(base / "alice")
    os.chown(base / stranger, 4711, -1)
    with pytest.raises(UnsafeFileError, match="uid 4711"):
        read_strictly(base / "alice", base)


def test_a_link_inside_the_base_is_followed(base: Path) -> None:
    make(base / "alice")
    (base / "bob").symlink_to("alice")
    assert read_strictly(base / "bob", base).data == b"content"


def test_a_link_out_of_the_base_is_checked_up_to_the_root(base: Path) -> None:
    outside = base.parent / "open"
    outside.mkdir()
    make(outside / "target")
    outside.chmod(0o777)
    (base / "alice").symlink_to(outside / "target")
    with pytest.raises(UnsafeFileError, match="open is writable"):
        read_strictly(base / "alice", base)


def test_what_is_no_regular_file_is_refused_without_waiting(base: Path) -> None:
    os.mkfifo(base / "fifo", 0o600)
    (base / "folder").mkdir()
    for name in ("fifo", "folder"):
        with pytest.raises(UnsafeFileError, match="regular"):
            read_strictly(base / name, base)


def test_a_file_that_is_too_large_is_refused(base: Path) -> None:
    (base / "alice").write_bytes(b"x" * MAX_BYTES)
    assert len(read_strictly(base / "alice", base).data) == MAX_BYTES
    (base / "alice").write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(UnsafeFileError, match="larger"):
        read_strictly(base / "alice", base)


def test_a_missing_file_and_a_broken_link_are_just_missing(base: Path) -> None:
    (base / "broken").symlink_to("nowhere")
    for name in ("missing", "broken"):
        with pytest.raises(FileNotFoundError):
            read_strictly(base / name, base)
