"""A loop over lines with pydantic models: the same check and net amounts in exact decimals, keys in a dictionary."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError
from work import RATES_BP, timed

_Text = Annotated[str, StringConstraints(pattern=r"\S")]
_ROWS = 200_000
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("order_id", "customer_id", "product_id", "product_type")),
        *((name, pa.int64()) for name in ("line_no", "gross_minor", "net_minor", "vat_bp")),
    ]
)


class Line(BaseModel):
    product_id: Annotated[_Text, Field(alias="productId")]
    product_type: Annotated[Literal["hot food", "cold food", "beverage"], Field(alias="productType")]
    gross: Annotated[Decimal, Field(alias="grossMerchandiseValueEur", decimal_places=2)]


class Order(BaseModel):
    order_id: Annotated[_Text, Field(alias="orderId")]
    basket: list[Line]


class Record(BaseModel):
    customer_id: Annotated[_Text, Field(alias="customerId")]
    orders: list[Any] | None = None  # each stands or falls alone


def work(source: Path, target: Path) -> None:
    order_of = TypeAdapter(Order)
    customers: set[str] = set()
    known: set[str] = set()
    refused: list[tuple[str, int]] = []
    rows: list[tuple[object, ...]] = []
    with source.open("rb") as file, pq.ParquetWriter(target / "lines.parquet", _SCHEMA) as writer:
        for ordinal, line in enumerate(file, 1):
            record = Record.model_validate_json(line)
            customers.add(record.customer_id)
            for found in record.orders or ():
                try:
                    order = order_of.validate_python(found)
                except ValidationError:
                    refused.append((record.customer_id, ordinal))
                    continue
                if order.order_id in known:
                    refused.append((record.customer_id, ordinal))
                    continue
                known.add(order.order_id)
                rows += _rows(record.customer_id, order)
            if len(rows) >= _ROWS:
                writer.write_table(_table(rows))
                rows = []
        if rows:
            writer.write_table(_table(rows))
    pq.write_table(pa.table({"customer_id": sorted(customers)}), target / "customers.parquet")
    names, ordinals = zip(*refused, strict=True) if refused else ((), ())
    pq.write_table(pa.table({"customer_id": list(names), "ordinal": list(ordinals)}), target / "refused.parquet")


def _rows(customer_id: str, order: Order) -> list[tuple[object, ...]]:
    """One row for each line; net amounts add up for each rate."""
    before: defaultdict[int, int] = defaultdict(int)
    rows: list[tuple[object, ...]] = []
    for number, line in enumerate(order.basket, 1):
        gross, vat_bp = int(line.gross * 100), RATES_BP[line.product_type]
        whole = before[vat_bp] + gross
        net = _net(whole, vat_bp) - _net(before[vat_bp], vat_bp)
        before[vat_bp] = whole
        rows.append((order.order_id, customer_id, line.product_id, line.product_type, number, gross, net, vat_bp))
    return rows


def _net(gross: int, vat_bp: int) -> int:
    base = 10000 + vat_bp
    net = (2 * abs(gross) * 10000 + base) // (2 * base)
    return -net if gross < 0 else net


def _table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], _SCHEMA)


timed(work, pydantic=pydantic.VERSION, pyarrow=pa.__version__)
