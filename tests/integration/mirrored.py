"""What is mirrored, held against silver and the landed files by plain Python."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from tests.integration.shops import Shop
from tillage.pipelines.query import query


def rows_of(shop: Shop, table: str) -> list[dict[str, Any]]:
    """All rows of a table in schema `mirror`, in any order."""
    with psycopg.connect(shop.dsn, row_factory=dict_row) as connection:
        return connection.execute(f'select * from mirror."{table}"').fetchall()  # type: ignore[call-overload]


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    return pa.input_stream(pa.py_buffer(data), compression="zstd").read() if path.suffix == ".zst" else data


def processed(shop: Shop, feed: str) -> dict[str, bytes]:
    """By name below the feed's folder, what each file holds."""
    folder = shop.root / "processed" / feed
    return {
        path.relative_to(folder).as_posix(): unpacked(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def standing(shop: Shop, dataset: str) -> list[dict[str, Any]]:
    with shop.open() as house:
        return query(house, f'from silver."{dataset}"').to_pylist()


def check_files(shop: Shop, feed: str, dataset: str, landed: dict[tuple[int, int], list[bytes]]) -> None:
    """Each processed file holds the lines of its landed ones that stand, in order, and every landed file has one. Of
    who was erased the landed line is blank, and the other one an object.

    Args:
        landed: By load and number of the file in it, its lines.
    """
    with shop.open() as house:
        (folder,) = [one.folder for one in house.project.feeds if one.name == feed]
        paths = {
            (load.load_seq, source.source): source.path
            for load in house.ledger.loads()
            if load.feed == feed and load.state == "sealed"
            for source in load.sources
        }
    wanted: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    stands: dict[tuple[int, int, int], dict[str, Any]] = {}
    for path in paths.values():
        wanted[path.removeprefix(f"{folder}/")] = []
    for row in standing(shop, dataset):
        record = row["_record"]
        place = record["load"], record["source"]
        wanted[paths[place].removeprefix(f"{folder}/")].append((*place, record["ordinal"]))
        stands[(*place, record["ordinal"])] = row
    found = processed(shop, feed)
    assert found.keys() == wanted.keys()
    for name, places in wanted.items():
        held = found[name].splitlines()
        assert len(held) == len({*places}), name
        for mine, (load, source, ordinal) in zip(held, sorted({*places}), strict=True):
            line = landed[load, source][ordinal - 1]
            assert mine == line if line.strip() else is_left_of(json.loads(mine), stands[load, source, ordinal]), name


def is_left_of(line: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether all texts of a row of silver are in what is left of its record, and at least one that is of nobody."""
    texts = {name: value for name, value in row.items() if isinstance(value, str) and name in line}
    return bool(texts) and all(line[name] in {value, None} for name, value in texts.items())


def check_flat_table(shop: Shop, dataset: str) -> None:
    """The table of a dataset without lists and objects has its rows, no other, with their places."""
    record = ("load", "source", "ordinal", "unit")
    wanted = [
        {name: value for name, value in row.items() if not name.startswith("_")}
        | {f"_record_{name}": row["_record"][name] for name in record}
        for row in standing(shop, dataset)
    ]
    assert _sorted(rows_of(shop, dataset)) == _sorted(wanted)


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True) for row in rows)
