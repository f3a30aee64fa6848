"""`tillage maintain`: keeps the tables quick to read; shows what they took before and take now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tillage.cli.opening import HERE, WAIT_S, Json, Project, Wait, on_project, open_project, print_json

if TYPE_CHECKING:
    from tillage.pipelines.maintain import Maintained


@on_project
def maintain(
    feed: Annotated[str | None, typer.Option("--feed", metavar="FEED", help="Only the tables of this feed.")] = None,
    keep: Annotated[
        int,
        typer.Option("--keep", min=0, max=8760, metavar="HOURS", help="Keep files so long for whoever still reads."),
    ] = 1,
    wait: Wait = WAIT_S,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Put small files together, and delete what no reader or writer can need any more."""
    from tillage.pipelines import maintain as pipeline

    with open_project(project) as house:
        done = pipeline.maintain(house, feed=feed, keep_h=keep, wait_s=wait)
    if as_json:
        _print_json(done)
    else:
        _print_tables(done)


def _print_json(done: list[Maintained]) -> None:
    from dataclasses import asdict

    plain = [
        {
            "load": one.load_seq,
            "feed": one.feed,
            "deleted_files": one.deleted_files,
            "forgotten_records": one.forgotten_records,
            "tables": {
                name: {"before": asdict(before), "after": asdict(after)} for name, (before, after) in one.tables.items()
            },
        }
        for one in done
    ]
    print_json(plain)


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
        forgotten = f", bytes of {one.forgotten_records:,} records forgotten" if one.forgotten_records else ""
        said = f"load {one.load_seq}: feed {one.feed} maintained, {one.deleted_files:,} unused files deleted{forgotten}"
        out.print(said)
        for name, (before, after) in one.tables.items():
            pairs = [
                (before.files, after.files),
                (before.size_bytes, after.size_bytes),
                (before.disk_files, after.disk_files),
                (before.disk_bytes, after.disk_bytes),
            ]
            rows.append([name, *(f"{figure:,}" for pair in pairs for figure in pair)])
    put(out, grid(headers, rows, figures=range(1, 9)))
