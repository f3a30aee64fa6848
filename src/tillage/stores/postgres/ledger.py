"""The ledger: which loads there are, what they cover, and which of their stages are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import pyarrow as pa
from psycopg import sql

from tillage.domain.conservation import Counts
from tillage.domain.load import CommitPoint, Lease, Load, LoadState, SourceFile
from tillage.ports.lake import Rows
from tillage.ports.store import Known, PublishedFold, Reason
from tillage.stores.postgres.copying import copy_rows
from tillage.stores.postgres.database import Database
from tillage.stores.postgres.folds import add_delta, keep_models

_PUBLISH = "publish"
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
    ]
)


class Ledger:
    """Reads and writes the ledger's tables; each method that writes is one transaction under the lease."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, feed: str) -> Known:
        known = Known({}, {})
        for path, digest, signature in self._database.rows("known_sources", feed=feed):
            known.signatures[path] = signature
            known.digests.setdefault(path, set()).add(digest)
        return known

    def plan(
        self, feed: str, contract_digest: str, contract_text: str, sources: Iterable[SourceFile], lease: Lease
    ) -> Load:
        load_seq = self._database.next_seq()
        load = Load(load_seq, feed, LoadState.OPEN, contract_digest, tuple(sources))
        with self._database.transaction(CommitPoint.PLAN, lease) as transaction:
            transaction.run("insert_text", digest=contract_digest, body=contract_text)
            transaction.run(
                "insert_load", load_seq=load_seq, feed=feed, contract_digest=contract_digest, epoch=lease.epoch
            )
            copy_rows(transaction.connection, sql.Identifier("tillage", "sources"), _source_rows(load))
        return load

    def refresh(self, feed: str, sources: Iterable[SourceFile], lease: Lease) -> None:
        with self._database.transaction(CommitPoint.PLAN, lease) as transaction:
            for source in sources:
                transaction.run(
                    "refresh_signature", feed=feed, path=source.path, digest=source.digest, signature=source.signature
                )

    def open_load(self, feed: str) -> Load | None:
        found = self._database.rows("open_load", feed=feed)
        return self._load(*found[0]) if found else None

    def loads(self) -> list[Load]:
        return [self._load(*row) for row in self._database.rows("loads")]

    def _load(self, load_seq: int, feed: str, state: str, contract_digest: str) -> Load:
        sources = tuple(SourceFile(*row) for row in self._database.rows("sources", load_seq=load_seq))
        return Load(load_seq, feed, LoadState(state), contract_digest, sources)

    def text(self, digest: str) -> str:
        return str(self._database.rows("text", digest=digest)[0][0])

    def next_fence(self) -> int:
        return self._database.next_seq()

    def void(self, load: Load, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.VOID, lease) as transaction:
            transaction.run("void", load_seq=load.load_seq)

    def is_published(self, load: Load) -> bool:
        return bool(self._database.rows("has_receipt", stage=_PUBLISH, load_seq=load.load_seq))

    def published(self) -> dict[str, int]:
        return {feed: int(load_seq) for feed, load_seq in self._database.rows("published")}

    def publish(
        self,
        load: Load,
        lease: Lease,
        *,
        counts: Mapping[str, Counts],
        quarantine: Rows,
        folds: Iterable[PublishedFold],
        digests: Mapping[str, str],
    ) -> None:
        with self._database.transaction(CommitPoint.PUBLISH, lease) as transaction:
            keep_models(transaction, digests)
            transaction.run("insert_receipt", stage=_PUBLISH, load_seq=load.load_seq)
            for dataset, figures in counts.items():
                transaction.run("insert_counts", load_seq=load.load_seq, dataset=dataset, **asdict(figures))
            copy_rows(transaction.connection, sql.Identifier("tillage", "quarantine"), quarantine)
            for fold, delta in sorted(folds, key=lambda pair: pair[0].name):
                add_delta(transaction, fold, delta)

    def counts(self, load_seq: int) -> dict[str, Counts]:
        return {
            str(dataset): Counts(*(None if figure is None else int(figure) for figure in figures))  # type: ignore[arg-type]
            for dataset, *figures in self._database.rows("counts", load_seq=load_seq)
        }

    def quarantine_counts(self, load_seq: int) -> dict[str, tuple[int, int]]:
        rows = self._database.rows("quarantine_counts", load_seq=load_seq)
        return {str(dataset): (int(count), int(minor or 0)) for dataset, count, minor, _ in rows}

    def seal(self, load: Load, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.SEAL, lease) as transaction:
            transaction.run("seal", load_seq=load.load_seq)

    def quarantine_reasons(self) -> list[Reason]:
        return [
            Reason(dataset, code, int(count), int(minor or 0), int(not_countable))
            for dataset, code, count, minor, not_countable in self._database.rows("quarantine_reasons")
        ]

    def paths(self, load_seq: int) -> dict[int, str]:
        return {int(source): str(path) for source, path in self._database.rows("source_paths", load_seq=load_seq)}

    def quarantine_rows(self, dataset: str) -> Rows:
        rows = self._database.rows("quarantine", dataset=dataset)
        columns = list(zip(*rows, strict=True)) or [() for _ in _QUARANTINE]
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, _QUARANTINE, strict=True)], schema=_QUARANTINE)


def _source_rows(load: Load) -> pa.Table:
    return pa.Table.from_pylist([{"load_seq": load.load_seq} | asdict(source) for source in load.sources])
