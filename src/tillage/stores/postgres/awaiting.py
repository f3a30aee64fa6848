"""What units in quarantine wait for that others bring."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from tillage.domain.load import CommitPoint, Lease
from tillage.ports.awaiting import Looked
from tillage.ports.lake import Rows
from tillage.stores.postgres.copying import copied_rows
from tillage.stores.postgres.database import Database, translated

_AWAITED = pa.schema(
    [
        ("dataset", pa.string()),
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("unit", pa.int64()),
        ("control_minor", pa.decimal128(38, 0)),
        ("control_currency", pa.string()),
        ("judged_load", pa.int64()),
        *((name, pa.string()) for name in ("contract_digest", "parent", "key")),
    ]
)
_AWAITED_ROWS = """
select q.dataset, q.load_seq, q.source, q.ordinal, q.unit, q.control_minor, q.control_currency, q.judged_load,
    j.contract_digest, a.parent, a.key
from tillage.quarantine q join tillage.awaited a using (load_seq, dataset, source, ordinal, unit)
join tillage.loads j on j.load_seq = q.judged_load
where q.dataset = any({}) and q.discarded_by is null
    -- Who patched a record judges it again: the bytes that came are others.
    and j.manifest ->> 'patch' is null and coalesce(j.manifest ->> 'bytes_of', '') = ''
"""


class Awaiting:
    """Reads what waits, and notes what was looked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def looked(self, feed: str) -> Looked:
        found = self._database.rows("looked", feed=feed)
        return Looked(*found[0]) if found else Looked({}, 0)

    def is_awaited(self, datasets: Sequence[str], since: int) -> bool:
        return bool(self._database.rows("is_awaited", datasets=[*datasets], judged_load=since)[0][0])

    def rows(self, datasets: Sequence[str]) -> Rows:
        select = sql.SQL(_AWAITED_ROWS).format(sql.Literal([*datasets]))
        with translated():
            return copied_rows(self._database.session(), select, _AWAITED)

    def keep_looked(self, feed: str, looked: Looked, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.LOOKED, lease) as transaction:
            transaction.run(
                "keep_looked", feed=feed, parents=Jsonb(dict(looked.parents)), judged_load=looked.judged_load
            )
