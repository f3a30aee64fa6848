"""The vault: who people are, in a schema of its own that is made when the first load about people begins.

A load finds and adds people as the role `writer`, which takes no person out. Which key the digests are made with stays
while they are used: whoever changes it waits for that.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib import resources

import psycopg
import pyarrow as pa
from psycopg import sql

from tillage.domain.load import CommitPoint, Load
from tillage.domain.people import IndexKey, Keys
from tillage.errors import KeysError, KeysRotatedError, StoreError
from tillage.ports.lake import Rows
from tillage.ports.people import PeopleRows
from tillage.stores.postgres.copying import copied_rows, copy_rows
from tillage.stores.postgres.database import LOCK, Database, Transaction, translated
from tillage.stores.postgres.queries import query

ROTATED = "TL001"
"""What `vault.subject_key` fails with when it is asked with another key than the digests are made with."""
_KEYS = pa.schema([("subject", pa.string()), ("natural_id", pa.string()), ("subject_key", pa.string())])
_PERSONAL = pa.schema(
    [
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("unit", pa.int64()),
        ("personal", pa.string()),
        ("is_nobodys", pa.bool_()),
    ]
)
_SUPPRESSED = pa.schema(
    [
        ("subject", pa.string()),
        ("kind", pa.string()),
        ("value", pa.string()),
        ("until", pa.timestamp("us", "UTC")),
    ]
)
_KNOWN_ROWS = pa.schema([("subject", pa.string()), ("natural_id", pa.string())])
_PERSONAL_COLUMNS = {"natural_id", "alias", "personal", "value"}
_FOUND_KEYS = """
select a.subject, a.natural_id, coalesce(i.subject_key, l.subject_key, replace(gen_random_uuid()::text, '-', ''))
from asked a left join vault.identities i on i.subject = a.subject and i.digest = decode(a.digest, 'hex')
left join lateral (
    -- For who only looks: everybody else has a row of their own by now.
    select subject_key from vault.leaving l where l.subject = a.subject and l.digest = decode(a.digest, 'hex')
    order by subject_key limit 1
) l on true
"""
_FOUND_SUPPRESSED = """
select a.subject, a.kind, a.value, to_char(s.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
from asked_suppressed a join vault.suppressed s
on (s.subject, s.kind, s.ring, s.digest) = (a.subject, a.kind, decode(a.ring, 'hex'), decode(a.digest, 'hex'))
where s.lifted_at is null
"""
_KNOWN = """
select a.subject, a.natural_id from asked a
join vault.identities i on i.subject = a.subject and i.digest = decode(a.digest, 'hex')
"""
_FOUND_PERSONAL = """
select p.load_seq, p.source, p.ordinal, p.unit, u.personal, (u.subject_key = '')::int from places p
join vault.units u on (u.load_seq, u.source, u.ordinal, u.unit) = (p.load_seq, p.source, p.ordinal, p.unit)
where u.dataset = {}
"""


class Vault:
    """The people of a store.

    Args:
        found_keys: Those whose index key has that fingerprint; of None: of a store that has no vault yet.
        is_storing: Whether who is not known is added; else there is a key for the moment.
    """

    def __init__(
        self, database: Database, found_keys: Callable[[bytes | None], Keys], *, is_storing: bool = True
    ) -> None:
        self._database = database
        self._found_keys = found_keys
        self._is_storing = is_storing

    def looking(self) -> Vault:
        return Vault(self._database, self._found_keys, is_storing=False)

    def index_key(self) -> IndexKey:
        return self._keys.index

    def keys(self) -> Keys:
        return self._keys

    def file_key(self) -> bytes:
        return self._keys.files

    @cached_property
    def _keys(self) -> Keys:
        if self._fingerprint is None and self._is_storing:
            self._make(self._found_keys(None).index)
            del self._fingerprint
        return self._found_keys(self._fingerprint)

    @cached_property
    def _fingerprint(self) -> bytes | None:
        """Of the key that the digests were made with; None without a vault."""
        if not self._database.rows("has_vault")[0][0]:
            return None
        return bytes(self._database.rows("vault_meta")[0][0])

    def _make(self, key: IndexKey) -> None:
        try:
            with self._database.transaction(CommitPoint.SETUP) as transaction:
                transaction.execute(LOCK)
                if not transaction.rows("has_vault")[0][0]:
                    make_vault(transaction)
                    transaction.run("set_fingerprint", fingerprint=key.fingerprint)
        except StoreError as wrong:
            if isinstance(wrong.__cause__, psycopg.errors.InsufficientPrivilege):
                raise StoreError(
                    f"{self._database.variable} may not make the roles that keep people's data apart: let it "
                    "(alter role ... createrole), or give another account for the first run"
                ) from wrong
            raise

    def subject_keys(self, ids: Rows) -> Rows:
        if not ids.num_rows:
            return _KEYS.empty_table()
        if self._fingerprint is None and not self._is_storing:
            return ids.select(["subject", "natural_id"]).append_column(
                "subject_key", pa.array([uuid.uuid4().hex for _ in range(ids.num_rows)])
            )
        with self._asking("make_asked", "asked", ids) as transaction:
            if self._is_storing and transaction.rows("has_unknown")[0][0]:
                transaction.run("add_identities")
            return copied_rows(transaction.connection, sql.SQL(_FOUND_KEYS), _KEYS)

    def suppression_ring(self) -> tuple[IndexKey, ...]:
        if self._fingerprint is None:
            return ()
        found = {key.fingerprint: key for key in self._keys.suppression}
        wanted = [bytes(ring) for (ring,) in self._database.rows("suppression_ring")]
        if wanted and not found.keys() >= {*wanted}:
            raise KeysError(
                "safe/keys.json lacks a key by which people who were erased are known: put it back from where it is "
                "kept; without it they would come back with their old data"
            )
        return tuple(found[ring] for ring in wanted)

    def suppressed(self, asked: Rows) -> Rows:
        if not asked.num_rows:
            return _SUPPRESSED.empty_table()
        with self._asking("make_asked_suppressed", "asked_suppressed", asked) as transaction:
            return copied_rows(transaction.connection, sql.SQL(_FOUND_SUPPRESSED), _SUPPRESSED)

    def known(self, asked: Rows) -> Rows:
        if not asked.num_rows or self._fingerprint is None:
            return _KEYS.empty_table().select(["subject", "natural_id"])
        with self._asking("make_asked", "asked", asked) as transaction:
            return copied_rows(transaction.connection, sql.SQL(_KNOWN), _KNOWN_ROWS)

    def personal(self, dataset: str, places: Rows) -> Rows:
        if not places.num_rows or (self._fingerprint is None and not self._is_storing):
            return _PERSONAL.empty_table()
        with self._asking("make_places", "places", places) as transaction:
            return copied_rows(transaction.connection, sql.SQL(_FOUND_PERSONAL).format(sql.Literal(dataset)), _PERSONAL)

    def nobodys(self, subject_keys: Collection[str]) -> set[str]:
        if self._fingerprint is None:
            return set()
        return {str(key) for (key,) in self._database.rows("nobodys", subject_keys=list(subject_keys))}

    def subject_key(self, subject: str, natural_id: str) -> str | None:
        if self._fingerprint is None:
            return None
        digest = self._keys.index.id_digest(subject, natural_id)
        try:
            found = self._database.rows(
                "subject_key", subject=subject, fingerprint=self._keys.index.fingerprint, digest=digest
            )
        except StoreError as wrong:
            raise_if_rotated(wrong.__cause__)
            raise
        return None if found[0][0] is None else str(found[0][0])

    def counts(self, load_seq: int) -> Mapping[str, int]:
        if self._fingerprint is None:
            return {}
        return {str(dataset): int(rows) for dataset, rows in self._database.rows("unit_counts", load_seq=load_seq)}

    @property
    def is_there(self) -> bool:
        """Whether a load about people ever began."""
        return self._fingerprint is not None

    @contextmanager
    def acting(self, transaction: Transaction, role: str) -> Iterator[None]:
        """As `writer`, `reader` or `eraser`."""
        writer, reader, eraser = transaction.rows("vault_roles")[0]
        name = {"writer": writer, "reader": reader, "eraser": eraser}[role]
        transaction.execute(sql.SQL("set local role {}").format(sql.Identifier(name)))
        yield
        transaction.run("as_owner")

    @contextmanager
    def _asking(self, made_by: str, table: str, rows: Rows) -> Iterator[Transaction]:
        """A transaction as the writer, in which a table of the session holds `rows`."""
        with self._transaction() as transaction:
            transaction.run(made_by)
            with self._writing(transaction, {table: rows}):
                yield transaction

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        key = self._keys.index  # before the transaction: it may have to be made
        if self._is_storing:
            with self._database.transaction(CommitPoint.PEOPLE) as transaction:
                _hold(transaction, key)
                yield transaction
            return
        with translated():
            session = self._database.session()
            session.execute("begin")
            try:
                transaction = Transaction(session)
                _hold(transaction, key)
                yield transaction
            finally:
                if not session.closed:
                    session.execute("rollback")

    @contextmanager
    def _writing(self, transaction: Transaction, tables: Mapping[str, Rows]) -> Iterator[None]:
        """As the writer, who sees these tables of the session."""
        writer = sql.Identifier(transaction.rows("vault_roles")[0][0])
        for table, rows in tables.items():
            name = sql.Identifier(table)
            copy_rows(transaction.connection, name, rows)
            transaction.execute(sql.SQL("grant select on {} to {}").format(name, writer))
            # Of what says who people are there is no statistic.
            keys = sql.SQL(", ").join(sql.Identifier(one) for one in rows.schema.names if one not in _PERSONAL_COLUMNS)
            transaction.execute(sql.SQL("analyze {} ({})").format(name, keys))
        with self.acting(transaction, "writer"):
            yield

    def rotate(self, fresh: IndexKey) -> int:
        inner, outer = fresh.pads()
        with self._database.transaction(CommitPoint.KEYS) as transaction:
            transaction.run("change_key")
            people = transaction.run("rehash_identities", inner=inner, outer=outer)
            transaction.run("rehash_leaving", inner=inner, outer=outer)
            transaction.run("rehash_aliases", inner=inner, outer=outer)
            transaction.run("set_fingerprint", fingerprint=fresh.fingerprint)
        return people

    def keep(self, transaction: Transaction, load: Load, people: PeopleRows) -> None:
        """Inside the transaction that publishes a load: readers see all of it at once."""
        _hold(transaction, self._keys.index)
        transaction.execute(query("make_people"))
        tables = {"people_units": people.units, "people_aliases": people.aliases, "people_ended": people.ended}
        with self._writing(transaction, tables):
            transaction.run("end_units")
            transaction.run("keep_units", judged_load=load.load_seq)
            transaction.run("keep_aliases")


def make_vault(transaction: Transaction) -> None:
    """The empty vault of the store, with its roles."""
    transaction.execute(resources.files("tillage.stores.postgres").joinpath("sql/vault.sql").read_bytes())


def raise_if_rotated(cause: BaseException | None) -> None:
    """Raises KeysRotatedError if that is why the store refused."""
    if isinstance(cause, psycopg.Error) and cause.sqlstate == ROTATED:
        raise KeysRotatedError("the key of the people's index was changed meanwhile; repeat the command") from None


def _hold(transaction: Transaction, key: IndexKey) -> None:
    """Until the end of the transaction the digests are made with this key."""
    transaction.run("hold_key")
    if bytes(transaction.rows("vault_meta")[0][0]) != key.fingerprint:
        raise KeysRotatedError("the key of the people's index was changed meanwhile; repeat the command")
