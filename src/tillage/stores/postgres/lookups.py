"""Served rows by their key: reads only, many at a time, never more than the pool has connections."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from tillage.errors import StoreAwayError, StoreError, TillageError
from tillage.models.fold import Output
from tillage.stores.postgres.connecting import connect
from tillage.stores.postgres.database import translated
from tillage.stores.postgres.index_keys import index_key

ColumnKinds = Mapping[str, Mapping[str, str]]
"""Model to column to PostgreSQL type, as `format_type` spells it: `numeric(38,0)`."""

# A look-up takes well under a millisecond. One that waits longer than this waits for a model that is being computed
# anew, or for a server in trouble: the caller hears "come back later" while it still listens.
_PATIENCE_S = 3.0
# Enough to keep one PostgreSQL core busy; the embedded server shares 100 connections with every command of the project.
_MOST_CONNECTIONS = 8
# Beyond a queue of so many, another request would wait for longer than its patience.
_MOST_WAITING = 256
# How long the pool itself goes on trying before it leaves the next attempt to the next request. Its delays double, so
# with the default of 5 minutes a server that is back would be left alone for up to 2 more.
_RECONNECT_S = 2.0

_SESSION = (
    "-c timezone=UTC -c datestyle=ISO -c standard_conforming_strings=on"
    f" -c default_transaction_read_only=on -c statement_timeout={int(_PATIENCE_S * 1000)}"
)

# The state, not its view: a view forgets how many decimals a `numeric` has.
_COLUMN_KINDS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and (
    n.nspname in ('folds', 'tables') and c.relkind = 'r'
    or n.nspname = 'gold' and c.relname in (select name from tillage.models where kind = 'view')
)
"""
_OUTPUTS = "select name, outputs from tillage.models"

# One row if the model is there, with or without a match. The columns are compared in the same statement as the row is
# read: a model that was replaced meanwhile may have amounts of another currency under the same names.
_LOOK_UP = """
select f.outputs = %(outputs)s::jsonb, m.{key} is not null, {columns}
from tillage.models f left join {view} m on {matches}
where f.name = %(model)s
"""


def column_kinds(dsn: str) -> dict[str, dict[str, str]]:
    """The type of every column of every model in the store.

    Raises:
        StoreAwayError: the store does not answer.
    """
    kinds: dict[str, dict[str, str]] = {}
    with translated(), connect(dsn, autocommit=True) as connection:
        for model, column, kind in connection.execute(_COLUMN_KINDS).fetchall():
            kinds.setdefault(model, {})[column] = kind
    return kinds


class Lookups:
    """Reads single rows of the served models, of which it knows the columns as they were when it was made."""

    def __init__(self, dsn: str, outputs: Mapping[str, Sequence[Output]], kinds: ColumnKinds) -> None:
        self.kinds = kinds
        self._dsn = dsn
        self._outputs = {model: [[o.name, o.is_key, o.currency] for o in columns] for model, columns in outputs.items()}
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Look-ups work inside; it may be entered again. A store that is away does not keep it from opening."""
        pool: AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
            self._dsn,
            # Nothing is prepared: a statement prepared before its model was replaced would fail for good afterwards.
            kwargs={
                "autocommit": True,
                "client_encoding": "UTF8",
                "prepare_threshold": None,
                "options": _SESSION,
                "connect_timeout": 5,
                "tcp_user_timeout": 5000,
            },
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            max_waiting=_MOST_WAITING,
            timeout=_PATIENCE_S,
            reconnect_timeout=_RECONNECT_S,
            # Without it each connection that a restarted server forgot would cost one request.
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await pool.open()
        self._pool = pool
        try:
            yield
        finally:
            self._pool = None
            await pool.close()

    async def row(self, model: str, columns: Sequence[str], key_column: str, key: str) -> tuple[Any, ...] | None:
        """The values of `columns` where `key_column` equals `key`, which is text and compared in the column's type.

        None if there is no such row, also because `key` is not a value of that type. What PostgreSQL would take for
        one but nobody writes in an address (`today`, ` 7`, `0x7`) is none either.

        Raises:
            StoreAwayError: the store does not answer, or not in time; a later request may succeed.
            StoreError: the model has other columns than when this object was made, or none.
        """
        kind = self.kinds[model][key_column].partition("(")[0]
        if kind not in _KINDS:
            raise StoreError(f"model {model} cannot be looked up by '{key_column}': its type is {kind}")
        if not _KINDS[kind][1](key):
            return None
        values = {"model": model, "outputs": json.dumps(self._outputs[model]), "key": key}
        found = await self._fetch(look_up(model, columns, key_column, kind), values)
        if not found or not found[0][0]:
            raise StoreError(f"model {model} was changed since this server started; restart it: tillage serve")
        return found[0][2:] if found[0][1] else None

    async def is_ready(self) -> bool:
        """Whether the store answers and its models still have the columns that this object knows."""
        try:
            stored = dict(await self._fetch(sql.SQL(_OUTPUTS), {}))
        except TillageError:
            return False
        return all(stored.get(model) == columns for model, columns in self._outputs.items())

    async def _fetch(self, statement: sql.SQL | sql.Composed, values: Mapping[str, str]) -> list[tuple[Any, ...]]:
        if self._pool is None:
            raise StoreAwayError("the look-ups are closed; start the server: tillage serve")
        with translated():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, values)
                return await cursor.fetchall()


def look_up(model: str, columns: Sequence[str], key_column: str, kind: str) -> sql.Composed:
    """The statement that finds a row, with the parameters `model`, `outputs` and `key`; `kind` is the key's type."""
    return sql.SQL(_LOOK_UP).format(
        key=sql.Identifier(key_column),
        columns=sql.SQL(", ").join(sql.Identifier("m", column) for column in columns),
        view=sql.Identifier("gold", model),
        matches=_matches(key_column, kind),
    )


def _matches(key_column: str, kind: str) -> sql.Composed:
    """Whether `m`'s key is the parameter `key`: by the index first, then exactly."""
    column = sql.Identifier("m", key_column)
    # The parameter is cast, not the column: so the index on the key is used.
    wanted = sql.SQL("%(key)s::{}").format(_KINDS[kind][0])
    exactly = sql.SQL("{} = {}").format(column, wanted)
    if kind != "text":
        return exactly
    return sql.SQL("{} = {} and {}").format(index_key(column), index_key(wanted), exactly)


# Whether a text is a value of a type is decided here: PostgreSQL would write a value that does not fit into its log.
def _fits_text(key: str) -> bool:
    return "\0" not in key and not any("\ud800" <= character <= "\udfff" for character in key)


def _fits_integer(bits: int) -> Callable[[str], bool]:
    most = 2 ** (bits - 1)
    return lambda key: bool(re.fullmatch("-?[0-9]{1,19}", key)) and -most <= int(key) < most


def _fits_numeric(key: str) -> bool:
    return bool(re.fullmatch(r"-?[0-9]{1,60}(\.[0-9]{1,60})?", key))


def _fits_boolean(key: str) -> bool:
    return key in {"true", "false"}


def _fits_date(key: str) -> bool:
    return bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", key)) and _is_calendar(date.fromisoformat, key)


def _fits_timestamp(zone: str) -> Callable[[str], bool]:
    pattern = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?" + zone)
    return lambda key: bool(pattern.fullmatch(key)) and _is_calendar(datetime.fromisoformat, key)


def _is_calendar(parse: Callable[[str], object], key: str) -> bool:
    try:
        parse(key)
    except ValueError:
        return False
    return True


_KINDS: Mapping[str, tuple[sql.SQL, Callable[[str], bool]]] = {
    "text": (sql.SQL("text"), _fits_text),
    "smallint": (sql.SQL("smallint"), _fits_integer(16)),
    "integer": (sql.SQL("integer"), _fits_integer(32)),
    "bigint": (sql.SQL("bigint"), _fits_integer(64)),
    "numeric": (sql.SQL("numeric"), _fits_numeric),
    "boolean": (sql.SQL("boolean"), _fits_boolean),
    "date": (sql.SQL("date"), _fits_date),
    "timestamp without time zone": (sql.SQL("timestamp"), _fits_timestamp("")),
    # PostgreSQL refuses offsets of 16 hours and more.
    "timestamp with time zone": (sql.SQL("timestamptz"), _fits_timestamp("(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])")),
}
"""By the type's name: what a key is cast to, and whether a text is a value of it."""
