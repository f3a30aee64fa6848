"""Revenue cut in four ways comes to one total: each line has one net, whatever it is added up by."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
import yaml

from tests.integration.shops import Shop, make_database
from tests.oracle.vat import line_nets
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import reconcile

RATES = {"food": 700, "drink": 1900, "book": 1900, "stamp": 0}
_FROM = "sales as s cross join unnest(s.lines) as t(l)"
MODELS = {
    "by_customer": f"select s.customer, sum(l.net_minor) as net_minor from {_FROM} group by 1",
    "by_product": f"select l.product, sum(l.net_minor) as net_minor from {_FROM} group by 1",
    "by_hour": (
        "select cast(date_trunc('hour', s.sold_at) as timestamptz) as hour, sum(l.net_minor) as net_minor "
        f"from {_FROM} group by 1"
    ),
    "by_rate": f"select l.vat_bp, sum(l.net_minor) as net_minor from {_FROM} group by 1",
}
_NUMBERS = count(1)


def contract() -> str:
    vat = {"rateBy": "kind", "rates": {kind: rate / 100 for kind, rate in RATES.items()}}
    price = {
        "name": "gross",
        "logicalType": "number",
        "required": True,
        "customProperties": [{"property": "tillage.money", "value": "EUR"}, {"property": "tillage.vat", "value": vat}],
    }
    line = [
        {"name": "product", "logicalType": "string"},
        {"name": "kind", "logicalType": "string", "required": True},
        price,
    ]
    columns = [
        {"name": "id", "logicalType": "string", "primaryKey": True},
        {"name": "customer", "logicalType": "string"},
        {"name": "sold_at", "logicalType": "timestamp", "required": True},
        {"name": "lines", "logicalType": "array", "items": {"logicalType": "object", "properties": line}},
    ]
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "sales", "version": "1.0.0", "status": "active"}
    return yaml.safe_dump(head | {"schema": [{"name": "sales", "properties": columns}]}, sort_keys=False)


@pytest.fixture
def till(server: str, tmp_path: Path) -> Shop:
    root = tmp_path / "till"
    for folder in ("contracts", "models", "landing/orders"):
        (root / folder).mkdir(parents=True)
    feeds = {"sales": {"path": "landing/orders", "format": "jsonl"}}
    (root / "tillage.yaml").write_text(json.dumps({"project": "till", "feeds": feeds}))
    (root / "contracts/sales.odcs.yaml").write_text(contract())
    for name, text in MODELS.items():
        (root / f"models/{name}.sql").write_text(text)
    return Shop(root, make_database(server, f"till_{next(_NUMBERS)}"))


@pytest.mark.accept("5.5")
@pytest.mark.parametrize("seed", [5, 55])
def test_four_ways_to_cut_revenue_have_one_total(till: Shop, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    wanted: dict[str, Counter[object]] = {name: Counter() for name in MODELS}
    start = datetime(2025, 3, 29, 20, tzinfo=UTC)
    for load in range(3):
        sales = []
        for number in range(40):
            at = start + timedelta(seconds=chance.randrange(40 * 3600))
            kinds = [chance.choice(list(RATES)) for _ in range(chance.randrange(6))]
            gross = [chance.randrange(-500, 2000) for _ in kinds]
            customer = chance.choice(["ann", "bo", None])
            products = [f"p{chance.randrange(5)}" for _ in kinds]
            lines = [
                {"product": product, "kind": kind, "gross": str(Decimal(minor).scaleb(-2))}
                for product, kind, minor in zip(products, kinds, gross, strict=True)
            ]
            sales.append({"id": f"{load}-{number}", "customer": customer, "sold_at": at.isoformat(), "lines": lines})
            rates = [RATES[kind] for kind in kinds]
            nets = line_nets(list(zip(gross, rates, strict=True)), basis="inclusive", level="rate_group")
            for product, rate, net in zip(products, rates, nets, strict=True):
                hour = at.replace(minute=0, second=0, microsecond=0)
                for name, key in zip(MODELS, (customer, product, hour, rate), strict=True):
                    wanted[name][key] += net
        till.land(f"{load}.jsonl", *sales)
        till.run()
        with till.open() as house:
            found = {name: query(house, f"from gold.{name}").to_pylist() for name in MODELS}
            assert all(one.comparison.differ == 0 for one in reconcile(house))
        for name, rows in found.items():
            keyed = {next(value for column, value in row.items() if column != "net_minor"): row for row in rows}
            assert {key: int(row["net_minor"]) for key, row in keyed.items()} == wanted[name], name
        assert len({sum(row["net_minor"] for row in rows) for rows in found.values()}) == 1
