"""The command line."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import NoReturn

import click
import platformdirs
import structlog

from .config.load import load_config
from .config.logs import configure_logging
from .config.migrate import migrated
from .config.models import Config
from .config.printing import effective
from .config.problems import ConfigError
from .config.schema_document import schema as schema_document

_config = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="Configuration file, YAML or JSON."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """An SSH server that gives every connection its own Docker container."""


@main.command()
@_config
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=lambda: Path("/var/lib/sshore") if os.geteuid() == 0 else platformdirs.user_state_path("sshore"),
    show_default="/var/lib/sshore, or the user's own state folder",
    envvar="SSHORE_STATE",
    help="Folder for host keys and locks.",
)
def serve(file: Path, state: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Whoever wants a reload from here on gets it once there is somebody who can do it.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    config = _load(file, _to_serve)
    configure_logging(config.log)
    # The watchdog's SIGABRT leaves the stack of every thread.
    faulthandler.enable()
    for note in config.notes:
        structlog.get_logger().warning(
            "configuration_note", file=str(file), line=note.line, key=note.path, note=note.message
        )
    from .ssh.service import Service

    async def run() -> int:
        return await Service(config, state, lambda: _to_serve(file)).run()

    try:
        sys.exit(asyncio.run(run()))
    except (OSError, ValueError) as error:
        _fail(f"sshore cannot start: {error}")


@main.command("check-config")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--embedded", is_flag=True, help="For a program that brings its own authentication: 'auth' may be empty.")
def check_config(file: Path, embedded: bool) -> None:
    """Print the effective configuration of FILE, or what is wrong with it: what 'serve' would say, too."""
    config = _load(file, lambda path: _to_serve(path, embedded=embedded))
    for note in config.notes:
        click.echo(note.in_file(str(file)), err=True)
    click.echo(effective(config), nl=False)


@main.command("migrate-config")
@click.argument("old", type=click.Path(path_type=Path))
def migrate_config(old: Path) -> None:
    """Print ContainerSSH's configuration file OLD as one of sshore's, secrets included."""
    try:
        click.echo(migrated(old), nl=False)
    except ConfigError as error:
        _fail(str(error))


@main.command()
def schema() -> None:
    """Print the JSON schema of the configuration."""
    click.echo(json.dumps(schema_document(), indent=2))


@main.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="Configuration that names the engine.")
def ps(file: Path | None) -> None:
    """List the connections and containers of the engine."""
    from .ssh.process_list import print_containers

    config = _load(file) if file else Config()
    _or_exit(lambda: print_containers(config.docker))


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"sshore {installed_version('sshore')}")


def _to_serve(file: Path, *, embedded: bool = False) -> Config:
    from .ssh.start_checks import load_to_serve

    return load_to_serve(file, embedded=embedded)


def _load(file: Path, load: Callable[[Path], Config] = load_config) -> Config:
    try:
        return load(file)
    except ConfigError as error:
        _fail(str(error))


def _or_exit(step: Callable[[], None]) -> None:
    from .engine.errors import EngineError

    try:
        step()
    except (ConfigError, EngineError, ValueError) as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
