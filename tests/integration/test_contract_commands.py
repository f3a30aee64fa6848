"""`tillage init NAME --from FILE` and `tillage contract`: from an unknown file to rows that can be asked."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.acceptance.commands import new_project, tillage, tillage_json
from tests.integration.shops import Shop, make_database
from tillage.cli.init import Guessed, guess_feed, make_from_file
from tillage.doors.sample import MOST_RECORDS
from tillage.errors import OperatorError
from tillage.pipelines.as_json import as_json
from tillage.pipelines.query import query

_NUMBERS = count(1)


def packed(kind: str, stored: bytes) -> bytes:
    if kind == "zst":
        return bytes(pa.compress(stored, codec="zstd", asbytes=True))
    if kind == "gz":
        return gzip.compress(stored)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        zipped.writestr("deep/orders.csv", stored)
    return written.getvalue()


def parquet() -> bytes:
    written = io.BytesIO()
    table = pa.table({"Order ID": ["1", "2"], "Größe": [1.5, None], "on": pa.array([0, 1], pa.date32())})
    pq.write_table(table, written)
    return written.getvalue()


_PLAIN = b"order_id,total\n1,2.50\n2,-3.10\n"
_OBJECTS = [{"orderId": "1", "total": 2.5, "lines": [{"sku": "a"}]}, {"orderId": "2", "total": -3, "lines": []}]

# Name of the file, bytes, and what silver then holds of some columns.
ODD: dict[str, tuple[str, bytes, list[dict[str, object]]]] = {
    "bom, crlf, zeros": (
        "orders.csv",
        b"\xef\xbb\xbforder_id,customer\r\n00012,a\r\n00013,\r\n",
        [{"order_id": "00012", "customer": "a"}, {"order_id": "00013", "customer": None}],
    ),
    "negative, sentinels": (
        "cafe.csv",
        b"Transaction ID,Quantity,Total Spent\nTXN_1,-2,-4.0\nTXN_2,ERROR,UNKNOWN\nTXN_3,-1,\n",
        [
            {"transaction_id": "TXN_1", "quantity": -2, "total_spent": -4},
            {"transaction_id": "TXN_2", "quantity": None, "total_spent": None},
            {"transaction_id": "TXN_3", "quantity": -1, "total_spent": None},
        ],
    ),
    "days first": (
        "orders.csv",
        b"id,day,at\n1,31/01/24,1/2/2024 8:05\n2,01/02/24,13/2/2024 18:05\n",
        [{"day": "2024-01-31", "at": "2024-02-01T08:05:00Z"}, {"day": "2024-02-01", "at": "2024-02-13T18:05:00Z"}],
    ),
    "duplicate rows": ("orders.csv", b"id,x\n1,a\n1,a\n2,b\n", [{"id": 1}, {"id": 1}, {"id": 2}]),
    "utf-8": (
        "orders.csv",
        "id,Stra\u00dfe\n1,M\u00fcller\n2,\u5bff\u53f8\n".encode(),
        [{"strasse": "M\u00fcller"}, {"strasse": "\u5bff\u53f8"}],
    ),
    "latin-1": ("orders.csv", "id,Stra\u00dfe\n1,M\u00fcller\n".encode("latin-1"), [{"strasse": "M\u00fcller"}]),
    "cp1252": ("orders.csv", "id,price\n1,\u20ac 5\n".encode("cp1252"), [{"price": 5}]),
    "utf-16": ("orders.csv", "id;name\r\n1;M\u00fcller\r\n".encode("utf-16"), [{"name": "M\u00fcller"}]),
    "three decimals": ("prices.csv", b"sku,price\na,1.999\nb,2\n", [{"price": "1.999000"}, {"price": 2}]),
    "decimal commas": ("orders.csv", b"id;preis\n1;3,50\n2;1.234,00\n", [{"preis": "3.500000"}, {"preis": 1234}]),
    "decimal commas or groups": (
        "orders.csv",
        b"id;preis\n1;3,500\n2;1,234\n",
        [{"preis": "3,500"}, {"preis": "1,234"}],
    ),
    "amounts with symbols": (
        "orders.csv",
        b'id,net,tip\n1,"$1,234.00",CHF 5\n2,($5.00),CHF 6\n',
        [{"net": 1234, "tip": 5}, {"net": -5, "tip": 6}],
    ),
    "words of SQL": (
        "order.csv",
        b"select,order,from,no,true,null\n1,a,b,c,d,e\n",
        [{"select": 1, "order": "a", "from": "b", "no": "c", "true": "d", "null": "e"}],
    ),
    "a word of YAML": ("yes.csv", b"id,x\n1,a\n", [{"id": 1}]),
    "tabs": ("orders.tsv", b'id\tname\n1\tpipe, 5" wide\n2\tx\n', [{"name": 'pipe, 5" wide'}, {"name": "x"}]),
    "pipes": ("orders.psv", b"id|name\n1|a,b\n", [{"name": "a,b"}]),
    "names twice": ("orders.csv", b",Id,id,a\n0,1,2,3\n", [{"column": 0, "id": 1, "id_2": 2, "a": 3}]),
    "no header": (
        "orders.csv",
        b"1001,2024-01-31,a,3.50\n1002,2024-02-01,b,4.00\n",
        [{"column_1": 1001}, {"column_1": 1002}],
    ),
    "one column": ("codes.csv", b"code\n007\n008\n", [{"code": "007"}, {"code": "008"}]),
    "header on each page": (
        "orders.csv",
        b"Order ID,order,Qty\n1,a,2\n,,\nOrder ID,order,Qty\n3,b,4\n",
        [{"order_id": 1, "order": "a", "qty": 2}, {"order_id": None, "qty": None}, {"order_id": 3, "qty": 4}],
    ),
    "header again and no text": ("orders.csv", b"a,b\n1,2\na,b\n", [{"a": "1", "b": "2"}, {"a": "a", "b": "b"}]),
    "line feeds in fields": ("orders.csv", b'id,text\n1,"a\nb ""c"""\n', [{"text": 'a\nb "c"'}]),
    "odd name": ("_My Orders (1).CSV", _PLAIN, [{"order_id": 1}, {"order_id": 2}]),
    "gzip": ("orders.csv.gz", packed("gz", _PLAIN), [{"order_id": 1}, {"order_id": 2}]),
    "gzip without its name": ("orders.dat", packed("gz", _PLAIN), [{"order_id": 1}, {"order_id": 2}]),
    "zstd": ("orders.csv.zst", packed("zst", _PLAIN), [{"order_id": 1}, {"order_id": 2}]),
    "zip": ("orders.zip", packed("zip", _PLAIN), [{"order_id": 1}, {"order_id": 2}]),
    "json lines": (
        "orders.txt",
        "\n".join(map(json.dumps, _OBJECTS)).encode(),
        [{"order_id": "1", "total": "2.500000", "lines": [{"sku": "a"}]}, {"order_id": "2", "total": -3, "lines": []}],
    ),
    "json list": ("orders.json", json.dumps(_OBJECTS, indent=1).encode(), [{"order_id": "1"}, {"order_id": "2"}]),
    "json document": (
        "orders.json",
        json.dumps({"meta": {"n": 2}, "data": {"orders": _OBJECTS}}).encode(),
        [{"order_id": "1"}, {"order_id": "2"}],
    ),
    "xml": (
        "orders.xml",
        b'<?xml version="1.0"?><o><order id="1"><total>2.5</total></order><order id="2"><total>-3</total></order></o>',
        [{"id": 1, "total": "2.500000"}, {"id": 2, "total": -3}],
    ),
    "parquet": (
        "orders.parquet",
        parquet(),
        [{"order_id": "1", "grosse": "1.500000", "on": "1970-01-01"}, {"order_id": "2", "grosse": None}],
    ),
}


def made(tmp_path: Path, server: str, name: str, stored: bytes) -> tuple[Guessed, Shop]:
    file = tmp_path / name
    file.write_bytes(stored)
    guessed, _ = make_from_file(tmp_path / "my shop", file)
    return guessed, Shop(tmp_path / "my shop", make_database(server, f"guessed_{next(_NUMBERS)}"))


def silver(shop: Shop, feed: str) -> list[Mapping[str, Any]]:
    with shop.open() as house:
        rows = query(house, f'from silver."{feed}" order by _record').to_pylist()
    return [json.loads(as_json(row)) for row in rows]


@pytest.mark.parametrize("case", ODD)
def test_every_row_of_an_ordinary_file_is_in_silver(case: str, tmp_path: Path, server: str) -> None:
    name, stored, expected = ODD[case]
    guessed, shop = made(tmp_path, server, name, stored)
    report = shop.run()
    assert not report.problems()
    assert not report.quarantined_rows
    found = silver(shop, guessed.name)
    assert [{key: row[key] for key in wanted} for row, wanted in zip(found, expected, strict=True)] == expected
    assert [path.read_bytes() for path in (shop.root / "landing" / guessed.name).iterdir()] == [stored]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("latin-1", "encoding: .* latin-1 is a guess"),
        ("cp1252", "encoding: .* cp1252 is a guess"),
        ("names twice", "columns: the header has a name twice"),
        ("no header", "header: the first row looks like values"),
        ("tabs", "quote: nothing is quoted"),
        ("json document", "records: "),
        ("xml", "records: "),
    ],
)
def test_what_is_guessed_about_the_file_is_marked_in_the_project_file(
    case: str, said: str, tmp_path: Path, server: str
) -> None:
    name, stored, _ = ODD[case]
    _, shop = made(tmp_path, server, name, stored)
    text = (shop.root / "tillage.yaml").read_text()
    assert re.search(rf"# doubtful: {said}", text)
    assert yaml.safe_load(text)["project"] == "my-shop"


def test_more_rows_than_are_looked_at_are_all_in_silver(tmp_path: Path, server: str) -> None:
    rows = 2 * MOST_RECORDS + 1
    stored = b"id,day,price\n" + b"".join(b"%d,2024-01-%02d,%d.99\n" % (n, n % 28 + 1, n) for n in range(rows))
    guessed, shop = made(tmp_path, server, "orders.csv", stored)
    assert guessed.records == MOST_RECORDS
    report = shop.run()
    assert report.quarantined_rows == 0
    with shop.open() as house:
        assert query(house, "select count(*) as n from silver.orders").to_pylist() == [{"n": rows}]


def test_three_commands_lead_from_a_file_to_its_rows(tmp_path: Path) -> None:
    (tmp_path / "select.csv").write_bytes(_PLAIN)
    said = tillage_json(tmp_path, "init", "my-shop", "--from", "select.csv")
    assert said["next"] == ["cd my-shop", "tillage run", "tillage query 'from silver.\"select\"'"]
    shop = tmp_path / "my-shop"
    for command in said["next"][1:]:
        shown = tillage(shop, *shlex.split(command)[1:])
    assert "-3.100000" in shown
    linted = tillage_json(shop, "contract", "lint")
    assert [(one["file"], one["problems"]) for one in linted] == [("contracts/select.odcs.yaml", [])]
    assert tillage_json(shop, "doctor")


@pytest.mark.parametrize(
    ("name", "stored", "says"),
    [
        ("a.csv", b"", "nobody can tell what it is"),
        ("a.bin", b"\0\1\2\3", "nobody can tell what it is"),
        ("a.txt", b"just words\nand more\n", "nobody can tell what it is"),
        ("a.csv", b"a,b;c\n1,2;3\n", "--delimiter"),
        ("a.csv.gz", gzip.compress(_PLAIN, mtime=0)[:-4], "no whole gzip file"),
        ("a.csv.gz", _PLAIN, "no gzip file"),
        ("a.parquet", b"PAR1....", "no Parquet file"),
        ("a.json", b'{"a": }', "no record of it can be read as json"),
        ("a.json", b"[1,2,3]", "which it looks like, or none is an object"),
        ("a.json", b"[]", "holds no record, so nothing can be told"),
        ("a.csv", b"id,name\n", "holds no record behind its header"),
        ("a.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "no XML that can be read"),
        ("a.json", b"{}", "no column can be told"),
    ],
)
def test_a_file_that_says_nothing_is_refused_with_what_to_do(
    name: str, stored: bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(stored)
    with pytest.raises(OperatorError, match=says):
        make_from_file(tmp_path / "shop", file)
    assert not (tmp_path / "shop").exists()


def test_an_office_document_is_to_be_saved_as_csv(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as zipped:
        zipped.writestr("[Content_Types].xml", "")
    with pytest.raises(OperatorError, match="save its table as CSV"):
        guess_feed(tmp_path / "a.xlsx")


def test_a_fifo_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(OperatorError, match="no regular file"):
        guess_feed(tmp_path / "a.csv")


def test_a_stated_delimiter_holds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b;c\n1,2;3\n")
    text = guess_feed(tmp_path / "a.csv", delimiter=";").contract_text
    assert [column["name"] for column in yaml.safe_load(text)["schema"][0]["properties"]] == ["a_b", "c"]


@pytest.mark.parametrize("end", [b"\r", b"\r\r\n"])
def test_line_ends_that_are_none_are_said(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(end.join([b"id;v", b"1;2,5", b"2;3,5", b""]))
    with pytest.raises(OperatorError, match=r"a\.csv has a carriage return inside its header"):
        guess_feed(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("data", "skip", "doubts"),
    [
        (b"sep=;\r\nid;price\r\n1;2,5\r\n2;3,5\r\n", 1, 0),
        (b"Report of may\nBy shop\n\nid,price\n1,2.5\n2,3.5\n", 3, 1),
        (b"\n\nid,price\n1,2.5\n", None, 0),
        (b"id,price\n1,2.5\n2,3.5,\n3,4.5,\n4,5.5,\n", None, 0),
    ],
)
def test_lines_above_the_header_are_passed_over(tmp_path: Path, data: bytes, skip: int | None, doubts: int) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    guessed = guess_feed(tmp_path / "a.csv", delimiter=None if b";" in data else ",")
    csv = yaml.safe_load(guessed.feed_text)["a"]["csv"]
    assert (csv["delimiter"], csv.get("skip")) == (";" if b";" in data else ",", skip)
    assert guessed.feed_text.count("# doubtful: skip") == doubts
    columns = yaml.safe_load(guessed.contract_text)["schema"][0]["properties"]
    assert [column["name"] for column in columns] == ["id", "price"]


def test_a_column_with_an_odd_row_has_no_lines_above_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"name\na\nb,c\n")
    assert "skip" not in guess_feed(tmp_path / "a.csv", delimiter=",").feed_text


def test_stated_lines_above_the_header_hold(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"Report, of may\nid,price,note\n1,2.5,x\n")
    guessed = guess_feed(tmp_path / "a.csv", skip_rows=1)
    assert yaml.safe_load(guessed.feed_text)["a"]["csv"]["skip"] == 1
    assert guessed.skipped_records == 0


@pytest.mark.parametrize("delimiter", ["", "ab", "a", '"', "\n", "\u00e4"])
def test_a_delimiter_that_cannot_part_rows_is_refused(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(_PLAIN)
    with pytest.raises(OperatorError, match="--delimiter is one ASCII character"):
        guess_feed(tmp_path / "a.csv", delimiter=delimiter)


def test_runs_of_blanks_part_rows_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"id   day        x\n1    2024-01-31 -\n")
    guessed = guess_feed(tmp_path / "a.dat", delimiter="whitespace")
    assert "2024" not in guessed.contract_text
    assert [column["name"] for column in yaml.safe_load(guessed.contract_text)["schema"][0]["properties"]] == [
        "id",
        "day",
        "x",
    ]


def test_the_example_project_is_made_as_before(tmp_path: Path) -> None:
    said = tillage_json(tmp_path, "init", "food-orders", "shop")
    assert "contracts/orders.odcs.yaml" in said["files"]
    tillage(tmp_path, "init", "food-orders", expect=2)
    tillage(tmp_path, "init", "a", "b", "--from", "c.csv", expect=2)


def test_infer_prints_the_contract_and_the_line_of_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(_PLAIN)
    text = tillage(tmp_path, "contract", "infer", "orders.csv")
    (tmp_path / "orders.odcs.yaml").write_text(text)
    assert "# In tillage.yaml: orders: {path: landing/orders, format: csv" in text
    assert tillage_json(tmp_path, "contract", "lint", "orders.odcs.yaml")[0]["problems"] == []
    found = tillage_json(tmp_path, "contract", "infer", "orders.csv")
    assert (found["feed"], found["records"], found["contract"]) == ("orders", 2, text)
    assert {doubt["line"] for doubt in found["doubts"]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_project(tmp_path_factory.mktemp("contract") / "shop")


def test_lint_says_all_that_is_wrong_in_all_contracts(tmp_path: Path) -> None:
    shop = new_project(tmp_path / "shop")
    assert tillage_json(shop, "contract", "lint")[0]["problems"] == []
    contract = shop / "contracts" / "orders.odcs.yaml"
    (shop / "contracts" / "more.odcs.yaml").write_text("apiVersion: v3.2.0\n")
    contract.write_text(
        contract.read_text().replace("logicalType: number", "logicalType: numbr").replace("EUR}", "EUD}")
    )
    found = tillage_json(shop, "contract", "lint", expect=10)
    assert [one["file"] for one in found] == ["contracts/more.odcs.yaml", "contracts/orders.odcs.yaml"]
    assert all(one["problems"] for one in found)
    assert "no feed of tillage.yaml" in found[0]["notes"][0]
    assert "wrong  contracts/orders.odcs.yaml, line" in tillage(shop, "contract", "lint", "orders", expect=10)


def test_lint_of_an_unknown_feed_names_the_nearest(shop: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tillage", "contract", "lint", "order"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 10
    assert "did you mean 'orders'" in done.stderr


def test_diff_ends_with_11_only_on_what_breaks_readers(shop: Path, tmp_path: Path) -> None:
    text = (shop / "contracts" / "orders.odcs.yaml").read_text()
    (tmp_path / "other.yaml").write_text(text.replace("name: order_id", "name: number"))
    shown = tillage(shop, "contract", "diff", "orders", str(tmp_path / "other.yaml"), expect=11)
    assert "breaks readers:\n" in shown
    assert "orders.order_id: column removed" in shown
    (tmp_path / "same.yaml").write_text(f"{text}# more\n")
    assert tillage_json(shop, "contract", "diff", "orders", str(tmp_path / "same.yaml")) == []


def test_export_prints_tables_that_postgresql_makes(shop: Path, server: str) -> None:
    made = tillage(shop, "contract", "export", "--to", "ddl", "--dialect", "postgres")
    dsn = make_database(server, f"guessed_{next(_NUMBERS)}")
    with psycopg.connect(dsn) as connection:
        connection.execute(made.encode())
        types = connection.execute(
            "select column_name, data_type from information_schema.columns where table_name = 'orders'"
        ).fetchall()
    assert dict(types)["lines"] == "jsonb"
    assert (
        "`lines` array<struct<"
        in tillage_json(shop, "contract", "export", "orders", "--to", "ddl", "--dialect", "spark")["ddl"]
    )
    assert json.loads(tillage(shop, "contract", "export", "--to", "json-schema"))["title"] == "orders"


def test_what_is_no_file_is_told_from_one_that_is_gone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for given, says in [
        (tmp_path, r"is a folder; give the path of one file in it\. Others of its kind go into landing/<feed>"),
        (tmp_path / "pipe.csv", "is no regular file, and can be read only once; save what it gives as a file"),
        (tmp_path / "gone.csv", "cannot be read: No such file"),
    ]:
        with pytest.raises(OperatorError, match=says):
            make_from_file(tmp_path / "shop", given)
    assert not (tmp_path / "shop").exists()
