"""The store as a whole, by COPY: out of one snapshot, and into a store without loads in one transaction.

Fold states are left out, since they follow from silver. Of leases the epochs are kept, so that none is ever given
again, and their holders are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql

from tillage.domain.load import CommitPoint
from tillage.errors import BackupError
from tillage.ports.backup import CopiedFile, Manifest, Pieces, StoreTable
from tillage.stores.postgres.database import SCHEMA_VERSION, Database, translated
from tillage.stores.postgres.queries import query
from tillage.stores.postgres.vault import make_vault

_DERIVED = {"models", "mirrors", "vault.roles"}
_COLUMNS = {"leases": ("resource", "epoch")}
_VAULT = "vault."
"""Before the names of tables of that schema; all others are of `tillage`."""


class Snapshot:
    """Reads in one repeatable-read transaction."""

    schema_version = SCHEMA_VERSION

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        # The first query fixes what all others see; numbers are given outside of transactions.
        self._columns: dict[str, list[str]] = {}
        for schema, table, column in connection.execute(query("store_columns")).fetchall():
            name = f"{_VAULT}{table}" if schema == "vault" else str(table)
            self._columns.setdefault(name, []).append(str(column))
        self.last_number = int(connection.execute(query("last_number")).fetchall()[0][0])

    def tables(self) -> dict[str, tuple[str, ...]]:
        return {
            table: _COLUMNS.get(table, tuple(columns))
            for table, columns in self._columns.items()
            if table not in _DERIVED
        }

    def rows(self, table: str, columns: Iterable[str], write: Callable[[Pieces], CopiedFile]) -> StoreTable:
        names = tuple(columns)
        statement = sql.SQL("copy {} ({}) to stdout (format csv, header)").format(_named(table), _listed(names))
        with translated(), self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                file = write(bytes(piece) for piece in copy)
            return StoreTable(table, names, cursor.rowcount, file)


class Copies:
    """Takes snapshots in a session of its own, which others do not write in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def pinned(self) -> Iterator[Snapshot]:
        with translated():
            connection = self._database.session()
            connection.execute("begin transaction isolation level repeatable read read only")
            try:
                # It reads for as long as the disk of the copy takes, and holds nobody up.
                connection.execute("set local idle_in_transaction_session_timeout = 0")
                yield Snapshot(connection)
            finally:
                if not connection.closed:
                    connection.execute("rollback")

    def holds(self) -> tuple[str, int] | None:
        if not self._database.rows("has_loads")[0][0]:
            return None
        return str(self._database.rows("house")[0][0]), int(self._database.rows("last_number")[0][0])

    def fill(self, manifest: Manifest, pieces: Callable[[CopiedFile], Iterator[bytes]]) -> None:
        tables = {table.name: table for table in manifest.store}
        with self._database.transaction(CommitPoint.RESTORE) as transaction:
            transaction.run("lock_meta")
            if transaction.rows("has_loads")[0][0]:
                raise BackupError("the store has loads by now; restore into an empty one")
            order = TopologicalSorter(dict.fromkeys(tables, ()))
            for table, referenced in transaction.rows("store_references"):
                order.add(table, referenced)
            for table in order.static_order():
                if table in tables and not table.startswith(_VAULT):
                    _fill(transaction.connection, tables[table], pieces)
            people = [table for name, table in tables.items() if name.startswith(_VAULT)]
            if people and not transaction.rows("has_vault")[0][0]:
                make_vault(transaction)  # after the store has its name, which those of the roles are made of
            for table in people:
                _fill(transaction.connection, table, pieces)
            # It may be the backup of another environment.
            transaction.run("set_project", project=self._database.project)
            transaction.rows("set_last_number", number=max(manifest.last_number, 1), is_called=manifest.last_number > 0)


def _fill(connection: psycopg.Connection[Any], table: StoreTable, pieces: Callable[[CopiedFile], Any]) -> None:
    name = _named(table.name)
    connection.execute(sql.SQL("delete from {}").format(name))  # a store without loads has its name, and leases
    statement = sql.SQL("copy {} ({}) from stdin (format csv, header match)").format(name, _listed(table.columns))
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for piece in pieces(table.file):
                copy.write(piece)
        if cursor.rowcount != table.rows:
            raise BackupError(f"table {table.name} has {cursor.rowcount:,} rows; the manifest says {table.rows:,}")


def _named(table: str) -> sql.Identifier:
    is_vault = table.startswith(_VAULT)
    return sql.Identifier("vault" if is_vault else "tillage", table.removeprefix(_VAULT))


def _listed(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
