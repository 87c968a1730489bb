"""Values as YAML that this program's own reader takes back unchanged; PyYAML's writer quotes for YAML 1.1 only."""

from __future__ import annotations

import re
from typing import Any

import yaml

from .document import IMPLICIT_TYPES

_OTHER_LINE_ENDS = re.compile("[\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """Block style for texts of several lines, quotes for texts that look like something else in YAML 1.2."""

    def represent_text(self, text: str) -> yaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


_Dumper.add_representer(str, _Dumper.represent_text)


def yaml_text(values: Any) -> str:
    """Return `values` as YAML, keys in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _style(text: str) -> str | None:
    if _OTHER_LINE_ENDS.search(text):
        return '"'
    if any(pattern.fullmatch(text) for _, pattern, _ in IMPLICIT_TYPES):
        return "'"
    return "|" if "\n" in text else None
