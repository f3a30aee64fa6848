"""The tables that an export is of, all of one set of loads, and pinned until they are drawn."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from tillage.contracts.amounts import amounts_in
from tillage.domain.load import Load
from tillage.errors import ExportError
from tillage.models.derived import ModelKind
from tillage.pipelines.house import House
from tillage.pipelines.readable import KEPT, lake_names, lake_view
from tillage.pipelines.visible import at_one_moment
from tillage.ports.engine import View
from tillage.ports.export import Source
from tillage.ports.gold import KeptModel, PinnedGold

_PLACE = {
    "bronze": ("load_seq", "record_load", "source", "ordinal", "offset"),
    "quarantine": ("load_seq", "file", "line", "offset", "unit"),
    "warnings": ("load_seq", "file", "line", "offset", "unit", "warning"),
}


def known_tables(house: House) -> list[str]:
    """What can be exported, by name."""
    lake = [f"{schema}.{name}" for schema, name in lake_names(house)]
    return [*(f"gold.{model}" for model in sorted(house.folds.outputs())), *lake]


def refuse_unknown(house: House, tables: Sequence[str]) -> None:
    """Every name is that of a table that can be read, and none is there twice.

    Raises:
        ExportError: with the nearest name.
    """
    known = known_tables(house)
    for table in tables:
        if table in known:
            continue
        if table.removeprefix("gold.") in house.models.outputs():
            raise ExportError(f"{table} has not been computed yet; that is done by: tillage run")
        bare = [one for one in known if one.partition(".")[2] == table]
        near = bare or difflib.get_close_matches(table, known, n=1, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
        raise ExportError(f"no table is called '{table}'; {hint}")
    if len(set(tables)) != len(tables):
        raise ExportError("a table is named twice; name each once")


@contextmanager
def pinned(house: House, tables: Sequence[str]) -> Iterator[list[Source]]:
    """The tables of these names as they are at one moment; until the block ends the store keeps its part of them.

    What is published while they are pinned makes it begin anew, which takes no longer than pinning does.

    Raises:
        TransientError: loads kept being published.
    """
    models = [table.removeprefix("gold.") for table in tables if table.startswith("gold.")]
    with ExitStack() as held:

        def pin(published: Mapping[str, int]) -> list[Source]:
            held.close()
            gold = held.enter_context(house.gold.pinned(models))
            build = house.ledger.last_build()
            return [_source(house, table, published, build, gold) for table in tables]

        yield at_one_moment(house, pin)


def _source(house: House, table: str, published: Mapping[str, int], build: Load | None, gold: PinnedGold) -> Source:
    schema, _, name = table.partition(".")
    if schema == "gold":
        return _of_gold(house, name, published, build, gold)
    view = lake_view(house, schema, name, published)
    feed = name if schema == "bronze" else house.dataset(name)[0]
    contract = house.feeds[feed].check.contract
    order = _PLACE.get(schema)
    amounts = {}
    if order is None:
        dataset = house.dataset(name)[1]
        order = (*dataset.key, *(("_valid_from",) if schema == "history" else ()), "_record")
        amounts = dict(amounts_in(dataset.columns))
    loads = {feed: published[feed]} if feed in published else {}
    return Source(table, view, order, amounts, loads, build=None, digest=contract.digest)


def _of_gold(house: House, name: str, published: Mapping[str, int], build: Load | None, gold: PinnedGold) -> Source:
    models = gold.models()
    if name not in models:
        raise ExportError(f"gold.{name} was taken away meanwhile; see what there is: tillage plan")
    kept = models[name]
    state = f"{KEPT}.state_{name}"
    keys = tuple(output.name for output in kept.outputs if output.is_key)
    loads, seq = _loads_of(house, name, published, build, models)
    return Source(
        name=f"gold.{name}",
        view=View(f"from {state}", {state: gold.rows(name)}),
        # Of what has no key, rows that are equal in everything are equal.
        order=keys or tuple(output.name for output in kept.outputs),
        amounts={(output.name,): output.currency for output in kept.outputs if output.currency},
        loads=loads,
        build=seq,
        digest=kept.digest,
    )


def _loads_of(
    house: House, name: str, published: Mapping[str, int], build: Load | None, models: Mapping[str, KeptModel]
) -> tuple[dict[str, int], int | None]:
    """By feed, the loads that a model's rows are of, and the build that made them."""
    base = name
    while models[base].kind is ModelKind.VIEW and base in house.models.derived:
        base = house.models.derived[base].reads[0]
    is_built = models[base].kind is not ModelKind.FOLD and build is not None
    seen: Mapping[str, int] = build.manifest["published"] if is_built and build else published
    feeds = set(seen)
    if base in house.models.outputs():
        feeds = {house.dataset(dataset)[0] for dataset in house.models.datasets_of(base)}
    loads = {feed: load for feed, load in sorted(seen.items()) if feed in feeds and load}
    return loads, build.load_seq if is_built and build else None
