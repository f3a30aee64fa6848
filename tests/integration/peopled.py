"""A project about people: two feeds that name them, with all that a vault keeps, on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.shops import Shop
from tests.integration.small import put
from tillage.pipelines.query import query

SUBJECT = {"property": "tillage.subject", "value": "customer"}
ALIAS = {"property": "tillage.aliasOf", "value": "customer"}
HASHED = {"property": "tillage.erase", "value": "hash"}
CUSTOMERS: list[dict[str, Any]] = [
    {"name": "customer_id", "logicalType": "string", "primaryKey": True, "customProperties": [SUBJECT]},
    {"name": "name", "logicalType": "string", "required": True, "classification": "personal"},
    {"name": "born", "logicalType": "date", "classification": "personal"},
    {"name": "height", "logicalType": "number", "classification": "personal"},
    {"name": "email", "logicalType": "string", "customProperties": [ALIAS]},
    {
        "name": "home",
        "logicalType": "object",
        "classification": "personal",
        "properties": [{"name": "street", "logicalType": "string"}, {"name": "floor", "logicalType": "integer"}],
    },
    {
        "name": "phones",
        "logicalType": "array",
        "classification": "personal",
        "items": {"logicalType": "object", "properties": [{"name": "number", "logicalType": "string"}]},
    },
    {"name": "country", "logicalType": "string"},
]
ORDERS: list[dict[str, Any]] = [
    {"name": "order_id", "logicalType": "string", "primaryKey": True},
    {"name": "customer_id", "logicalType": "string", "required": True, "customProperties": [SUBJECT]},
    {"name": "door", "logicalType": "string", "classification": "personal"},
    {
        "name": "total",
        "logicalType": "number",
        "required": True,
        "customProperties": [{"property": "tillage.money", "value": "EUR"}],
    },
]
SPEND = "select customer_id, count(*) as orders, sum(total_minor) as total_minor from orders group by customer_id"


def hashed_customers(*names: str) -> list[dict[str, Any]]:
    """`CUSTOMERS`, of whom a hash is left in these columns once they are erased."""
    return [
        one | {"customProperties": [*one.get("customProperties", ()), HASHED]} if one["name"] in names else one
        for one in CUSTOMERS
    ]


def contract(dataset: str, columns: list[dict[str, Any]], **more: Any) -> str:
    """The text of a contract with one dataset; `more` are its other members."""
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": dataset, "version": "1.0.0", "status": "active"}
    return json.dumps(head | {"schema": [{"name": dataset, "properties": columns, **more}]}, indent=1)


def make_peopled(root: Path, dsn: str, *, merge: str = "reject", project: Mapping[str, Any] | None = None) -> Shop:
    """`/spend/{customerId}` is served; `merge` is that of the customers."""
    for folder in ("contracts", "models", "landing/customers", "landing/orders"):
        (root / folder).mkdir(parents=True)
    feeds = {name: {"path": f"landing/{name}", "format": "jsonl"} for name in ("customers", "orders")}
    route = {"from": "spend", "fields": {"customerId": "customer_id", "orders": "orders", "total": "total_minor"}}
    said = {"project": "people", "feeds": feeds, "serve": {"/spend/{customerId}": route}}
    (root / "tillage.yaml").write_text(json.dumps(said | dict(project or {})))
    merging = {"customProperties": [{"property": "tillage.merge", "value": merge}]}
    (root / "contracts/customers.odcs.yaml").write_text(contract("customers", CUSTOMERS, **merging))
    (root / "contracts/orders.odcs.yaml").write_text(contract("orders", ORDERS))
    (root / "models/spend.sql").write_text(SPEND)
    return Shop(root, dsn)


def person(number: str, name: str | None = "Zenobia Quagge", **more: Any) -> dict[str, Any]:
    """A customer as it is sent."""
    return {"customer_id": number, "name": name, "country": "NL"} | more


def sale(number: str, customer: str, total: str = "1.10", **more: Any) -> dict[str, Any]:
    """An order as it is sent."""
    return {"order_id": number, "customer_id": customer, "total": total} | more


def land(shop: Shop, name: str, *records: object) -> Path:
    """A file of records; `name` begins with the feed's."""
    return put(shop, name, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode())


def vault(shop: Shop, select: str) -> list[tuple[Any, ...]]:
    """Rows of a SELECT in the store."""
    with psycopg.connect(shop.dsn) as connection:
        return connection.execute(select).fetchall()  # type: ignore[call-overload, no-any-return]


def subjects(shop: Shop) -> dict[str, str]:
    """By natural id the subject key."""
    return dict(vault(shop, "select natural_id, subject_key from vault.identities"))


def silver(shop: Shop, dataset: str) -> list[dict[str, Any]]:
    """What stands, without where it stands."""
    with shop.open() as house:
        rows = query(house, f'from silver."{dataset}"').to_pylist()
    return [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]


def codes(shop: Shop, dataset: str) -> list[list[str]]:
    """Of all units that wait, in order of place."""
    with shop.open() as house:
        return [list(row["codes"]) for row in house.ledger.quarantine_rows(dataset).to_pylist()]


def counts(shop: Shop, load: int, dataset: str) -> dict[str, int]:
    """Of one load: accepted, quarantined, duplicate, where there are any."""
    with shop.open() as house:
        found = house.ledger.counts(load)[dataset]
    figures = {
        "accepted": found.accepted_rows,
        "quarantined": found.quarantined_rows,
        "duplicate": found.duplicate_rows,
    }
    return {name: rows for name, rows in figures.items() if rows}
