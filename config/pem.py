"""PEM values: the text itself, or the path of a file that holds it."""

from __future__ import annotations

import os
from pathlib import Path

_BEGIN = "-----BEGIN "
_END = "-----END "
_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_IN_CREDENTIALS = f"${{{_CREDENTIALS}}}/"


def is_pem_text(value: str) -> bool:
    """Whether the value is PEM text, and not a path."""
    return value.lstrip().startswith(_BEGIN)


def pem_text(value: str) -> str:
    """Return the PEM text of a configured value, read from its file when it is a path. Raises OSError."""
    return value if is_pem_text(value) else Path(value).read_text(encoding="ascii", errors="replace")


def checked_pem(value: str, base: Path | None) -> str:
    """Return PEM text as it is, and a path as absolute, seen from `base`. Raises ValueError."""
    if is_pem_text(value):
        if _END not in value:
            raise ValueError("the PEM text is cut off: its END line is missing")
        return value
    if "\n" in value:
        raise ValueError(f"this text of several lines is not PEM: it does not begin with '{_BEGIN.strip()}'")
    return resolved(value, base)


def resolved(path: str, base: Path | None) -> str:
    """Return `path` as absolute, seen from `base`, with `~` expanded; unchanged without a base.

    `${CREDENTIALS_DIRECTORY}/` in front is the folder in which systemd puts a service's credentials (systemd.exec(5)).
    """
    if not path.strip() or "\0" in path:
        raise ValueError("expected the path of a file")
    if path.startswith(_IN_CREDENTIALS):
        return str(_credentials() / path.removeprefix(_IN_CREDENTIALS))
    if base is None:
        return path
    try:
        return str(base / Path(path).expanduser())
    except RuntimeError as error:
        raise ValueError(f"'~' cannot be resolved: {error}") from None


def _credentials() -> Path:
    folder = os.environ.get(_CREDENTIALS)
    if not folder:
        raise ValueError(f"{_CREDENTIALS} is not set: systemd sets it for units with LoadCredential=")
    return Path(folder)
