"""`python -m bench.soak`: hammer a server for long enough to see what grows."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.report import VERDICTS
from bench.series import Claim

from .picture import draw
from .run import Record, Soak
from .server import Sample, soaked_server
from .verdict import claims_of

_FOREVER = 10**9


@click.command()
@click.option("--cycles", type=click.IntRange(min=10), help="How many cycles, by default 10,000 without --seconds.")
@click.option("--seconds", type=float, help="Begin no cycle behind so many seconds.")
@click.option("--at-once", default=20, show_default=True, help="Cycles at a time.")
@click.option("--seed", default=1, show_default=True, help="Draws the same acts again; their order in time is open.")
@click.option("--image", default="sshore/mini:latest", show_default=True, help="What the containers are made of.")
@click.option("--mode", type=click.Choice(["connection", "session"]), default="connection", show_default=True)
@click.option("--faults", default=0.0, show_default=True, help="Mean seconds between faults of the engine; 0: none.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw what was seen there, as SVG.")
@click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Keep the server's warnings there.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write every sample there.")
def main(
    cycles: int | None,
    seconds: float | None,
    at_once: int,
    seed: int,
    image: str,
    mode: str,
    faults: float,
    picture: Path | None,
    log: Path | None,
    json_file: Path | None,
) -> None:
    """Connect, run, transfer, resize, kill and break at random; end with 1 if anything was left behind."""
    console = Console()
    with soaked_server(image, mode) as server:
        soak = Soak(server, seed, at_once, lambda sample: _tell(console, sample), faults)
        record = asyncio.run(soak.run(cycles or (_FOREVER if seconds else 10_000), seconds))
        failures = server.failures()
        if log:
            log.write_text("\n".join(server.troubles()))
    if picture:
        draw(record.samples, picture)
    if json_file:
        json_file.write_text(json.dumps([dataclasses.asdict(sample) for sample in record.samples], indent=1))
    claims = claims_of(record, failures)
    _show(console, record, claims, failures)
    sys.exit(0 if all(claim.met is not False for claim in claims) else 1)


def _tell(console: Console, sample: Sample) -> None:
    console.print(
        f"{sample.seconds:6.0f} s {sample.cycles:6} cycles {sample.rss:7.1f} MiB {sample.threads:4} threads "
        f"{sample.fds:4} fds {sample.streams:4} streams {sample.actors:4} actors {sample.containers:4} containers"
    )


def _show(console: Console, record: Record, claims: list[Claim], failures: list[str]) -> None:
    console.print(", ".join(f"{name} {number}" for name, number in record.acts.most_common()))
    if record.faults:
        console.print(f"{len(record.faults)} faults of the way to the engine struck {record.struck} users")
    for line in (*record.misbehaviour, *failures):
        console.print(line, markup=False)
    table = Table("", "seen", "aim", "", title="verdict", title_justify="left")
    for claim in claims:
        table.add_row(claim.name, f"{claim.value:.3g}", claim.aim, VERDICTS[claim.met])
    console.print(table)


if __name__ == "__main__":
    main()
