"""Store and lake together: loads that are not done, tables that cannot be read, routes that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tillage.cli.doctor.finding import Finding, Level
from tillage.domain.load import LoadState
from tillage.errors import TillageError
from tillage.pipelines.house import House
from tillage.pipelines.models import check_routes
from tillage.ports.lake import LakeTable
from tillage.settings import Settings
from tillage.wiring import open_house

_MOST_LISTED = 20
GOLD = "gold"


def examine_house(root: Path, settings: Settings) -> Iterator[Finding]:
    """What the ledger and the tables of the lake say."""
    try:
        with open_house(root, settings, say=lambda _: None) as house:
            # Told when the house is closed again: who reads findings slowly must not keep the store up.
            found = [*_loads(house), *_models(house), *_lake(house, house.project.environment.data)]
    except TillageError as wrong:
        found = [Finding(Level.WRONG, "store", str(wrong))]
    yield from found


def _loads(house: House) -> Iterator[Finding]:
    loads = house.ledger.loads()
    of_state = {state: [load for load in loads if load.state is state] for state in LoadState}
    for load in of_state[LoadState.FAILED][:_MOST_LISTED]:
        text = f"load {load.load_seq} of feed {load.feed} failed; the feed stands still until a person decides"
        yield Finding(Level.WRONG, "loads", text, f"tillage load show {load.load_seq}")
    for load in of_state[LoadState.OPEN][:_MOST_LISTED]:
        text = f"load {load.load_seq} of feed {load.feed} is open: it is being run, or its run was killed"
        yield Finding(Level.NOTE, "loads", text, "tillage run")
    counts = ", ".join(f"{len(found):,} {state}" for state, found in of_state.items() if found)
    yield Finding(Level.OK, "loads", counts or "none yet")


def _models(house: House) -> Iterator[Finding]:
    try:
        check_routes(house)
    except TillageError as wrong:
        yield Finding(Level.WRONG, "routes", str(wrong), "edit tillage.yaml, then: tillage doctor")
    kept = house.folds.digests()
    changed = sorted(name for name, fold in house.models.folds.items() if kept.get(name) != fold.digest)
    if changed:
        text = f"{', '.join(changed)}: the file is newer than its table, which is computed anew by the next run"
        yield Finding(Level.NOTE, "models", text, "tillage run")


def _lake(house: House, data: str) -> Iterator[Finding]:
    folder = Path(house.lake.location())
    count = 0
    for feed, contract in house.feeds.items():
        tables: dict[str, LakeTable] = {f"bronze/{feed}": house.lake.bronze(feed)}
        for dataset in contract.check.contract.datasets:
            tables[f"silver/{dataset.name}"] = house.silver_table(feed, dataset)
        for name, table in tables.items():
            if not (folder / name / "_delta_log").is_dir():
                continue  # a snapshot would make it
            count += 1
            yield from _table(name, table, data)
    for name in sorted(table for table in house.lake.tables() if table.startswith(f"{GOLD}/")):
        count += 1
        yield from _snapshot(house, name, data)
    yield Finding(Level.OK, "lake", f"{count} tables looked at")


def _snapshot(house: House, name: str, data: str) -> Iterator[Finding]:
    """Nothing rests on a snapshot: one that is harmed is made anew."""
    model = name.removeprefix(f"{GOLD}/")
    anew = f"rm -r {data}/lake/{name}; tillage export gold.{model} --format delta"
    try:
        missing = house.snapshots.opened(model).missing()
    except TillageError as wrong:
        yield Finding(Level.WRONG, "lake", str(wrong), anew)
        return
    if missing:
        yield Finding(Level.WRONG, "lake", f"{data}/lake/{name}: {missing} of its files are gone", anew)
    elif model not in house.folds.outputs():
        text = f"{data}/lake/{name} is a snapshot of a model that is gone"
        yield Finding(Level.NOTE, "lake", text, f"rm -r {data}/lake/{name}")


def _table(name: str, table: LakeTable, data: str) -> Iterator[Finding]:
    try:
        files = table.snapshot().files
    except TillageError as wrong:
        yield Finding(Level.WRONG, "lake", str(wrong))
        return
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        text = (
            f"{data}/lake/{name}: {len(missing)} of its {len(files)} files are gone, the first is "
            f"{Path(missing[0]).name}"
        )
        yield Finding(Level.WRONG, "lake", text, f"put {data}/ back from one backup")
