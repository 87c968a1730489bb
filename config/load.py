"""From a file to a configuration, or to everything that is wrong with it, with lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .containerssh import translate
from .dangers import dangers
from .document import MAX_CHARACTERS, Document, read_document
from .files import missing_files
from .models import Config
from .plain_files import read_file_or_pipe
from .problems import ConfigError, Fault, KeyPath, Problem, dotted
from .sentences import faults_of
from .unknown import without_unknown

__all__ = ["ConfigError", "Problem", "load_config", "parse_config", "require_serving"]


Place = Callable[[Fault], Problem]


def load_config(path: Path) -> Config:
    """Read a YAML or JSON file; paths in it are relative to its folder. Raises ConfigError, of all faults.

    A file of ContainerSSH is taken too; the result's `notes` tell what in it has no meaning here.
    """
    return parse_config(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Return the text of a configuration file. Raises ConfigError."""
    name = str(path)
    try:
        content = read_file_or_pipe(path, 4 * MAX_CHARACTERS)
    except OSError as error:
        raise ConfigError([Problem("", None, f"cannot be read: {error.strerror}")], name) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            [Problem("", line, f"not UTF-8 text: {_what_it_may_be(content, error.start)}")], name
        ) from None


def _what_it_may_be(content: bytes, place: int) -> str:
    if b"\0" in content:
        return "is this a binary file?"
    return f"the byte 0x{content[place]:02x}; is it latin-1? 'iconv -f latin1 -t utf-8 OLD >NEW' makes it UTF-8"


def parse_config(text: str, name: str) -> Config:
    """Read YAML or JSON text; `name` is its file's, for messages and relative paths. Raises ConfigError."""
    return parse(text, name)[0]


def parse(text: str, name: str) -> tuple[Config, Place]:
    """Do the same, and return as well what tells where in the file a fault that is found later stands."""
    document = read_document(text, name)
    translation = translate(document)
    faults = list(translation.faults)
    data = without_unknown(Config, translation.data, (), faults)
    # What was meant by an unknown key is not to be missed elsewhere.
    silenced = {path for fault in faults for path in (fault.path, *fault.about)}
    config = _validated(data, Path(name).absolute().parent, faults, silenced)
    if config is not None:
        faults += missing_files(config)
    in_file = [Fault(translation.origin(fault.path), fault.message) for fault in faults]
    problems = document.problems + _problems(document, in_file)
    if config is None or problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0), name)

    def place(fault: Fault) -> Problem:
        path = translation.origin(fault.path)
        return Problem(dotted(path), document.line(path), fault.message)

    notes = [*_problems(document, translation.notes), *map(place, dangers(config))]
    return config.with_notes(dict.fromkeys(notes)), place


def require_serving(config: Config, name: str = "") -> None:
    """Check what a server of one's own needs beyond a valid configuration. Raises ConfigError."""
    if config.auth.authorized_keys is None and config.auth.passwords is None:
        message = "nobody could log in: give 'authorizedKeys', 'passwords', or both"
        raise ConfigError([Problem("auth", None, message)], name)


def _validated(data: dict[str, Any], base: Path, faults: list[Fault], silenced: set[KeyPath]) -> Config | None:
    """Validate, take out what is at fault, and again: so that one fault does not hide the next."""
    while True:
        try:
            return Config.model_validate(data, context={"base": base})
        except ValidationError as error:
            found = faults_of(error)
        faults += [fault for fault in found if fault not in faults and not _depends(fault, silenced)]
        silenced |= {fault.path for fault in found}
        removed = [_remove(data, fault.path) for fault in found]
        if not any(removed):
            return None


def _depends(fault: Fault, silenced: set[KeyPath]) -> bool:
    return any(path[: len(other)] == other[: len(path)] for path in fault.about for other in silenced)


def _remove(data: Any, path: KeyPath) -> bool:
    """Take out the value at `path`, or the list around it; say whether there was one."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    for part in path[:-1]:
        data = _inner(data, part)
    key = _key_of(data, path[-1]) if path else None
    if key is None:
        return False
    del data[key]
    return True


def _inner(data: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return data[part] if isinstance(data, list) and part < len(data) else None
    key = _key_of(data, part)
    return None if key is None else data[key]


def _key_of(data: Any, name: str | int) -> str | None:
    if not isinstance(data, dict):
        return None
    if name in data:
        return str(name)
    return next((key for key in data if key.lower() == str(name).lower()), None)


def _problems(document: Document, faults: list[Fault]) -> list[Problem]:
    found = [Problem(dotted(fault.path), document.line(fault.path), fault.message) for fault in faults]
    # One key can have become several, each with the same fault.
    return list(dict.fromkeys(found))
