"""The rules of the house that a machine can check."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from support.source_tree import FOLDERS, ROOT, imports, package_files, part_of, tree_files

ORDER = ("__main__", "__init__", *FOLDERS)
OWNERS = {"asyncssh": "ssh", "pykka": "actors", "docker": "engine"}
LONGEST_FILE = 350


def test_imports_run_one_way() -> None:
    backward = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in package_files()
        for name in imports(file)
        if (part := _part_named(name)) is not None and ORDER.index(part) < ORDER.index(part_of(file))
    ]
    assert backward == []


@pytest.mark.parametrize(("library", "folder"), OWNERS.items())
def test_a_library_is_imported_by_its_own_folder_only(library: str, folder: str) -> None:
    importers = {part_of(file) for file in package_files() if _imports_library(file, library)}
    assert importers <= {folder}


def test_actors_know_nothing_of_asyncio() -> None:
    actors = [file for file in package_files() if part_of(file) == "actors"]
    assert [file for file in actors if _imports_library(file, "asyncio")] == []


def test_no_file_of_the_package_is_too_long() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in package_files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_the_wheel_contains_every_folder_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {file.parent.relative_to(ROOT) for file in package_files()}
    expected = {".".join(["sshore", *folder.parts]) for folder in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == expected


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-bench.lock"])
def test_a_lock_file_names_no_host(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


def test_no_file_names_a_path_of_this_machine() -> None:
    own = [bytes(path) for path in (ROOT, Path.home(), Path(sys.base_prefix)) if _tells_a_machine(path)]
    naming = [file for file in tree_files() if any(path in file.read_bytes() for path in own)]
    assert naming == []


def _part_named(name: str) -> str | None:
    """Return the part of the package that a dotted name leads into; None outside of the package."""
    parts = name.split(".")
    if parts[0] != "sshore":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ORDER else "__init__"


def _imports_library(file: Path, library: str) -> bool:
    return any(name.split(".")[0] == library for name in imports(file))


def _tells_a_machine(path: Path) -> bool:
    # `/usr` and `/root` are on every machine, and in every container.
    return len(path.parts) > 2 and path.parts[1] != "usr"
