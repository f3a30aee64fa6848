"""What signed rows tell beside what stands: which version held when, and what changed since a load."""

from __future__ import annotations

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name
from tillage.contracts.types import silver_columns
from tillage.engines.relations import current_relation, turns


def history_relation(dataset: Dataset, signed: str, planned: str) -> str:
    """SELECT of every version that was ever accepted, with `_valid_from` and `_valid_to`, null for the one that stands.

    In terms of the version column; without one, in times at which loads were planned. A version that a rebuild computed
    anew is the same version, as it is now; one that it quarantined, with nothing after it, is none any more.

    Args:
        signed: SELECT of the visible rows of silver.
        planned: Relation of `load_seq, planned_at`.
    """
    own = ", ".join(f"o.{name(column)}" for column in _own(dataset))
    keys = ", ".join(f"o.{name(key)}" for key in dataset.key)
    if dataset.version:
        start = f"o.{name(dataset.version)}"
        end = f"lead({start}) over (partition by {keys} order by {start})"
    else:
        start, end = "p.planned_at", "q.planned_at"
    return f"""
        select * exclude (_is_closed) from (
            select {own}, {start} as _valid_from, {end} as _valid_to, o._load, o._record,
                c._load is not null as _is_closed
            from (
                select *, min(_load) over (partition by _record) as _first from ({turns(signed, 1)})
                qualify _turn = max(_turn) over (partition by _record)
            ) as o
            left join ({turns(signed, -1)}) as c using (_record, _turn)
            left join {planned} as p on p.load_seq = o._first left join {planned} as q on q.load_seq = c._load
        ) where _valid_to is not null or not _is_closed
    """


def changes_relation(dataset: Dataset, signed: str, since: int) -> str:
    """SELECT of what stands otherwise than after load `since`: `_change`, the columns, `_load` and `_record`.

    An `updated` or `inserted` row is as it stands now, a `deleted` one as it stood. Without a key there is no update.
    """
    keys = [name(key) for key in dataset.key] or ["_record"]
    same = " and ".join(f"b.{key} is not distinct from a.{key}" for key in keys)
    touched = f"select {', '.join(keys)} from ({signed}) where _load > {int(since)}"
    standing = f"select s.* from ({{}}) as s semi join ({touched}) as t using ({', '.join(keys)})"
    before = standing.format(current_relation(dataset, f"from ({signed}) where _load <= {int(since)}"))
    now = standing.format(current_relation(dataset, signed))
    columns = ", ".join(
        f"if(a._record is null, b.{column}, a.{column}) as {column}"
        for column in [*(name(column) for column in _own(dataset)), "_load", "_record"]
    )
    return f"""
        select case when b._record is null then 'inserted' when a._record is null then 'deleted' else 'updated' end
            as _change, {columns}
        from ({before}) as b full join ({now}) as a on {same}
        where a._record is distinct from b._record or a._load is distinct from b._load
        order by {", ".join(f"coalesce(a.{key}, b.{key})" for key in keys)}
    """


def _own(dataset: Dataset) -> list[str]:
    return [column for column, _ in silver_columns(dataset) if not column.startswith("_")]
