"""`python -m bench`: one run, every comparison, the subjects in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from .cold import cold_chapter
from .open_connection import exec_chapter, stdin_chapter
from .report import as_json, markdown, show
from .rig import Rig, rig
from .series import Chapter
from .throughput import throughput_chapters


@dataclass(frozen=True, slots=True)
class _Extent:
    """How many rounds, and how many MiB in each of the byte rounds."""

    cold: int
    execs: int
    stdin: int
    bytes: int
    mebibytes: int


_FULL = _Extent(cold=20, execs=40, stdin=20, bytes=11, mebibytes=256)
_QUICK = _Extent(cold=5, execs=10, stdin=5, bytes=3, mebibytes=128)


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds and bytes: about half a minute.")
@click.option("--image", default="sshore/guest:latest", show_default=True, help="What the containers are made of.")
@click.option("--only", multiple=True, type=click.Choice(["cold", "exec", "stdin", "bytes"]), help="Measure only this.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write every figure there.")
@click.option(
    "--markdown", "markdown_file", type=click.Path(path_type=Path, dir_okay=False), help="Write tables there."
)
def main(quick: bool, image: str, only: tuple[str, ...], json_file: Path | None, markdown_file: Path | None) -> None:
    """Measure sshore against the raw engine and a bare asyncssh server, on this machine's engine."""
    console, chapters = Console(), []
    with rig(image) as subjects:
        for chapter in _chapters(subjects, _QUICK if quick else _FULL, only):
            show(chapter, console)
            chapters.append(chapter)
    if json_file:
        json_file.write_text(as_json(chapters))
    if markdown_file:
        markdown_file.write_text(markdown(chapters))


def _chapters(subjects: Rig, extent: _Extent, only: tuple[str, ...]) -> Iterator[Chapter]:
    wanted = set(only or ("cold", "exec", "stdin", "bytes"))
    if "cold" in wanted:
        yield cold_chapter(subjects, extent.cold)
    with _open_connections(subjects) as container:
        if "exec" in wanted:
            yield exec_chapter(subjects, container, extent.execs)
        if "stdin" in wanted:
            yield stdin_chapter(subjects, extent.stdin)
        if "bytes" in wanted:
            yield from throughput_chapters(subjects, container, extent.mebibytes, extent.bytes)


@contextmanager
def _open_connections(subjects: Rig) -> Iterator[str]:
    with subjects.raw_container() as container:
        try:
            subjects.bare.open()
            subjects.sshore.open()
            yield container
        finally:
            subjects.bare.close()
            subjects.sshore.close()


if __name__ == "__main__":
    main()
