"""Prints the file of another program as one of sshore's own, for `sshore migrate-config`."""

from __future__ import annotations

from pathlib import Path

from .containerssh import translate
from .document import read_document
from .load import parse_config, read_text
from .problems import DANGEROUS
from .text import printable
from .yaml_text import yaml_text


def migrated(path: Path) -> str:
    """Return the YAML text of a configuration that has the effect of the file at `path`, with notes as comments.

    It belongs into the same folder, as relative paths start there. It has the old file's secrets. Raises ConfigError
    where the old file's effect cannot be had.
    """
    text = read_text(path)
    # What is dangerous stays so, and is said of the new file by whoever reads it.
    notes = [note for note in parse_config(text, str(path)).notes if not note.message.startswith(DANGEROUS)]
    values = translate(read_document(text, str(path))).data
    comments = [f"# {printable(note.in_file(''))}" for note in notes]
    head = [f"# From {printable(path.name)}."] if comments else []
    return "\n".join([*head, *comments, yaml_text(values)])
