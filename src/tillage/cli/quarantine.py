"""`tillage quarantine`: what waits and why, and the ways out of it."""

from __future__ import annotations

from pathlib import Path
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
from tillage.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tillage.domain.conservation import Counts
    from tillage.pipelines.quarantine import Replayed
    from tillage.pipelines.status import Status
    from tillage.ports.store import Waiting

app = typer.Typer(
    name="quarantine",
    help="What waits and why; judge it anew, or give it up.",
    no_args_is_help=True,
    add_completion=False,
)

Dataset = Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="Only units of this dataset.")]
OneCode = Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only units that wait under this code.")]
Number = Annotated[int | None, typer.Option("--load", metavar="SEQ", min=1, help="Only what this load brought.")]
Trial = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it; change nothing.")]


@app.command("list", epilog="Example: tillage quarantine list")
@on_project
def list_reasons(project: Project = HERE, as_json: Json = False) -> None:
    """What waits, by reason: rows, money at stake, since when, and the command that frees it."""
    from tillage.pipelines.documents import reasons_document
    from tillage.pipelines.quarantine import way_out
    from tillage.pipelines.status import status

    with open_project(project) as house:
        found = status(house)
        frees = [way_out(house, reason) for reason in found.reasons]
    if as_json:
        print_json(reasons_document(found.reasons, frees))
    else:
        _print_reasons(found, frees)


@app.command(epilog="Example: tillage quarantine show --dataset orders --code enum")
@on_project
def show(
    *,
    dataset: Dataset = None,
    code: OneCode = None,
    load: Number = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many units of each dataset.")] = 20,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Units that wait, with file, line and offset, and the bytes of their records; of people, what is not personal."""
    from tillage.cli.show import show_rows
    from tillage.pipelines.waiting import shown

    with open_project(project) as house:
        found = shown(house, _wanted(dataset, code, load), most=limit)
    if as_json:
        print_json({name: rows.to_pylist() for name, rows in found.items()})
        return
    for name, rows in found.items():
        if rows.num_rows:
            typer.echo(name)
            show_rows(rows)
    if not any(rows.num_rows for rows in found.values()):
        typer.echo("nothing waits")


@app.command(epilog="Example: tillage quarantine replay --dataset orders --code enum --dry-run")
@on_project
def replay(
    *,
    dataset: Dataset = None,
    code: OneCode = None,
    load: Number = None,
    patch: Annotated[
        Path | None, typer.Option("--patch", metavar="FILE", help="Change the records by these rules first.")
    ] = None,
    is_trial: Trial = False,
    wait: Wait = WAIT_S,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Judge what waits anew, under the contract as it is now, from the bytes in bronze; what passes is let in."""
    from dataclasses import asdict

    from tillage.pipelines import quarantine

    rules = quarantine.patch_file(patch.name, _read(patch)) if patch else None
    with open_project(project) as house:
        found = quarantine.replay(house, _wanted(dataset, code, load), patch=rules, is_trial=is_trial, wait_s=wait)
        currencies = {name: house.dataset(name)[1].currency for name in house.datasets()}
    if as_json:
        loads = [
            {"load": number or None, "datasets": {name: asdict(one) for name, one in counts.items()}}
            for number, counts in found.counts.items()
        ]
        print_json(
            environment_json(house.project)
            | {"is_trial": is_trial, "loads": loads, "built": asdict(found.built) if found.built else None}
        )
    else:
        _print_replayed(found, currencies, is_trial=is_trial)
    if found.unbuilt:
        raise found.unbuilt  # all else is done


def _print_replayed(found: Replayed, currencies: Mapping[str, str | None], *, is_trial: bool) -> None:
    if not found.counts:
        typer.echo("nothing waits, or nothing of that kind; all of it: tillage quarantine list")
    for number, counts in found.counts.items():
        typer.echo("trial: nothing was changed" if is_trial else f"load {number}: sealed")
        for name, one in counts.items():
            if one.read_rows or one.taken_rows:
                typer.echo(f"  {name}: {_came_of(one, currencies[name])}")
    if found.built:
        typer.echo(f"load {found.built.load_seq}: built {', '.join([*found.built.tables, *found.built.views])}")


@app.command(epilog='Example: tillage quarantine discard --code key_conflict --reason "the till sent them twice"')
@on_project
def discard(
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the load.")],
    dataset: Dataset = None,
    code: OneCode = None,
    load: Number = None,
    is_trial: Trial = False,
    wait: Wait = WAIT_S,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Give up what waits, for good: it counts as discarded from now on. The bytes of its records stay in bronze."""
    from tillage.pipelines import quarantine

    with open_project(project) as house:
        found = quarantine.discard(house, _wanted(dataset, code, load), reason=reason, is_trial=is_trial, wait_s=wait)
    if as_json:
        loads = [{"load": number or None, "rows": rows} for number, rows in found.items()]
        print_json(environment_json(house.project) | {"is_trial": is_trial, "loads": loads})
        return
    if not found:
        typer.echo("nothing waits, or nothing of that kind; all of it: tillage quarantine list")
    for number, rows in found.items():
        typer.echo(f"{rows:,} units would be discarded" if is_trial else f"load {number}: {rows:,} units discarded")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else "it is not UTF-8"
        raise OperatorError(f"{path} cannot be read: {why}; give a file of patch rules") from None


def _wanted(dataset: str | None, code: str | None, load: int | None) -> Waiting:
    from tillage.ports.store import Waiting

    return Waiting(dataset, code, load)


def _print_reasons(found: Status, frees: Sequence[str]) -> None:
    from datetime import UTC, datetime

    from tillage.cli.tables import console, grid, put
    from tillage.pipelines.for_people import age, amount, by_currency

    if not found.reasons:
        typer.echo("nothing waits")
        return
    now = datetime.now(UTC)
    rows = []
    for reason, way in zip(found.reasons, frees, strict=True):
        amounts = by_currency([reason.minor], found.currencies[reason.dataset])
        at_stake = ", ".join(amount(minor, code) for code, (minor,) in amounts.items())
        uncounted = f"({reason.not_countable_rows:,} not countable)" if amounts and reason.not_countable_rows else ""
        oldest = age((now - reason.oldest).total_seconds())
        rows.append((reason.dataset, reason.code, f"{reason.rows:,}", at_stake, uncounted, oldest, way))
    headers = ("dataset", "reason", "rows", "money at stake", "", "oldest", "once it is mended")
    put(console(), grid(headers, rows, figures=(2, 3)))
    if any(" discard " in way for way in frees):
        typer.echo("what is to be discarded cannot be judged anew; land it again first, under another name")
    first = found.reasons[0]
    typer.echo(f"look at them: tillage quarantine show --dataset {first.dataset} --code {first.code}")


def _came_of(counts: Counts, currency: str | None) -> str:
    from tillage.pipelines.for_people import amount, by_currency

    parts = {
        "accepted": (counts.accepted_rows, counts.accepted_minor),
        "still waiting": (counts.quarantined_rows, counts.quarantined_minor),
        "duplicate": (counts.duplicate_rows, counts.duplicate_minor),
        "suppressed": (counts.suppressed_rows, counts.suppressed_minor),
    }
    shown = []
    for what, (rows, minor) in parts.items():
        amounts = ", ".join(amount(figure, code) for code, (figure,) in by_currency([minor], currency).items())
        if rows:
            shown.append(f"{rows:,} {what}{f' ({amounts})' if amounts else ''}")
    return f"{counts.taken_rows:,} taken up: {', '.join(shown) or 'no unit in them any more'}"
