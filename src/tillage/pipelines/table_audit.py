"""Tables that builds have made, held against what their SQL makes of silver as it was for the last build.

Silver is append-only, so what the build saw is there for all time; the folds that tables read are computed from it too.
A table whose text has changed since, or that is not there yet, as after a restore, waits for the next run.
"""

from __future__ import annotations

from collections.abc import Iterator

from tillage.domain.load import Load
from tillage.errors import ModelError
from tillage.models.derived import Derived
from tillage.models.repeatable import doubt
from tillage.pipelines.house import House
from tillage.ports.engine import TableComparison


def table_findings(house: House) -> Iterator[tuple[str, str]]:
    """What is wrong with a table, and where. That of which nobody can tell is said, and is none."""
    build = house.ledger.last_build()
    if build is None or not _is_of_today(house, build):
        return
    kept = house.tables.digests()
    there = [table.name for table in house.models.tables() if table.name in kept]
    if not there:
        return
    house.say(f"build {build.load_seq}: computing {', '.join(there)} anew from silver")
    published = build.manifest["published"]
    silver = {one: house.visible(one, published) for name in there for one in house.models.datasets_of(name)}
    read = {name for model in house.models.derived.values() for name in model.reads}
    states = {
        fold.name: house.engine.visible_state(fold, {one: house.visible(one, published) for one in fold.datasets})
        for fold in house.models.folds.values()
        if fold.name in read
    }
    try:
        with house.gold.pinned(there) as gold:
            compared = house.engine.tables_compared(house.models, silver, states, dict.fromkeys(there, gold.rows))
    except ModelError as wrong:
        house.say(f"tables cannot be held against silver: {wrong}")
        return
    for name, comparison in compared.items():
        if comparison.differ:
            yield from _finding(house, build, house.models.derived[name], comparison)


def _is_of_today(house: House, build: Load) -> bool:
    """Whether the build was made of the models as their files say them now."""
    derived, folds = house.models.derived, house.models.folds
    read = {name for model in derived.values() for name in model.reads}
    today = {name: model.digest for name, model in derived.items()}
    today |= {name: fold.digest for name, fold in folds.items() if name in read}
    return bool(build.manifest["models"] == today)


def _finding(house: House, build: Load, table: Derived, comparison: TableComparison) -> Iterator[tuple[str, str]]:
    reached = house.models.reached([table.name]).derived.values()
    if doubts := [(one.name, found) for one in reached if (found := doubt(one.text))]:
        name, what = doubts[0]
        house.say(
            f"model {table.name}: {comparison.differ} rows come out otherwise now, which may be no mistake: {what} in "
            f"models/{name}.sql may have another answer for the same rows"
        )
        return
    where = f"model {table.name}, build {build.load_seq}: {comparison.differ} rows of {comparison.rows} differ"
    yield "a table is not what its SQL makes of silver", f"{where}, first {comparison.first}"
