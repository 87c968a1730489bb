"""Files and repositories through the programs that people use for them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.server import Server

pytestmark = pytest.mark.engine


def remote_bytes(server: Server, path: str) -> bytes:
    """What a file in the shared folder holds, by another connection."""
    return server.ssh(f"cat {path}").stdout


def test_sftp_uploads_lists_renames_and_downloads(server: Server, shared_folder: str, local: Path) -> None:
    batch = f"""
put {local}/data {shared_folder}/up
rename {shared_folder}/up {shared_folder}/moved
ls -l {shared_folder}
get {shared_folder}/moved {local}/down
"""
    done = server.run(["sftp", *server.ssh_options, "-b", "-", "sshore"], stdin=batch.encode())

    assert done.returncode == 0, done.stderr
    assert f"{shared_folder}/moved".encode() in done.stdout
    assert (local / "down").read_bytes() == (local / "data").read_bytes()
    assert remote_bytes(server, f"{shared_folder}/moved") == (local / "data").read_bytes()


def test_sftp_says_what_went_wrong_and_ends_with_a_status(server: Server) -> None:
    done = server.run(["sftp", *server.ssh_options, "-b", "-", "sshore"], stdin=b"get /no/such/file /dev/null\n")

    assert done.returncode == 1
    assert b"not found" in done.stderr


@pytest.mark.parametrize("protocol", [[], ["-O"]], ids=["sftp", "old"])
def test_scp_copies_there_and_back(server: Server, shared_folder: str, local: Path, protocol: list[str]) -> None:
    scp = ["scp", *protocol, *server.ssh_options, "-q"]

    there = server.run([*scp, f"{local}/data", f"sshore:{shared_folder}/it"])
    back = server.run([*scp, f"sshore:{shared_folder}/it", f"{local}/back"])

    assert (there.returncode, back.returncode) == (0, 0), there.stderr + back.stderr
    assert (local / "back").read_bytes() == (local / "data").read_bytes()


@pytest.mark.parametrize("protocol", [[], ["-O"]], ids=["sftp", "old"])
def test_scp_of_a_missing_file_fails(server: Server, local: Path, protocol: list[str]) -> None:
    done = server.run(["scp", *protocol, *server.ssh_options, "sshore:/no/such/file", f"{local}/back"])

    assert done.returncode == 1
    assert b"No such file" in done.stderr


def test_rsync_mirrors_a_tree_there_and_back(server: Server, shared_folder: str, local: Path) -> None:
    tree = local / "tree"
    (tree / "sub").mkdir(parents=True)
    for number in range(20):
        (tree / "sub" / f"file {number}").write_bytes(os.urandom(1000 * number))
    (tree / "link").symlink_to("sub/file 1")
    rsync = ["rsync", "-a", "--delete", "-e", server.ssh_command]

    there = server.run([*rsync, f"{tree}/", f"sshore:{shared_folder}/tree/"])
    back = server.run([*rsync, f"sshore:{shared_folder}/tree/", f"{local}/back/"])

    assert (there.returncode, back.returncode) == (0, 0), there.stderr + back.stderr
    assert subprocess.run(["diff", "-r", "--no-dereference", tree, local / "back"], check=False).returncode == 0


def test_git_clones_and_pushes_by_an_ssh_url(server: Server, shared_folder: str, local: Path) -> None:
    url = f"ssh://sshore{shared_folder}/repo.git"
    identity = "-c user.name=test -c user.email=test@example.org"
    made = server.ssh(
        f"cd {shared_folder} && git init -q work && cd work && echo first >file && git add file && "
        f"git {identity} commit -qm first && git clone -q --bare . ../repo.git"
    )
    assert made.returncode == 0, made.stderr
    environment = {**os.environ, "GIT_SSH_COMMAND": server.ssh_command, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(local)}

    def git(*arguments: str) -> None:
        done = server.run(["git", *identity.split(), *arguments], cwd=local, env=environment)
        assert done.returncode == 0, done.stderr

    git("clone", "-q", url, "clone")
    assert (local / "clone" / "file").read_text() == "first\n"
    git("-C", "clone", "commit", "-q", "--allow-empty", "-m", "second")
    git("-C", "clone", "push", "-q", "origin", "HEAD:refs/heads/new")
    log = server.ssh(f"git -C {shared_folder}/repo.git log --format=%s new")
    assert log.stdout == b"second\nfirst\n"
