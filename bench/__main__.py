"""`python -m bench`: one run, every comparison, the subjects in turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from .flavours import chosen_flavours, possible_flavours
from .parts import FULL, PARTS, QUICK, SMALLEST
from .report import as_json, page, show, show_verdicts
from .rig import rig
from .series import Chapter
from .surroundings import surroundings

_WIDTH = 120
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--quick", "extent", flag_value="quick", help="Fewer rounds and bytes: about two minutes.")
@click.option(
    "--smallest",
    "extent",
    flag_value="smallest",
    help="Once around, with the plainest and the fullest configuration, for a look whether all of it works.",
)
@click.option("--image", default="sshore/guest:latest", show_default=True, help="What the containers are made of.")
@click.option(
    "--flavour",
    "names",
    multiple=True,
    type=click.Choice([flavour.name for flavour in possible_flavours()]),
    help="Compare only this configuration of sshore; may be repeated.",
)
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="Measure only this; may be repeated.")
@click.option("--json", "json_file", type=_FILE, help="Write every figure there.")
@click.option("--markdown", "markdown_file", type=_FILE, help="Write a page of tables.")
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Draw into this folder.")
def main(
    extent: str | None,
    image: str,
    names: tuple[str, ...],
    only: tuple[str, ...],
    json_file: Path | None,
    markdown_file: Path | None,
    pictures: Path | None,
) -> None:
    """Measure sshore beside the raw engine, bare asyncssh and sshd, on this machine's engine."""
    console, chapters = Console(width=_WIDTH), list[Chapter]()
    amount = {"quick": QUICK, "smallest": SMALLEST}.get(extent or "", FULL)
    draw = _drawing() if pictures else None
    flavours = chosen_flavours(names, few=amount is SMALLEST)
    load = os.getloadavg()[0]
    with rig(image, flavours) as subjects:
        for server in subjects.sshore:
            subjects.settle(server)
        for part in (name for name in PARTS if not only or name in only):
            began = time.monotonic()
            measured = PARTS[part](subjects, amount)
            console.print(f"{part}, {time.monotonic() - began:.0f} s")
            for chapter in measured:
                show(chapter, console)
            chapters += measured
            # Each time: what was measured stays, whatever becomes of the next part.
            where = surroundings(subjects.engine, subjects.flavours, load)
            _write(chapters, where, json_file, markdown_file)
    console.print(where)
    show_verdicts(chapters, console)
    if pictures and draw:
        draw(chapters, pictures)


def _drawing() -> Callable[[Sequence[Chapter], Path], None]:
    """Return what draws, which is installed for `make bench` only: said before anything is measured."""
    try:
        from .pictures import draw
    except ImportError as error:
        raise click.ClickException(f"{error}: `make bench` installs what draws") from error
    return draw


def _write(chapters: Sequence[Chapter], where: str, json_file: Path | None, markdown_file: Path | None) -> None:
    if json_file:
        json_file.write_text(as_json(chapters))
    if markdown_file:
        markdown_file.write_text(page(chapters, where))


if __name__ == "__main__":
    main()
