"""pandas: the same check, net amounts and first-come keys by columns; the file in chunks, since nested objects are big.

Money goes through a double and is rounded to cents, which is exact for amounts of this size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from work import RATES_BP, timed

_CHUNK_LINES = 50_000


def work(source: Path, target: Path) -> None:
    customers, accepted, refused, lines = [], [], [], []
    first_unit = 0
    with pd.read_json(source, lines=True, dtype=False, chunksize=_CHUNK_LINES) as reader:
        for records in reader:
            customers.append(records["customerId"].drop_duplicates())
            orders = _orders(records, first_unit)
            first_unit += len(orders)
            found = _lines(orders)
            fine = found.groupby("unit")["is_fine"].all().reindex(orders["unit"], fill_value=False).to_numpy()
            fine = fine & orders["order_id"].fillna("").str.strip().ne("").to_numpy()
            orders = orders.drop(columns="basket")
            accepted.append(orders[fine])
            refused.append(orders[~fine])
            lines.append(found[found["unit"].isin(orders["unit"][fine])].drop(columns="is_fine"))
    pd.concat(customers).drop_duplicates().to_frame("customer_id").to_parquet(target / "customers.parquet")
    standing = pd.concat(accepted)
    is_again = standing.duplicated("order_id")
    pd.concat([*refused, standing[is_again]]).to_parquet(target / "refused.parquet")
    kept = pd.concat(lines).merge(standing[~is_again], on="unit")
    _with_net(kept).to_parquet(target / "lines.parquet")


def _orders(records: pd.DataFrame, first_unit: int) -> pd.DataFrame:
    exploded = records[records["orders"].str.len() > 0].explode("orders", ignore_index=True)
    orders = pd.DataFrame(exploded["orders"].tolist()).reindex(columns=["orderId", "basket"])
    orders.columns = ["order_id", "basket"]
    orders["customer_id"] = exploded["customerId"]
    orders["unit"] = np.arange(first_unit, first_unit + len(orders))
    return orders


def _lines(orders: pd.DataFrame) -> pd.DataFrame:
    """Basket lines with cents and rate, and whether nothing is wrong with them."""
    exploded = orders.loc[orders["basket"].notna(), ["unit", "basket"]].explode("basket", ignore_index=True)
    lines = pd.DataFrame(exploded["basket"].tolist())
    price = pd.to_numeric(lines["grossMerchandiseValueEur"], errors="coerce") * 100
    cents = price.round()
    vat_bp = lines["productType"].map(RATES_BP)
    has_product = lines["productId"].fillna("").str.strip().ne("")
    return pd.DataFrame(
        {
            "unit": exploded["unit"],
            "line_no": exploded.groupby("unit").cumcount() + 1,
            "product_id": lines["productId"],
            "product_type": lines["productType"],
            "gross_minor": cents.fillna(0).astype("int64"),
            "vat_bp": vat_bp.fillna(0).astype("int64"),
            "is_fine": has_product & vat_bp.notna() & ((price - cents).abs() < 1e-6),
        }
    )


def _with_net(lines: pd.DataFrame) -> pd.DataFrame:
    """Net amounts that add up for each order and rate: rounded once, given to the lines."""
    lines = lines.sort_values(["unit", "line_no"])
    whole = lines.groupby(["unit", "vat_bp"])["gross_minor"].cumsum()
    lines["net_minor"] = _net(whole, lines["vat_bp"]) - _net(whole - lines["gross_minor"], lines["vat_bp"])
    return lines.drop(columns="unit")


def _net(gross: pd.Series, vat_bp: pd.Series) -> pd.Series:
    base = vat_bp + 10000
    return np.sign(gross) * ((2 * gross.abs() * 10000 + base) // (2 * base))


timed(work, pandas=pd.__version__)
