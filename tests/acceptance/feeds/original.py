"""Real shop data from elsewhere, as it came: hourly folders, a product list twice, live events."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.acceptance.feeds.case import Case, Law, amount, column, contract, dataset, flat, key, lines, minor, summed


def _hourly(original: Path, name: str) -> tuple[dict[str, bytes], list[tuple[str, dict[str, Any]]]]:
    """The files below `raw_data`, and their records with the day of the folder."""
    root = original / "health_retail" / "raw_data"
    paths = sorted(root.glob(f"date=*/hour=*/{name}.json*"))
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    records = []
    for path, data in files.items():
        text = gzip.decompress(data) if path.endswith(".gz") else data
        day = path.split("/")[0].removeprefix("date=")
        records += [(day, json.loads(line)) for line in text.decode().splitlines() if line.strip()]
    return files, records


def customers(original: Path) -> Case:
    """777 rows, 15 of them without a name or an address for mail; ids keep their leading zeros."""
    files, records = _hourly(original, "customers")
    kept = [(day, one) for day, one in records if all(one[name] for name in ("first_name", "last_name", "email"))]
    assert sum(one["id"].startswith("0") for _, one in kept) > 0
    needed = [column(name, required=True) for name in ("first_name", "last_name", "email")]
    rest = [column("address"), column("born_on", "date", physical="date_of_birth"), column("segment")]
    by_day = summed((day, ()) for day, _ in kept)
    return Case(
        "customers",
        {"format": "jsonl"},
        contract(
            "customers",
            dataset("customers", key("customer_id", "id"), *needed, *rest, column("day", "date", physical="date")),
        ),
        files,
        {
            "customers_by_day": "select day, count(*) as customers from customers group by day",
            "customers_by_id": "select customer_id, count(*) as customers from customers group by customer_id",
        },
        {"customers": Law((777, 762, 15, 0), codes={"missing": 15})},
        {
            "customers_by_day": ("day customers", flat(by_day)),
            "customers_by_id": ("customer_id customers", [(one["id"], 1) for _, one in kept]),
        },
    )


def products(original: Path) -> Case:
    """2,480 rows, 8 without a name, 5 for nothing, 2 that nobody wants; prices of three decimals are rounded."""
    files, records = _hourly(original, "products")
    kept = [one for _, one in records if one["name"] and Decimal(one["price"]) > 0 and one["popularity"] > 0]
    figures = [sum(minor(one["price"]) for one in some) for some in ([one for _, one in records], kept)]
    return Case(
        "products",
        {"format": "jsonl"},
        contract(
            "products",
            dataset(
                "products",
                column("sku", "integer", required=True),
                column("name", required=True),
                column("category"),
                column("popularity", "number", required=True) | {"logicalTypeOptions": {"exclusiveMinimum": 0}},
                amount("price", {"currency": "GBP", "excessDecimals": "round"})
                | {"logicalTypeOptions": {"exclusiveMinimum": 0}},
            ),
        ),
        files,
        {
            "products_by_category": "select category, sum(price_minor) as price_minor, count(*) as products "
            "from products group by category"
        },
        {
            "products": Law(
                (2480, 2465, 15, 0),
                (figures[0], figures[1], figures[0] - figures[1], 0),
                codes={"missing": 8, "range": 7},
            )
        },
        {
            "products_by_category": (
                "category price_minor products",
                flat(summed((one["category"], (minor(one["price"]),)) for one in kept)),
            )
        },
    )


def transactions(original: Path) -> Case:
    """10,036 rows of which 36 say what was said before; what refers to other feeds is not asked."""
    files, records = _hourly(original, "transactions")
    seen: dict[str, dict[str, Any]] = {}
    for _, one in records:
        assert seen.setdefault(one["transaction_id"], one) == one
    kept = list(seen.values())
    whole, held = (
        sum(minor(one["purchases"]["total_cost"]) for one in some) for some in ([one for _, one in records], kept)
    )
    sold = [line for one in kept for line in one["purchases"]["products"]]
    price = {name: amount(name, "GBP") for name in ("price", "total")}
    return Case(
        "transactions",
        {"format": "jsonl"},
        contract(
            "transactions",
            dataset(
                "transactions",
                key("transaction_id"),
                column("customer_id", required=True),
                column("sold_at", "timestamp", physical="transaction_time", required=True),
                column("town", physical="$.delivery_address.city"),
                amount("total_cost", "GBP", physical="$.purchases.total_cost", control=True),
                lines(
                    "lines",
                    column("sku", "integer", required=True),
                    column("quantity", "integer", physical="quanitity", required=True),
                    *price.values(),
                    physical="$.purchases.products",
                    required=True,
                ),
            ),
        ),
        files,
        {
            "spent_by_customer": "select customer_id, sum(total_cost_minor) as total_minor, count(*) as transactions "
            "from transactions group by customer_id",
            "sold_by_sku": "select l.sku, sum(l.quantity) as quantity, sum(l.total_minor) as total_minor, count(*) as "
            "lines from transactions as t cross join unnest(t.lines) as u(l) group by l.sku",
        },
        {"transactions": Law((10036, 10000, 0, 36), (whole, held, 0, whole - held))},
        {
            "spent_by_customer": (
                "customer_id total_minor transactions",
                flat(summed((one["customer_id"], (minor(one["purchases"]["total_cost"]),)) for one in kept)),
            ),
            "sold_by_sku": (
                "sku quantity total_minor lines",
                flat(summed((one["sku"], (one["quanitity"], minor(one["total"]))) for one in sold)),
            ),
        },
    )


def erasure_requests(original: Path) -> Case:
    """24 rows, some in plain files between packed ones; a member whose name has a hyphen."""
    files, records = _hourly(original, "erasure-requests")
    assert {Path(name).suffix for name in files} == {".gz", ".json"}
    return Case(
        "erasure_requests",
        {"format": "jsonl"},
        contract(
            "erasure_requests",
            dataset("erasure_requests", column("customer_id", physical="customer-id", required=True), column("email")),
        ),
        files,
        {"requests_by_customer": "select customer_id, count(*) as requests from erasure_requests group by customer_id"},
        {"erasure_requests": Law((24, 24, 0, 0))},
        {
            "requests_by_customer": (
                "customer_id requests",
                flat(summed((one["customer-id"], ()) for _, one in records)),
            )
        },
    )


def product_list(original: Path) -> Case:
    """105 rows of CSV: EANs with leading zeros, missing prices that stay null."""
    data = (original / "product_master" / "products.csv").read_bytes()
    rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    currencies = {"price_eur": "EUR", "price_usd": "USD", "price_gbp": "GBP"}
    prices = [amount(name, code, is_optional=True) for name, code in currencies.items()]
    whole = sum(minor(row["price_eur"] or "0") for row in rows)
    sums = summed(
        (
            (row["articleStatus"], row["gender"] or None),
            [minor(row[name] or "0") for name in currencies] + [bool(row[name]) for name in currencies],
        )
        for row in rows
    )
    figures = ", ".join(
        [f"sum({name}_minor) as {name}" for name in currencies]
        + [f"count({name}_minor) as {name}_rows" for name in currencies]
    )
    return Case(
        "product_list",
        {"format": "csv", "csv": {"delimiter": ","}},
        contract(
            "product_list",
            dataset(
                "product_list",
                key("ean"),
                column("style_number", physical="styleNumber", required=True),
                column("gender"),
                column("status", physical="articleStatus", required=True),
                *prices,
                column("ready_at", "timestamp", physical="b2bReadinessDate", required=True),
            ),
        ),
        {"products.csv": data},
        {
            "list_by_status": f"select status, gender, {figures}, count(*) as articles from product_list "
            "group by status, gender",
            "list_by_style": "select style_number, count(*) as articles from product_list group by style_number",
        },
        {"product_list": Law((105, 105, 0, 0), (whole, whole, 0, 0))},
        {
            "list_by_status": (
                f"status gender {' '.join(currencies)} {' '.join(f'{name}_rows' for name in currencies)} articles",
                [
                    (*row[:2], *(figure if row[place + 5] else None for place, figure in enumerate(row[2:5])), *row[5:])
                    for row in flat(sums)
                ],
            ),
            "list_by_style": ("style_number articles", flat(summed((row["styleNumber"], ()) for row in rows))),
        },
    )


def articles(original: Path) -> Case:
    """21 articles in one JSON list, each with lists of prices of several currencies."""
    data = (original / "product_master" / "sample_products.json").read_bytes()
    records = json.loads(data, parse_float=Decimal)
    prices = [
        (price["priceCurrency"], minor(str(price["price"]))) for one in records for price in one["itemSellingPrices"]
    ]
    codes = {"Euro": "EUR", "US Dollar": "USD"} | {name: "GBP" for name, _ in prices if "Pound" in name}
    asked = {code: sum(price for name, price in prices if codes[name] == code) for code in codes.values()}
    return Case(
        "articles",
        {"format": "json"},
        contract(
            "articles",
            dataset(
                "articles",
                key("ean"),
                column("status", physical="$.styleLifeCycle.articleStatus", required=True),
                column("made_at", "timestamp", physical="$.styleLifeCycle.createdOn"),
            ),
            dataset(
                "asking_prices",
                column("ean", physical="$.ean", required=True),
                column("spelled", physical="priceCurrency", required=True),
                column("currency", terms={"map": {"column": "spelled", "values": codes}}),
                amount("price", {"currencyBy": "currency"}),
                unit="$.itemSellingPrices[*]",
            ),
        ),
        {"sample_products.json": data},
        {
            "asked_by_currency": "select currency, sum(price_minor) as price_minor, count(*) as prices "
            "from asking_prices group by currency",
            "articles_by_status": "select status, count(*) as articles from articles group by status",
        },
        {
            "articles": Law((len(records), len(records), 0, 0)),
            "asking_prices": Law((len(prices), len(prices), 0, 0), (asked, asked, {}, {})),
        },
        {
            "asked_by_currency": (
                "currency price_minor prices",
                flat(summed((codes[name], (price,)) for name, price in prices)),
            ),
            "articles_by_status": (
                "status articles",
                flat(summed((one["styleLifeCycle"]["articleStatus"], ()) for one in records)),
            ),
        },
    )


def live_events(original: Path) -> Case:
    """51 events in two spellings; one that stands there twice happened twice. Their file has to be called .jsonl."""
    folder = original / "live_events"
    data = (folder / "events.txt").read_bytes()
    stated = [line.split(":") for line in (folder / "expected-result.txt").read_text().splitlines() if ":" in line]
    return Case(
        "live_events",
        {"format": "jsonl"},
        contract(
            "live_events",
            dataset(
                "live_events",
                column("user_id", physical="userId", required=True),
                column(
                    "event",
                    physical="eventName",
                    required=True,
                    enum=[{"value": "add_revenue"}, {"value": "subtract_revenue"}],
                    terms={"aliases": ["name"]},
                ),
                column(
                    "value",
                    "integer",
                    physical="revenueValue",
                    required=True,
                    logicalTypeOptions={"minimum": 0},
                    terms={"aliases": ["value"]},
                ),
            ),
        ),
        {"events.jsonl": data},
        {
            "revenue_by_user": "select user_id, sum(case when event = 'add_revenue' then value else -value end) as "
            "revenue from live_events group by user_id"
        },
        {"live_events": Law((51, 51, 0, 0))},
        {"revenue_by_user": ("user_id revenue", [(user, int(revenue)) for user, revenue in stated if revenue.strip()])},
    )


CASES = (customers, products, transactions, erasure_requests, product_list, articles, live_events)
