"""programs.py FOLDER PROGRAM…: print a folder in FOLDER with links to the programs that the PROGRAMs' packages bring.

These are the programs of the packages that they are in, of those on which these depend, and of the base system's
(Essential: yes). A program that is in no package comes alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
ALTERNATIVES = "/etc/alternatives/"
_FIELDS = r"${Package}\t${Essential}\t${Provides}\t${Pre-Depends},${Depends}\n"


def main(folder: Path, programs: Iterable[str]) -> Path:
    """Make one unless it is there. It stays as it is: another run may have it on its PATH."""
    search = os.pathsep.join((os.environ["PATH"], *FOLDERS))
    found = {name: path for name in programs if (path := shutil.which(name, path=search))}
    files = files_of(closure(packages_of(found.values())))
    links = {**dict(programs_among(files)), **found}
    made = folder / hashlib.sha256(repr(sorted(links.items())).encode()).hexdigest()[:16]
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder))
        draft.chmod(0o755)
        for name, path in links.items():
            (draft / name).symlink_to(path)
        # Another may have been quicker.
        with contextlib.suppress(OSError):
            draft.rename(made)
    return made


def packages_of(paths: Iterable[str]) -> set[str]:
    """The packages that own these files, or what they are links to."""
    names = {name for path in paths for name in (path, os.path.realpath(path))}
    names |= {name.removeprefix("/usr") for name in names}
    # Not every name is in a package, which is an exit status of 1.
    said = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True, check=False).stdout
    lines = (line.rpartition(": ")[0] for line in said.splitlines() if not line.startswith("diversion "))
    return {_bare(package) for line in lines for package in line.split(",")}


def closure(wanted: set[str]) -> set[str]:
    """These packages, the essential ones, and all on which they depend, as far as they are installed."""
    said = subprocess.run(["dpkg-query", "-W", "-f", _FIELDS], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in said.splitlines()]
    provided: dict[str, set[str]] = {}
    for package, _, provides, _ in rows:
        for name in (package, *_names(provides)):
            provided.setdefault(name, set()).add(package)
    needed = {package: _names(depends) for package, _, _, depends in rows}
    left, done = wanted | {package for package, essential, _, _ in rows if essential == "yes"}, set[str]()
    while left:
        done |= left
        names = {name for package in left for name in needed.get(package, ())}
        left = {package for name in names for package in provided.get(name, ())} - done
    return done


def files_of(packages: Iterable[str]) -> set[str]:
    """All that is in these packages, by the paths that they have where /bin is a link to /usr/bin."""
    said = subprocess.run(["dpkg-query", "-L", *sorted(packages)], capture_output=True, text=True, check=True).stdout
    return {_settled(line) for line in said.splitlines()}


def programs_among(files: set[str]) -> Iterator[tuple[str, str]]:
    """Names and paths of those that are on the usual PATH, by whatever alternative."""
    for folder in reversed(FOLDERS):
        for entry in os.scandir(folder):
            chosen = entry.is_symlink() and os.readlink(entry.path).startswith(ALTERNATIVES)
            if _settled(entry.path) in files or (chosen and os.path.realpath(entry.path) in files):
                yield entry.name, entry.path


def _settled(path: str) -> str:
    """The path with the links among its folders followed."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _names(relations: str) -> list[str]:
    """The names in a field of relations, all alternatives; versions and architectures do not matter."""
    return [_bare(word) for word in re.split(r"[,|]", re.sub(r"\([^)]*\)", "", relations)) if word.strip()]


def _bare(package: str) -> str:
    return package.strip().partition(":")[0]


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2:]))
