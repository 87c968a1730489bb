"""What the documentation says is so: names, tables, links, examples."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from prometheus_client.metrics_core import Metric
from sshore.__main__ import main
from sshore.config.load import parse_config
from sshore.engine.errors_page import errors_page
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from support.documents import Page, page, pages
from support.source_tree import ROOT, package_files

LEVELS = ("debug", "info", "warning", "error", "exception")
SAID_BY_SSHORE = "sshore cannot start: "
FILES_OF_EXAMPLES = ("ca.pem", "cert.pem", "key.pem", "htpasswd")
YAML = [(page, block) for page in pages() for block in page.blocks("yaml")]


@pytest.mark.parametrize(("source", "example"), YAML, ids=[source.name for source, _ in YAML])
def test_every_configuration_in_the_docs_is_valid(source: Page, example: str, tmp_path: Path) -> None:
    for name in FILES_OF_EXAMPLES:
        (tmp_path / name).touch()
    parse_config(example, str(tmp_path / "sshore.yaml"))


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    rows = page("docs/metrics.md").table("metric", "type", "labels", "meaning")
    documented = {row["metric"]: (row["type"], set(re.findall(r"`(\w+)`", f"`{row['labels']}`"))) for row in rows}
    assert documented == dict(_metrics())


def test_every_operation_of_the_engine_is_documented() -> None:
    section = page("docs/metrics.md").text.split("## Operations")[1].split("\n\n")[1]
    counted = {
        call.args[0].value
        for file in sorted((ROOT / "engine").glob("instrumented*.py"))
        for call in _calls(file)
        if ast.unparse(call.func) in ("self._retry", "self._counted") and isinstance(call.args[0], ast.Constant)
    }
    assert set(re.findall(r"`(\w+)`", section)) - {"operation"} == counted


def test_the_page_of_errors_is_the_catalogue_of_today() -> None:
    assert page("docs/errors.md").text == errors_page(), "run 'python -m sshore.engine.errors_page docs/errors.md'"


def test_no_code_is_written_as_plain_text() -> None:
    catalogue = ROOT / "metrics" / "codes.py"
    codes = {str(code) for code in Code}
    spelled = [
        f"{file.relative_to(ROOT)}: {node.value}"
        for file in package_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value in codes and file != catalogue
    ]
    assert spelled == []


def test_every_code_in_the_source_is_of_the_catalogue() -> None:
    plain = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in package_files()
        for call in _calls(file)
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    ]
    assert plain == []


def test_every_log_event_is_documented_with_its_levels() -> None:
    rows = page("docs/operations.md").table("event", "level", "meaning")
    documented = {row["event"]: set(row["level"].split(", ")) for row in rows}
    logged: dict[str, set[str]] = {}
    for file in package_files():
        for event, level in _logged(file):
            logged.setdefault(event, set()).add(level)
    chosen = {event: levels for event, levels in documented.items() if event not in logged}
    assert {event: levels for event, levels in documented.items() if event in logged} == logged
    # Those whose level is chosen when they are logged are at least in the source.
    assert {event for event in chosen if not any(f'"{event}"' in file.read_text() for file in package_files())} == set()


def test_the_commands_are_those_of_the_help() -> None:
    rows = page("docs/operations.md").table("command", "what it does")
    expected = {f"sshore {name}": command.help for name, command in main.commands.items()}
    assert {row["command"]: row["what it does"] for row in rows} == expected


def test_every_command_and_option_in_the_docs_exists() -> None:
    unknown = [f"{source.name}: {text}" for source in pages() for text in source.code if not _is_possible(text)]
    assert unknown == []


def test_the_make_targets_are_those_of_the_help() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    helped = dict(re.split(r"  +| (?=this)", line, maxsplit=1) for line in said.splitlines())
    rows = page("README.md").table("target", "what it does")
    assert {row["target"]: row["what it does"] for row in rows} == {
        target.strip(): text.strip() for target, text in helped.items()
    }


def test_every_make_target_in_the_docs_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for source in pages() for text in source.code for target in re.findall(r"^make ([a-z-]+)", text)}
    assert named - targets == set()


def _metrics() -> Iterator[tuple[str, tuple[str, set[str]]]]:
    metrics = Metrics()
    collectors = {collector._name: collector for collector in metrics.registry._collector_to_names}  # no public way
    for metric in metrics.registry.collect():
        yield _exposed_name(metric), (metric.type, set(collectors[metric.name]._labelnames))


def _exposed_name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))


def _logged(file: Path) -> Iterator[tuple[str, str]]:
    for call in _calls(file):
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        event = call.args[0] if call.args else None
        if method in LEVELS and "log" in ast.unparse(call.func) and isinstance(event, ast.Constant):
            yield event.value, "error" if method == "exception" else method


def _is_possible(text: str) -> bool:
    found = re.search(r"(?:^|[\s/])sshore ([a-z][a-z-]*)(.*)", text)
    if found is None or text.startswith(SAID_BY_SSHORE):
        return True
    command = main.commands.get(found[1])
    if command is None:
        return False
    known = {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}
    return set(re.findall(r"(?<=\s)--[a-z-]+", found[2])) <= known | {"--help"}
