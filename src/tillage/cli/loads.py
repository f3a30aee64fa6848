"""`tillage load`: lists the loads, and decides about those that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tillage.pipelines.failing import ShownLoad
    from tillage.pipelines.house import House

app = typer.Typer(
    name="load", help="List the loads; retry or abandon one that failed.", no_args_is_help=True, add_completion=False
)

Number = Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The number of the load.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the load.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run of the same feed.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Project = Annotated[
    Path, typer.Option("-C", "--project", metavar="DIR", help="The project, or a folder in it.", show_default="here")
]
HERE = Path()
WAIT_S = 60.0


@app.command(epilog="Example: tillage load show 7")
def show(
    seq: Annotated[int | None, typer.Argument(metavar="[SEQ]", min=1, help="Only the load of this number.")] = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Each load with its state, files and counts, the rules that it breaks, and why it was given up."""
    from tillage.pipelines import failing

    with _house(project) as house:
        shown = failing.show(house, seq)
        currencies = {name: house.dataset(name)[1].currency for name in house.datasets()}
    if as_json:
        _print_json([_plain(load) for load in shown])
    else:
        _print_tables(shown, currencies)


@app.command(epilog='Example: tillage load retry 7 --reason "the file was replaced"')
def retry(seq: Number, reason: Why, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False) -> None:
    """Void a failed load; the next run reads its files again, under the contract as it is then."""
    from tillage.pipelines import failing

    with _house(project) as house:
        load = failing.retry(house, seq, reason=reason, wait_s=wait)
    _done(
        seq, "voided", as_json=as_json, then=f"load {seq} is voided; its {len(load.sources)} files are read again by:"
    )


@app.command(epilog='Example: tillage load abandon 7 --reason "a test delivery"')
def abandon(seq: Number, reason: Why, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False) -> None:
    """Leave the files of a failed load out for good; they are read again only if their bytes change."""
    from tillage.pipelines import failing

    with _house(project) as house:
        load = failing.abandon(house, seq, reason=reason, wait_s=wait)
    files = f"its {len(load.sources)} files are not read again"
    _done(seq, "abandoned", as_json=as_json, then=f"load {seq} is abandoned; {files}. The feed goes on with:")


@contextmanager
def _house(project: Path) -> Iterator[House]:
    from tillage.cli.show import Progress
    from tillage.settings import read_settings
    from tillage.wiring import find_project, open_house

    root = find_project(project)
    with Progress() as progress, open_house(root, read_settings(), say=progress.say) as house:
        yield house


def _done(seq: int, state: str, *, as_json: bool, then: str) -> None:
    if as_json:
        _print_json({"load": seq, "state": state})
    else:
        typer.echo(f"{then} tillage run")


def _print_json(value: object) -> None:
    from tillage.pipelines.as_json import as_json

    typer.echo(as_json(value))


def _plain(load: ShownLoad) -> dict[str, Any]:
    from dataclasses import asdict

    summary = load.summary
    return {
        "load": summary.load_seq,
        "feed": summary.feed,
        "state": summary.state,
        "planned_at": summary.planned_at.isoformat(),
        "files": summary.files,
        "size_bytes": summary.size_bytes,
        "reason": summary.reason,
        "datasets": {name: asdict(counts) for name, counts in load.counts.items()},
        "broken_rules": [asdict(rule) for rule in load.broken],
    }


def _print_tables(shown: list[ShownLoad], currencies: dict[str, str | None]) -> None:
    """A line for each load; below it what it brought, or would have."""
    if not shown:
        typer.echo("no load yet; next: tillage run")
    for load in shown:
        summary = load.summary
        planned = summary.planned_at.strftime("%Y-%m-%d %H:%M:%SZ")
        size = f"{summary.files:,} files, {summary.size_bytes:,} bytes"
        typer.echo(f"load {summary.load_seq}  {summary.feed}  {summary.state}  planned {planned}  {size}")
        for name, counts in load.counts.items():
            parts = f"quarantined {counts.quarantined_rows:,} + duplicate {counts.duplicate_rows:,}"
            amount = _amount(counts.read_minor, currencies.get(name))
            typer.echo(f"  {name}: read {counts.read_rows:,} = accepted {counts.accepted_rows:,} + {parts}{amount}")
        for rule in load.broken:
            typer.echo(f"  {rule.severity}: rule '{rule.rule}' of {rule.dataset}: {rule.found}")
        if summary.reason:
            typer.echo(f"  reason: {summary.reason}")


def _amount(minor: int | dict[str, int] | None, currency: str | None) -> str:
    from tillage.domain.money import show as show_money

    if isinstance(minor, dict):
        shown = [show_money(amount, code) for code, amount in minor.items()]
    else:
        shown = [show_money(minor, currency)] if minor is not None and currency else []
    return f"; read {', '.join(shown)}" if shown else ""
