"""Files of which one holds several datasets: invoice lines with the head repeated, and records told by their type."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.acceptance.feeds.case import Case, Law, amount, column, contract, dataset, flat, key, lines, minor, summed

_COUNTRIES = ["United Kingdom", "France", "Österreich"]


def _invoice_file() -> bytes:
    """Invoices with their lines scattered over the file; a number with C is cancelled, with negative quantities."""
    chance = random.Random(41)
    rows = []
    for number in range(489434, 489554):
        invoice = f"{'C' if chance.random() < 0.2 else ''}{number}"
        customer = chance.choice(["13085", "00042", "18102", ""])
        country = chance.choice(_COUNTRIES)
        for _ in range(chance.randint(1, 6)):
            quantity = chance.randint(1, 24) * (-1 if invoice.startswith("C") else 1)
            code = chance.choice(["85048", "79323P", "0022041", "POST"])
            price = chance.choice(["6.95", "0.55", "2.1", "0.001", "1.005", "18"])
            rows.append([invoice, code, "ART, LÄNGE 15\xa0CM", quantity, "1/12/2009 7:45", price, customer, country])
            if chance.random() < 0.1:
                rows.append(rows[-1])
    chance.shuffle(rows)
    rows += [["777777", "85048", "", 1, "31/1/2010 23:05", "1.00", "13085", name] for name in ("France", "Italy")]
    rows += [["888888", "85048", "", 1, "1/31/2010 7:45", "1.00", "13085", "France"]]
    text = io.StringIO(newline="")
    head = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    csv.writer(text, lineterminator="\r\n").writerows([head, *rows])
    return text.getvalue().encode("cp1252")


def invoices() -> Case:
    """Lines of one number are one invoice, which stands or falls; a customer who stands on many lines is one."""
    data = _invoice_file()
    rows = list(csv.DictReader(io.StringIO(data.decode("cp1252"), newline="")))
    by_number: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_number[row["Invoice"]].append(row)
    torn, ill = by_number.pop("777777"), by_number.pop("888888")
    kept = [row for some in by_number.values() for row in some]
    whole = sum(map(_line_minor, kept))
    people = {(row["Customer ID"], row["Country"]) for row in rows if row["Customer ID"]}
    return Case(
        "invoices",
        {"format": "csv", "csv": {"encoding": "cp1252"}},
        _invoice_contract(),
        {"online_retail.csv": data},
        {
            "sold_by_code": "select l.stock_code, sum(l.quantity) as quantity, sum(l.paid_minor) as paid_minor, "
            "count(*) as lines from invoices as i cross join unnest(i.lines) as t(l) group by l.stock_code",
            "invoices_by_customer": "select customer_id, count(*) as invoices from invoices group by customer_id",
            "buyers_by_country": "select country, count(*) as buyers from buyers group by country",
        },
        {
            "invoices": Law(
                (len(by_number) + 2, len(by_number), 2, 0),
                (whole + 300, whole, sum(map(_line_minor, torn + ill)), 0),
                codes={"key_conflict": 1, "type": 1},
            ),
            "buyers": Law((len(people), len(people), 0, 0)),
        },
        {
            "sold_by_code": (
                "stock_code quantity paid_minor lines",
                flat(summed((row["StockCode"], (int(row["Quantity"]), _line_minor(row))) for row in kept)),
            ),
            "invoices_by_customer": (
                "customer_id invoices",
                flat(summed((some[0]["Customer ID"] or None, ()) for some in by_number.values())),
            ),
            "buyers_by_country": ("country buyers", flat(summed((country, ()) for _, country in people))),
        },
    )


def _line_minor(row: dict[str, str]) -> int:
    return minor(Decimal(row["Quantity"]) * Decimal(row["Price"]))


def _invoice_contract() -> dict[str, Any]:
    buyer = [column("customer_id", physical="Customer ID"), column("country", physical="Country", required=True)]
    return contract(
        "invoices",
        dataset(
            "invoices",
            key("invoice", "Invoice"),
            *buyer,
            column(
                "ordered_at",
                "timestamp",
                physical="InvoiceDate",
                required=True,
                logicalTypeOptions={"format": "d/M/yyyy H:mm", "defaultTimezone": "Europe/London"},
            ),
            lines(
                "lines",
                column("stock_code", physical="StockCode", required=True),
                column("description", physical="Description"),
                column("quantity", "integer", physical="Quantity", required=True),
                column("price", "number", physical="Price", required=True),
                amount("paid", "GBP", amount="quantity * price", control=True),
            ),
            unit={"groupBy": ["invoice"]},
        ),
        dataset("buyers", *buyer, distinct=True, where="customer_id is not null"),
    )


def _movements() -> bytes:
    chance = random.Random(42)
    decimals = {"EUR": 2, "JPY": 0, "KWD": 3}
    texts = ["\ufeff"]
    for number in range(300):
        kind = chance.choice(["order", "order", "refund", "heartbeat"])
        code = chance.choice([*decimals])
        value = Decimal(chance.randint(1, 10**6)).scaleb(-decimals[code])
        spelled = chance.choice(["value", "amount"])
        record = f'"kind":"{kind}","id":"{number:05}","till":{{"town":"Łódź"}},"currency":"{code}","{spelled}":{value}'
        texts.append(f"{{{record}}}\n" if kind != "heartbeat" else '{"kind":"heartbeat","id":null}\n')
    texts.append('{"kind":"order","id":"x1","till":null,"currency":"XXL","value":1}\n')
    texts.append('{"kind":"refund","id":"x2","till":{},"currency":"EUR","value":1.001}\n')
    texts.append('{"kind":"order","id":"x3"\n')
    return "".join(texts).encode()


def movements() -> Case:
    """Orders, refunds and heartbeats in one file of many currencies, two spellings of the amount, and a broken line."""
    data = _movements()
    records = [json.loads(line, parse_float=Decimal) for line in data.decode("utf-8-sig").splitlines()[:-1]]
    counted = [one for one in records if one["id"] and not one["id"].startswith("x")]
    orders, refunds = ([one for one in counted if one["kind"] == kind] for kind in ("order", "refund"))
    shape = [
        key("movement_id", "id"),
        column("town", physical="$.till.town"),
        column("currency", required=True),
        amount("value", {"currencyBy": "currency"}, aliases=["amount"]),
        column("kind", required=True),
    ]
    order_minor, refund_minor = ({code: sum(one) for code, one in _by_code(some).items()} for some in (orders, refunds))
    zero = dict.fromkeys(order_minor, 0)
    return Case(
        "movements",
        {"format": "jsonl"},
        contract(
            "movements",
            dataset("orders", *shape, where="kind = 'order'"),
            dataset("refunds", *shape, where="kind = 'refund'"),
        ),
        {"movements.jsonl.zst": bytes(pa.Codec("zstd").compress(data, asbytes=True))},
        {
            "balance": "select currency, sum(minor) as minor, count(*) as movements from (select currency, value_minor "
            "as minor from orders union all select currency, -value_minor from refunds) as m group by currency"
        },
        {
            "orders": Law(
                (len(orders) + 2, len(orders), 2, 0),
                (order_minor, order_minor, zero, zero),
                2,
                {"enum": 1, "unreadable": 1},
            ),
            "refunds": Law(
                (len(refunds) + 1, len(refunds), 1, 0), (refund_minor, refund_minor, zero, zero), 1, {"money_scale": 1}
            ),
        },
        {"balance": ("currency minor movements", flat(summed(_signed(counted))))},
    )


_PLACES = {"EUR": 2, "JPY": 0, "KWD": 3}


def _value(record: dict[str, Any]) -> int:
    return minor(record["value" if "value" in record else "amount"], _PLACES[record["currency"]])


def _by_code(records: list[dict[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for record in records:
        found.setdefault(record["currency"], []).append(_value(record))
    return found


def _signed(records: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[int]]]:
    for record in records:
        yield record["currency"], ((-1 if record["kind"] == "refund" else 1) * _value(record),)


CASES = (invoices, movements)
