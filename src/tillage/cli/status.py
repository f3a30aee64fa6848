"""`tillage status`: whether all is in, fresh and balanced; with --check as an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tillage.cli.opening import (
    HERE,
    Json,
    Project,
    environment_json,
    on_project,
    open_project,
    print_json,
    show_environment,
)
from tillage.errors import NotWellError

if TYPE_CHECKING:
    from tillage.pipelines.arrival import Arrival
    from tillage.pipelines.findings import Finding


@on_project
def status(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing, and exit with 11 if anything is late, missing or failed.")
    ] = False,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """What came in, whether it is fresh, what became of it, and whether it balances, in rows and in money."""
    from tillage.cli.show import show_status
    from tillage.pipelines import status as pipeline
    from tillage.pipelines.arrival import arrival
    from tillage.pipelines.documents import status_document
    from tillage.pipelines.findings import findings

    with open_project(project, is_named=False, is_read_only=check) as house:
        found, arrived = pipeline.status(house), arrival(house)
        amiss = findings(house, found, arrived)
    if as_json:
        print_json(environment_json(house.project) | status_document(found, arrived, amiss))
    else:
        show_environment(house.project)
        show_status(found)
        _show_arrival(arrived, amiss)
    if check and amiss:
        raise NotWellError("\n".join(map(str, amiss)))


def _show_arrival(arrived: Arrival, amiss: Sequence[Finding]) -> None:
    """Each feed, and each dataset that may be only so old, with what was found about it first."""
    from tillage.cli.tables import console, grid, put
    from tillage.pipelines.for_people import when

    def state(about: str, name: str, well: str) -> str:
        return next((one.text for one in amiss if (one.about, one.name) == (about, name)), well)

    feeds = [
        (
            one.feed,
            state("feed", one.feed, "in, on time" if one.schedule or one.frequency else "in"),
            when(one.last_at),
            " and ".join(filter(None, (one.schedule, one.frequency and f"each {one.frequency}"))),
        )
        for one in arrived.feeds
    ]
    out = console()
    out.print()
    put(out, grid(("feed", "state", "came last", "expected"), feeds))
    if arrived.datasets:
        datasets = [
            (one.dataset, state("dataset", one.dataset, "fresh"), when(one.newest), one.latency)
            for one in arrived.datasets
        ]
        out.print()
        put(out, grid(("dataset", "state", "newest event", "may be so old"), datasets))
