"""Relational tables of what stands, in schema `mirror`, with keys and foreign keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
import pyarrow as pa
from psycopg import sql

from tillage.contracts.mirror import MirrorTable
from tillage.contracts.project import Mirror
from tillage.domain.load import CommitPoint, Lease
from tillage.errors import MirrorError, ModelsChangedError, StoreError, TransientError
from tillage.ports.lake import Rows
from tillage.ports.mirror import Digests, LeftOut, TableChange
from tillage.stores.postgres.column_types import postgres_type
from tillage.stores.postgres.copying import copy_rows
from tillage.stores.postgres.database import Database, Transaction
from tillage.stores.postgres.gold import typed_rows

_SCHEMA = "mirror"
_COMMA = sql.SQL(", ")


class Mirrors:
    """Makes the tables, and notes what is kept equal."""

    def __init__(self, database: Database, snapshots: Database) -> None:
        self._database, self._snapshots = database, snapshots

    def kept(self) -> Digests:
        return {(str(feed), Mirror(kind)): str(digest) for feed, kind, digest in self._database.rows("mirrors")}

    def replace(
        self,
        digests: Digests,
        tables: Sequence[MirrorTable],
        rows: Callable[[MirrorTable], Rows],
        published: Mapping[str, int],
    ) -> list[LeftOut] | None:
        with self._database.transaction(CommitPoint.MIRROR) as transaction:
            transaction.run("lock_models")  # no load can be published until this is committed
            if {feed: int(load_seq) for feed, load_seq in transaction.rows("published")} != published:
                return None
            # What is read in between may take long; a process that stands still holds loads up for no longer than this.
            transaction.execute(b"set local idle_in_transaction_session_timeout = '10min'")
            transaction.run("delete_mirrors", kind=Mirror.TABLES)
            transaction.execute(b"create schema if not exists mirror")
            _drop(transaction)
            with _kept():
                for table in tables:
                    _create(transaction, table)
                    copy_rows(transaction.connection, _named(table.name), rows(table))
                left_out = [one for table in tables for one in _refer(transaction, table)]
            for (feed, kind), digest in digests.items():
                transaction.run("upsert_mirror", feed=feed, kind=kind, digest=digest)
        return left_out

    def forget(self) -> None:
        with self._database.transaction(CommitPoint.MIRROR) as transaction:
            transaction.run("delete_mirrors", kind=None)

    def leave_out(self, foreign_key: tuple[str, str]) -> None:
        table, constraint = foreign_key
        with self._database.transaction(CommitPoint.MIRROR) as transaction, _taken_away(transaction):
            transaction.execute(
                sql.SQL("alter table {} drop constraint {}").format(_named(table), sql.Identifier(constraint))
            )

    def note(self, feed: str, digest: str | None, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.MIRROR, lease) as transaction:
            if digest is None:
                transaction.run("delete_mirror", feed=feed, kind=Mirror.FILES)
            else:
                transaction.run("upsert_mirror", feed=feed, kind=Mirror.FILES, digest=digest)

    @contextmanager
    def rows(self, table: MirrorTable) -> Iterator[pa.RecordBatchReader]:
        columns = _COMMA.join(sql.Identifier(column) for column, _, _ in table.columns)
        statement = sql.SQL("select {} from {}").format(columns, _named(table.name))
        with _kept():
            yield typed_rows(self._snapshots.session(), statement)


def keep_mirrors(transaction: Transaction, feed: str, digests: Mapping[Mirror, str]) -> None:
    """Makes sure that what is kept equal of the feed is this. Under the lock of `keep_models` it stays so.

    Raises:
        ModelsChangedError: another process was told otherwise.
    """
    kept = {Mirror(kind): str(digest) for one, kind, digest in transaction.rows("mirrors") if one == feed}
    if kept != digests:
        raise ModelsChangedError(
            "what is mirrored was changed by another process while this load was computed; run again"
        )


def change_tables(transaction: Transaction, change: TableChange) -> None:
    """Brings the tables of a dataset to what stands of the touched units.

    Raises:
        MirrorError: a value or key that PostgreSQL cannot keep.
    """
    units, *lists = change.tables
    touched, fresh = sql.Identifier("mirror_touched"), sql.Identifier("mirror_fresh")
    key = _COMMA.join(sql.Identifier(column) for column in units.key)
    with _kept():
        transaction.execute(
            sql.SQL("create temp table {} on commit drop as select {} from {} with no data").format(
                touched, key, _named(units.name)
            )
        )
        copy_rows(transaction.connection, touched, change.touched)
        transaction.execute(sql.SQL("create temp table {} (like {}) on commit drop").format(fresh, _named(units.name)))
        copy_rows(transaction.connection, fresh, change.rows(units))
        for table in lists:
            transaction.execute(
                sql.SQL("delete from {} as t using {} as d where {}").format(
                    _named(table.name), touched, _same("t", "d", units.key)
                )
            )
        _upsert(transaction, units, fresh)
        gone = sql.SQL("not exists (select from {} as f where {})").format(fresh, _same("f", "t", units.key))
        transaction.execute(
            sql.SQL("delete from {} as t using {} as d where {} and {}").format(
                _named(units.name), touched, _same("t", "d", units.key), gone
            )
        )
        for table in lists:
            copy_rows(transaction.connection, _named(table.name), change.rows(table))
        transaction.execute(sql.SQL("drop table {}, {}").format(touched, fresh))


def check_references(transaction: Transaction) -> None:
    """After all changes of a load: every row that one refers to is there.

    Raises:
        MirrorError: one is not.
    """
    with _kept():
        transaction.execute(b"set constraints all immediate")


def _upsert(transaction: Transaction, table: MirrorTable, fresh: sql.Identifier) -> None:
    """In the order of the keys. A row that stays is updated: who refers to it meanwhile waits for nothing."""
    columns = [sql.Identifier(column) for column, _, _ in table.columns]
    keys = [sql.Identifier(column) for column in table.key]
    others = [sql.Identifier(column) for column, _, _ in table.columns if column not in table.key]
    changes = _COMMA.join(sql.SQL("{} = excluded.{}").format(column, column) for column in others)
    conflict = sql.SQL("do update set {}").format(changes) if others else sql.SQL("do nothing")
    transaction.execute(
        sql.SQL("insert into {} ({}) select {} from {} order by {} on conflict ({}) {}").format(
            _named(table.name),
            _COMMA.join(columns),
            _COMMA.join(columns),
            fresh,
            _COMMA.join(keys),
            _COMMA.join(keys),
            conflict,
        )
    )


def _same(one: str, other: str, columns: Sequence[str], others: Sequence[str] | None = None) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(one, mine), sql.Identifier(other, theirs))
        for mine, theirs in zip(columns, others or columns, strict=True)
    )


def _drop(transaction: Transaction) -> None:
    """All tables that there are, together, since they refer to each other; nothing of others that rests on them.

    Raises:
        MirrorError: something does.
        TransientError: as `_taken_away`.
    """
    names = [_named(str(name)) for (name,) in transaction.rows("mirror_tables")]
    if not names:
        return
    try:
        with _taken_away(transaction):
            transaction.execute(sql.SQL("drop table {}").format(_COMMA.join(names)))
    except psycopg.errors.DependentObjectsStillExist as wrong:
        raise MirrorError(
            "the tables in schema mirror have to be made anew, and something that Tillage did not make, such as a "
            "view, rests on them; drop that first, and make it again after: tillage run"
        ) from wrong


@contextmanager
def _taken_away(transaction: Transaction) -> Iterator[None]:
    """For what waits for readers, and makes all others wait meanwhile.

    Raises:
        TransientError: a reader holds a table for longer than a moment.
    """
    transaction.execute(b"set local lock_timeout = '5s'")
    try:
        yield
    except psycopg.errors.LockNotAvailable as wrong:
        raise TransientError(
            "a reader holds a table in schema mirror that has to be made anew; let it end, then: tillage run"
        ) from wrong
    transaction.execute(b"set local lock_timeout = 0")


def _create(transaction: Transaction, table: MirrorTable) -> None:
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(postgres_type(table.name, column, kind)))
        for column, kind, _ in table.columns
    ]
    key = sql.SQL("primary key ({})").format(_COMMA.join(sql.Identifier(column) for column in table.key))
    transaction.execute(sql.SQL("create table {} ({})").format(_named(table.name), _COMMA.join([*columns, key])))


def _refer(transaction: Transaction, table: MirrorTable) -> Iterator[LeftOut]:
    """Held at the end of a transaction: parent and child may come and go in the same one. What does not hold is left
    out: a rebuild leaves children of what it takes away as they are, and what refers since today may refer to none.
    """
    for one in table.foreign_keys:
        columns, keys = (_COMMA.join(sql.Identifier(name) for name in names) for names in (one.columns, one.keys))
        if one.columns != table.key[: len(one.columns)]:  # else the index of the key serves
            transaction.execute(sql.SQL("create index on {} ({})").format(_named(table.name), columns))
        filled = sql.SQL(" and ").join(sql.SQL("{} is not null").format(sql.Identifier("t", c)) for c in one.columns)
        orphans = sql.SQL("select count(*) from {} as t where {} and not exists (select from {} as p where {})").format(
            _named(table.name), filled, _named(one.table), _same("t", "p", one.columns, one.keys)
        )
        ((rows,),) = transaction.connection.execute(orphans).fetchall()
        if rows:
            yield LeftOut(table.name, one.table, int(rows))
            continue
        transaction.execute(
            sql.SQL("alter table {} add foreign key ({}) references {} ({}) deferrable initially deferred").format(
                _named(table.name), columns, _named(one.table), keys
            )
        )


def _named(table: str) -> sql.Identifier:
    return sql.Identifier(_SCHEMA, table)


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as wrong:
        raise MirrorError(
            f"a value or a key cannot be kept in a mirrored table (SQLSTATE {wrong.sqlstate}); what came is in the "
            "lake already. Take `tables` out of the feed's `mirror` in tillage.yaml, then: tillage run"
        ) from wrong
    except psycopg.errors.ForeignKeyViolation as wrong:
        raise MirrorError(
            "rows of a mirrored table would refer to some that do not stand; run again: tillage run",
            foreign_key=(str(wrong.diag.table_name), str(wrong.diag.constraint_name)),
        ) from wrong
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName) as wrong:
        raise _not_there() from wrong
    except StoreError as wrong:
        if isinstance(wrong.__cause__, (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)):
            raise _not_there() from wrong
        raise


def _not_there() -> MirrorError:
    return MirrorError(
        "a table in schema mirror is not there, or has other columns than it was made with; make all of them anew: "
        "tillage rebuild --mirror"
    )
