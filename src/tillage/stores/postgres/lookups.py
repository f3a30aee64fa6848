"""Served rows by their key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from psycopg import sql

from tillage.domain.people import BLANKS
from tillage.errors import KeysRotatedError, ModelsChangedError, StoreError, TillageError
from tillage.models.basis import Basis
from tillage.models.output import Output
from tillage.stores.postgres.coalescing import Coalescing
from tillage.stores.postgres.connecting import connect
from tillage.stores.postgres.database import translated
from tillage.stores.postgres.index_keys import index_key, index_key_of
from tillage.stores.postgres.keys import KINDS, KeyKind
from tillage.stores.postgres.reads import Reads
from tillage.stores.postgres.served_people import Served

ColumnKinds = Mapping[str, Mapping[str, str]]
"""Model to column to PostgreSQL type, as `format_type` spells it: `numeric(38,0)`."""

# One statement of a route is computed while what the other found is written as JSON; more would only be smaller ones,
# and a route whose model is locked could take all connections.
_AT_ONCE = 2
# A statement of so many keys takes some milliseconds; without a limit one that is asked for by thousands would take all
# of their patience.
_MOST_KEYS = 512
# Beyond a queue of so many, another request would wait for longer than its patience.
_MOST_WAITING = 4096
# The state, not its view: a view forgets how many decimals a `numeric` has.
_COLUMN_KINDS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and (
    n.nspname in ('folds', 'tables') and c.relkind = 'r'
    or n.nspname = 'gold' and c.relname in (select name from tillage.models where kind = 'view')
)
"""
_MOST_CONNECTIONS = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int
"""
_OUTPUTS = b"select name, outputs from tillage.models"

# At least one row if the model is there, with or without a match. The columns are compared in the same statement as
# the rows are read, and the loads are those of the same moment: a model that was replaced meanwhile may have amounts of
# another currency under the same names.
_LOOK_UP = """
select f.outputs = %(outputs)s::jsonb, (
    select string_agg(feed || '=' || load_seq, ', ' order by feed) from (
        select feed, min(load_seq) as load_seq from (
            select feed, load_seq from unnest(%(by_load)s::text[]) as f(feed) cross join lateral (
                select load_seq from tillage.loads l
                where l.feed = f.feed
                    and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = l.load_seq)
                order by load_seq desc limit 1
            ) as published
            union all
            select key, value::bigint from (
                select manifest from tillage.loads l
                where feed = ''
                    and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = l.load_seq)
                order by load_seq desc limit 1
            ) as build cross join lateral jsonb_each_text(manifest -> 'published')
            where key = any(%(by_build)s::text[])
        ) as held group by feed
    ) as least
), m.{key}, {columns}
from tillage.models f left join {view} m on {matches}
where f.name = %(model)s
"""


# Whose row it is nobody can tell who has not the key of the digests. `offset 0`: the function is asked once a digest.
_OF_PEOPLE = """
(select s.digest as _asked, v.* from (
    select a.digest, vault.subject_key(%(subject)s, %(fingerprint)s, a.digest) as key
    from unnest(%(digests)s::bytea[]) as a(digest) offset 0
) as s join {view} as v on {index_key} = s.key and v.{key} = s.key)
"""


@dataclass(frozen=True)
class Found:
    """What one look-up found."""

    row: tuple[Any, ...] | None
    as_of: str
    """By feed, the last load that all of the answer holds, as in `orders=7, products=3`; of the moment of the row."""


@dataclass(frozen=True)
class LookUp:
    """Which columns of a model are asked for, by which; its statement is made once."""

    model: str
    columns: tuple[str, ...]
    key_column: str
    basis: Basis = field(default_factory=Basis)

    @property
    def subject(self) -> str | None:
        """The kind of people whose subject keys the key column holds; it is asked for by their natural ids."""
        return self.basis.subject_of(self.key_column)


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


def most_connections(dsn: str) -> int:
    """Of those that are no superuser's or otherwise reserved.

    Raises:
        StoreAwayError: the store does not answer.
    """
    with translated(), connect(dsn, autocommit=True) as connection:
        (found,) = connection.execute(_MOST_CONNECTIONS).fetchone() or (0,)
    return int(found)


class Lookups:
    """Reads rows of the served models, of which it knows the columns as they were when it was made."""

    def __init__(
        self, dsn: str, outputs: Mapping[str, Sequence[Output]], kinds: ColumnKinds, people: Served | None = None
    ) -> None:
        self.kinds = kinds
        self.reads = Reads(dsn, people.reader if people else None)
        self._people = people
        self._outputs = {model: [[o.name, o.is_key, o.currency] for o in columns] for model, columns in outputs.items()}
        self._asked: dict[LookUp, Coalescing[str | None, Found]] = {}
        self._models = Coalescing(self._stored, at_once=1, most_keys=1, most_waiting=_MOST_WAITING)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Look-ups work inside; it may be entered again. A store that is away does not keep it from opening."""
        async with self.reads.opened():
            yield
        self._asked.clear()

    async def row(self, wanted: LookUp, key: str) -> Found:
        """What there is where the key column equals `key`, which is text and compared in the column's type.

        It is asked for together with all that is asked for meanwhile, by a statement that begins after this call. A key
        that is no value of that type is not asked for, but of which loads it is that there is no row.

        Raises:
            StoreAwayError: the store does not answer, or not in time; a later request may succeed.
            OverloadedError: too many wait already.
            ModelsChangedError: the model has other columns than when this object was made, or none.
        """
        kind = self._kind(wanted)
        asked = self._asked.get(wanted)
        if asked is None:
            statement = look_up(wanted, kind).as_bytes()
            fetch = self._rows if wanted.subject is None else self._rows_of_people
            asked = self._asked[wanted] = Coalescing(
                partial(fetch, wanted, kind, statement),
                at_once=_AT_ONCE,
                most_keys=_MOST_KEYS,
                most_waiting=_MOST_WAITING,
            )
        return await asked.get(key if kind.read(key) is not None else None)

    async def is_ready(self) -> bool:
        """Whether the store answers and its models still have the columns that this object knows."""
        try:
            stored = await self._models.get("outputs")
        except TillageError:
            return False
        return all(stored.get(model) == columns for model, columns in self._outputs.items())

    async def _stored(self, _: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {"outputs": dict(await self.reads.fetch(_OUTPUTS, {}))}

    def _kind(self, wanted: LookUp) -> KeyKind:
        kind = self.kinds[wanted.model][wanted.key_column].partition("(")[0]
        if kind not in KINDS:
            raise StoreError(f"model {wanted.model} cannot be looked up by '{wanted.key_column}': its type is {kind}")
        return KINDS[kind]

    async def _rows(
        self, wanted: LookUp, kind: KeyKind, statement: bytes, keys: Sequence[str | None]
    ) -> dict[str | None, Found]:
        asked = [key for key in keys if key is not None]
        as_of, rows = await self._found(wanted, statement, self.parameters(wanted, asked))
        return {key: Found(None if key is None else rows.get(kind.read(key)), as_of) for key in keys}

    async def _rows_of_people(
        self, wanted: LookUp, _: KeyKind, statement: bytes, keys: Sequence[str | None]
    ) -> dict[str | None, Found]:
        """In the place of its subject key each row has the id by which it was asked for."""
        if self._people is None or wanted.subject is None:
            raise ModelsChangedError("the store knew nobody when this server started; restart it: tillage serve")
        index = await self._people.index_key()
        digests = {key: index.id_digest(wanted.subject, key) for key in keys if key is not None}
        values = self._common(wanted) | {
            "subject": wanted.subject,
            "fingerprint": index.fingerprint,
            "digests": [*digests.values()],
        }
        try:
            as_of, rows = await self._found(wanted, statement, values)
        except KeysRotatedError:
            self._people.forget()
            raise
        found: dict[str | None, Found] = {}
        for key in keys:
            row = rows.get(digests[key]) if key is not None else None
            shown = [key.strip(BLANKS) if column == wanted.key_column and key else None for column in wanted.columns]
            found[key] = Found(
                None if row is None else tuple(one or other for one, other in zip(shown, row, strict=True)), as_of
            )
        return found

    async def _found(
        self, wanted: LookUp, statement: bytes, values: Mapping[str, Any]
    ) -> tuple[str, dict[Hashable, tuple[Any, ...]]]:
        """Of which loads the answer is, and the rows by what they were found by."""
        found = await self.reads.fetch(statement, values)
        if not found or not found[0][0]:
            raise ModelsChangedError(
                f"model {wanted.model} was changed since this server started; restart it: tillage serve"
            )
        return found[0][1] or "", {row[2]: row[3:] for row in found}

    def _common(self, wanted: LookUp) -> dict[str, Any]:
        return {
            "model": wanted.model,
            "outputs": json.dumps(self._outputs[wanted.model]),
            "by_load": [*wanted.basis.by_load],
            "by_build": [*wanted.basis.by_build],
        }

    def parameters(self, wanted: LookUp, keys: Sequence[str]) -> dict[str, Any]:
        """Of the statement that `look_up` makes for keys that are no people's."""
        return self._common(wanted) | {"keys": [*keys], "index_keys": [index_key_of(key) for key in keys]}


def look_up(wanted: LookUp, kind: KeyKind) -> sql.Composed:
    """The statement that finds rows; its parameters are those of `Lookups.parameters`."""
    key, view = sql.Identifier(wanted.key_column), sql.Identifier("gold", wanted.model)
    columns = sql.SQL(", ").join(sql.Identifier("m", column) for column in wanted.columns)
    if wanted.subject is None:
        matches = _matches(wanted.key_column, kind)
        return sql.SQL(_LOOK_UP).format(key=key, columns=columns, view=view, matches=matches)
    index = index_key(sql.Identifier("v", wanted.key_column))
    rows = sql.SQL(_OF_PEOPLE).format(view=view, key=key, index_key=index)
    asked = sql.Identifier("_asked")
    return sql.SQL(_LOOK_UP).format(key=asked, columns=columns, view=rows, matches=sql.SQL("true"))


def _matches(key_column: str, kind: KeyKind) -> sql.Composed:
    """Whether `m`'s key is one of the parameter `keys`: by the index first, then exactly."""
    column = sql.Identifier("m", key_column)
    # The parameter is cast, not the column: so the index on the key is used.
    exactly = sql.SQL("{} = any(%(keys)s::{}[])").format(column, sql.SQL(kind.cast))
    if kind.cast != "text":
        return exactly
    return sql.SQL("{} = any(%(index_keys)s::text[]) and {}").format(index_key(column), exactly)
