"""`tillage backup`: a copy of store and lake as they were at one moment, while runs go on.

The leases of all feeds are held for that moment alone: then no load is half-way between lake and store. A snapshot of
the store and the versions of the lake's tables are pinned, the leases given back, and what was pinned is copied. The
lease `upkeep` is held until the end, and whoever removes files of the lake takes it too. Should a file be gone all the
same, the backup ends without a manifest and can be repeated.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tillage.errors import BackupError, LeaseHeldError, TransientError
from tillage.pipelines.house import House
from tillage.ports.backup import BackupFolder, LakeTableCopy, Manifest, StoreSnapshot, StoreTable
from tillage.ports.lake import LAKE_FORMAT, PinnedTable

UPKEEP = "upkeep"
"""The lease of whoever removes files of the lake, and of whoever needs them to stay."""
LAKE = "lake"


@dataclass(frozen=True)
class Backup:
    """What a backup has copied, and how many files were there already."""

    manifest: Manifest
    kept_files: int

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.manifest.files())


def backup(house: House, folder: BackupFolder, *, wait_s: float, version: str) -> Backup:
    """The whole house in `folder`, or what was there before; `version` is that of the program.

    Raises:
        BackupError: the folder is another's or cannot be written.
        LeaseHeldError: a feed is being loaded, or files are being removed, for longer than `wait_s`.
        TransientError: a file was gone before it was copied.
    """
    with house.leases.hold(UPKEEP, wait_s=wait_s, on_wait=house.say), ExitStack() as pinned:
        before = folder.manifest()
        if before and (before.house, before.project) != (house.ledger.house(), _named(house)):
            raise BackupError(
                f"{folder.location()} holds a backup of another project or environment, {before.project}; give a new "
                "folder"
            )
        folder.prepare()
        with _all_feeds(house, wait_s):
            tables = house.lake.pinned()
            store = pinned.enter_context(house.copies.pinned())
        name = secrets.token_hex(8)
        store_tables = _copy_store(store, folder, f"store-{name}")
        manifest = _manifest(house, name, store, store_tables, version)
        pinned.close()  # the lake takes longer, and needs no snapshot
        copies, kept_files = _copy_lake(house, folder, tables, before)
        folder.finish(manifest := replace(manifest, lake=copies))
    return Backup(manifest, kept_files)


def _named(house: House) -> str:
    """Project and environment, since a house that was restored from another environment has that one's mark."""
    return house.project.environment.house(house.project.name)


@contextmanager
def _all_feeds(house: House, wait_s: float) -> Iterator[None]:
    """The leases of all feeds at once; while one is busy the others are let go."""
    end_s = time.monotonic() + wait_s
    feeds = sorted({*house.feeds, *house.ledger.published()})
    while True:
        with ExitStack() as leases:
            busy = _take(house, feeds, leases)
            if busy is None:
                yield
                return
        with house.leases.hold(f"feed/{busy}", wait_s=max(0.0, end_s - time.monotonic()), on_wait=house.say):
            pass


def _take(house: House, feeds: Iterable[str], leases: ExitStack) -> str | None:
    """Into `leases`; the feed whose lease cannot be had."""
    for feed in feeds:
        try:
            leases.enter_context(house.leases.hold(f"feed/{feed}", wait_s=0, on_wait=lambda _: None))
        except LeaseHeldError:
            return feed
    return None


def _copy_store(store: StoreSnapshot, folder: BackupFolder, name: str) -> tuple[StoreTable, ...]:
    return tuple(
        store.rows(table, columns, lambda pieces, table=table: folder.write(f"{name}/{table}.csv", pieces))  # type: ignore[misc]
        for table, columns in store.tables().items()
    )


def _manifest(house: House, name: str, store: StoreSnapshot, tables: tuple[StoreTable, ...], version: str) -> Manifest:
    return Manifest(
        backup=name,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tillage=version,
        project=_named(house),
        house=house.ledger.house(),
        schema_version=store.schema_version,
        lake_format=LAKE_FORMAT,
        last_number=store.last_number,
        store=tables,
        lake=(),
    )


def _copy_lake(
    house: House, folder: BackupFolder, tables: Iterable[PinnedTable], before: Manifest | None
) -> tuple[tuple[LakeTableCopy, ...], int]:
    """The copies of the tables, and how many of their files were there."""
    known = {file.path: file for file in before.files()} if before else {}
    copies, kept_files = [], 0
    for table in tables:
        files = []
        for source in table.files:
            path = f"{LAKE}/{source.name}"
            file, is_kept = folder.keep(path, source, known.get(path))
            files.append(file)
            kept_files += is_kept
        house.say(f"{table.name}: {len(files):,} files, version {table.version}")
        if not house.lake.is_whole_copy(Path(folder.location()) / LAKE, table):
            raise TransientError(f"table {table.name} was changed while it was copied; repeat the command")
        copies.append(LakeTableCopy(table.name, table.version, tuple(files)))
    return tuple(copies), kept_files
