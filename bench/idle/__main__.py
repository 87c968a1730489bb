"""`python -m bench.idle`: what an idle connection costs, and whether a newcomer notices a hundred of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from bench.report import as_json, markdown, show
from bench.series import Chapter, Claim, Series, measure

from .crowd import crowd
from .servers import KINDS, Footprint, Server, fake_programs, ground

_WARMUP = 20
_REST_SECONDS = 5.0
_MOST_KB = 150


@dataclass(frozen=True, slots=True)
class _Held:
    """A server's footprint with a few connections, and with the crowd beside them."""

    before: Footprint
    during: Footprint

    def per_connection(self, figure: str, number: int) -> float:
        before, during = getattr(self.before, figure), getattr(self.during, figure)
        return float(during - before) / number


@click.command()
@click.option("--connections", type=click.IntRange(min=1), help="By default 100, 500 on the fake engine.")
@click.option("--engine", type=click.Choice(KINDS), default="real", show_default=True, help="What sshore runs on.")
@click.option("--image", default="sshore/mini:latest", show_default=True, help="What the containers are made of.")
@click.option("--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="Newcomers at each server.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write every figure there.")
@click.option(
    "--markdown", "markdown_file", type=click.Path(path_type=Path, dir_okay=False), help="Write tables there."
)
def main(
    connections: int | None, engine: str, image: str, rounds: int, json_file: Path | None, markdown_file: Path | None
) -> None:
    """Hold idle connections with a shell each, and measure the server that has them beside one that has none."""
    number = connections or (500 if engine == "fake" else 100)
    chapters = asyncio.run(_measured(number, engine, image, rounds))
    console = Console(width=100)
    for chapter in chapters:
        show(chapter, console)
    if json_file:
        json_file.write_text(as_json(chapters))
    if markdown_file:
        markdown_file.write_text(markdown(chapters))


async def _measured(number: int, engine: str, image: str, rounds: int) -> list[Chapter]:
    with ExitStack() as stack:
        place = stack.enter_context(ground(image, engine))
        full = stack.enter_context(place.sshore("sshore", engine))
        empty = stack.enter_context(place.sshore("sshore beside it", engine))
        bare = stack.enter_context(place.bare("bare asyncssh"))
        alone = await _turns({"nobody connected": full}, rounds)
        sshore, latencies = await _idle(full, number, {"idle ones": full, "idle ones elsewhere": empty}, rounds)
        floor, _ = await _idle(bare, number, {}, rounds)
    own = None
    if engine == "fake":
        with fake_programs(_WARMUP, number) as footprints:
            own = _Held(*footprints)
    return [_memory(number, engine, sshore, floor, own), _latency(number, engine, [*alone, *latencies])]


async def _idle(server: Server, number: int, newcomers: dict[str, Server], rounds: int) -> tuple[_Held, list[Series]]:
    """Let a small crowd come that stays, then a large one: return what the large one changed.

    Were the small one gone, the large one would use its memory again, which malloc keeps.
    """
    async with crowd(server.port, server.key, _WARMUP, command=server.command):
        await asyncio.sleep(_REST_SECONDS)
        before = Footprint.of(server.pid)
        async with crowd(server.port, server.key, number, command=server.command):
            await asyncio.sleep(_REST_SECONDS)
            during = Footprint.of(server.pid)
            series = await _turns(newcomers, rounds)
    return _Held(before, during), series


async def _turns(newcomers: dict[str, Server], rounds: int) -> list[Series]:
    if not newcomers:
        return []
    subjects = {name: server.latency for name, server in newcomers.items()}
    measured = await asyncio.to_thread(lambda: measure(subjects, unit="ms", rounds=rounds, warmup=2))
    return list(measured.values())


def _memory(number: int, engine: str, sshore: _Held, floor: _Held, own: _Held | None) -> Chapter:
    return Chapter(
        f"{number} idle connections with a shell each, {engine} engine: memory of the server per connection",
        [],
        list(_claims(number, sshore, floor, own)),
    )


def _claims(number: int, sshore: _Held, floor: _Held, own: _Held | None) -> Iterator[Claim]:
    fakes = own.per_connection("rss", number) if own else 0.0
    yield Claim(f"RSS with {_WARMUP} connections", sshore.before.rss / 1024, unit="MB")
    yield Claim(f"RSS with {number} more", sshore.during.rss / 1024, unit="MB")
    if own:
        yield Claim("in all, per connection", sshore.per_connection("rss", number), unit="KB")
        yield Claim("the fake engine's programs alone", fakes, unit="KB")
    yield Claim("sshore, per connection", sshore.per_connection("rss", number) - fakes, f"≤ {_MOST_KB}", "KB")
    yield Claim("of it private (USS)", sshore.per_connection("uss", number) - _uss(own, number), unit="KB")
    yield Claim("bare asyncssh, per connection", floor.per_connection("rss", number), unit="KB")
    yield Claim("threads per connection", sshore.per_connection("threads", number), unit="")
    yield Claim("descriptors per connection", sshore.per_connection("fds", number), unit="")


def _uss(own: _Held | None, number: int) -> float:
    return own.per_connection("uss", number) if own else 0.0


def _latency(number: int, engine: str, series: list[Series]) -> Chapter:
    nobody, idle, elsewhere = series
    claims = [
        Claim("with idle ones / with as many elsewhere", idle.median / elsewhere.median, "≤ 1.1"),
        Claim("the same of the fastest of each", min(idle.values) / min(elsewhere.values)),
        Claim("with idle ones / with nobody anywhere", idle.median / nobody.median),
    ]
    return Chapter(f"{number} idle connections, {engine} engine: a newcomer's `ssh host 'echo hi'`", series, claims)


if __name__ == "__main__":
    main()
