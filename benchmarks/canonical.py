"""Sums up what a job has written so that equal work has equal digests, whatever the order of rows or the file layout.

Compared are the accepted orders, each line with its cents (gross, net and rate), and the accepted customers. For the
copy that checks nothing it is the number of records.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from benchmarks.measure import JobFailedError

_LINE = "order_id, customer_id, line_no, product_id, product_type, gross_minor, net_minor, vat_bp"
_MEMORY = "1GB"


@dataclass(frozen=True)
class Accepted:
    """What was accepted: counts, sums, and an order-free sum of the hashes of all lines and customers."""

    customers: int
    orders: int
    lines: int
    gross_minor: int
    net_minor: int
    hashes: int


@dataclass(frozen=True)
class Digest:
    """What a job has to show; None for what is no part of its work."""

    accepted: Accepted | None = None
    records: int | None = None
    processed: str | None = None
    """SHA-256 of the lines of all processed files, each with the name of its file, sorted."""
    people: tuple[int, ...] | None = None
    """Rows, people, and sums that tell how rows are grouped, whatever the keys of people are."""

    def agrees(self, other: Digest) -> bool:
        """Whether all that both of them have is equal, and that is something."""
        pairs = [
            (self.accepted, other.accepted),
            (self.records, other.records),
            (self.processed, other.processed),
            (self.people, other.people),
        ]
        both = [(one, another) for one, another in pairs if one is not None and another is not None]
        return bool(both) and all(one == another for one, another in both)


def of_project(project: Path) -> Digest:
    """What a project's lake holds: accepted units from silver, records from bronze."""
    orders, customers = (_delta(project / "data" / "lake" / "silver" / name) for name in ("orders", "customers"))
    lines = f"""
        select order_id, customer_id, unnest(lines, recursive := true), generate_subscripts(lines, 1) as line_no
        from read_parquet({orders})
    """
    accepted = _accepted(lines, f"select customer_id from read_parquet({customers})")
    return Digest(accepted, of_bronze(project).records)


def of_bronze(project: Path) -> Digest:
    """The records that a project's bronze holds."""
    return Digest(records=_count(f"read_parquet({_delta(project / 'data' / 'lake' / 'bronze' / 'orders')})"))


def of_last_load(project: Path) -> Digest:
    """The orders that a project's last load has accepted, as records."""
    orders = f"read_parquet({_delta(project / 'data' / 'lake' / 'silver' / 'orders')})"
    return Digest(records=_count(f"{orders} where _load = (select max(_load) from {orders})"))


def of_lines(folder: Path) -> Digest:
    """What a peer has accepted: `lines.parquet` and `customers.parquet`, each a file or a folder."""
    return Digest(_accepted(f"from read_parquet({_parquet(folder, 'lines')})", f"from {_customers(folder)}"))


def of_copy(folder: Path) -> Digest:
    """The records of the unchecked copy."""
    return Digest(records=_count(f"read_parquet({_parquet(folder, 'records')})"))


def of_processed(folder: Path) -> Digest:
    """The records in the files below `processed`."""
    below = folder / "processed"
    found = []
    for path in sorted(below.rglob("*.json*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [f"{path.relative_to(below)}\t".encode() + line for line in data.splitlines()]
    return Digest(records=len(found), processed=hashlib.sha256(b"\n".join(sorted(found))).hexdigest())


def of_people(folder: Path) -> Digest:
    """How the rows of `people.parquet` belong together; its ids are not those that came."""
    (found,) = _rows(f"""
        select sum(rows), count(*), sum(rows * rows), sum(hash(rows, amounts, least, most)::hugeint), count(distinct id)
        from (
            select id, count(*) as rows, sum(amount)::bigint as amounts, min(amount) as least, max(amount) as most
            from read_parquet('{folder}/people.parquet') group by id
        )
    """)
    return Digest(people=tuple(int(figure) for figure in found))


def of_erased(folder: Path) -> Digest:
    """How the rows of `left.parquet` belong together."""
    (found,) = _rows(f"""
        select count(*), count(distinct id), sum(amount)::bigint, sum(hash(id, amount)::hugeint)
        from read_parquet('{folder}/left.parquet')
    """)
    return Digest(people=tuple(int(figure) for figure in found))


def _customers(folder: Path) -> str:
    return f"(select distinct customer_id from read_parquet({_parquet(folder, 'customers')}))"


def _accepted(lines: str, customers: str) -> Accepted:
    (found,) = _rows(f"""
        with lines as (select {_LINE} from ({lines})), customers as (select customer_id from ({customers}))
        select (select count(*) from customers), count(distinct order_id), count(*),
            coalesce(sum(gross_minor), 0), coalesce(sum(net_minor), 0),
            coalesce(sum(hash(order_id, customer_id, line_no::bigint, product_id, product_type,
                gross_minor::bigint, net_minor::bigint, vat_bp::bigint)::hugeint), 0)
                + (select coalesce(sum(hash(customer_id)::hugeint), 0) from customers)
        from lines
    """)
    return Accepted(*(int(figure) for figure in found))


def _count(relation: str) -> int:
    return int(_rows(f"select count(*) from {relation}")[0][0])


def _rows(sql: str) -> list[tuple[int, ...]]:
    try:
        with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
            return connection.execute(sql).fetchall()
    except duckdb.Error as wrong:
        raise JobFailedError(f"what it has written cannot be read ({type(wrong).__name__})") from None


def _delta(table: Path) -> str:
    return str(sorted(DeltaTable(table).file_uris()))


def _parquet(folder: Path, name: str) -> str:
    path = folder / f"{name}.parquet"
    return f"'{path}/*.parquet'" if path.is_dir() else f"'{path}'"
