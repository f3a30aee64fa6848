"""`tillage maintain`: keeps the tables quick to read; shows what they took before and take now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tillage.pipelines.maintain import Maintained

_HERE = Path()


def maintain(
    feed: Annotated[str | None, typer.Option("--feed", metavar="FEED", help="Only the tables of this feed.")] = None,
    keep: Annotated[
        int,
        typer.Option("--keep", min=0, max=8760, metavar="HOURS", help="Keep files so long for whoever still reads."),
    ] = 1,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run of the same feed.")] = 60,
    project: Annotated[
        Path,
        typer.Option("-C", "--project", metavar="DIR", help="The project, or a folder in it.", show_default="here"),
    ] = _HERE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Put small files together, and delete what no reader or writer can need any more."""
    from tillage.cli.show import Progress
    from tillage.pipelines import maintain as pipeline
    from tillage.settings import read_settings
    from tillage.wiring import find_project, open_house

    root = find_project(project)
    with Progress() as progress, open_house(root, read_settings(), say=progress.say) as house:
        done = pipeline.maintain(house, feed=feed, keep_h=keep, wait_s=wait)
    if as_json:
        _print_json(done)
    else:
        _print_tables(done)


def _print_json(done: list[Maintained]) -> None:
    from dataclasses import asdict

    from tillage.pipelines.as_json import as_json

    plain = [
        {
            "load": one.load_seq,
            "feed": one.feed,
            "deleted_files": one.deleted_files,
            "tables": {
                name: {"before": asdict(before), "after": asdict(after)} for name, (before, after) in one.tables.items()
            },
        }
        for one in done
    ]
    typer.echo(as_json(plain))


def _print_tables(done: list[Maintained]) -> None:
    """A line for each table: what it is made of, and what lies on disk, before and after."""
    from tillage.cli.tables import console, grid, put

    out = console()
    if not done:
        out.print("no table has a load yet; next: tillage run")
        return
    headers = ("table", "files", "->", "bytes", "->", "files on disk", "->", "bytes on disk", "->")
    rows = []
    for one in done:
        out.print(f"load {one.load_seq}: feed {one.feed} maintained, {one.deleted_files:,} unused files deleted")
        for name, (before, after) in one.tables.items():
            pairs = [
                (before.files, after.files),
                (before.size_bytes, after.size_bytes),
                (before.disk_files, after.disk_files),
                (before.disk_bytes, after.disk_bytes),
            ]
            rows.append([name, *(f"{figure:,}" for pair in pairs for figure in pair)])
    put(out, grid(headers, rows, figures=range(1, 9)))
