"""A project folder with one feed, as the pipelines see its door."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.doors.files import FilesDoor
from tillage.ports.door import Arrivals
from tillage.ports.store import Known

LINE = b'{"a":1}\n'


class Landing:
    """The feed `shop` of JSON Lines in `landing/shop`, unless a test sets another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.feed = Feed("shop", "landing/shop", "jsonl")
        self.door = FilesDoor(root)
        self.folder.mkdir(parents=True)

    @property
    def folder(self) -> Path:
        return self.root / "landing" / "shop"

    def land(self, name: str, data: bytes = LINE) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def zip(self, name: str, members: dict[str, bytes], **options: Any) -> Path:
        path = self.folder / name
        with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED, **options) as zipped:
            for member, data in members.items():
                zipped.writestr(member, data)
        return path

    def look(self, known: Known | None = None) -> Arrivals:
        return self.door.arrivals(self.feed, known or Known())

    def paths(self) -> list[str]:
        return [source.path.removeprefix("landing/shop/") for source in self.look().sources]

    def left_alone(self) -> dict[str, str]:
        return {left.path.removeprefix("landing/shop/"): left.reason for left in self.look().left_alone}

    def read(self, *sources: SourceFile) -> list[dict[str, Any]]:
        batches = self.door.read(self.feed, sources or self.look().sources)
        return [row for batch in batches for row in batch.to_pylist()]

    def known(self, arrived: Arrivals) -> Known:
        return Known(
            {source.path: source.signature for source in arrived.sources},
            {(source.path, source.digest) for source in arrived.sources},
        )
