"""A project with one feed of sales, each of a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROJECT = "project: bench\nfeeds:\n  sales: {path: landing/sales, format: jsonl}\n"
_ID = {
    "name": "id",
    "logicalType": "string",
    "required": True,
    "customProperties": [{"property": "tillage.subject", "value": "customer"}],
}


def make_sales_project(folder: Path, *more: Mapping[str, Any]) -> Path:
    """The folder where its files land; `more` are columns besides the id."""
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "sales", "version": "1.0.0", "status": "active"}
    contract = head | {"schema": [{"name": "sales", "properties": [_ID, *more]}]}
    landing = folder / "landing" / "sales"
    landing.mkdir(parents=True)
    (folder / "contracts").mkdir()
    (folder / "tillage.yaml").write_text(_PROJECT)
    (folder / "contracts" / "sales.odcs.yaml").write_text(json.dumps(contract))
    return landing
