"""What commands print as JSON and pages show: of each figure there is one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tillage.pipelines.arrival import Arrival, Day
from tillage.pipelines.dictionary import Meaning
from tillage.pipelines.explain import Explanation
from tillage.pipelines.failing import ShownLoad
from tillage.pipelines.findings import Finding
from tillage.pipelines.house import House
from tillage.pipelines.outcome import Outcome
from tillage.pipelines.status import Status
from tillage.ports.store import Reason

_OF_A_DAY = ("read", "accepted", "quarantined", "duplicate", "suppressed")


def status_document(found: Status, arrived: Arrival, amiss: Sequence[Finding] = ()) -> dict[str, Any]:
    """Of `tillage status`."""
    return {
        "balances": found.balances(),
        "datasets": {
            name: asdict(law)
            | {"currency": found.currencies[name]}
            | {"statistics": asdict(found.statistics[name])}
            | {"difference_rows": law.difference_rows(), "difference_minor": law.difference_minor()}
            for name, law in found.datasets.items()
        },
        "quarantine": [asdict(reason) for reason in found.reasons],
        "sealed_loads": found.sealed_loads,
        "voided_loads": found.voided_loads,
        "open_loads": found.open_loads,
        "failed_loads": found.failed_loads,
        "feeds": [asdict(one) for one in arrived.feeds],
        "freshness": [asdict(one) for one in arrived.datasets],
        "findings": [asdict(one) for one in amiss],
        "days": [_day(one, found.currencies[one.dataset]) for one in arrived.days],
    }


def _day(one: Day, currency: str | None) -> dict[str, Any]:
    figures = {
        f"{part}_{unit}": getattr(one.counts, f"{part}_{unit}") for unit in ("rows", "minor") for part in _OF_A_DAY
    }
    return {"day": one.day, "dataset": one.dataset} | figures | {"currency": currency}


def load_document(load: ShownLoad, outcome: Outcome | None = None) -> dict[str, Any]:
    """One of `tillage load show`; what became of its records only where one load is asked for."""
    summary = load.summary
    document: dict[str, Any] = {
        "load": summary.load_seq,
        "feed": summary.feed,
        "kind": summary.kind,
        "state": summary.state,
        "planned_at": summary.planned_at.isoformat(),
        "files": summary.files,
        "size_bytes": summary.size_bytes,
        "seconds": summary.seconds,
        "is_resumed": summary.is_resumed,
        "reason": summary.reason,
        "datasets": {name: asdict(counts) for name, counts in load.counts.items()},
        "broken_rules": [asdict(rule) for rule in load.broken],
    }
    if outcome is not None:
        document["outcome"] = asdict(outcome)
    return document


def reasons_document(reasons: Sequence[Reason], frees: Sequence[str]) -> list[dict[str, Any]]:
    """Of `tillage quarantine list`; `frees` are the commands, one for each reason."""
    return [asdict(reason) | {"frees": one} for reason, one in zip(reasons, frees, strict=True)]


def meaning_document(found: Meaning) -> dict[str, Any]:
    """Of `tillage data`."""
    return asdict(found)


def explanation_document(found: Explanation) -> dict[str, Any]:
    """Of `tillage explain`."""
    return asdict(found) | {
        "sums": found.sums(),
        "adds_up": found.adds_up(),
        "made_of": asdict(found.made_of()),
        "files": [asdict(one) for one in found.files()],
    }


def erasure_documents(house: House) -> list[dict[str, Any]]:
    """Of `tillage erase list`."""
    return [asdict(one) for one in (house.erasing.erasures.all() if house.erasing else [])]
