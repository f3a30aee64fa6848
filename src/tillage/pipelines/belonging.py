"""Holds lake and store together: neither is used with another one's counterpart, nor with an older or younger copy.

The store's random name stands in the lake too. It is written there before the first load, and after the store's own
schema is committed; so at every moment a pair that is not ours can be told from a pair that is being made.
"""

from __future__ import annotations

from tillage.contracts.environments import Environment
from tillage.errors import LakeError, StoreError
from tillage.pipelines.house import House
from tillage.ports.lake import Lake
from tillage.ports.store import Ledger


def _anew(of: Environment) -> str:
    return (
        f"or begin anew from the files in landing: move {of.data}/lake and {of.data}/store away, and give another "
        f"empty database if {of.store or 'a store by DSN'} is set"
    )


def as_it_was(of: Environment) -> str:
    """How the store is chosen, so that it can be chosen as before."""
    if of.is_default:
        return f"set {of.store} as it was for the loads in {of.data}/lake (or unset it)"
    if of.store:
        return f"set {of.store} as it was for the loads in {of.data}/lake"
    return f"state the `store` of environment {of.name} in tillage.yaml as it was for the loads in {of.data}/lake"


def join(lake: Lake, ledger: Ledger, of: Environment) -> None:
    """Makes a fresh lake and a fresh store a pair; refuses any other two that are none, before anything is changed.

    Args:
        of: The environment that both are of, for messages.

    Raises:
        StoreError, LakeError: says which of the two is foreign or gone.
    """
    # In this order, since another process may be at its first run: it makes store, mark and tables in the opposite one.
    has_tables = bool(lake.tables())
    mark = lake.mark()
    if (mark or has_tables) and ledger.is_new():
        raise StoreError(
            f"the store is empty, and {of.data}/lake is full: they are no pair, and every load would be lost or "
            f"counted twice. To go on with them, {as_it_was(of)}, {_anew(of)}"
        )
    house, has_loads = ledger.house(), ledger.has_loads()
    mark = lake.mark()
    if mark is None and (has_loads or has_tables):
        raise LakeError(
            f"the store has loads, and {of.data}/lake does not say that it is theirs: it is gone, or another's. Put "
            f"the whole of {of.data}/lake back, {_anew(of)}"
        )
    if mark is None:
        lake.put_mark(house)
        mark = lake.mark()
    if mark != house:
        raise StoreError(f"the store and {of.data}/lake are of different projects: {as_it_was(of)}, {_anew(of)}")
    _refuse_missing(lake, ledger, of)
    lake.take_up()


def _refuse_missing(lake: Lake, ledger: Ledger, of: Environment) -> None:
    """A table with published loads is never made anew: what it held would be lost, or be taken again."""
    held = ledger.held_datasets()
    wanted = {f"silver/{one.dataset}" for one in held} | {f"bronze/{one.feed}" for one in held}
    if missing := sorted(wanted - lake.tables()) if wanted else []:
        raise LakeError(
            f"{of.data}/lake/{missing[0]} has published loads and is gone; put it back from the same backup as the "
            f"rest of {of.data}/, {_anew(of)}"
        )


def refuse_torn_history(house: House, feed: str) -> None:
    """Refuses a lake that lacks what the store has published, and a store that lacks what the lake has committed.

    Under the feed's lease. A process that was stopped may have lost it without knowing yet, so each is read before what
    loads write before it: whatever another process commits meanwhile, what is read first is never ahead.

    Raises:
        LakeError: names the table and both numbers.
    """
    of = house.project.environment
    published = house.ledger.published().get(feed, 0)
    receipts: dict[str, int] = {}
    held = {one.dataset: one.load_seq for one in house.ledger.held_datasets() if one.feed == feed}
    for dataset in house.feeds[feed].check.contract.datasets:
        receipt = house.silver_table(feed, dataset).snapshot().receipt
        receipts[f"silver/{dataset.name}"] = receipt
        if receipt < held.get(dataset.name, 0):
            raise _older(of, f"silver/{dataset.name}", receipt, held[dataset.name])
    bronze = receipts[f"bronze/{feed}"] = house.lake.bronze(feed).snapshot().receipt
    if bronze < published:
        raise _older(of, f"bronze/{feed}", bronze, published)
    newest = house.ledger.last_number()
    for table, receipt in receipts.items():
        if receipt > min(newest, bronze):
            raise LakeError(
                f"{of.data}/lake/{table} holds number {receipt}, which "
                f"{'bronze' if receipt > bronze else 'the store'} has not reached: one of them is an older copy. Put "
                f"{of.data}/lake and the store back from one moment, {_anew(of)}"
            )


def _older(of: Environment, table: str, receipt: int, published: int) -> LakeError:
    return LakeError(
        f"{of.data}/lake/{table} ends with number {receipt}, and load {published} of it is published: it is an older "
        f"copy. Put {of.data}/lake and the store back from one moment, {_anew(of)}"
    )
