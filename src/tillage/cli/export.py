"""`tillage export`: what is asked for, made out of the options; and what was written, said."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tillage.cli.opening import HERE, WAIT_S, Json, Project, Wait, on_project, open_project
from tillage.domain.export import SPELLINGS, Amounts, Form, Format, form_of, spelling_of

if TYPE_CHECKING:
    from tillage.ports.export import ExportTarget

_STDOUT = "-"


@on_project
def export(  # noqa: PLR0913 - one argument for each option
    *,
    tables: Annotated[
        list[str], typer.Argument(metavar="TABLE...", help="As `tillage query` names them: gold.customer_spend.")
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="PLACE", help="A file; a folder for several tables; - for stdout.")
    ] = None,
    spelling: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help=f"{', '.join(SPELLINGS)}; by default as PLACE ends, or parquet."
        ),
    ] = None,
    amounts: Annotated[
        Amounts, typer.Option("--amounts", help="Money in minor units as it is kept, or as decimals with its currency.")
    ] = Amounts.MINOR,
    spreadsheet: Annotated[
        bool, typer.Option("--spreadsheet", help="CSV: an apostrophe before texts that look like formulas.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    wait: Wait = WAIT_S,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Write tables for others as Parquet, CSV or JSON Lines, or as Delta tables in the lake; all of one moment."""
    form = _form(tables, to, spelling, amounts=amounts, is_for_spreadsheets=spreadsheet)
    if form.format is Format.DELTA:
        if to is not None or amounts is Amounts.MAJOR or overwrite:
            raise typer.BadParameter(
                "--format delta makes gold/<model> in the lake one version newer, in minor units: it takes no --to, "
                "--amounts major or --overwrite"
            )
        _snapshot(project, tables, wait_s=wait, as_json=as_json)
        return
    from tillage.pipelines import export as pipeline

    target = _target(project, tables, to, form, is_overwriting=overwrite)
    try:
        with open_project(project) as house:
            done = pipeline.export(house, tables, target, form)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone, as `head` does
        raise typer.Exit from None
    said = [one.said() for one in done.tables]
    if as_json:
        about = {"location": done.location, "format": form.format, "amounts": form.amounts, "tables": said}
        _print_json(about, to_stderr=to == _STDOUT)
        return
    for table in said:
        _say(
            f"{table['table']}: {table['rows']:,} rows, {table['size_bytes']:,} bytes in {table['file']}, "
            f"{_of(table)}, sha256 {table['sha256']}",
            to_stderr=to == _STDOUT,
        )
    if to != _STDOUT:
        typer.echo(f"written to {done.location}")


def _form(
    tables: list[str], to: str | None, spelling: str | None, *, amounts: Amounts, is_for_spreadsheets: bool
) -> Form:
    """By the option, else by the name of the file, else Parquet.

    Raises:
        BadParameter: there is no such form, or not of that.
    """
    if spelling is not None and spelling not in SPELLINGS:
        raise typer.BadParameter(f"--format is one of {', '.join(SPELLINGS)}")
    by_name = spelling_of(to) if to and len(tables) == 1 else None
    if spelling and by_name and by_name != spelling:
        raise typer.BadParameter(f"--format {spelling} and a file named .{by_name} do not fit")
    if to == _STDOUT and (spelling is None or spelling.startswith((Format.PARQUET, Format.DELTA)) or len(tables) > 1):
        raise typer.BadParameter("to stdout one table can be written, as --format csv or jsonl")
    form = form_of(spelling or by_name or Format.PARQUET, amounts=amounts, is_for_spreadsheets=is_for_spreadsheets)
    if is_for_spreadsheets and form.format is not Format.CSV:
        raise typer.BadParameter("--spreadsheet is about CSV; no other form is read as formulas")
    return form


def _target(project: Project, tables: list[str], to: str | None, form: Form, *, is_overwriting: bool) -> ExportTarget:
    from tillage.wiring import export_file, export_folder, export_stdout

    root, settings = project.find()
    if to == _STDOUT:
        return export_stdout(sys.stdout.buffer, form)
    if len(tables) > 1:
        if to is None:
            raise typer.BadParameter("several tables go to a folder: name it with --to")
        return export_folder(root, Path(to), form, settings, is_overwriting=is_overwriting)
    path = Path(to or "")
    if to is None or to.endswith(os.sep) or path.is_dir():
        path /= f"{tables[0]}{form.suffix}"
    return export_file(root, path, form, settings, is_overwriting=is_overwriting)


def _snapshot(project: Project, tables: list[str], *, wait_s: float, as_json: bool) -> None:
    from tillage.pipelines.snapshot import snapshot

    with open_project(project) as house:
        folder = Path(house.lake.location()) / "gold"
        done = [one.said() for one in snapshot(house, tables, wait_s=wait_s)]
    if as_json:
        _print_json({"location": str(folder), "format": Format.DELTA, "amounts": Amounts.MINOR, "tables": done})
        return
    for table in done:
        how = "now" if table["is_new"] else "already"
        typer.echo(f"{table['table']}: version {table['version']} is {how} {_of(table)}, {table['rows']:,} rows")
    typer.echo(f"Delta tables in {folder}")


def _of(table: dict[str, Any]) -> str:
    """Which loads a table is of, in words."""
    loads = ", ".join(f"load {load} of {feed}" for feed, load in table["loads"].items()) or "no load yet"
    return f"of {loads}" if table["build"] is None else f"of build {table['build']} ({loads})"


def _say(line: str, *, to_stderr: bool) -> None:
    typer.echo(line, err=to_stderr)


def _print_json(value: object, *, to_stderr: bool = False) -> None:
    from tillage.pipelines.as_json import as_json

    typer.echo(as_json(value), err=to_stderr)
