"""The checkout as tests see it: its files, and what the package's files import."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the one that may import all others to the one that imports none.
FOLDERS = ("ssh", "backend", "actors", "engine", "metrics", "config")


def package_files() -> list[Path]:
    """Return the files of the package, without tests and tools."""
    inside = (file for folder in FOLDERS for file in ROOT.glob(f"{folder}/**/*.py"))
    return sorted([*ROOT.glob("*.py"), *inside])


def tree_files() -> list[Path]:
    """Return the files that are, or would be, under version control; the unpacked tree's without git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        return [file for file in ROOT.rglob("*") if file.is_file() and not _hidden(file)]
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def part_of(file: Path) -> str:
    """Return the folder of a package file, or the name of a module at the root (`__main__`)."""
    relative = file.relative_to(ROOT)
    return relative.stem if len(relative.parts) == 1 else relative.parts[0]


def imports(file: Path) -> Iterator[str]:
    """Yield the absolute dotted name of everything that a package file imports, functions' imports too."""
    package = ["sshore", *file.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def _hidden(file: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(ROOT).parts)
