"""A project with one feed of flat records, each field text unless a test says otherwise, on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.shops import Shop


def make_small(
    root: Path,
    dsn: str,
    *,
    feeds: Mapping[str, Mapping[str, Any]],
    columns: Sequence[str | Mapping[str, Any]] = ("id", "name"),
    models: Mapping[str, str] | None = None,
) -> Shop:
    """Each feed lies in `landing/<feed>`, and its one dataset is called `<feed>_seen`."""
    for folder in ("contracts", "models", *(f"landing/{feed}" for feed in feeds)):
        (root / folder).mkdir(parents=True)
    describe(root, feeds)
    properties = [{"name": one, "logicalType": "string"} if isinstance(one, str) else dict(one) for one in columns]
    for feed in feeds:
        contract = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": feed, "version": "1.0.0", "status": "active"}
        text = json.dumps(contract | {"schema": [{"name": f"{feed}_seen", "properties": properties}]})
        (root / f"contracts/{feed}.odcs.yaml").write_text(text)
    for name, text in (models or {}).items():
        (root / f"models/{name}.sql").write_text(text)
    return Shop(root, dsn)


def describe(root: Path, feeds: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes what `tillage.yaml` says of the feeds."""
    doors = {name: {"path": f"landing/{name}", **door} for name, door in feeds.items()}
    (root / "tillage.yaml").write_text(json.dumps({"project": "small", "feeds": doors}))


def put(shop: Shop, name: str, data: bytes) -> Path:
    """A file in the landing folder; `name` begins with the feed's."""
    path = shop.root / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def codes(shop: Shop, dataset: str) -> list[list[str]]:
    """Of all units that wait, in order."""
    with shop.open() as house:
        return [row["codes"] for row in house.ledger.quarantine_rows(dataset).to_pylist()]
