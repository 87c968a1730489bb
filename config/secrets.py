"""Takes secrets out of what is shown of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .pem import is_pem_text

MASK = "***"
_NAME = re.compile(
    r"pass|pwd|secret|token|credential|cookie|(?:api|private|access|account|encryption|signing|auth)[_-]?key|(?:^|[_-])(?:key|pat|dsn)$",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(r"([\w.-]+)=(?=.)", re.ASCII)
_OPTION = re.compile(r"\b([\w.-]*(?:pass|pwd|secret|token)[\w.-]*=)[^\s,;&\"']+", re.IGNORECASE | re.ASCII)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)")


def without_secrets(value: Any) -> Any:
    """Return the same with `***` for what is likely to be a secret.

    Those are PEM text, passwords in URLs, what is assigned to a name like a secret's (`DB_PASSWORD=…`), and text
    below such a key.
    """
    if isinstance(value, Mapping):
        return {key: _below(str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return _without_secret(value) if isinstance(value, str) else value


def _without_secret(text: str) -> str:
    if is_pem_text(text):
        return MASK
    assigned = _ASSIGNMENT.match(text)
    if assigned and _NAME.search(assigned[1]):
        return f"{assigned[0]}{MASK}"
    return _OPTION.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1{MASK}", text))


def _below(key: str, item: Any) -> Any:
    if isinstance(item, str) and _NAME.search(key):
        return MASK if item else ""
    return without_secrets(item)
