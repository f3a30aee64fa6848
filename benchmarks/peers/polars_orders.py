"""Polars: the same check, net amounts and first-come keys by expressions; accepted lines and refused orders to Parquet.

Money goes through a double and is rounded to cents, which is exact for amounts of this size.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
from work import RATES_BP, timed

_LINE = pl.Struct({"productId": pl.String, "grossMerchandiseValueEur": pl.String, "productType": pl.String})
_SCHEMA = pl.Schema(
    {
        "customerId": pl.String(),
        "orders": pl.List(pl.Struct({"orderId": pl.String, "basket": pl.List(_LINE)})),
    }
)


def work(source: Path, target: Path) -> None:
    records = pl.scan_ndjson(source, schema=_SCHEMA).collect()
    records.select(customer_id="customerId").unique("customer_id").write_parquet(target / "customers.parquet")
    orders = (
        records.filter(pl.col("orders").list.len() > 0)
        .explode("orders")
        .unnest("orders")
        .rename({"customerId": "customer_id", "orderId": "order_id"})
        .with_row_index("unit")
    )
    lines = _lines(orders)
    fine = lines.group_by("unit").agg(pl.col("is_fine").all())
    has_key = pl.col("order_id").str.strip_chars() != ""
    judged = orders.drop("basket").join(fine, on="unit", how="left").with_columns(
        is_fine=(pl.col("is_fine") & has_key).fill_null(value=False)
    )  # fmt: skip
    accepted = judged.filter("is_fine").sort("unit").unique("order_id", keep="first")
    judged.join(accepted, on="unit", how="anti").write_parquet(target / "refused.parquet")
    lines.join(accepted.select("unit", "order_id", "customer_id"), on="unit").pipe(_with_net).write_parquet(
        target / "lines.parquet"
    )


def _lines(orders: pl.DataFrame) -> pl.DataFrame:
    """Basket lines with cents and rate, and whether nothing is wrong with them."""
    lines = (
        orders.select("unit", "basket", line_no=pl.int_ranges(1, pl.col("basket").list.len() + 1))
        .filter(pl.col("basket").list.len() > 0)
        .explode("basket", "line_no")
        .unnest("basket")
    )
    price = pl.col("grossMerchandiseValueEur")
    # A null is neither: filled at the end.
    is_fine = (
        (pl.col("productId").str.strip_chars() != "")
        & pl.col("productType").is_in(list(RATES_BP))
        & price.str.contains(r"^-?[0-9]+(\.[0-9]{1,2}0*)?$")
    )
    return lines.select(
        "unit",
        "line_no",
        product_id="productId",
        product_type="productType",
        gross_minor=(price.cast(pl.Float64, strict=False) * 100).round().cast(pl.Int64),
        vat_bp=pl.col("productType").replace_strict(RATES_BP, default=None, return_dtype=pl.Int64),
        is_fine=is_fine.fill_null(value=False),
    )


def _with_net(lines: pl.DataFrame) -> pl.DataFrame:
    """Net amounts that add up for each order and rate: rounded once, given to the lines."""
    lines = lines.sort("unit", "line_no").with_columns(
        whole=pl.col("gross_minor").cum_sum().over("unit", "vat_bp")
    )  # fmt: skip
    before = pl.col("whole") - pl.col("gross_minor")
    return lines.with_columns(net_minor=_net(pl.col("whole")) - _net(before)).drop("whole", "is_fine", "unit")


def _net(gross: pl.Expr) -> pl.Expr:
    base = pl.col("vat_bp") + 10000
    return gross.sign() * ((2 * gross.abs() * 10000 + base) // (2 * base))


timed(work, polars=pl.__version__)
