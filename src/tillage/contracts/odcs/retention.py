"""How long the bytes of a contract's records are kept: ODCS's service level `retention`.

Source: Open Data Contract Standard 3.2.0, bitol.io: `slaProperties`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillage.contracts.contract import Retention
from tillage.contracts.document import Document, Path

RETENTION = "retention"
DAYS, YEARS = ("d", "day", "days"), ("y", "yr", "year", "years")
MOST = {"days": 100_000, "years": 250}
_LIKE = "like {property: retention, value: 400, unit: d}"


def read_retention(document: Document, path: Path, entry: Mapping[str, Any]) -> Retention:
    """What the entry at `path` says.

    Raises:
        ContractError: no whole number of days or years; with its line.
    """
    unit, value = entry.get("unit"), entry["value"]
    if unit not in (*DAYS, *YEARS):
        raise document.wrong(
            (*path, "unit"), f"retention is in days ({', '.join(DAYS)}) or years ({', '.join(YEARS)}), {_LIKE}"
        )
    kind = "days" if unit in DAYS else "years"
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST[kind]:
        raise document.wrong((*path, "value"), f"retention is a whole number of {kind} from 1 to {MOST[kind]:,}")
    return Retention(**{kind: value})
