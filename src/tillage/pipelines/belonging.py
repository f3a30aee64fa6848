"""Holds lake and store together: neither is used with another one's counterpart, nor with an older or younger copy.

The store's random name stands in the lake too. It is written there before the first load, and after the store's own
schema is committed; so at every moment a pair that is not ours can be told from a pair that is being made.
"""

from __future__ import annotations

from tillage.errors import LakeError, StoreError
from tillage.pipelines.house import House
from tillage.ports.lake import Lake
from tillage.ports.store import Ledger

_ANEW = (
    "or begin anew from the files in landing: move data/ away, and give another empty database if TILLAGE_STORE_DSN is "
    "set"
)


def join(lake: Lake, ledger: Ledger) -> None:
    """Makes a fresh lake and a fresh store a pair; refuses any other two that are none, before anything is changed.

    Raises:
        StoreError, LakeError: says which of the two is foreign or gone.
    """
    # In this order, since another process may be at its first run: it makes store, mark and tables in the opposite one.
    has_tables = bool(lake.tables())
    mark = lake.mark()
    if (mark or has_tables) and ledger.is_new():
        raise StoreError(
            "the store is empty, and data/lake is full: they are no pair, and every load would be lost or counted "
            f"twice. Set TILLAGE_STORE_DSN as it was for the loads in data/lake (or unset it), {_ANEW}"
        )
    house, has_loads = ledger.house(), ledger.has_loads()
    mark = lake.mark()
    if mark is None and (has_loads or has_tables):
        raise LakeError(
            "the store has loads, and data/lake does not say that it is theirs: it is gone, or another's. Put the "
            f"whole of data/lake back, {_ANEW}"
        )
    if mark is None:
        lake.put_mark(house)
        mark = lake.mark()
    if mark != house:
        raise StoreError(
            "the store and data/lake are of different projects: set TILLAGE_STORE_DSN as it was for the loads in "
            f"data/lake (or unset it), {_ANEW}"
        )
    _refuse_missing(lake, ledger)
    lake.take_up()


def _refuse_missing(lake: Lake, ledger: Ledger) -> None:
    """A table with published loads is never made anew: what it held would be lost, or be taken again."""
    held = ledger.held_datasets()
    wanted = {f"silver/{one.dataset}" for one in held} | {f"bronze/{one.feed}" for one in held}
    if missing := sorted(wanted - lake.tables()) if wanted else []:
        raise LakeError(
            f"data/lake/{missing[0]} has published loads and is gone; put it back from the same backup as the rest of "
            f"data/, {_ANEW}"
        )


def refuse_torn_history(house: House, feed: str) -> None:
    """Refuses a lake that lacks what the store has published, and a store that lacks what the lake has committed.

    Under the feed's lease. A process that was stopped may have lost it without knowing yet, so each is read before what
    loads write before it: whatever another process commits meanwhile, what is read first is never ahead.

    Raises:
        LakeError: names the table and both numbers.
    """
    published = house.ledger.published().get(feed, 0)
    receipts: dict[str, int] = {}
    held = {one.dataset: one.load_seq for one in house.ledger.held_datasets() if one.feed == feed}
    for dataset in house.feeds[feed].check.contract.datasets:
        receipt = house.silver_table(feed, dataset).snapshot().receipt
        receipts[f"silver/{dataset.name}"] = receipt
        if receipt < held.get(dataset.name, 0):
            raise _older(f"silver/{dataset.name}", receipt, held[dataset.name])
    bronze = receipts[f"bronze/{feed}"] = house.lake.bronze(feed).snapshot().receipt
    if bronze < published:
        raise _older(f"bronze/{feed}", bronze, published)
    newest = house.ledger.last_number()
    for table, receipt in receipts.items():
        if receipt > min(newest, bronze):
            raise LakeError(
                f"data/lake/{table} holds number {receipt}, which {'bronze' if receipt > bronze else 'the store'} has "
                f"not reached: one of them is an older copy. Put data/lake and the store back from one moment, {_ANEW}"
            )


def _older(table: str, receipt: int, published: int) -> LakeError:
    return LakeError(
        f"data/lake/{table} ends with number {receipt}, and load {published} of it is published: it is an older copy. "
        f"Put data/lake and the store back from one moment, {_ANEW}"
    )
