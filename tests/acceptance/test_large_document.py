"""A JSON document that is one huge array is read in pieces: memory does not grow with it.

The same at 1 GB and more: `make bench SCALE=1`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.bad.watched import watched
from tests.acceptance.commands import new_project, tillage_json

pytestmark = pytest.mark.accept("3.5")

_ELEMENTS = 400_000
_MOST_BYTES = 10**9
_ENGINE_MB = 256


def _array(path: Path) -> int:
    """Customers with one order each, as one array on one line; its size in bytes."""
    with path.open("w") as file:
        for number in range(_ELEMENTS):
            item = {"productId": f"p{number % 97}", "productType": "hot food", "grossMerchandiseValueEur": 11.5}
            order = {"orderId": f"o{number}", "basket": [item], "note": "x" * 400}
            file.write(("[" if number == 0 else ",") + json.dumps({"customerId": f"c{number}", "orders": [order]}))
        file.write("]")
    return path.stat().st_size


def test_a_huge_array_is_loaded_within_a_gigabyte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = new_project(tmp_path / "shop")
    project = shop / "tillage.yaml"
    project.write_text(project.read_text().replace("format: jsonl", "format: json"))
    size_bytes = _array(shop / "landing" / "orders" / "all.json")
    monkeypatch.setenv("TILLAGE_MEMORY_MB", str(_ENGINE_MB))
    ran = watched(shop, "run", "--json")
    assert ran.exit_code == 0, ran.said
    assert size_bytes > 200_000_000
    assert ran.peak_bytes < _MOST_BYTES, f"{ran.peak_bytes / 1e6:.0f} MB for a document of {size_bytes / 1e6:.0f} MB"
    orders = tillage_json(shop, "status")["datasets"]["orders"]
    assert (orders["accepted_rows"], orders["accepted_minor"]) == (_ELEMENTS, 1150 * _ELEMENTS)
