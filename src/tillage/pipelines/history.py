"""What the project's files say now, held against what the loads that stand were of.

One rule: a dataset that has loads is still there, in the same feed, with the same key and all its columns, of the same
types and currencies; it may have more of them. A feed that has loads is still there. Everything that readers see is
found through these names, so under another name it would look empty, and its files would be taken again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from tillage.contracts.change import refuse_breaking_change
from tillage.contracts.contract import Contract, Dataset
from tillage.errors import ContractError, OperatorError
from tillage.pipelines.house import House
from tillage.ports.store import Standing

Texts = Callable[[str, str], Contract]
"""(feed, digest) to the contract of a load."""


def refuse_renamed(house: House) -> None:
    """Before anything is planned, so that no load is left open by it.

    Raises:
        OperatorError: a feed that has loads is gone.
        ContractError: a dataset that has loads is gone, in another feed, or keeps something else.
    """
    last = house.ledger.last_standing()
    for feed in sorted(last.keys() - house.feeds.keys()):
        raise OperatorError(
            f"tillage.yaml has no feed '{feed}', and load {last[feed].load_seq} is of it: put the feed and "
            f"contracts/{feed}.odcs.yaml back under that name, or start a new project"
        )
    texts = _texts(house)
    for one in _held(house, last, texts):
        _refuse_changed(house, one, texts)


def say_news(house: House, feed: str) -> None:
    """Tells of what a change to the contract of a feed with loads does not do."""
    last = house.ledger.last_standing().get(feed)
    now = house.feeds[feed].check.contract
    if last is None:
        return
    if not now.judges_as(_texts(house)(feed, last.contract_digest)):
        house.say(
            f"feed {feed}: the contract has changed; what is loaded keeps its verdicts and rates, new files get these; "
            f"to apply it to what is loaded: tillage rebuild --from bronze --feed {feed}"
        )
    held = {one.dataset for one in house.ledger.held_datasets()}
    held |= {dataset.name for dataset in _texts(house)(feed, last.contract_digest).datasets}
    for dataset in now.datasets:
        if dataset.name not in held:
            house.say(f"feed {feed}: dataset '{dataset.name}' has no history: only new files fill it")


def _texts(house: House) -> Texts:
    """Compiles each contract text once, and today's not again."""

    @cache
    def text(feed: str, digest: str) -> Contract:
        now = house.feeds[feed].check.contract
        return now if now.digest == digest else house.compile(feed, house.ledger.text(digest)).contract

    return text


def _held(house: House, last: dict[str, Standing], texts: Texts) -> list[Standing]:
    """Every dataset that has loads, with the last of them; an open load has what its contract says."""
    held = {(one.feed, one.dataset): one for one in house.ledger.held_datasets(with_releases=False)}
    for feed, load in last.items():
        for dataset in texts(feed, load.contract_digest).datasets:
            held[feed, dataset.name] = replace(load, dataset=dataset.name)
    return sorted(held.values(), key=lambda one: one.load_seq)


def _refuse_changed(house: House, one: Standing, texts: Texts) -> None:
    """Raises as `refuse_renamed`; `one` is of a feed that is there."""
    now = _now(house, one.dataset)
    if now is None:
        raise ContractError(
            f"contracts/{one.feed}.odcs.yaml: dataset '{one.dataset}' has loads (the last is {one.load_seq}) and is "
            "described no more: put it back under that name, or start a new project"
        )
    feed, dataset = now
    if feed != one.feed:
        raise ContractError(
            f"contracts/{feed}.odcs.yaml: dataset '{one.dataset}' has loads of feed '{one.feed}' (the last is "
            f"{one.load_seq}): describe it in contracts/{one.feed}.odcs.yaml, give this one another name, or start a "
            "new project"
        )
    refuse_breaking_change(texts(one.feed, one.contract_digest).dataset(dataset.name), dataset, feed)


def _now(house: House, name: str | None) -> tuple[str, Dataset] | None:
    for feed in house.feeds.values():
        for dataset in feed.check.contract.datasets:
            if dataset.name == name:
                return feed.feed.name, dataset
    return None
