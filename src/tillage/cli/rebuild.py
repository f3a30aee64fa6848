"""`tillage rebuild`: what is loaded, computed anew after a model, a rate or a contract was changed."""

from __future__ import annotations

from datetime import datetime
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
    from datetime import date

    from tillage.domain.conservation import Counts, Minor
    from tillage.pipelines.house import House
    from tillage.pipelines.rebuild import Rebuilt
    from tillage.ports.engine import LookedAt

_BRONZE = "bronze"


@on_project
def rebuild(  # noqa: PLR0913 - one argument for each option
    *,
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Computed anew from what stands.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar=_BRONZE, help="Judge anew what stands, from its bytes.")
    ] = None,
    feed: Annotated[str | None, typer.Option("--feed", metavar="NAME", help="With --from: only of this feed.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], metavar="DAY", help="With --from: only what came from then on."),
    ] = None,
    is_trial: Annotated[
        bool, typer.Option("--dry-run", help="With --from: say what would come of it; change nothing.")
    ] = False,
    is_of_mirrors: Annotated[
        bool, typer.Option("--mirror", help="Make anew what is mirrored outside of the lake.")
    ] = False,
    wait: Wait = WAIT_S,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Compute anew what is loaded: one model, or all that stands, under today's contract; readers see old or new."""
    if [model is not None, source is not None, is_of_mirrors].count(True) != 1:
        raise typer.BadParameter(
            "say what: tillage rebuild MODEL, or: tillage rebuild --from bronze, or: tillage rebuild --mirror"
        )
    if source not in {None, _BRONZE}:
        raise typer.BadParameter("only bronze keeps what came: tillage rebuild --from bronze")
    if source is None and (feed or since or is_trial):
        raise typer.BadParameter("--feed, --since and --dry-run are about --from bronze")
    with open_project(project) as house:
        if model is not None:
            _model(house, model, wait, as_json=as_json)
        elif is_of_mirrors:
            _mirrors(house, wait, as_json=as_json)
        else:
            _bronze(house, feed, since.date() if since else None, wait, is_trial=is_trial, as_json=as_json)


def _model(house: House, model: str, wait: float, *, as_json: bool) -> None:
    from dataclasses import asdict

    from tillage.pipelines.rebuild import rebuild_model

    built = rebuild_model(house, model, wait_s=wait)
    if as_json:
        print_json(environment_json(house.project) | {"model": model, "built": asdict(built) if built else None})
    elif built is None:
        typer.echo(f"model {model}: computed anew")
    else:
        typer.echo(f"load {built.load_seq}: built {', '.join([*built.tables, *built.views])}")


def _mirrors(house: House, wait: float, *, as_json: bool) -> None:
    from tillage.pipelines.mirror import rebuild_mirrors

    rebuild_mirrors(house, wait_s=wait)
    mirrored = {name: [*one.feed.mirror] for name, one in house.feeds.items() if one.feed.mirror}
    if as_json:
        print_json(environment_json(house.project) | {"mirrored": mirrored})
        return
    for name, kinds in mirrored.items():
        typer.echo(f"feed {name}: {' and '.join(kinds)} made anew")
    if not mirrored:
        typer.echo("no feed in tillage.yaml has `mirror`")


def _bronze(house: House, feed: str | None, since: date | None, wait: float, *, is_trial: bool, as_json: bool) -> None:
    from tillage.pipelines.rebuild import rebuild_from_bronze

    found = rebuild_from_bronze(house, feed=feed, since=since, is_trial=is_trial, wait_s=wait)
    if as_json:
        print_json(environment_json(house.project) | _plain(found, is_trial=is_trial))
    else:
        _show(house, found, is_trial=is_trial)


def _plain(found: Rebuilt, *, is_trial: bool) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "is_trial": is_trial,
        "loads": [
            {"load": number or None, "datasets": {name: asdict(one) for name, one in counts.items()}}
            for number, counts in found.loads.items()
        ],
        "looked_at": {name: asdict(one) for name, one in found.looked_at.items()},
        "sums": {
            dataset: {
                column: {code: {"before": before, "after": after} for code, (before, after) in amounts.items()}
                for column, amounts in columns.items()
            }
            for dataset, columns in found.sums.items()
        },
        "built": asdict(found.built) if found.built else None,
    }


def _show(house: House, found: Rebuilt, *, is_trial: bool) -> None:
    currencies = {name: house.dataset(name)[1].currency for name in house.datasets()}
    if is_trial:
        typer.echo("trial: nothing was changed")
    for number, counts in found.loads.items():
        if number:
            typer.echo(f"load {number}: sealed")
        for name, one in counts.items():
            if one.taken_rows:
                typer.echo(f"  {name}: {_came_of(one, currencies[name])}")
    _show_sums(found)
    for name, looked in found.looked_at.items():
        typer.echo(f"{name}: {looked.rows:,} units stood, {looked.same_rows:,} come out the same{_left(looked)}")


def _came_of(counts: Counts, currency: str | None) -> str:
    parts = {
        "come out otherwise": (counts.taken_rows, counts.taken_minor),
        "stand as they are now": (counts.accepted_rows, counts.accepted_minor),
        "wait in quarantine": (counts.quarantined_rows, counts.quarantined_minor),
        "are duplicates": (counts.duplicate_rows, counts.duplicate_minor),
    }
    return ", ".join(f"{rows:,} {what}{_amounts(minor, currency)}" for what, (rows, minor) in parts.items() if rows)


def _amounts(minor: Minor, currency: str | None) -> str:
    from tillage.pipelines.for_people import amount, by_currency

    shown = [amount(figure, code) for code, (figure,) in by_currency([minor], currency).items()]
    return f" ({', '.join(shown)})" if shown else ""


def _show_sums(found: Rebuilt) -> None:
    """Of the units that come out otherwise, each amount before and after."""
    from tillage.pipelines.for_people import amount

    for name, columns in found.sums.items():
        for column, amounts in columns.items():
            for code, (before, after) in amounts.items():
                typer.echo(f"  {name}.{column}: {amount(before, code)} -> {amount(after, code)}")


def _left(looked: LookedAt) -> str:
    why = {
        "their bytes are kept no longer": looked.forgotten_rows,
        "their records are beyond today's limits": looked.unreadable_rows,
        "today's contract does not find them": looked.not_found_rows,
    }
    return "".join(f"; {rows:,} stay as they are, since {what}" for what, rows in why.items() if rows)
