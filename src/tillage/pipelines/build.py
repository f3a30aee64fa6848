"""A build: every model that is no fold, computed whole from one set of loads, and published in one transaction.

It is a load of its own, of kind build, of no feed, under the lease `tables`, so feeds load beside it. What it is of is
pinned before anything is computed: the last published load of each feed, and with them the states of the folds, as they
are at that moment. A build that is left open is voided and never finished, since the next one sees more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tillage.domain.load import Lease, Load, LoadKind
from tillage.pipelines.house import House
from tillage.pipelines.models import changed_models, looked_up
from tillage.pipelines.portability import refuse_unportable
from tillage.pipelines.visible import at_one_moment
from tillage.ports.gold import PublishedTable
from tillage.ports.lake import Rows

LEASE = "tables"
_NO_FEED = ""


@dataclass(frozen=True)
class BuildReport:
    """What one build made."""

    load_seq: int
    tables: tuple[str, ...]
    views: tuple[str, ...]
    dropped: tuple[str, ...]


def build_if_due(house: House, *, wait_s: float, is_forced: bool = False) -> BuildReport | None:
    """Builds if a table or view is missing, of another text, or older than what its datasets hold.

    Raises:
        LeaseHeldError: another process builds for longer than `wait_s`.
        ModelError: a model fails; readers keep the last build.
        LeaseLostError: another process took over.
    """
    if not house.models.derived and not house.tables.digests():
        return None
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        if left_open := house.ledger.open_load(_NO_FEED):
            _finish(house, left_open, lease)
        if not is_forced and not _is_due(house):
            return None
        refuse_unportable(house.engine, house.models, changed_models(house) & house.models.derived.keys())
        return _build(house, lease)


def _finish(house: House, load: Load, lease: Lease) -> None:
    """A build that was published is sealed; of any other nothing can be seen, and its process writes no more."""
    if house.ledger.is_published(load):
        house.ledger.seal(load, lease)
        return
    house.ledger.void(load, lease)
    house.say(f"load {load.load_seq}, a build, was stopped before it was published; it is voided")


def _is_due(house: House) -> bool:
    derived = house.models.derived.keys()
    if house.tables.digests().keys() - derived or changed_models(house) & derived:
        return True
    last = house.ledger.last_build()
    today = {name: fold.digest for name, fold in house.models.folds.items()}
    return last is None or last.manifest != _manifest(house, house.ledger.published(), today)


def _manifest(house: House, published: Mapping[str, int], digests: Mapping[str, str]) -> dict[str, Any]:
    """What a build is of, with the folds of these digests: while this is the same, another would come to the same."""
    derived = house.models.derived
    read = {name for model in derived.values() for name in model.reads}
    folds = {name: digest for name, digest in digests.items() if name in read}
    found = looked_up(house)
    return {
        "published": {feed: published.get(feed, 0) for feed in _feeds(house)},
        "models": folds | {name: model.digest for name, model in derived.items()},
        "looked_up": {table: sorted(columns) for table, columns in found.items()},
    }


def _feeds(house: House) -> list[str]:
    """Feeds whose datasets the models are made of."""
    datasets = {dataset for name in house.models.derived for dataset in house.models.datasets_of(name)}
    return sorted({house.dataset(dataset)[0] for dataset in datasets})


def _build(house: House, lease: Lease) -> BuildReport:
    types = house.engine.derived_types(house.models)
    # The digests before the states: if a fold is computed anew in between, the next run builds once more.
    published, digests, states = at_one_moment(
        house, lambda published: (dict(published), house.folds.digests(), _states(house))
    )
    load = _begin(house, lease, _manifest(house, published, digests))
    tables = house.models.tables()
    views = [(view, types[view.name]) for view in house.models.views()]
    dropped = sorted(house.tables.digests().keys() - house.models.derived.keys())
    house.say(f"load {load.load_seq}: building {', '.join(table.name for table in tables) or 'no tables'}")
    datasets = {one for table in tables for one in house.models.datasets_of(table.name)}
    silver = {name: house.visible(name, published) for name in sorted(datasets)}
    with house.engine.built(house.models, silver, states) as rows:
        house.tables.publish(
            load,
            lease,
            tables=(PublishedTable(table, types[table.name], rows(table.name)) for table in tables),
            views=views,
            looked_up=looked_up(house),
        )
    house.ledger.seal(load, lease)
    return BuildReport(
        load.load_seq, tuple(one.name for one in tables), tuple(view.name for view, _ in views), tuple(dropped)
    )


def _states(house: House) -> dict[str, Rows]:
    """Of the folds that tables read, of one moment with the loads, since every load changes all of them at once."""
    read = {name for model in house.models.derived.values() for name in model.reads}
    there = house.folds.digests()
    return {name: house.folds.state(name) for name in sorted(read & house.models.folds.keys() & there.keys())}


def _begin(house: House, lease: Lease, manifest: Mapping[str, Any]) -> Load:
    texts = {name: model.text for name, model in sorted(house.models.derived.items())}
    body = json.dumps(texts, ensure_ascii=False)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return house.ledger.begin(
        LoadKind.BUILD,
        _NO_FEED,
        contract_digest=digest,
        texts={digest: body},
        manifest=manifest,
        lease=lease,
    )
