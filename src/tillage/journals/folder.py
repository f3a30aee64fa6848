"""The journal of erasures in `safe/`: lines of JSON, and notes of those that are under way.

The journal has no id in it, only keyed digests. The notes have: they are what is looked for until nothing is found any
more, lie nowhere else meanwhile, and are deleted last.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tillage.domain.load import CommitPoint
from tillage.errors import KeysError
from tillage.ports.commit import Commits
from tillage.ports.erasing import Notes, Person, Suppression, SuppressionKind, Told

JOURNAL = "erasures.jsonl"
_NOTES = re.compile(r"\.?erasure-(\d+)\.json(\.part)?")


def is_notes(folder: Path, path: Path) -> bool:
    """Whether a file says who is being erased; who searches for them passes over it."""
    return bool(_NOTES.fullmatch(path.name)) and path.parent.resolve() == folder.resolve()


class FolderJournal:
    """The journal in one folder, which is made with mode 0700."""

    def __init__(self, folder: Path, commits: Commits) -> None:
        self._folder, self._commits = folder, commits

    def erasures(self) -> list[Told]:
        found: dict[int, Told] = {}
        for line in self._lines():
            if "erasure" in line:
                one = int(line["erasure"])
                found[one] = Told(one, tuple(_suppression(held) for held in line["suppressed"]), is_proved=False)
            elif "proved" in line and int(line["proved"]) in found:
                found[int(line["proved"])] = replace(found[int(line["proved"])], is_proved=True)
            else:  # whoever is erased once more is in a later line again
                lifted = set(line.get("lifted", ()))
                for one, told in found.items():
                    kept = tuple(held for held in told.suppressed if held.digest.hex() not in lifted)
                    found[one] = replace(told, suppressed=kept)
        return list(found.values())

    def lifted(self) -> set[bytes]:
        found: set[bytes] = set()
        for line in self._lines():
            found |= {bytes.fromhex(one) for one in line.get("lifted", ())}
            found -= {bytes.fromhex(one["digest"]) for one in line.get("suppressed", ())}
        return found

    def add(self, erasure: int, suppressed: Sequence[Suppression]) -> None:
        if all(told.erasure != erasure for told in self.erasures()):
            self._append({"erasure": erasure, "suppressed": [_plain(one) for one in suppressed]})

    def add_proved(self, erasure: int) -> None:
        if any(told.erasure == erasure and not told.is_proved for told in self.erasures()):
            self._append({"proved": erasure})

    def add_lifted(self, digests: Collection[bytes]) -> None:
        self._append({"lifted": sorted(digest.hex() for digest in digests)})

    def keep(self, notes: Notes) -> None:
        file = self._file(notes.erasure)
        part = file.with_name(f".{file.name}.part")
        with self._commits.at(CommitPoint.JOURNAL), _told():
            self._make_folder()
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump(
                    asdict(notes) | {"suppressed": [[_plain(one) for one in mine] for mine in notes.suppressed]},
                    out,
                    default=str,
                )
                out.flush()
                os.fsync(out.fileno())
            part.rename(file)
            self._sync()

    def notes(self) -> list[Notes]:
        with _told():
            names = [_NOTES.fullmatch(path.name) for path in self._folder.iterdir()] if self._folder.is_dir() else []
            return [self._notes(one) for one in sorted({int(name[1]) for name in names if name and not name[2]})]

    def _notes(self, erasure: int) -> Notes:
        try:
            held = json.loads(self._file(erasure).read_bytes())
        except ValueError:
            raise KeysError(f"safe/{self._file(erasure).name} is torn; put it back from where it is kept") from None
        return Notes(
            int(held["erasure"]),
            [_person(one) for one in held["people"]],
            [[_suppression(one) for one in mine] for mine in held["suppressed"]],
            [(int(number), str(one)) for number, one in held["personal"]],
            {feed: [(int(a), int(b), int(c)) for a, b, c in places] for feed, places in held["places"].items()},
            dict(held["accepted"]),
        )

    def drop(self, erasure: int) -> None:
        file = self._file(erasure)
        with self._commits.at(CommitPoint.JOURNAL), _told():
            for one in (file, file.with_name(f".{file.name}.part")):
                one.unlink(missing_ok=True)
            self._sync()

    def _file(self, erasure: int) -> Path:
        return self._folder / f"erasure-{erasure}.json"

    def _lines(self) -> list[dict[str, Any]]:
        """Whole lines; the last one may be torn by who died while writing it, before anything followed from it."""
        with _told():
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
        with self._commits.at(CommitPoint.JOURNAL), _told():
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


@contextmanager
def _told() -> Iterator[None]:
    """What the file system refuses, as our error."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as wrong:
        raise KeysError(f"the journal of erasures in safe/ cannot be read or written ({wrong.strerror})") from None


def _plain(one: Suppression) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "kind": one.kind.value,
        "ring": one.ring.hex(),
        "digest": one.digest.hex(),
        "until": one.until.isoformat(),
    }


def _suppression(held: dict[str, Any]) -> Suppression:
    return Suppression(
        str(held["subject"]),
        SuppressionKind(held["kind"]),
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
        tuple(held["own_aliases"]),
        held["subject_key"],
        None if until is None else datetime.fromisoformat(until),
        bool(held.get("is_alone")),
    )
