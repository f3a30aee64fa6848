"""Exports hold what `query` shows at one moment, whole or not at all; snapshots say which loads they are of."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.acceptance.crash.runs import until
from tests.integration.shops import CONTRACT, Shop, customer, make_database, make_shop, order
from tillage.cli.doctor.house import examine_house
from tillage.domain.export import Amounts, Form, Format, form_of
from tillage.engines.duckdb import DuckEngine
from tillage.engines.exporting import DuckExports
from tillage.errors import ExportError, LeaseLostError, TransientError
from tillage.exports.sink import Sink
from tillage.exports.spelled import write_rows
from tillage.lake import gold
from tillage.pipelines.backup import backup
from tillage.pipelines.export import Exported, export
from tillage.pipelines.maintain import maintain
from tillage.pipelines.query import query
from tillage.pipelines.snapshot import Snapshotted, snapshot
from tillage.pipelines.sources import known_tables
from tillage.ports.engine import View
from tillage.ports.export import Source
from tillage.settings import read_settings
from tillage.wiring import backup_folder, export_file, export_folder, restore_house

_NUMBERS = count(1)
_SPEND = "gold.customer_spend"
_MODELS = {
    "best": "select customer_id, net_minor, rank() over (order by net_minor desc) as place from customer_spend",
    "shown": "select customer_id as who, net_minor from customer_spend where orders > 0",
}
_GROSS = "190071992547409.93"
_NAMES = ["c1", 'c,"2"', "c\n3", "=c4", "çé😀", " ", "c7"]


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A house that is only read: a fold, a table, a view; newer versions of orders; units that wait."""
    shop = make_shop(tmp_path_factory.mktemp("export") / "shop", server, f"export_{next(_NUMBERS)}")
    for name, text in _MODELS.items():
        (shop.root / f"models/{name}.sql").write_text(text)
    unit = '      - {property: tillage.unit, value: "$.orders[*]"}'
    shop.edit(CONTRACT, unit, f"      - {{property: tillage.merge, value: scd2}}\n{unit}")
    shop.land("a.jsonl", *(customer(name, order(f"o{number}", number + 0.07)) for number, name in enumerate(_NAMES)))
    shop.run()
    later = shop.land("b.jsonl", customer("c1", order("o0", 123), order("o9", "x")), customer("c8"))
    later.write_text(later.read_text().replace("123", _GROSS))  # which Python would make another float of
    shop.run()
    return shop


@pytest.fixture
def growing(server: str, tmp_path: Path) -> Shop:
    """A house of the test's own, with one load."""
    shop = make_shop(tmp_path / "shop", server, f"exported_{next(_NUMBERS)}")
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    return shop


def write(shop: Shop, path: Path, *tables: str, spelling: str = "parquet", **more: Any) -> Exported:
    form = form_of(spelling, amounts=more.pop("amounts", Amounts.MINOR), is_for_spreadsheets=False)
    make = export_folder if len(tables) > 1 else export_file
    is_overwriting = more.pop("is_overwriting", False)
    with shop.open() as house:
        return export(
            house, tables, make(shop.root, path, form, read_settings({}), is_overwriting=is_overwriting), form
        )


def snap(shop: Shop, *tables: str) -> list[Snapshotted]:
    with shop.open() as house:
        return snapshot(house, tables or (_SPEND,), wait_s=0)


def command(
    shop: Shop, *words: str, crash: str = "", into: int = subprocess.PIPE, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_CRASH": crash, "TILLAGE_THREADS": "1"}
    line = [sys.executable, "-m", "tillage", *words]
    return subprocess.run(
        line, cwd=shop.root, env=environment, stdout=into, stderr=subprocess.PIPE, check=False, **more
    )


def kill(shop: Shop, *words: str, crash: str) -> None:
    ended = command(shop, *words, crash=crash)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def shown(rows: pa.Table) -> list[str]:
    """Rows as texts in any order, bytes as base64 and numbers by their value."""
    return sorted(json.dumps(row, default=_as_text, sort_keys=True) for row in rows.to_pylist())


def _as_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    text = value.isoformat().removesuffix("+00:00")
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z" * (value.isoformat() != text)


def test_every_table_that_can_be_queried_is_exported_with_the_same_rows(shop: Shop, tmp_path: Path) -> None:
    with shop.open() as house:
        tables = known_tables(house)
        rows = {table: query(house, f"from {table}") for table in tables}
    assert {"gold.best", "gold.shown", "silver.orders", "history.orders", "bronze.orders"} <= set(tables)
    nothing = {"warnings.customers", "warnings.orders"}
    assert {table for table in tables if not rows[table].num_rows} == nothing
    for spelling in ("parquet", "jsonl", "csv"):
        done = write(shop, tmp_path / spelling, *tables, spelling=spelling)
        assert [one.file.rows for one in done.tables] == [rows[table].num_rows for table in tables]
    for table in tables:
        parquet = pq.read_table(tmp_path / f"parquet/{table}.parquet")
        assert parquet.column_names == rows[table].column_names
        assert shown(parquet) == shown(rows[table])
        lines = (tmp_path / f"jsonl/{table}.jsonl").read_text("utf-8").split("\n")[:-1]
        assert sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines) == shown(rows[table])
        read = list(csv.reader(io.StringIO((tmp_path / f"csv/{table}.csv").read_bytes().decode(), newline="")))
        assert read[0] == rows[table].column_names
        assert len(read) == rows[table].num_rows + 1


def test_amounts_in_major_units_stand_beside_their_currency_in_lists_too(shop: Shop, tmp_path: Path) -> None:
    write(shop, tmp_path / "spend.csv", _SPEND, spelling="csv", amounts=Amounts.MAJOR)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "spend.csv").read_bytes().decode(), newline="")))
    with shop.open() as house:
        kept = query(house, f"select * from {_SPEND} order by customer_id").to_pylist()
    assert [row["customer_id"] for row in rows] == [row["customer_id"] for row in kept]
    assert [Decimal(row["net"]).scaleb(2) for row in rows] == [row["net_minor"] for row in kept]
    assert {row["net_currency"] for row in rows} == {"EUR"}
    assert max(row["net_minor"] for row in kept) > 2**53
    write(shop, tmp_path / "orders.jsonl", "silver.orders", spelling="jsonl", amounts=Amounts.MAJOR)
    lines = [json.loads(line, parse_float=str) for line in (tmp_path / "orders.jsonl").read_text("utf-8").splitlines()]
    gross = {line["order_id"]: line["lines"][0]["gross"] for line in lines}
    assert (gross["o0"], gross["o1"]) == (_GROSS, "1.07")
    assert {line["lines"][0]["gross_currency"] for line in lines} == {"EUR"}


def test_the_same_house_gives_the_same_bytes_and_says_their_digest(growing: Shop, tmp_path: Path) -> None:
    growing.land("b.jsonl", *(customer(f"c{number}", order(f"p{number}")) for number in range(50)))
    growing.run()
    tables = ("gold.customer_spend", "silver.orders", "bronze.orders")
    for spelling in ("parquet", "csv.gz", "jsonl.zst"):
        write(growing, tmp_path / f"1.{spelling}", *tables, spelling=spelling)
    with growing.open() as house:
        maintain(house, wait_s=1)
    for spelling in ("parquet", "csv.gz", "jsonl.zst"):
        done = write(growing, tmp_path / f"2.{spelling}", *tables, spelling=spelling)
        for one in done.tables:
            data = (tmp_path / f"2.{spelling}" / one.file.file).read_bytes()
            assert (one.file.size_bytes, one.file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert contents(tmp_path / f"1.{spelling}") == contents(tmp_path / f"2.{spelling}")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_says_what_it_is_of_and_is_only_replaced_by_another_export(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    write(shop, folder, _SPEND, "gold.best", spelling="csv")
    manifest = json.loads((folder / "manifest.json").read_text())
    with shop.open() as house:
        build = house.ledger.last_build()
        published = house.ledger.published()
    spend, best = manifest["tables"]
    assert (spend["loads"], spend["build"], spend["currencies"]) == (published, None, {"net_minor": "EUR"})
    assert build
    assert (best["loads"], best["build"]) == (build.manifest["published"], build.load_seq)
    for table in (spend, best):
        assert hashlib.sha256((folder / table["file"]).read_bytes()).hexdigest() == table["sha256"]
    with pytest.raises(ExportError, match="holds an export already; replace it with --overwrite"):
        write(shop, folder, _SPEND, "gold.best")
    write(shop, folder, _SPEND, "gold.shown", is_overwriting=True)
    assert {path.name for path in folder.iterdir()} == {
        "gold.customer_spend.parquet",
        "gold.shown.parquet",
        "manifest.json",
    }
    (folder / "mine.txt").write_text("")
    with pytest.raises(ExportError, match="holds other things than an export"):
        write(shop, folder, _SPEND, "gold.best", is_overwriting=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("tables", "place", "message"),
    [
        (["gold.customer_spent"], "x.csv", r"no table is called .*; did you mean gold\.customer_spend\?"),
        (["customers"], "x.csv", r"did you mean silver\.customers or quarantine\.customers or warnings\.customers\?"),
        ([_SPEND, _SPEND], "x", "a table is named twice"),
        ([_SPEND], "shop/data/x.csv", "belongs to the project's own data"),
        ([_SPEND], "shop/landing/orders/x.csv", "lies where feed orders looks for new files"),
        ([_SPEND, "gold.best"], "shop/data", "belongs to the project's own data"),
        ([_SPEND, "gold.best"], "shop", "belongs to the project's own data"),
        ([_SPEND], "shop/processed/x.csv", "lies where mirrored files are kept"),
        ([_SPEND], "none/x.csv", "cannot be written: No such file or directory"),
        ([_SPEND], "taken.csv", "is there already; replace it with --overwrite"),
        ([_SPEND], "shop", "is a folder|belongs to the project's own data"),
        ([_SPEND, "gold.best"], "taken.csv", "is a file; several tables go to a folder"),
    ],
)
def test_what_cannot_be_exported_says_why_and_leaves_nothing(
    shop: Shop, tables: list[str], place: str, message: str
) -> None:
    outside = shop.root.parent
    (outside / "taken.csv").write_text("mine")
    with pytest.raises(ExportError, match=message):
        write(shop, outside / place, *tables, spelling="csv")
    assert (outside / "taken.csv").read_text() == "mine"
    assert sorted(path.name for path in outside.iterdir()) == ["shop", "taken.csv"]


def test_a_full_disk_leaves_what_was_there_before(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text("before")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    for words in ((["bronze.orders", "--to", str(tmp_path / "b.jsonl"), "--overwrite"]), (
        ["bronze.orders", _SPEND, "--to", str(tmp_path / "b"), "--format", "csv"])):  # fmt: skip
        ended = command(shop, "export", *words, "--json", preexec_fn=limit)
        problem = json.loads(ended.stderr.splitlines()[-1])
        assert (ended.returncode, problem["error"]) == (10, "export")
        assert "File too large" in problem["message"]
    assert contents(tmp_path) == {"b.jsonl": b"before"}


@pytest.mark.parametrize("side", ["before", "after"])
def test_an_export_killed_at_its_end_is_the_old_one_or_the_new_one(shop: Shop, tmp_path: Path, side: str) -> None:
    file, folder = tmp_path / "spend.csv", tmp_path / "out"
    write(shop, folder, _SPEND, "gold.best", spelling="jsonl")
    old = contents(folder)
    kill(shop, "export", _SPEND, "--to", str(file), crash=f"{side}:export")
    assert file.exists() == (side == "after")
    words = (_SPEND, "gold.best", "--to", str(folder), "--format", "csv", "--overwrite")
    kill(shop, "export", *words, crash=f"{side}:export")
    assert (contents(folder) == old) == (side == "before")
    write(shop, file, _SPEND, spelling="csv", is_overwriting=True)
    write(shop, folder, _SPEND, "gold.best", spelling="csv", is_overwriting=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "spend.csv"]
    assert (folder / "gold.customer_spend.csv").read_bytes() == file.read_bytes()


def test_a_folder_that_was_moved_aside_by_a_killed_export_is_put_back(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(shop, folder, _SPEND, "gold.best")
    old = contents(folder)
    folder.rename(tmp_path / ".out.tillage-old")
    with pytest.raises(ExportError, match="holds an export already"):
        write(shop, folder, _SPEND, "gold.best")
    assert contents(folder) == old
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_of_two_exports_to_one_place_the_second_is_told_to_wait(shop: Shop, tmp_path: Path) -> None:
    for make, name in ((export_file, "spend.csv"), (export_folder, "out")):
        target = make(shop.root, tmp_path / name, Form(Format.CSV), read_settings({}), is_overwriting=True)
        with target.opened(), pytest.raises(TransientError, match="is being written by another export"):
            target.opened().__enter__()
    assert list(tmp_path.iterdir()) == []


def test_streams_are_written_as_they_are_read(shop: Shop, tmp_path: Path) -> None:
    write(shop, tmp_path / "spend.csv", _SPEND, spelling="csv")
    wanted = (tmp_path / "spend.csv").read_bytes()
    piped = command(shop, "export", _SPEND, "--to", "-", "--format", "csv", "--json")
    assert piped.stdout == wanted
    said = json.loads(piped.stderr.splitlines()[-1])["tables"][0]
    assert said["sha256"] == hashlib.sha256(wanted).hexdigest()
    reading, writing = os.pipe()
    os.close(reading)
    gone = command(shop, "export", _SPEND, "--to", "-", "--format", "csv.gz", into=writing)
    os.close(writing)
    assert (gone.returncode, b"error" in gone.stderr) == (0, False), gone.stderr
    os.mkfifo(tmp_path / "fifo.csv")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "fifo.csv").read_bytes()))
    reader.start()
    write(shop, tmp_path / "fifo.csv", _SPEND, spelling="csv")
    reader.join()
    assert found == [wanted]


@pytest.mark.parametrize(
    "words",
    [
        (_SPEND, "--format", "xls"),
        (_SPEND, "--to", "x.csv", "--format", "jsonl"),
        (_SPEND, "--to", "-", "--format", "parquet"),
        (_SPEND, "--to", "x.jsonl", "--spreadsheet"),
        (_SPEND, "silver.orders"),
        (_SPEND, "--format", "delta", "--to", "x"),
    ],
)
def test_options_that_do_not_fit_end_with_2_before_anything_is_opened(shop: Shop, words: tuple[str, ...]) -> None:
    ended = command(shop, "export", *words, "--json")
    assert (ended.returncode, json.loads(ended.stderr)["error"]) == (2, "usage")


def test_tables_of_one_export_are_of_one_set_of_loads_while_loads_are_published(growing: Shop, tmp_path: Path) -> None:
    (growing.root / "models/best.sql").write_text(_MODELS["best"])
    growing.run()
    is_over = threading.Event()

    def load() -> None:
        numbers = count()
        while not is_over.is_set():
            number = next(numbers)
            growing.land(f"n{number}.jsonl", customer(f"n{number}", order(f"n{number}", 2.30)))
            growing.run()

    loading = threading.Thread(target=load)
    loading.start()
    try:
        seen = [_totals(growing, tmp_path / str(number)) for number in range(6)]
    finally:
        is_over.set()
        loading.join()
    assert all(len(set(totals)) == 1 for totals, _ in seen), seen
    assert len({loads for _, loads in seen}) > 1


def _totals(shop: Shop, folder: Path) -> tuple[tuple[int, int, int], int]:
    """Orders as the fold counts them, as they stand, and as their records say; and the load that they are of."""
    done = write(shop, folder, _SPEND, "silver.orders", "bronze.orders")
    spend, orders, bronze = (pq.read_table(folder / one.file.file) for one in done.tables)
    units = sum(unit["dataset"] == "orders" for row in bronze.to_pylist() for unit in row["units"])
    loads = {one.source.loads["orders"] for one in done.tables}
    assert len(loads) == 1
    return (sum(spend["orders"].to_pylist()), orders.num_rows, units), loads.pop()


class Watched(Sink):
    """Notes the most that Arrow held when something was written."""

    most_bytes = 0

    def write(self, data: Any) -> int:
        self.most_bytes = max(self.most_bytes, pa.total_allocated_bytes())
        return super().write(data)


def test_no_more_than_a_group_of_rows_is_held_beside_the_engine(tmp_path: Path) -> None:
    engine = DuckEngine(tmp_path, memory_bytes=64 << 20, threads=1, datasets={})
    sql = "select hash(range) as key, 'customer ' || hash(range) as name, range as net_minor from range(600_000)"
    source = Source("gold.t", View(sql, {}), ("key",), {}, {}, None, "")
    for form in (Form(Format.PARQUET), Form(Format.CSV)):
        before_bytes = pa.total_allocated_bytes()
        with DuckExports(engine.connect).drawn([source]) as drawn, (tmp_path / "out").open("wb") as out:
            sink = Watched(out)
            assert write_rows(drawn.rows(source, form), form, sink, {}) == 600_000
        assert sink.most_bytes - before_bytes < 16 << 20


def test_a_snapshot_is_the_fold_and_says_its_loads_and_the_same_loads_add_none(growing: Shop) -> None:
    assert [(one.version, one.is_new, one.rows) for one in snap(growing)] == [(0, True, 1)]
    assert [(one.version, one.is_new, one.rows) for one in snap(growing)] == [(0, False, 1)]
    folder = growing.root / "data/lake/gold/customer_spend"
    with growing.open() as house:
        loads, text = house.ledger.published(), house.folds.digests()["customer_spend"]
    table = DeltaTable(folder)
    said = table.history(1)[0]
    assert (json.loads(said["tillage.loads"]), said["tillage.digest"]) == (loads, text)
    assert table.to_pyarrow_table().to_pylist() == [{"customer_id": "c1", "orders": 1, "net_minor": 100}]
    files = [str(folder / name) for name in table.get_add_actions(flatten=True).column("path").to_pylist()]
    assert duckdb.sql(f"select sum(net_minor) from read_parquet({files})").fetchall() == [(100,)]
    protocol = table.protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
    assert not [name for name in table.get_add_actions(flatten=True).schema.names if name.startswith(("min.", "max."))]
    growing.land("b.jsonl", customer("c2", order("o2", 2.30)))
    growing.run()
    assert [(one.version, one.rows) for one in snap(growing)] == [(1, 2)]
    assert DeltaTable(folder, version=0).to_pyarrow_table().num_rows == 1  # who reads it may go on
    growing.edit("models/customer_spend.sql", "as net_minor\n", "as net_cents\n")
    growing.edit("tillage.yaml", "net_minor", "net_cents")
    growing.run()
    assert [one.version for one in snap(growing)] == [2]
    assert DeltaTable(folder).to_pyarrow_table().column_names == ["customer_id", "orders", "net_cents"]


def test_older_snapshots_are_deleted_and_no_file_of_the_newest(growing: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold, "_KEPT_H", 0)
    folder = growing.root / "data/lake/gold/customer_spend"
    for number in range(4):
        growing.land(f"b{number}.jsonl", customer(f"n{number}"))
        growing.run()
        snap(growing)
        assert len(list(folder.glob("*.parquet"))) <= 2
    assert DeltaTable(folder).to_pyarrow_table().num_rows == 5


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_snapshot_killed_at_its_commit_is_there_whole_or_made_by_the_next(growing: Shop, side: str) -> None:
    kill(growing, "export", _SPEND, "--format", "delta", crash=f"{side}:snapshot")
    assert [(one.version, one.is_new, one.rows) for one in snap(growing)] == [(0, side == "before", 1)]
    growing.land("b.jsonl", customer("c2", order("o2")))
    growing.run()
    kill(growing, "export", _SPEND, "--format", "delta", crash=f"{side}:snapshot")
    assert [(one.version, one.is_new, one.rows) for one in snap(growing)] == [(1, side == "before", 2)]


def test_of_two_snapshots_that_were_opened_at_once_the_second_is_refused(growing: Shop) -> None:
    with growing.open() as house:
        for first in (True, False):
            one, other = house.snapshots.opened("x"), house.snapshots.opened("x")
            rows = pa.table({"n": [1]})
            one.replace(rows, house.ledger.next_fence(), {})
            with pytest.raises(LeaseLostError, match="another export wrote it meanwhile"):
                other.replace(rows, house.ledger.next_fence(), {})
            assert one.said().version == (0 if first else 1)


def test_snapshots_are_of_models_alone_and_of_types_that_every_reader_has(growing: Shop) -> None:
    with pytest.raises(ExportError, match=r"silver\.orders is a Delta table in data/lake already"):
        snap(growing, "silver.orders")
    text = "select customer_id, timestamp '2025-01-24 10:00:00' as at from customer_spend"
    (growing.root / "models/zoneless.sql").write_text(text)
    with pytest.raises(ExportError, match=r"gold\.zoneless has not been computed yet; that is done by: tillage run"):
        snap(growing, "gold.zoneless")
    growing.run()
    with pytest.raises(ExportError, match=r"gold\.zoneless: column 'at' is a time without a zone"):
        snap(growing, "gold.zoneless")


def test_a_model_that_is_replaced_while_it_is_exported_is_never_found_empty(growing: Shop) -> None:
    growing.edit("models/customer_spend.sql", "as orders,", "as orders, ")
    replacing = threading.Thread(target=growing.run)
    with growing.open() as house, psycopg.connect(growing.dsn, autocommit=True) as store:
        with house.gold.pinned(["customer_spend"]) as pinned:
            replacing.start()
            waits = "select from pg_locks where not granted and relation = 'gold.customer_spend'::regclass"
            until(lambda: not replacing.is_alive() or store.execute(waits).fetchone() is not None)
            rows = pa.Table.from_batches(pinned.rows("customer_spend")).to_pylist()
        replacing.join()
    assert [(row["customer_id"], row["net_minor"]) for row in rows] == [("c1", 100)]
    assert growing.spend() == {"c1": (1, 100)}


def test_doctor_tells_of_a_snapshot_that_is_harmed_or_of_a_model_that_is_gone(growing: Shop) -> None:
    snap(growing)
    (growing.root / "models/shown.sql").write_text(_MODELS["shown"])
    growing.run()
    snap(growing, "gold.shown")
    next((growing.root / "data/lake/gold/customer_spend").glob("*.parquet")).unlink()
    (growing.root / "models/shown.sql").unlink()
    growing.run()
    found = {one.text: one for one in examine_house(growing.root, read_settings({"TILLAGE_STORE_DSN": growing.dsn}))}
    harmed = found["data/lake/gold/customer_spend: 1 of its files are gone"]
    assert (harmed.level, "tillage export gold.customer_spend --format delta" in harmed.mend) == ("wrong", True)
    assert found["data/lake/gold/shown is a snapshot of a model that is gone"].level == "note"


def test_a_backup_holds_snapshots_and_they_go_on_after_it_is_restored(growing: Shop, server: str) -> None:
    snap(growing)
    settings = read_settings({"TILLAGE_STORE_DSN": growing.dsn})
    folder = growing.root.parent / "backup"
    with growing.open() as house:
        backup(house, backup_folder(growing.root, folder, settings), wait_s=0, version="0.1.0")
    shutil.rmtree(growing.root / "data")
    restored = Shop(growing.root, make_database(server, f"exported_{next(_NUMBERS)}"))
    restore_house(restored.root, folder, read_settings({"TILLAGE_STORE_DSN": restored.dsn}), say=restored.said.append)
    assert [(one.version, one.is_new) for one in snap(restored)] == [(0, False)]
    restored.land("b.jsonl", customer("c2"))
    restored.run()
    assert [(one.version, one.is_new, one.rows) for one in snap(restored)] == [(1, True, 2)]
