"""One feed by contract alone: its files, its contract, and what must come of it, told without the product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Law:
    """Units of a dataset: rows and minor units, each as read, accepted, quarantined, duplicate."""

    rows: tuple[int, int, int, int]
    minor: tuple[Any, Any, Any, Any] = (None, None, None, None)
    not_countable_rows: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    """Quarantined units by code."""


@dataclass(frozen=True)
class Case:
    """A feed and what must come of it."""

    feed: str
    door: Mapping[str, Any]
    """What tillage.yaml says of it, beside the path."""
    contract: Mapping[str, Any]
    files: Mapping[str, bytes]
    models: Mapping[str, str]
    law: Mapping[str, Law]
    """By dataset."""
    totals: Mapping[str, tuple[str, Iterable[Row]]]
    """By model: the names of its columns, and its rows in that order."""


def write(root: Path, cases: Sequence[Case]) -> Path:
    """A project of all these feeds."""
    doors = {case.feed: {"path": f"landing/{case.feed}", **case.door} for case in cases}
    files = {"tillage.yaml": json.dumps({"project": "bazaar", "feeds": doors}, indent=1).encode()}
    for case in cases:
        # JSON is YAML, so a contract may be written as either.
        files[f"contracts/{case.feed}.odcs.yaml"] = json.dumps(case.contract, indent=1).encode()
        files |= {f"models/{name}.sql": sql.encode() for name, sql in case.models.items()}
        files |= {f"landing/{case.feed}/{name}": data for name, data in case.files.items()}
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def contract(name: str, *datasets: Mapping[str, Any], **terms: Any) -> dict[str, Any]:
    """An ODCS document; `terms` are its `tillage.` properties."""
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": name, "version": "1.0.0", "status": "active"}
    return head | {"schema": list(datasets)} | _custom(terms)


def dataset(name: str, *columns: Mapping[str, Any], **terms: Any) -> dict[str, Any]:
    return {"name": name, "properties": list(columns)} | _custom(terms)


def column(
    name: str, kind: str = "string", *, physical: str | None = None, terms: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """One entry of `properties`; `terms` are its `tillage.` properties, `more` is as the standard calls it."""
    found: dict[str, Any] = {"name": name, "logicalType": kind, **more}
    if physical:
        found["physicalName"] = physical
    return found | _custom(terms or {})


def key(name: str, physical: str | None = None) -> dict[str, Any]:
    return column(name, physical=physical, primaryKey=True, primaryKeyPosition=1)


def amount(name: str, currency: Any = "EUR", *, physical: str | None = None, **terms: Any) -> dict[str, Any]:
    """A required money column, unless a value may be missing or is made of others."""
    is_optional = terms.pop("is_optional", False) or "amount" in terms
    needed = {} if is_optional else {"required": True}
    return column(name, "number", physical=physical, terms={"money": currency} | terms, **needed)


def lines(name: str, *columns: Mapping[str, Any], physical: str | None = None, **more: Any) -> dict[str, Any]:
    return column(
        name, "array", physical=physical, items={"logicalType": "object", "properties": list(columns)}, **more
    )


def _custom(terms: Mapping[str, Any]) -> dict[str, Any]:
    entries = [{"property": f"tillage.{name}", "value": value} for name, value in terms.items()]
    return {"customProperties": entries} if entries else {}


def minor(text: str | Decimal, decimals: int = 2) -> int:
    """Whole minor units, half away from zero."""
    return int((Decimal(text) * 10**decimals).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def summed(rows: Iterable[tuple[Any, Sequence[int]]]) -> dict[Any, list[int]]:
    """Sums by key of the figures of each row, with the number of rows last."""
    found: dict[Any, list[int]] = {}
    for by, figures in rows:
        sums = found.setdefault(by, [0] * (len(figures) + 1))
        for place, figure in enumerate((*figures, 1)):
            sums[place] += figure
    return found


def flat(sums: Mapping[Any, Sequence[int]]) -> list[Row]:
    """Rows of a model whose keys come before its figures."""
    return [(*(by if isinstance(by, tuple) else (by,)), *figures) for by, figures in sums.items()]
