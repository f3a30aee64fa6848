"""What is told of units that stand, though they are accepted."""

from __future__ import annotations

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import text
from tillage.engines.relations import current_relation, silver_relation, visible_bronze_relation
from tillage.ports.lake import Silver, Snapshot


def warnings_select(dataset: Dataset, bronze: Snapshot, silver: Silver, files: str) -> str:
    """SELECT of `load_seq, file, line, offset, unit, warning`, by the verdict that a unit stands by.

    Args:
        files: Name of a table, `load_seq, source, path`.
    """
    standing = f"select _load, _record from ({current_relation(dataset, silver_relation(dataset, silver))})"
    mine = f"u.dataset = {text(dataset.name)} and len(u.warnings) > 0"
    return f"""
        select b.record_load as load_seq, f.path as file, b.ordinal as line, b."offset", b.unit,
            unnest(b.warnings) as warning
        from (
            select load_seq, record_load, source, ordinal, "offset", u.unit, u.warnings
            from (
                select load_seq, record_load, source, ordinal, "offset", unnest(units) as u
                from ({visible_bronze_relation(bronze, silver.last_load)})
            ) where {mine}
        ) as b
        join ({standing}) as s on s._load = b.load_seq and s._record."load" = b.record_load
            and s._record.source = b.source and s._record.ordinal = b.ordinal and s._record.unit = b.unit
        join {files} as f on f.load_seq = b.record_load and f.source = b.source
    """
