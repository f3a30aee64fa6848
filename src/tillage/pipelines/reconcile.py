"""`tillage reconcile`: recomputes every fold from the raw bytes in bronze and compares it with what is served.

Amounts, nets and rates are computed anew from the bytes; which units count is the verdict that bronze keeps. Units of
records whose bytes are forgotten are taken from silver, and held against the amount that bronze keeps of each; how much
that is, is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from tillage.domain.conservation import added
from tillage.domain.load import Load, LoadKind, LoadState
from tillage.models.fold import Fold
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment
from tillage.ports.engine import BronzePart, Comparison, Share

_JUDGING = {LoadKind.READ, LoadKind.REPLAY, LoadKind.REBUILD, LoadKind.RELEASE}
_STANDING = {LoadState.OPEN, LoadState.SEALED}  # of the others nothing was ever visible


@dataclass(frozen=True)
class Reconciled:
    """One model: how the served state compares with the recomputation."""

    model: str
    currencies: dict[str, str | None]
    comparison: Comparison
    as_of: dict[str, int]
    """Last visible load by feed: the position up to which it holds."""
    shares: tuple[Share, ...]
    """For each dataset that the model reads, what of it was recomputed from bytes, and what was taken from silver."""
    control_currencies: dict[str, str | None]
    """Of their control amounts, by dataset."""

    def agrees(self) -> bool:
        """Whether no key differs, and silver has all that was taken from it as bronze says."""
        return not self.comparison.differ and not any(share.astray_rows for share in self.shares)


def reconcile(house: House) -> list[Reconciled]:
    """Every model that has a state, each loaded record read anew under the contract that its load was decided by."""
    kept = house.folds.digests()
    found = []
    for fold in house.models.folds.values():
        if fold.name in kept:
            house.say(f"model {fold.name}: recomputing from bronze")
            found.append(at_one_moment(house, partial(_one, house, fold)))
    return found


def _one(house: House, fold: Fold, published: Mapping[str, int]) -> Reconciled:
    feeds = {house.dataset(dataset)[0] for dataset in fold.datasets}
    parts = [part for feed in sorted(feeds) for part in _parts(house, fold, feed, published)]
    recomputed, shares = house.engine.recomputed(fold, parts, house.people(is_trial=True))
    comparison = house.engine.compared(fold, house.folds.state(fold.name), recomputed)
    currencies = {output.name: output.currency for output in fold.sums}
    controls = {name: house.dataset(name)[1].currency for name in fold.datasets}
    return Reconciled(fold.name, currencies, comparison, dict(published), _by_dataset(fold, shares), controls)


def _by_dataset(fold: Fold, shares: Iterable[Share]) -> tuple[Share, ...]:
    """Those of all parts together."""
    found = {dataset: Share(dataset) for dataset in fold.datasets}
    for one in shares:
        before = found[one.dataset]
        found[one.dataset] = Share(
            one.dataset,
            before.rows + one.rows,
            added([before.minor, one.minor]),
            before.silver_rows + one.silver_rows,
            added([before.silver_minor, one.silver_minor]),
            before.astray_rows + one.astray_rows,
        )
    return tuple(found.values())


def _parts(house: House, fold: Fold, feed: str, published: Mapping[str, int]) -> list[BronzePart]:
    """Loads that read files, together where they had one contract; those that took up other units each by itself."""
    last = published.get(feed, 0)
    together: dict[tuple[str, int], list[Load]] = {}
    for load in house.ledger.loads():
        if load.feed == feed and load.state in _STANDING and load.load_seq <= last and load.kind in _JUDGING:
            own = 0 if load.kind is LoadKind.READ else load.load_seq
            together.setdefault((load.contract_digest, own), []).append(load)
    snapshot = house.lake.bronze(feed).snapshot()
    folders = house.folders_of(feed)
    silver = {name: house.visible(name, published) for name in fold.datasets if house.dataset(name)[0] == feed}
    return [
        BronzePart(
            check=house.compile(feed, house.ledger.text(digest)),
            snapshot=snapshot,
            loads=tuple(load.load_seq for load in loads),
            folders=folders,
            last_load=last,
            is_replay=own > 0,
            silver=silver,
        )
        for (digest, own), loads in together.items()
    ]
