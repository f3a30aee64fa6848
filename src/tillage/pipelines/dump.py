"""`tillage dump`: everything that the house knows, as sorted JSON Lines, to be compared with another.

Canonical means: what is known, not where it came from. Load numbers, positions and times are left out, so that the
same records in another order, in other files or after a crash give the same text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tillage.contracts.sql_text import name as identifier
from tillage.pipelines.as_json import plain
from tillage.pipelines.house import House
from tillage.pipelines.query import query
from tillage.pipelines.status import status


def dump(house: House, *, is_canonical: bool) -> Iterator[str]:
    """One line for each silver row, quarantined unit, fold row and dataset's counts; each kind sorted."""
    for dataset in house.datasets():
        yield from _table(house, "silver", dataset, is_canonical=is_canonical)
    for dataset in house.datasets():
        yield from _table(house, "quarantine", dataset, is_canonical=is_canonical)
    for model in sorted(house.folds.outputs()):
        yield from _table(house, "gold", model, is_canonical=is_canonical)
    for dataset, counts in status(house).datasets.items():
        yield _line({"kind": "counts", "name": dataset} | asdict(counts))


_POSITION = {"_load", "_record", "load_seq", "file", "line", "offset", "unit"}


def _table(house: House, kind: str, name: str, *, is_canonical: bool) -> Iterator[str]:
    rows: list[dict[str, Any]] = query(house, f"from {identifier(kind, name)}").to_pylist()
    lines = []
    for row in rows:
        kept = {column: value for column, value in row.items() if not (is_canonical and column in _POSITION)}
        lines.append(_line({"kind": kind, "name": name, "row": kept}))
    yield from sorted(lines)


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    return plain(value)
