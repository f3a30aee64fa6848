"""Connections to the store, the one way to commit, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql

from tillage.domain.load import CommitPoint, Lease
from tillage.errors import LeaseLostError, StoreAwayError, StoreError, TillageError, UnknownOutcomeError
from tillage.ports.commit import Commits
from tillage.stores.postgres.connecting import connect
from tillage.stores.postgres.queries import migration, query, schema

SCHEMA_VERSION = 9
LOCK = b"select pg_advisory_xact_lock(7409281)"  # any number that only this product would take
"""Of whoever makes what every store has once."""
_SESSION = "-c timezone=UTC -c datestyle=ISO -c standard_conforming_strings=on"
_LIMIT_EXCEEDED = "54"  # the class of SQLSTATE; psycopg counts it among the errors that pass
_IDLE_FACTOR = 2  # a process stopped inside a transaction is cut off when its lease has expired, with time to spare


class Database:
    """One session. Opens on first use; makes the schema in an empty database."""

    def __init__(
        self,
        dsn: str,
        project: str,
        commits: Commits,
        *,
        lease_ttl_s: float,
        variable: str = "TILLAGE_STORE_DSN",
        statement_s: float | None = None,
    ) -> None:
        self._dsn = dsn
        self.variable = variable
        """What the DSN came from, for messages."""
        self._options = f"{_SESSION} -c idle_in_transaction_session_timeout={int(lease_ttl_s * _IDLE_FACTOR * 1000)}"
        if statement_s is not None:
            self._options += f" -c statement_timeout={int(statement_s * 1000)}"
        self.project = project
        """What the store is of, as it is written in it."""
        self._commits = commits
        self._connection: psycopg.Connection[Any] | None = None

    def rows(self, statement: str, /, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a named read, in a transaction of its own."""
        with translated():
            return self.session().execute(query(statement), values).fetchall()

    def is_new(self) -> bool:
        """Whether this database is no store yet; does not make it one."""
        with translated(), self._connect() as connection:
            return not _is_set_up(connection)

    def next_seq(self) -> int:
        """The next load or fence number; numbers that are never used are harmless."""
        return int(self.rows("next_seq")[0][0])

    def vacuum(self, only: str | None = None) -> None:
        """Frees what changed rows left behind, and counts anew what plans rest on; tables in use are left out.

        Args:
            only: A schema, where not all of ours are meant.

        The embedded server lives as long as commands do, which is mostly too short for PostgreSQL to do it by itself.
        """
        with translated():
            session = self.session()
            for schema, table in session.execute(query("own_tables"), {"only": only}).fetchall():
                with suppress(psycopg.errors.UndefinedTable):  # a fold that was dropped since
                    name = sql.Identifier(schema, table)
                    session.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(name))

    @contextmanager
    def transaction(self, point: CommitPoint, lease: Lease | None = None) -> Iterator[Transaction]:
        """One transaction; under a lease it first makes sure that the lease is still ours, and keeps it so.

        Raises:
            LeaseLostError: the lease has a newer epoch; nothing was written.
            UnknownOutcomeError: the connection broke while the commit was under way.
        """
        with translated():
            connection = self.session()
            connection.execute("begin")
            try:
                transaction = Transaction(connection)
                if lease is not None:
                    transaction.hold(lease)
                yield transaction
            except BaseException:
                if not connection.closed:
                    connection.execute("rollback")
                raise
            self._commit(connection, point)

    def _commit(self, connection: psycopg.Connection[Any], point: CommitPoint) -> None:
        with self._commits.at(point):
            try:
                connection.execute("commit")
            except psycopg.OperationalError as wrong:
                raise UnknownOutcomeError(
                    "the store's connection broke during a commit; run again: the receipt says whether it happened"
                ) from wrong

    def _connect(self) -> psycopg.Connection[Any]:
        return connect(self._dsn, autocommit=True, options=self._options, variable=self.variable)

    def session(self) -> psycopg.Connection[Any]:
        """The open connection, in autocommit."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._setup()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _setup(self) -> None:
        """Finds our schema, or makes it; two processes that start at once make it once."""
        connection = self.session()
        if not _is_set_up(connection):
            with self.transaction(CommitPoint.SETUP) as transaction:
                transaction.execute(LOCK)
                if not _is_set_up(connection):
                    transaction.execute(schema())
                    transaction.run("insert_project", project=self.project, schema_version=SCHEMA_VERSION)
        project, version = connection.execute(query("project")).fetchall()[0]
        if project != self.project:
            raise StoreError(
                f"the store belongs to project '{project}', not '{self.project}'; give each its own database, and each "
                "environment of a project too. What is loaded comes from one into another by backup and restore"
            )
        if version != SCHEMA_VERSION:
            self._migrate(version)

    def _migrate(self, version: int) -> None:
        """Brings an older store to this version, all steps or none; two processes that start at once do it once.

        Raises:
            StoreError: it is newer, or too old.
        """
        steps = [migration(step) for step in range(version + 1, SCHEMA_VERSION + 1)]
        if version > SCHEMA_VERSION or None in steps:
            what = (
                "newer than this version of Tillage: install that one"
                if version > SCHEMA_VERSION
                else (
                    "too old for this version of Tillage. Begin anew from the files in landing: move the lake away, "
                    f"and its store; with {self.variable} give another empty database"
                )
            )
            raise StoreError(f"the store has schema version {version}; {SCHEMA_VERSION} is needed. It is {what}")
        with self.transaction(CommitPoint.SETUP) as transaction:
            transaction.execute(LOCK)
            if transaction.rows("project")[0][1] != version:
                return
            for step in steps:
                transaction.execute(step or b"")
            transaction.run("set_schema_version", schema_version=SCHEMA_VERSION)


class Transaction:
    """Statements inside `Database.transaction`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def rows(self, statement: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query(statement), values).fetchall()

    def run(self, statement: str, /, **values: Any) -> int:
        """A named statement without result; how many rows it touched."""
        return self.connection.execute(query(statement), values).rowcount

    def hold(self, lease: Lease) -> None:
        """Keeps the lease ours until the end of the transaction.

        Raises:
            LeaseLostError: it has a newer epoch.
        """
        if not self.rows("hold_lease", resource=lease.resource, epoch=lease.epoch):
            raise LeaseLostError(f"lease {lease.resource} went to another process; run again")

    def execute(self, statement: bytes | sql.Composed) -> None:
        self.connection.execute(statement)


def _is_set_up(connection: psycopg.Connection[Any]) -> bool:
    # From the catalogue's rows: to_regclass answers from a cache that does not yet know of another session's commit.
    return bool(connection.execute(query("is_set_up")).fetchall()[0][0])


@contextmanager
def translated() -> Iterator[None]:
    """PostgreSQL's errors as ours. Its text may quote a value of a row, so only its SQLSTATE is shown."""
    try:
        yield
    except TillageError:
        raise
    except psycopg.errors.IdleInTransactionSessionTimeout as wrong:
        raise LeaseLostError(
            "this process stood still inside a transaction until its lease was over; run again"
        ) from wrong
    except psycopg.errors.QueryCanceled as wrong:
        raise StoreAwayError(
            "the store took longer than this may wait: it computes a model anew, or is busy; try again in a moment"
        ) from wrong
    except psycopg.OperationalError as wrong:
        if (wrong.sqlstate or "").startswith(_LIMIT_EXCEEDED):
            raise StoreError(
                f"something is larger than PostgreSQL can keep ({_state(wrong)}); trying again cannot help: look for a "
                "file, a model or a key far larger than the others"
            ) from wrong
        raise StoreAwayError(
            f"the store does not answer ({_state(wrong)}); is PostgreSQL up? Then: tillage run"
        ) from wrong
    except psycopg.Error as wrong:
        if wrong.sqlstate is None:
            raise StoreError("the store answered with a value that this program cannot hold") from wrong
        raise StoreError(f"the store refused a statement ({_state(wrong)})") from wrong


def _state(wrong: psycopg.Error) -> str:
    return f"SQLSTATE {wrong.sqlstate}" if wrong.sqlstate else "no connection"
