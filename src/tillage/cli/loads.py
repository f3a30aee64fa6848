"""`tillage load`: lists the loads, and decides about those that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tillage.cli.opening import (
    HERE,
    WAIT_S,
    Json,
    Project,
    Wait,
    environment_json,
    on_project,
    open_project,
    print_json,
)

if TYPE_CHECKING:
    from tillage.pipelines.failing import ShownLoad
    from tillage.pipelines.house import House
    from tillage.pipelines.outcome import Outcome

_MOST_FILES = 50
_PARTS = ("read", "accepted", "quarantined", "duplicate", "suppressed")

app = typer.Typer(
    name="load", help="List the loads; retry or abandon one that failed.", no_args_is_help=True, add_completion=False
)

Number = Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The number of the load.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the load.")]


@app.command(epilog="Example: tillage load show 7")
@on_project
def show(
    seq: Annotated[int | None, typer.Argument(metavar="[SEQ]", min=1, help="Only the load of this number.")] = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Each load with its state, files and counts, the rules that it breaks, and why it was given up; of one alone also
    what each of its files brought.
    """
    from tillage.pipelines import failing
    from tillage.pipelines.documents import load_document
    from tillage.pipelines.outcome import outcome

    with open_project(project) as house:
        shown = failing.show(house, seq)
        currencies = {name: house.dataset(name)[1].currency for name in house.datasets()}
        outcomes = [None if seq is None else outcome(house, load) for load in shown]
    if as_json:
        print_json([load_document(load, one) for load, one in zip(shown, outcomes, strict=True)])
    else:
        _print_tables(shown, currencies)
        for found in filter(None, outcomes):
            _print_files(found)


@app.command(epilog='Example: tillage load retry 7 --reason "the file was replaced"')
@on_project
def retry(seq: Number, reason: Why, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False) -> None:
    """Void a failed load; the next run reads its files again, under the contract as it is then."""
    from tillage.pipelines import failing

    with open_project(project) as house:
        load = failing.retry(house, seq, reason=reason, wait_s=wait)
    _done(
        house,
        seq,
        "voided",
        as_json=as_json,
        then=f"load {seq} is voided; its {len(load.sources)} files are read again by:",
    )


@app.command(epilog='Example: tillage load abandon 7 --reason "a test delivery"')
@on_project
def abandon(seq: Number, reason: Why, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False) -> None:
    """Leave the files of a failed load out for good; they are read again only if their bytes change."""
    from tillage.pipelines import failing

    with open_project(project) as house:
        load = failing.abandon(house, seq, reason=reason, wait_s=wait)
    files = f"its {len(load.sources)} files are not read again"
    _done(house, seq, "abandoned", as_json=as_json, then=f"load {seq} is abandoned; {files}. The feed goes on with:")


def _done(house: House, seq: int, state: str, *, as_json: bool, then: str) -> None:
    if as_json:
        print_json(environment_json(house.project) | {"load": seq, "state": state})
    else:
        typer.echo(f"{then} tillage run")


def _print_tables(shown: list[ShownLoad], currencies: dict[str, str | None]) -> None:
    """A line for each load; below it what it brought, or would have."""
    from tillage.pipelines.for_people import took

    if not shown:
        typer.echo("no load yet; next: tillage run")
    for load in shown:
        summary = load.summary
        planned = summary.planned_at.strftime("%Y-%m-%d %H:%M:%SZ")
        size = f"{summary.files:,} files, {summary.size_bytes:,} bytes" if summary.kind == "read" else summary.kind
        # A build is of no feed.
        time = took(summary.seconds, is_resumed=summary.is_resumed)
        about = "  ".join(
            part for part in (summary.feed, summary.state, f"planned {planned}", size, time and f"took {time}") if part
        )
        typer.echo(f"load {summary.load_seq}  {about}")
        for name, counts in load.counts.items():
            parts = f"quarantined {counts.quarantined_rows:,} + duplicate {counts.duplicate_rows:,}"
            amount = _amount(counts.read_minor, currencies.get(name))
            typer.echo(f"  {name}: read {counts.read_rows:,} = accepted {counts.accepted_rows:,} + {parts}{amount}")
        for rule in load.broken:
            typer.echo(f"  {rule.severity}: rule '{rule.rule}' of {rule.dataset}: {rule.found}")
        if summary.reason:
            typer.echo(f"  reason: {summary.reason}")


def _print_files(found: Outcome) -> None:
    """What each file brought to each dataset, and how many more there are than a person would read."""
    from tillage.cli.tables import console, grid, put
    from tillage.pipelines.for_people import when

    files = [one for one in found.files if one.dataset]
    if not files:
        return
    # A discard gives up what others read.
    parts = ("discarded",) if any(one.discarded_rows for one in files) else _PARTS
    headers = ("file", "bytes", "records", "dataset", *parts, "reasons", "first event", "last event")
    rows = [
        (
            one.file,
            "" if one.size_bytes is None else f"{one.size_bytes:,}",
            f"{one.records:,}",
            one.dataset or "",
            *(f"{getattr(one, f'{part}_rows'):,}" for part in parts),
            ", ".join(f"{code} {units:,}" for code, units in one.reasons.items()),
            when(one.first_event_time),
            when(one.last_event_time),
        )
        for one in files[:_MOST_FILES]
    ]
    out = console()
    put(out, grid(headers, rows, figures=(1, 2, *range(4, 4 + len(parts)))))
    if len(files) > len(rows):
        out.print(f"... {len(files) - len(rows):,} more rows; all are in: --json, or the table ops.statistics")
    if not found.has_event_times:
        out.print("an older version loaded it: when its events were is not known by file")


def _amount(minor: int | dict[str, int] | None, currency: str | None) -> str:
    from tillage.domain.money import show as show_money

    if isinstance(minor, dict):
        shown = [show_money(amount, code) for code, amount in minor.items()]
    else:
        shown = [show_money(minor, currency)] if minor is not None and currency else []
    return f"; read {', '.join(shown)}" if shown else ""
