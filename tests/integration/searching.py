"""A search for people that shares nothing with the product's: files stored and unpacked, Parquet, tables as text."""

from __future__ import annotations

import gzip
import re

import psycopg
import pyarrow.parquet as pq

from tests.integration.shops import Shop


def found_in(texts: set[str], data: bytes) -> set[str]:
    """Those that stand in some bytes: short ids as whole tokens, all else anywhere."""
    plain = data.decode("latin-1")
    found = {text for text in texts if len(text) >= 10 and text.encode().decode("latin-1") in plain}
    tokens = set(re.findall(r"(?<![0-9A-Za-z])[0-9]{6}(?![0-9A-Za-z])", plain))
    return found | (texts & tokens)


def searched(shop: Shop, texts: set[str]) -> dict[str, set[str]]:
    """By place, what of `texts` stands there: files stored and unpacked, columns of Parquet, tables as text."""
    found: dict[str, set[str]] = {}
    for path in sorted(one for one in shop.root.rglob("*") if one.is_file()):
        data = path.read_bytes()
        hits = found_in(texts, data)
        if data[:2] == b"\x1f\x8b":
            hits |= found_in(texts, gzip.decompress(data))
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            for name in table.column_names:
                if not re.fullmatch(r"(int|decimal|timestamp|date|bool).*", str(table.schema.field(name).type)):
                    hits |= found_in(texts, repr(table.column(name).to_pylist()).encode())
        if hits:
            found[path.relative_to(shop.root).as_posix()] = hits
    with psycopg.connect(shop.dsn) as connection:
        names = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            rows = connection.execute(f'select t::text from "{schema}"."{table}" t').fetchall()
            hits = found_in(texts, "\n".join(row[0] for row in rows).encode())
            if hits:
                found[f"{schema}.{table}"] = hits
    return found
