"""Erasures in the store: who does not come back, what the vault forgets, and how its files come to forget it too."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import asdict
from functools import partial
from secrets import token_bytes
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from tillage.domain.load import CommitPoint, Lease, Load
from tillage.domain.people import hashed, spelt_alias
from tillage.ports.erasing import Erasure, Known, Person, Suppression, SuppressionKind
from tillage.ports.lake import Rows
from tillage.ports.scrubbing import Rewrite
from tillage.stores.postgres.copying import copy_rows
from tillage.stores.postgres.database import Database, Transaction, translated
from tillage.stores.postgres.vault import Vault

_LOG_LEFT = "what was there before, in the write-ahead log of this PostgreSQL, its archives and its backups"
_PIECE_BYTES = 4 * 1024 * 1024  # of whole rows
_PLACES = pa.schema([("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64())])


class Erasures:
    """Of the store whose people are in `vault`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def all(self) -> list[Erasure]:
        return [Erasure(*row) for row in self._database.rows("erasures")]

    def states(self) -> Mapping[int, str]:
        return {int(number): str(state) for number, state in self._database.rows("erasure_states")}

    def number(self) -> int:
        return self._database.next_seq()

    def begin(
        self, erasure: int, suppressed: Sequence[Suppression], people: Sequence[Person], leases: Sequence[Lease]
    ) -> None:
        self._vault.index_key()  # which makes the vault where there is none yet
        with self._database.transaction(CommitPoint.ERASURE) as transaction:
            for lease in leases:
                transaction.hold(lease)
            transaction.run("insert_erasure", erasure=erasure, people=len(people))
            transaction.run("raise_last_number", number=erasure)
            with self._as_eraser(transaction):
                _suppress(transaction, erasure, suppressed)
                transaction.run("let_leave", subject_keys=_keys(people))
                transaction.run("forget_identities", subject_keys=_keys(people))

    def remember(self, erasure: int, suppressed: Sequence[Suppression]) -> None:
        self._vault.index_key()
        with self._database.transaction(CommitPoint.ERASURE) as transaction:
            transaction.run("remember_erasure", erasure=erasure, people=len(suppressed))
            transaction.run("raise_last_number", number=erasure)
            with self._as_eraser(transaction):
                _suppress(transaction, erasure, suppressed)

    def suppressions(self) -> list[Suppression]:
        if not self._vault.is_there:
            return []
        return [
            Suppression(str(subject), SuppressionKind(kind), bytes(ring), bytes(digest), until)
            for subject, kind, ring, digest, until in self._database.rows("suppressions")
        ]

    def lift(self, digests: Collection[bytes], lease: Lease) -> int:
        with self._database.transaction(CommitPoint.ERASURE, lease) as transaction, self._as_eraser(transaction):
            return transaction.run("lift_suppressions", digests=list(digests))

    def named(self, subject_keys: Collection[str]) -> Mapping[str, str]:
        if not self._vault.is_there:
            return {}
        return {str(key): str(one) for key, one in self._database.rows("asked", subject_keys=list(subject_keys))}

    def settle(self, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.PROVE, lease) as transaction:
            transaction.run("settle_restored")

    def known_by_id(self, subject: str, natural_id: str) -> Known | None:
        digest = self._vault.index_key().id_digest(subject, natural_id)
        found = self._database.rows("known_by_id", subject=subject, digest=digest)
        return self._known(*found[0]) if found else None

    def known_by_alias(self, subject: str, alias: str) -> list[Known]:
        digest = self._vault.index_key().alias_digest(subject, alias)
        rows = self._database.rows("known_by_alias", subject=subject, digest=digest)
        return [self._known(*row) for row in rows if spelt_alias(alias)]

    def _known(self, natural_id: str, subject_key: str) -> Known:
        aliases = self._database.rows("aliases_of", subject_key=subject_key)
        personal = self._database.rows("personal_of", subject_key=subject_key)
        return Known(natural_id, subject_key, tuple(one for (one,) in aliases), tuple(one for (one,) in personal))

    def everybody(self, subject: str) -> Iterator[str]:
        yield from (str(one) for (one,) in self._database.rows("everybody", subject=subject))

    def sources(self, feed: str) -> Mapping[tuple[int, int], tuple[str, str, str]]:
        return {
            (int(load), int(source)): (path, digest, form)
            for load, source, path, digest, form in self._database.rows("feed_sources", feed=feed)
        }

    def rewrites(self, feed: str) -> list[Rewrite]:
        return [Rewrite(*row) for row in self._database.rows("rewrites", feed=feed)]

    def note_rewrites(self, feed: str, rewrites: Sequence[Rewrite], lease: Lease) -> None:
        with self._database.transaction(CommitPoint.SCRUB, lease) as transaction:
            for one in rewrites:
                transaction.run("insert_rewrite", feed=feed, path=one.path, before=one.before, after=one.after)

    def give_up_waiting(self, load: Load, lease: Lease, places: Rows) -> int:
        with self._database.transaction(CommitPoint.DISCARD, lease) as transaction:
            transaction.run("make_erased")
            copy_rows(transaction.connection, sql.Identifier("erased"), places.cast(_PLACES))
            rows = transaction.run("discard_erased", discarded_by=load.load_seq, feed=load.feed)
            transaction.run("await_no_more", discarded_by=load.load_seq)
            transaction.run("seal", load_seq=load.load_seq, epoch=lease.epoch)
        return rows

    def done_feeds(self, erasure: int) -> Set[str]:
        return {str(feed) for (feed,) in self._database.rows("erased_feeds", erasure=erasure)}

    def erase_loads(self, feed: str) -> list[int]:
        return [int(load) for (load,) in self._database.rows("erase_loads", feed=feed)]

    def keep_hashes(self, columns: Mapping[str, Collection[str]], people: Sequence[Person], lease: Lease) -> None:
        keys: dict[str, bytes] = defaultdict(lambda: token_bytes(32))
        with (
            self._database.transaction(CommitPoint.FORGET_PEOPLE, lease) as transaction,
            self._as_eraser(transaction),
        ):
            for dataset, kept in columns.items():
                for *place, key, text in transaction.rows("units_of", dataset=dataset, subject_keys=_keys(people)):
                    load_seq, source, ordinal, unit = place
                    personal = {name: value for name, value in json.loads(text).items() if name in kept}
                    transaction.run(
                        "keep_hashes",
                        dataset=dataset,
                        load_seq=load_seq,
                        source=source,
                        ordinal=ordinal,
                        unit=unit,
                        personal=json.dumps(hashed(personal, keys[key])),
                    )

    def forget_people(self, people: Sequence[Person], lease: Lease) -> int:
        keys = _keys(people)
        names = ("forget_units", "forget_aliases", "forget_identities", "forget_leaving")
        with (
            self._database.transaction(CommitPoint.FORGET_PEOPLE, lease) as transaction,
            self._as_eraser(transaction),
        ):
            return sum(transaction.run(name, subject_keys=keys) for name in names)

    def compact(self) -> tuple[str, ...]:
        with translated():
            session = self._database.session()
            for (table,) in session.execute(
                "select tablename::text from pg_catalog.pg_tables where schemaname = 'vault' order by 1"
            ).fetchall():
                session.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.Identifier("vault", table)))
            try:
                session.execute("checkpoint")
                session.execute("select pg_switch_wal()")
                session.execute("checkpoint")
            except psycopg.errors.InsufficientPrivilege:
                return (_LOG_LEFT,)
        return ()

    def texts(self) -> Iterator[tuple[str, Callable[[], Iterator[bytes]]]]:
        with translated():
            tables = (
                self._database.session()
                .execute(
                    "select schemaname::text, tablename::text from pg_catalog.pg_tables "
                    "where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2"
                )
                .fetchall()
            )
            for schema, table in tables:
                select = sql.SQL("select * from {}").format(sql.Identifier(schema, table))
                yield f"{schema}.{table}", partial(self._pieces, select)
            statistics = sql.SQL(
                "select * from pg_catalog.pg_stats where schemaname not in ('pg_catalog', 'information_schema')"
            )
            yield "pg_catalog.pg_stats", partial(self._pieces, statistics)

    def _pieces(self, select: sql.Composable) -> Iterator[bytes]:
        statement = sql.SQL("copy ({}) to stdout (format csv, header)").format(select)
        with translated(), self._database.session().cursor().copy(statement) as copy:
            held = bytearray()
            for row in copy:
                held += row
                if len(held) > _PIECE_BYTES:
                    yield bytes(held)
                    held.clear()
            yield bytes(held)

    def prove(self, erasure: int, receipt: Mapping[str, Any], lease: Lease) -> None:
        with self._database.transaction(CommitPoint.PROVE, lease) as transaction:
            transaction.run("prove_erasure", erasure=erasure, receipt=Jsonb(receipt))

    def _as_eraser(self, transaction: Transaction) -> Any:
        return self._vault.acting(transaction, "eraser")


def _suppress(transaction: Transaction, erasure: int, suppressed: Sequence[Suppression]) -> None:
    for one in suppressed:
        transaction.run("suppress", erasure=erasure, **asdict(one))


def _keys(people: Sequence[Person]) -> list[str]:
    return [person.subject_key for person in people if person.subject_key]
