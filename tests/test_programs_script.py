"""scripts/programs.py: the tests' PATH has the programs of the set-up's packages and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.source_tree import ROOT

pytestmark = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="there are no packages to ask about")


def folder_for(room: Path, *programs: str, path: str = "") -> Path:
    command = [sys.executable, str(ROOT / "scripts" / "programs.py"), str(room), *programs]
    search = os.pathsep.join(filter(None, (path, os.environ["PATH"])))
    said = subprocess.run(
        command, env=os.environ | {"PATH": search}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return Path(said.strip())


def test_the_path_has_a_packages_programs_what_it_depends_on_and_the_essential_ones(tmp_path: Path) -> None:
    folder = folder_for(tmp_path, "ssh")
    there = {entry.name for entry in folder.iterdir()}
    assert {"ssh", "ssh-keygen", "sftp", "sh", "tar"} <= there
    assert there & {"podman", "dockerd", "rsync"} == set()
    assert all(os.access(entry, os.X_OK) for entry in folder.iterdir())


def test_what_is_in_no_package_comes_only_when_it_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("by-hand", "another"):
        (own / name).write_text("#!/bin/sh\n")
        (own / name).chmod(0o755)
    there = {entry.name for entry in folder_for(tmp_path / "room", "by-hand", path=str(own)).iterdir()}
    assert "by-hand" in there
    assert "another" not in there


def test_a_folder_that_another_run_may_have_on_its_path_stays_as_it_is(tmp_path: Path) -> None:
    first = folder_for(tmp_path, "ssh")
    made = (first / "ssh").lstat()
    assert folder_for(tmp_path, "ssh") == first
    assert (first / "ssh").lstat() == made
    assert [entry.name for entry in tmp_path.iterdir()] == [first.name]
