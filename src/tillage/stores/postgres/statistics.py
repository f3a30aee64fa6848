"""What each file brought to each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tillage.domain.conservation import Counts
from tillage.domain.event import event_of
from tillage.ports.lake import Rows
from tillage.ports.statistics import Events
from tillage.stores.postgres.copying import table_of
from tillage.stores.postgres.database import Database

_ROWS = ("read_rows", "accepted_rows", "quarantined_rows", "duplicate_rows", "suppressed_rows")
_MOMENT = pa.timestamp("us", tz="UTC")
_STATISTICS = pa.schema(
    [
        ("load_seq", pa.int64()),
        *((name, pa.string()) for name in ("feed", "kind", "dataset", "file")),
        ("record_load", pa.int64()),
        ("source", pa.int32()),
        *((name, pa.int64()) for name in ("size_bytes", "records", *_ROWS)),
        ("code_rows", pa.list_(pa.struct([("code", pa.string()), ("rows", pa.int64())]))),
        ("first_event", _MOMENT),
        ("last_event", _MOMENT),
        ("is_event_date", pa.bool_()),
        ("planned_at", _MOMENT),
        ("sealed_at", _MOMENT),
        ("seconds", pa.float64()),
        ("is_resumed", pa.bool_()),
    ]
)
_CODES = _STATISTICS.get_field_index("code_rows")


class Statistics:
    """Reads what loads have published."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, load_seq: int | None = None) -> Rows:
        found = self._database.rows("statistics", load_seq=load_seq)
        return table_of([(*row[:_CODES], _listed(row[_CODES]), *row[_CODES + 1 :]) for row in found], _STATISTICS)

    def totals(self, load_seq: int | None = None) -> dict[int, dict[str, Counts]]:
        found: dict[int, dict[str, Counts]] = {}
        for load, dataset, *rows in self._database.rows("statistic_totals", load_seq=load_seq):
            found.setdefault(load, {})[dataset] = _rows_alone(rows)
        return found

    def events(self) -> dict[str, Events]:
        return {
            dataset: Events(event_of(first, is_date=is_date), event_of(last, is_date=is_date), uncounted)
            for dataset, first, last, is_date, uncounted in self._database.rows("events")
        }


def _rows_alone(rows: Sequence[Decimal]) -> Counts:
    read, accepted, quarantined, duplicate, suppressed = map(int, rows)
    return Counts(read, accepted, quarantined, duplicate, suppressed)


def _listed(code_rows: Mapping[str, int] | None) -> list[dict[str, Any]] | None:
    return None if code_rows is None else [{"code": code, "rows": code_rows[code]} for code in sorted(code_rows)]
