"""Files that are refused whole: torn ones, and those that are something else than `tillage.yaml` and the contract say.

A refused file is remembered with its bytes and with all that is said about reading them, so that it is tried again when
either changes, and at no run in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, replace

from tillage.contracts.compiler.check import Check
from tillage.contracts.compiler.shape import NOTE
from tillage.domain.load import Load, SourceFile
from tillage.errors import FileRejectedError
from tillage.pipelines.house import FeedContract, House
from tillage.ports.engine import Workspace
from tillage.ports.store import Known, Rejection

_MOST_HINTS = 3  # of many files that are loaded and wrong in the same way


def read_members(check: Check) -> Collection[str]:
    """The members of a record that some column reads."""
    return check.shape.members.keys() - {NOTE}


def refused_before(known: Known, contract: FeedContract, source: SourceFile) -> FileRejectedError | None:
    """What was said of the file, if neither it nor how it is to be read has changed since."""
    found = known.rejected.get(source.path)
    if found is None or found.digest != _digest(contract, source):
        return None
    return FileRejectedError(found.path, found.message)


def rejections(house: House, load: Load, wrong: FileRejectedError) -> list[Rejection]:
    """What to remember of the files of a load."""
    contract, sources = house.feeds[load.feed], {source.path: source for source in load.sources}
    return [
        Rejection(one.path, _digest(contract, sources[one.path]), str(one))
        for one in (wrong, *wrong.others)
        if one.path in sources
    ]


def refuse_misdescribed(house: House, load: Load, workspace: Workspace) -> None:
    """Looks at each file of which hardly anything came in; says what may be wrong, where it can be mended afterwards.

    Raises:
        FileRejectedError: some look like something else than `tillage.yaml` says. Loaded as it is, such a file would be
            known, and never read again by what it should say.
    """
    contract = house.feeds[load.feed]
    refused: list[FileRejectedError] = []
    said = 0
    for number, is_unread in workspace.fruitless_sources():
        source = load.sources[number]
        hint = house.door.hint(contract.feed, source, is_unread=is_unread, members=read_members(contract.check))
        if hint is None:
            continue
        if hint.is_refused:
            refused.append(_misdescribed(source, hint.text))
        elif said < _MOST_HINTS:
            said += 1
            house.say(f"{source.path}: {hint.text}")
    if refused:
        raise FileRejectedError(refused[0].path, str(refused[0]), others=tuple(refused[1:]))


def _misdescribed(source: SourceFile, what: str) -> FileRejectedError:
    return FileRejectedError(
        source.path,
        f"file {source.path}: {what}; nothing of it is loaded. Correct tillage.yaml, or move the file out of the "
        "folder, then: tillage run",
    )


def _digest(contract: FeedContract, source: SourceFile) -> str:
    """Of the file's bytes, and of all that is said about reading them."""
    feed = asdict(replace(contract.feed, path="", name=""))
    said = [source.digest, source.form, contract.check.contract.digest, feed]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
