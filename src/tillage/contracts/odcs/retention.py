"""How long the bytes of a contract's records are kept: ODCS's service level `retention`; any other is refused.

Source: Open Data Contract Standard 3.2.0, bitol.io: `slaProperties`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tillage.contracts.contract import Retention
from tillage.contracts.document import Document, Path

RETENTION = "retention"
SLA_KEYS = {"id", "property", "value", "unit", "element", "driver", "description", "authoritativeDefinitions"}
"""Names of an entry that are applied, or say nothing about data; `customProperties` are those of other tools."""
DAYS, YEARS = ("d", "day", "days"), ("y", "yr", "year", "years")
MOST = {"days": 100_000, "years": 250}
_LIKE = "like {property: retention, value: 400, unit: d}"


def read_retention(document: Document, datasets: Iterable[str]) -> Retention | None:
    """What `slaProperties` say; None if bytes are kept for ever.

    Raises:
        ContractError: a service level that is not applied, a part of the contract alone, or no whole number of days or
            years; with its line.
    """
    entries = [(("slaProperties", at), entry) for at, entry in enumerate(document.data.get("slaProperties") or ())]
    for path, entry in entries:
        _check(document, path, entry, datasets)
    if len(entries) > 1:
        raise document.wrong(entries[1][0], "retention is given twice; keep one")
    return _age(document, *entries[0]) if entries else None


def _check(document: Document, path: Path, entry: Mapping[str, Any], datasets: Iterable[str]) -> None:
    named = entry.get("property")
    if named != RETENTION:
        raise document.wrong(
            (*path, "property"),
            f"'{named}' of slaProperties is not applied by this version; remove it. Applied: {_LIKE}",
        )
    for key, value in entry.items():
        if key not in SLA_KEYS | {"customProperties"} and value not in (None, False, [], {}):
            raise document.wrong((*path, key), f"'{key}' has no effect on retention; remove it")
    elements = {part.strip() for part in str(entry.get("element") or "").split(",")} - {""}
    if elements and elements != set(datasets):
        raise document.wrong(
            (*path, "element"),
            "retention is of whole records, which all datasets share; leave `element` out. To keep some for another "
            "time, make them a feed of their own",
        )


def _age(document: Document, path: Path, entry: Mapping[str, Any]) -> Retention:
    unit, value = entry.get("unit"), entry["value"]
    if unit not in (*DAYS, *YEARS):
        raise document.wrong(
            (*path, "unit"), f"retention is in days ({', '.join(DAYS)}) or years ({', '.join(YEARS)}), {_LIKE}"
        )
    kind = "days" if unit in DAYS else "years"
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST[kind]:
        raise document.wrong((*path, "value"), f"retention is a whole number of {kind} from 1 to {MOST[kind]:,}")
    return Retention(**{kind: value})
