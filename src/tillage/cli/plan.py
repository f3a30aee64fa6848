"""`tillage plan`: what a run would change in what readers see."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from rich.console import Console

    from tillage.contracts.environments import Environment
    from tillage.pipelines.planning import Plan

_BREAKS = 11


@on_project
def plan(project: Project = HERE, as_json: Json = False) -> None:
    """Show what contracts, models and serving change, before `tillage run` applies it; exit 11 if it breaks readers."""
    from tillage.pipelines.planning import make_plan

    with open_project(project, is_named=False) as house:
        found = make_plan(house)
    if as_json:
        print_json(environment_json(house.project) | _plain(found))
    else:
        show_environment(house.project)
        _show(found, house.project.environment)
    if found.breaks_readers:
        raise typer.Exit(_BREAKS)


def _plain(found: Plan) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "breaks_readers": found.breaks_readers,
        "contracts": {feed: [asdict(one) for one in changes] for feed, changes in found.contracts.items()},
        "models": [asdict(one) for one in found.models],
        "serving": [asdict(one) for one in found.routes],
        "refused": list(found.refused),
    }


def _show(found: Plan, of: Environment) -> None:
    from tillage.cli.tables import console, grid, put

    out = console()
    _show_contracts(found, out)
    if found.models:
        rows = [[one.name, one.kind, one.change, f"it {one.reason}"] for one in found.models]
        put(out, grid(("model", "kind", "", "why that kind"), rows))
        for one in found.models:
            for effect in one.effects:
                out.print(f"model {one.name}: {effect}")
    for route in found.routes:
        out.print(f"{route.path}: {route.change}{': ' if route.effects else ''}{'; '.join(route.effects)}")
    for refusal in found.refused:
        out.print(f"refused: {refusal}")
    run = "tillage run" if of.is_default else f"tillage run --env {of.name}"
    if found.refused:
        out.print("a run would stop at that; mend it first")
    elif found.is_empty:
        out.print(f"nothing changes but what is new at the doors; load it: {run}")
    else:
        out.print(f"{'this breaks readers; ' if found.breaks_readers else ''}apply it: {run}")


def _show_contracts(found: Plan, out: Console) -> None:
    for feed, changes in found.contracts.items():
        out.print(f"feed {feed}: the contract has changed; what is loaded keeps its verdicts and rates")
        out.print(
            f"  to apply it to them: tillage rebuild --from bronze --feed {feed} (first with --dry-run)", soft_wrap=True
        )
        for one in changes:
            whom = "" if one.breaks == "nobody" else f"  (breaks {one.breaks})"
            out.print(f"  {one.where}: {one.what}{whom}")
