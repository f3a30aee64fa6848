"""The ledger: which loads there are, what they cover, and which of their stages are done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from tillage.contracts.project import Mirror
from tillage.domain.conservation import Counts, Kept, Minor, added
from tillage.domain.load import CommitPoint, Lease, Load, LoadKind, LoadState, SourceFile
from tillage.ports.lake import Rows
from tillage.ports.store import (
    Brought,
    Known,
    LoadSummary,
    Maintenance,
    PublishedFold,
    Reason,
    Rejection,
    RuleFound,
    Sealed,
    Standing,
    Waiting,
)
from tillage.stores.postgres.copying import copy_rows, table_of
from tillage.stores.postgres.database import Database, Transaction
from tillage.stores.postgres.folds import add_delta, keep_models
from tillage.stores.postgres.mirrors import change_tables, check_references, keep_mirrors
from tillage.stores.postgres.vault import Vault

_PUBLISH = "publish"
_AS_JSON = ("_minor", "warning_rows")
_QUARANTINE = pa.schema(
    [
        ("dataset", pa.string()),
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("file", pa.string()),
        ("ordinal", pa.int64()),
        ("offset", pa.int64()),
        ("unit", pa.int64()),
        ("codes", pa.list_(pa.string())),
        ("control_minor", pa.decimal128(38, 0)),
        ("control_currency", pa.string()),
    ]
)

_WAITING = pa.schema(
    [
        *(_QUARANTINE.field(name) for name in ("dataset", "load_seq", "source", "ordinal", "unit", "codes")),
        ("is_unreadable", pa.bool_()),
        *(_QUARANTINE.field(name) for name in ("control_minor", "control_currency")),
    ]
)

_QUARANTINED = pa.schema(
    [
        *(_QUARANTINE.field(name) for name in ("dataset", "load_seq", "source", "ordinal", "unit", "codes")),
        ("judged_load", pa.int64()),
        _QUARANTINE.field("control_minor"),
    ]
)


class Ledger:
    """Reads and writes the ledger's tables; each method that writes is one transaction under the lease.

    Args:
        vault: Into which loads publish people; None where no contract is about any.
    """

    def __init__(self, database: Database, vault: Vault | None = None) -> None:
        self._database = database
        self._vault = vault

    def known(self, feed: str) -> Known:
        signatures: dict[str, str] = {}
        digests: set[tuple[str, str]] = set()
        contents: dict[str, str] = {}
        form = ""
        for path, digest, signature, found, is_content, _ in self._database.rows("known_sources", feed=feed):
            contents.setdefault(digest, path)
            if is_content:
                continue
            signatures[path] = signature
            digests.add((path, digest))
            form = found or form
        rejected = {row[0]: Rejection(*row) for row in self._database.rows("rejected", feed=feed)}
        return Known(signatures, digests, form, rejected, contents)

    def sealed(self, feed: str) -> Sealed:
        rows = self._database.rows("sealed_sources", feed=feed)
        return Sealed({(path, digest) for path, digest, _ in rows}, {path for path, _, is_cut in rows if is_cut})

    def plan(
        self, feed: str, contract_digest: str, contract_text: str, sources: Iterable[SourceFile], lease: Lease
    ) -> Load:
        sources = tuple(sources)
        contents = {source.path: source.content for source in sources if source.content}
        manifest = {"contents": contents} if contents else {}
        load = Load(self._database.next_seq(), feed, LoadState.OPEN, contract_digest, sources, manifest=manifest)
        with self._database.transaction(CommitPoint.PLAN, lease) as transaction:
            _insert_load(transaction, load, {contract_digest: contract_text}, lease)
            copy_rows(transaction.connection, sql.Identifier("tillage", "sources"), _source_rows(load))
        return load

    def begin(
        self,
        kind: LoadKind,
        feed: str,
        *,
        contract_digest: str,
        texts: Mapping[str, str],
        manifest: Mapping[str, Any],
        lease: Lease,
    ) -> Load:
        load = Load(self._database.next_seq(), feed, LoadState.OPEN, contract_digest, (), kind, manifest)
        with self._database.transaction(CommitPoint.PLAN, lease) as transaction:
            _insert_load(transaction, load, texts, lease)
        return load

    def refresh(self, feed: str, sources: Iterable[SourceFile], lease: Lease) -> None:
        with self._database.transaction(CommitPoint.PLAN, lease) as transaction:
            for source in sources:
                transaction.run(
                    "refresh_signature", feed=feed, path=source.path, digest=source.digest, signature=source.signature
                )

    def house(self) -> str:
        return str(self._database.rows("house")[0][0])

    def is_new(self) -> bool:
        return self._database.is_new()

    def has_loads(self) -> bool:
        return bool(self._database.rows("has_loads")[0][0])

    def last_number(self) -> int:
        return int(self._database.rows("last_number")[0][0])

    def open_load(self, feed: str) -> Load | None:
        return self._unfinished(feed, LoadState.OPEN)

    def failed_load(self, feed: str) -> Load | None:
        return self._unfinished(feed, LoadState.FAILED)

    def _unfinished(self, feed: str, state: LoadState) -> Load | None:
        found = self._database.rows("unfinished_load", feed=feed, state=state)
        return self._load(found[0]) if found else None

    def load(self, load_seq: int) -> Load | None:
        found = self._database.rows("load", load_seq=load_seq)
        return self._load(found[0]) if found else None

    def served(self) -> Any | None:
        return self._database.rows("served")[0][0]

    def keep_served(self, served: Mapping[str, Any]) -> None:
        if self.served() != served:
            with self._database.transaction(CommitPoint.MODELS) as transaction:
                transaction.run("keep_served", served=Jsonb(served))

    def last_build(self) -> Load | None:
        found = self._database.rows("last_build")
        return self._load(found[0]) if found else None

    def summaries(self, load_seq: int | None = None) -> list[LoadSummary]:
        rows = self._database.rows("load_summaries", load_seq=load_seq)
        return [
            LoadSummary(load, feed, LoadState(state), planned_at, files, size_bytes, reason, LoadKind(kind), *how_long)
            for load, feed, state, planned_at, files, size_bytes, reason, kind, *how_long in rows
        ]

    def broken_rules(self, load_seq: int | None = None) -> dict[int, tuple[RuleFound, ...]]:
        broken: dict[int, tuple[RuleFound, ...]] = {}
        for load, *row in self._database.rows("broken_rules", load_seq=load_seq):
            broken[load] = (*broken.get(load, ()), RuleFound(*row))
        return broken

    def last_standing(self) -> dict[str, Standing]:
        return {row[0]: Standing(*row) for row in self._database.rows("last_standing")}

    def held_datasets(self, *, with_releases: bool = True) -> list[Standing]:
        rows = self._database.rows("held_datasets", with_releases=with_releases)
        return [Standing(feed, load_seq, digest, dataset) for dataset, feed, load_seq, digest in rows]

    def loads(self) -> list[Load]:
        # The loads first: what is planned in between has sources that no load here asks for.
        rows = self._database.rows("loads")
        sources = self._sources(None)
        return [_load(row, sources.get(row[0], ())) for row in rows]

    def _load(self, row: tuple[Any, ...]) -> Load:
        return _load(row, self._sources(row[0]).get(row[0], ()))

    def _sources(self, load_seq: int | None) -> dict[int, list[SourceFile]]:
        """By load, its files; of the one load, or of all."""
        found: dict[int, list[SourceFile]] = {}
        for load, *one in self._database.rows("sources", load_seq=load_seq):
            found.setdefault(load, []).append(SourceFile(*one))
        return found

    def tidy(self) -> None:
        self._database.vacuum()

    def loads_since_maintain(self, feed: str, *, most: int) -> int:
        return int(self._database.rows("loads_since_maintain", feed=feed, most=most)[0][0])

    def last_maintain(self, feed: str) -> Maintenance | None:
        found = self._database.rows("last_maintain", feed=feed)
        return Maintenance(LoadState(found[0][0]), *found[0][1:]) if found else None

    def now(self) -> datetime:
        moment: datetime = self._database.rows("now")[0][0]
        return moment.astimezone(UTC)

    def sealed_before(self, feed: str, moment: datetime) -> list[int]:
        return [int(load) for (load,) in self._database.rows("sealed_before", feed=feed, moment=moment)]

    def first_sealed_after(self, feed: str, load_seq: int) -> datetime | None:
        found = self._database.rows("first_sealed_after", feed=feed, load_seq=load_seq)
        return found[0][0] if found else None

    def text(self, digest: str) -> str:
        return str(self._database.rows("text", digest=digest)[0][0])

    def next_fence(self) -> int:
        return self._database.next_seq()

    def void(self, load: Load, lease: Lease, rejected: Iterable[Rejection] = ()) -> None:
        with self._database.transaction(CommitPoint.VOID, lease) as transaction:
            transaction.run("void", load_seq=load.load_seq)
            for rejection in rejected:
                transaction.run("forget_rejected", feed=load.feed, path=rejection.path)
                transaction.run("insert_rejected", feed=load.feed, **asdict(rejection))

    def fail(self, load: Load, lease: Lease, *, counts: Mapping[str, Counts], broken: Iterable[RuleFound]) -> None:
        with self._database.transaction(CommitPoint.FAIL, lease) as transaction:
            transaction.run("fail", load_seq=load.load_seq)
            _insert_counts(transaction, load, counts)
            for rule in broken:
                transaction.run("insert_broken_rule", load_seq=load.load_seq, **asdict(rule))

    def retry(self, load: Load, lease: Lease, reason: str) -> None:
        with self._database.transaction(CommitPoint.VOID, lease) as transaction:
            transaction.run("give_up", load_seq=load.load_seq, state=LoadState.VOIDED, reason=reason)

    def abandon(self, load: Load, lease: Lease, reason: str) -> None:
        with self._database.transaction(CommitPoint.ABANDON, lease) as transaction:
            transaction.run("give_up", load_seq=load.load_seq, state=LoadState.ABANDONED, reason=reason)

    def is_published(self, load: Load) -> bool:
        return bool(self._database.rows("has_receipt", stage=_PUBLISH, load_seq=load.load_seq))

    def published(self) -> dict[str, int]:
        return {feed: int(load_seq) for feed, load_seq in self._database.rows("published")}

    def publish(
        self,
        load: Load,
        lease: Lease,
        *,
        brought: Brought,
        folds: Iterable[PublishedFold],
        digests: Mapping[str, str],
        mirrors: Mapping[Mirror, str],
    ) -> None:
        with self._database.transaction(CommitPoint.PUBLISH, lease) as transaction:
            keep_models(transaction, digests)
            keep_mirrors(transaction, load.feed, mirrors)
            transaction.run("insert_receipt", stage=_PUBLISH, load_seq=load.load_seq)
            _insert_counts(transaction, load, brought.counts)
            if brought.taken.num_rows:
                transaction.run("make_taken")
                copy_rows(transaction.connection, sql.Identifier("taken"), brought.taken)
                transaction.run("end_waiting")
            for table in ("quarantine", "awaited", "statistics"):
                rows = getattr(brought, table)
                if rows.num_rows:
                    copy_rows(transaction.connection, sql.Identifier("tillage", table), rows)
            transaction.run("insert_empty_statistics", load_seq=load.load_seq)
            if self._vault is not None and brought.people is not None:
                self._vault.keep(transaction, load, brought.people)
            for fold, delta in sorted(folds, key=lambda pair: pair[0].name):
                add_delta(transaction, fold, delta)
            for change in brought.mirrored:
                change_tables(transaction, change)
            if brought.mirrored:
                check_references(transaction)

    def counts(self, load_seq: int) -> dict[str, Counts]:
        return self.counts_by_load(load_seq).get(load_seq, {})

    def counts_by_load(self, load_seq: int | None = None) -> dict[int, dict[str, Counts]]:
        found: dict[int, dict[str, Counts]] = {}
        for load, dataset, *figures in self._database.rows("counts", load_seq=load_seq):
            found.setdefault(load, {})[str(dataset)] = Counts(*figures)
        return found

    def quarantine_counts(self, load_seq: int) -> dict[str, tuple[int, Minor]]:
        found: dict[str, tuple[int, Minor]] = {}
        for dataset, currency, count, minor in self._database.rows("quarantine_counts", load_seq=load_seq):
            rows, amount = found.get(dataset, (0, 0))
            found[dataset] = rows + int(count), added([amount, _minor(currency, minor)])
        return found

    def discarded_files(self, load_seq: int) -> list[tuple[str, str, int, int]]:
        return [
            (dataset, path, int(units), int(records))
            for dataset, path, units, records in self._database.rows("discarded_files", load_seq=load_seq)
        ]

    def discarded_reasons(self, load_seq: int) -> list[tuple[str, str, int, Minor, int]]:
        return [
            (dataset, code, int(units), _minor(currency, minor), int(not_countable))
            for dataset, code, currency, units, minor, not_countable in self._database.rows(
                "discarded_reasons", load_seq=load_seq
            )
        ]

    def kept(self) -> dict[str, Kept]:
        found: dict[str, Kept] = {}
        for dataset, currency, is_discarded, rows, minor in self._database.rows("kept"):
            one, amount = found.get(dataset, Kept()), _minor(currency, minor)
            if is_discarded:
                found[dataset] = replace(
                    one,
                    discarded_rows=one.discarded_rows + int(rows),
                    discarded_minor=added([one.discarded_minor, amount]),
                )
            else:
                found[dataset] = replace(
                    one, waiting_rows=one.waiting_rows + int(rows), waiting_minor=added([one.waiting_minor, amount])
                )
        return found

    def seal(self, load: Load, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.SEAL, lease) as transaction:
            transaction.run("seal", load_seq=load.load_seq, epoch=lease.epoch)

    def quarantine_reasons(self) -> list[Reason]:
        found: dict[tuple[str, str], Reason] = {}
        for dataset, code, currency, count, minor, not_countable, oldest in self._database.rows("quarantine_reasons"):
            one = found.get((dataset, code), Reason(dataset, code, 0, 0, 0, oldest))
            found[dataset, code] = Reason(
                dataset,
                code,
                one.rows + int(count),
                added([one.minor, _minor(currency, minor)]),
                one.not_countable_rows + int(not_countable),
                min(one.oldest, oldest),
            )
        return list(found.values())

    def waiting(self, feed: str, wanted: Waiting) -> Rows:
        return table_of(self._database.rows("waiting", feed=feed, **asdict(wanted)), _WAITING)

    def quarantined(self, feed: str) -> Rows:
        return table_of(self._database.rows("quarantined", feed=feed), _QUARANTINED)

    def discard(self, load: Load, lease: Lease, wanted: Waiting, reason: str) -> int:
        with self._database.transaction(CommitPoint.DISCARD, lease) as transaction:
            rows = transaction.run("discard", discarded_by=load.load_seq, feed=load.feed, **asdict(wanted))
            transaction.run("await_no_more", discarded_by=load.load_seq)
            transaction.run("set_reason", load_seq=load.load_seq, reason=reason)
            transaction.run("seal", load_seq=load.load_seq, epoch=lease.epoch)
        return rows

    def same_paths(self, feed: str, places: Collection[tuple[int, int]]) -> list[tuple[int, int, str]]:
        loads, sources = [load for load, _ in places], [source for _, source in places]
        found = self._database.rows("same_paths", feed=feed, loads=loads, sources=sources)
        return [(int(load), int(source), str(path)) for load, source, path in found]

    def all_paths(self, feed: str) -> list[tuple[int, int, str]]:
        found = self._database.rows("all_paths", feed=feed)
        return [(int(load), int(source), str(path)) for load, source, path in found]

    def paths(self, load_seq: int) -> dict[int, str]:
        return {int(source): str(path) for source, path in self._database.rows("source_paths", load_seq=load_seq)}

    def quarantine_rows(self, dataset: str) -> Rows:
        return table_of(self._database.rows("quarantine", dataset=dataset), _QUARANTINE)


def _load(row: tuple[Any, ...], sources: Iterable[SourceFile]) -> Load:
    load_seq, feed, state, contract_digest, kind, manifest = row
    return Load(load_seq, feed, LoadState(state), contract_digest, tuple(sources), LoadKind(kind), manifest)


def _insert_load(transaction: Transaction, load: Load, texts: Mapping[str, str], lease: Lease) -> None:
    for digest, body in texts.items():
        transaction.run("insert_text", digest=digest, body=body)
    transaction.run(
        "insert_load",
        load_seq=load.load_seq,
        feed=load.feed,
        contract_digest=load.contract_digest,
        epoch=lease.epoch,
        kind=load.kind,
        manifest=Jsonb(load.manifest),
        reason=None,
    )


def _insert_counts(transaction: Transaction, load: Load, counts: Mapping[str, Counts]) -> None:
    for dataset, figures in counts.items():
        values = {
            name: Jsonb(value) if value is not None and name.endswith(_AS_JSON) else value
            for name, value in asdict(figures).items()
        }
        transaction.run("insert_counts", load_seq=load.load_seq, dataset=dataset, **values)


def _minor(currency: str | None, minor: Decimal | None) -> Minor:
    """A sum as the law counts it: by currency where records name theirs."""
    whole = int(minor or 0)
    return {currency: whole} if currency else whole


def _source_rows(load: Load) -> pa.Table:
    rows = [{"load_seq": load.load_seq} | asdict(source) for source in load.sources]
    return pa.Table.from_pylist(rows).drop_columns("content")
