"""Prints the file of another program as one of sshore's own, for `sshore migrate-config`."""

from __future__ import annotations

from pathlib import Path

import yaml

from .containerssh import translate
from .document import IMPLICIT_TYPES, read_document
from .load import parse_config, read_text
from .text import printable


class _Dumper(yaml.SafeDumper):
    """Quotes what only YAML's version 1.2 would take for a number, and prints text of several lines as a block."""

    def represent_text(self, text: str) -> yaml.Node:
        """Return the node of a text."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


for _tag, _pattern, _first in IMPLICIT_TYPES:
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Dumper.add_representer(str, _Dumper.represent_text)


def migrated(path: Path) -> str:
    """Return the YAML text of a configuration that has the effect of the file at `path`, with notes as comments.

    It belongs into the same folder, as relative paths start there. It has the old file's secrets. Raises ConfigError
    where the old file's effect cannot be had.
    """
    text = read_text(path)
    notes = parse_config(text, str(path)).notes
    values = translate(read_document(text, str(path))).data
    comments = [f"# {printable(note.in_file(''))}" for note in notes]
    head = [f"# From {printable(path.name)}."] if comments else []
    return "\n".join([*head, *comments, yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)])
