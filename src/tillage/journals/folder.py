"""The journal of erasures in `safe/`: one line of JSON for each, and notes of the one that is under way.

The journal has no id in it, only keyed digests. The notes have: they are what is looked for until nothing is found any
more, lie nowhere else meanwhile, and are deleted last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tillage.domain.load import CommitPoint
from tillage.errors import KeysError
from tillage.ports.commit import Commits
from tillage.ports.erasing import Notes, Person, Suppression

JOURNAL = "erasures.jsonl"
NOTES = "erasure.json"


def notes_of(folder: Path) -> tuple[Path, ...]:
    """The files of one folder that say who is being erased, for who searches all others."""
    return folder / NOTES, folder / f".{NOTES}.part"


class FolderJournal:
    """The journal in one folder, which is made with mode 0700."""

    def __init__(self, folder: Path, commits: Commits) -> None:
        self._folder, self._commits = folder, commits

    def erasures(self) -> list[tuple[int, tuple[Suppression, ...]]]:
        lines = self._lines()
        lifted = {digest for line in lines for digest in line.get("lifted", ())}
        return [
            (
                int(line["erasure"]),
                tuple(_suppression(one) for one in line["suppressed"] if one["digest"] not in lifted),
            )
            for line in lines
            if "erasure" in line
        ]

    def add(self, erasure: int, suppressed: Sequence[Suppression]) -> None:
        if all(number != erasure for number, _ in self.erasures()):
            self._append({"erasure": erasure, "suppressed": [_plain(one) for one in suppressed]})

    def add_lifted(self, digests: Collection[bytes]) -> None:
        self._append({"lifted": sorted(digest.hex() for digest in digests)})

    def keep(self, notes: Notes) -> None:
        part = self._folder / f".{NOTES}.part"
        with self._commits.at(CommitPoint.JOURNAL), self._told():
            self._make_folder()
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(notes), file, default=str)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / NOTES)
            self._sync()

    def notes(self) -> Notes | None:
        with self._told():
            try:
                held = json.loads((self._folder / NOTES).read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:
                raise KeysError(f"safe/{NOTES} is torn; put it back from where it is kept") from None
        return Notes(
            int(held["erasure"]),
            [_person(one) for one in held["people"]],
            [(int(number), str(one)) for number, one in held["personal"]],
            {feed: [(int(a), int(b), int(c)) for a, b, c in places] for feed, places in held["places"].items()},
        )

    def drop(self) -> None:
        with self._commits.at(CommitPoint.JOURNAL), self._told():
            for name in (NOTES, f".{NOTES}.part"):
                (self._folder / name).unlink(missing_ok=True)
            self._sync()

    def _lines(self) -> list[dict[str, Any]]:
        """Whole lines; the last one may be torn by who died while writing it, before anything followed from it."""
        with self._told():
            try:
                text = (self._folder / JOURNAL).read_text(encoding="utf-8")
            except FileNotFoundError:
                return []
        found = []
        for line in text.split("\n")[:-1]:
            with suppress(ValueError):
                found.append(json.loads(line))
                continue
            raise KeysError(f"safe/{JOURNAL} has a line that is none of Tillage; put it back from where it is kept")
        return found

    def _append(self, line: dict[str, Any]) -> None:
        with self._commits.at(CommitPoint.JOURNAL), self._told():
            self._make_folder()
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._folder / JOURNAL, flags, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                held = os.pread(descriptor, size, 0)
                whole = held.rfind(b"\n") + 1
                os.ftruncate(descriptor, whole)
                os.pwrite(descriptor, (json.dumps(line) + "\n").encode(), whole)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._sync()

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @staticmethod
    def _told() -> Any:
        return _Told()


class _Told:
    """What the file system refuses, as our error."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, wrong: object, trace: object) -> None:
        if isinstance(wrong, OSError) and not isinstance(wrong, FileNotFoundError):
            raise KeysError(f"the journal of erasures in safe/ cannot be read or written ({wrong.strerror})") from None


def _plain(one: Suppression) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "is_alias": one.is_alias,
        "ring": one.ring.hex(),
        "digest": one.digest.hex(),
        "until": one.until.isoformat(),
    }


def _suppression(held: dict[str, Any]) -> Suppression:
    return Suppression(
        str(held["subject"]),
        bool(held["is_alias"]),
        bytes.fromhex(held["ring"]),
        bytes.fromhex(held["digest"]),
        datetime.fromisoformat(held["until"]),
    )


def _person(held: dict[str, Any]) -> Person:
    until = held["until"]
    return Person(
        held["subject"],
        held["natural_id"],
        tuple(held["aliases"]),
        held["subject_key"],
        None if until is None else datetime.fromisoformat(until),
    )
