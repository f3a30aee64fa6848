"""pandas: a loop over the files, each read, checked, written and put into PostgreSQL before the next.

The same rules, keys and references as the contracts of the example, customers and products before what refers to them,
so that nothing has to wait; people by an HMAC of their id, for each row. What breaks a rule is dropped.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pandas as pd
from work import timed

_KEY = bytes(32)
_TABLES = """
create table customers (customer_id text primary key, country text, last_change text, segment text);
create table products (sku bigint primary key, name text, price_minor bigint, category text, popularity numeric);
create table transactions (transaction_id text primary key, transaction_time timestamptz,
    customer_id text references customers, total_minor bigint);
create table transactions_lines (transaction_id text references transactions, line bigint,
    sku bigint references products, quantity bigint, price_minor bigint, line_total_minor bigint,
    primary key (transaction_id, line))
"""


def work(source: Path, target: Path) -> None:
    asyncio.run(_work(source, target / "processed"))


async def _work(source: Path, target: Path) -> None:
    store = await asyncpg.connect(_url(os.environ["BENCH_DSN"]))
    try:
        await store.execute(_TABLES)
        customers = await _customers(store, source, target)
        await _transactions(store, source, target, customers, await _products(store, source, target))
    finally:
        await store.close()


async def _customers(store: asyncpg.Connection, source: Path, target: Path) -> dict[str, str]:
    seen: dict[str, str] = {}
    for path, lines, rows in _files(source, "customers"):
        text = rows[["id", "first_name", "last_name", "email"]].fillna("").apply(lambda one: one.str.strip().ne(""))
        fine = text.all(axis=1) & ~rows["id"].isin(seen) & ~rows.duplicated("id")
        kept = rows[fine]
        keys = kept["id"].map(_pseudonym)
        seen |= dict(zip(kept["id"], keys, strict=True))
        found = pd.DataFrame({"key": keys, **{name: kept[name] for name in ("country", "last_change", "segment")}})
        await _insert(store, "customers", found)
        _write(target / "customers" / path, lines, fine)
    return seen


async def _products(store: asyncpg.Connection, source: Path, target: Path) -> set[int]:
    seen: set[int] = set()
    for path, lines, rows in _files(source, "products"):
        cents = _cents(rows["price"])
        fine = rows["name"].notna() & (cents > 0) & (rows["popularity"] > 0)
        fine &= ~rows["sku"].isin(seen) & ~rows.duplicated("sku")
        seen |= {*rows["sku"][fine].tolist()}
        found = rows[["sku", "name"]].assign(price=cents, category=rows["category"], popularity=rows["popularity"])
        await _insert(store, "products", found[fine])
        _write(target / "products" / path, lines, fine)
    return seen


async def _transactions(
    store: asyncpg.Connection, source: Path, target: Path, customers: dict[str, str], skus: set[int]
) -> None:
    seen: set[str] = set()
    for path, lines, rows in _files(source, "transactions"):
        bought = pd.json_normalize(
            [{"place": place, **line} for place, one in enumerate(rows["purchases"]) for line in one["products"]]
        )
        bought["line"] = bought.groupby("place").cumcount() + 1
        bought["price_minor"], bought["total_minor"] = _cents(bought["price"]), _cents(bought["total"])
        total = _cents(pd.Series([one["total_cost"] for one in rows["purchases"]]))
        sums = bought.groupby("place")["total_minor"].sum().reindex(rows.index, fill_value=0)
        are_known = bought["sku"].isin(skus).groupby(bought["place"]).all().reindex(rows.index, fill_value=True)
        fine = rows["customer_id"].isin(customers) & are_known & (sums == total)
        fine &= ~rows["transaction_id"].isin(seen) & ~rows.duplicated("transaction_id")
        kept = rows[fine]
        seen |= {*kept["transaction_id"]}
        heads = kept[["transaction_id"]].assign(
            at=pd.to_datetime(kept["transaction_time"]),
            customer=kept["customer_id"].map(_pseudonym),
            total=total[fine],
        )
        await _insert(store, "transactions", heads)
        bought = bought[bought["place"].isin(kept.index)]
        bought = bought.assign(id=rows["transaction_id"].reindex(bought["place"]).to_numpy())
        columns = ["id", "line", "sku", "quanitity", "price_minor", "total_minor"]
        await _insert(store, "transactions_lines", bought[columns])
        _write(target / "transactions" / path, lines, fine)


def _files(source: Path, kind: str) -> Iterator[tuple[Path, list[bytes], pd.DataFrame]]:
    for path in sorted(source.rglob(f"{kind}.json*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = pd.read_json(io.BytesIO(data), lines=True, dtype=False, convert_dates=False)
        yield path.relative_to(source), data.splitlines(keepends=True), rows


def _write(path: Path, lines: list[bytes], fine: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(line for line, is_fine in zip(lines, fine, strict=True) if is_fine)
    path.write_bytes(gzip.compress(data, 6) if path.suffix == ".gz" else data)


def _cents(amounts: pd.Series) -> pd.Series:
    return (amounts.astype(float) * 100).round().astype("int64")


def _pseudonym(natural_id: str) -> str:
    return hmac.new(_KEY, natural_id.strip().encode(), hashlib.sha256).hexdigest()


async def _insert(store: asyncpg.Connection, table: str, rows: pd.DataFrame) -> None:
    places = ", ".join(f"${place}" for place in range(1, len(rows.columns) + 1))
    values = [tuple(row) for row in rows.astype(object).itertuples(index=False)]
    async with store.transaction():
        await store.executemany(f"insert into {table} values ({places})", values)


def _url(dsn: str) -> str:
    parts = dict(part.split("=", 1) for part in dsn.split())
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"


timed(work, pandas=pd.__version__, asyncpg=asyncpg.__version__)
