"""Reads YAML or JSON into plain values, and remembers the line of every key.

YAML as in its version 1.2: `no` and `22:22` are text, there are no dates. (1.1, PyYAML's default, would pass
another value to Docker than the one that was written.) Octal numbers may begin with `0` or `0o`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from .problems import ConfigError, KeyPath, Problem, dotted
from .text import printable, shortened

MAX_CHARACTERS = 1024 * 1024
# Aliases can blow a few lines up to millions of values; no configuration has this many.
MAX_VALUES = 50_000

_TAG = "tag:yaml.org,2002:"
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,39}|0o?[0-7]{1,39}|0x[0-9a-fA-F]{1,39})$")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$")
IMPLICIT_TYPES: list[tuple[str, re.Pattern[str], list[str]]] = [
    (f"{_TAG}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    (f"{_TAG}int", _INTEGER, list("-+0123456789")),
    (f"{_TAG}float", _FLOAT, list("-+0123456789.")),
    (f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    (f"{_TAG}merge", re.compile(r"<<$"), ["<"]),
]
"""What is no text without quotes: tag, pattern, and the first characters that it can have."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in IMPLICIT_TYPES:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


@dataclass
class Document:
    """A file's values, the line of each key, and what was wrong without making the rest unreadable.

    `spelled` has the text of the values that are no text, for whoever takes them as text.
    """

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    spelled: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    is_json: bool = False

    @cached_property
    def _folded_lines(self) -> dict[KeyPath, int]:
        return {_folded(known): line for known, line in reversed(self.lines.items())}

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a key in any letter case, else that of the nearest mapping around it.

        To be called when the whole document has been read.
        """
        while path:
            if (line := self.lines.get(path, self._folded_lines.get(_folded(path)))) is not None:
                return line
            path = path[:-1]
        return None


def read_document(text: str, name: str) -> Document:
    """Read a mapping. Raises ConfigError when there is none to be read."""
    _check_characters(text, name)
    is_json = text.lstrip().startswith("{") and _json_fault(text) is None
    # A tab in valid JSON stands between its tokens, where YAML does not take it.
    node = _composed(text.replace("\t", " ") if is_json else text, name)
    if node is None:
        raise ConfigError([Problem("", None, "the file is empty")], name)
    document = Document(is_json=is_json)
    try:
        data = _Reader(document).value(node, ())
    except _UnusableError as error:
        raise ConfigError([Problem("", None, str(error))], name) from None
    if not isinstance(data, dict):
        message = "expected a mapping with sections such as 'ssh:' and 'docker:'"
        raise ConfigError([Problem("", node.start_mark.line + 1, message)], name)
    document.data = data
    return document


class _UnusableError(Exception):
    """Reading has to stop."""


class _Reader:
    """Turns composed nodes into values."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._values = 0
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _UnusableError(f"more than {MAX_VALUES} values: its aliases blow this file up")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            raise _UnusableError(f"line {node.start_mark.line + 1} has an alias of what it is itself a part of")
        self._open.add(id(node))
        try:
            return self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        finally:
            self._open.discard(id(node))

    def _list(self, node: yaml.Node, path: KeyPath) -> Any:
        if node.tag != _TAG + "seq":
            return self._foreign_tag(node, path)
        values = []
        for index, item in enumerate(node.value):
            self._document.lines.setdefault((*path, index), item.start_mark.line + 1)
            values.append(self.value(item, (*path, index)))
        return values

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> Any:
        if node.tag != _TAG + "map":
            return self._foreign_tag(node, path)
        values: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged.append(value_node)
            elif self._is_new(key_node, values, path):
                key = key_node.value
                self._document.lines.setdefault((*path, key), key_node.start_mark.line + 1)
                values[key] = self.value(value_node, (*path, key))
        for value_node in merged:
            self._merge(value_node, values, path)
        return values

    def _is_new(self, key_node: yaml.Node, values: dict[str, Any], path: KeyPath) -> bool:
        if not isinstance(key_node, yaml.ScalarNode):
            self._problem(path, key_node, "a key has to be text")
        elif key_node.value in values:
            first = self._document.lines[(*path, key_node.value)]
            self._problem((*path, key_node.value), key_node, f"given twice, first in line {first}")
        else:
            return True
        return False

    def _merge(self, node: yaml.Node, values: dict[str, Any], path: KeyPath) -> None:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._problem(path, source, "'<<' takes mappings")
                continue
            for key, value in self.value(source, path).items():
                values.setdefault(key, value)

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text: str = node.value
        # What is merged in comes later, and does not count where a key is there already.
        self._document.spelled.setdefault(path, text)
        match node.tag.removeprefix(_TAG):
            case "str" | "merge":
                return self._text(node, path)
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" if _INTEGER.match(text):
                return _integer(text)
            case "float" if _FLOAT.match(text) or _INTEGER.match(text):
                return float(text)
        return self._foreign_tag(node, path)

    def _text(self, node: yaml.ScalarNode, path: KeyPath) -> str:
        # JSON escapes characters outside of the basic plane as two halves, which PyYAML leaves apart.
        text: str = node.value
        halves = text.encode("utf-16", "surrogatepass")
        try:
            return halves.decode("utf-16")
        except UnicodeDecodeError:
            self._problem(path, node, "an escape stands for half a character")
            return ""

    def _foreign_tag(self, node: yaml.Node, path: KeyPath) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._problem(path, node, f"the tag {shortened(tag)} is not understood here")

    def _problem(self, path: KeyPath, node: yaml.Node, message: str) -> None:
        self._document.problems.append(Problem(dotted(path), node.start_mark.line + 1, message))


def _check_characters(text: str, name: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ConfigError([Problem("", None, "larger than 1 MiB: this is no configuration")], name)
    if found := _UNWANTED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        message = f"the character U+{ord(found[0]):04X} does not belong in text: is this a binary file?"
        raise ConfigError([Problem("", line, message)], name)


def _composed(text: str, name: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        problem = _json_fault(text) if text.lstrip().startswith("{") else None
        raise ConfigError([problem or _yaml_problem(error)], name) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem("", None, f"not valid YAML: {printable(str(error))}")], name) from None
    except RecursionError:
        raise ConfigError([Problem("", None, "nested too deeply")], name) from None
    return node


def _json_fault(text: str) -> Problem | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return Problem("", error.lineno, f"not valid JSON: {printable(error.msg)}")
    except (RecursionError, ValueError):
        return Problem("", None, "not valid JSON")
    return None


def _yaml_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or ""
    if "'\\t'" in problem:
        return Problem("", line, "a tab cannot indent YAML: use spaces")
    if "another document" in problem:
        return Problem("", line, "a second document begins here, and there can only be one")
    text = ", ".join(part for part in (error.context, problem) if part)
    return Problem("", line, f"not valid YAML: {printable(text)}")


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if digits.startswith("0x"):
        value = int(digits, 16)
    elif len(digits) > 1 and digits.startswith("0"):
        value = int(digits.removeprefix("0o"), 8)
    else:
        value = int(digits)
    return -value if text.startswith("-") else value


def _folded(path: KeyPath) -> KeyPath:
    return tuple(part.lower() if isinstance(part, str) else part for part in path)
