"""The second example project on its original data: known numbers, whatever comes when, and nobody in any table.

The numbers are those of the folder of original data, which were worked out apart from this product.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import REPOSITORY
from tests.integration.mirrored import check_files, check_flat_table, rows_of, standing, unpacked
from tests.integration.shops import Shop, make_database
from tests.integration.test_people import tillage
from tillage.pipelines.audit import audit
from tillage.pipelines.dump import dump
from tillage.pipelines.explain import explain
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.pipelines.status import status
from tillage.stores.embedded import EmbeddedPostgres

pytestmark = pytest.mark.accept("7.1")

TEMPLATE = REPOSITORY / "src" / "tillage" / "templates" / "health-retail"
DATASETS = ("customers", "products", "transactions")
WITHOUT_REQUESTS = shutil.ignore_patterns("erasure*")
"""The files of data: whoever asks to be erased is, see test_erasure.py."""


@dataclass
class Truth:
    """The folder of original files, and what is known of them."""

    files: Path
    counts: dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def truth(original: Path) -> Truth:
    folder = original / "health_retail"
    return Truth(folder / "raw_data", json.loads((folder / "expected_counts_computed.json").read_text()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("store")) as dsn:
        yield dsn


def make_house(root: Path, server: str, name: str) -> Shop:
    shutil.copytree(TEMPLATE, root)
    return Shop(root, make_database(server, name))


@pytest.fixture(scope="module")
def once(truth: Truth, server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """All files in one go."""
    shop = make_house(tmp_path_factory.mktemp("retail") / "once", server, "retail_once")
    shutil.copytree(truth.files, shop.root / "landing", dirs_exist_ok=True, ignore=WITHOUT_REQUESTS)
    shop.run()
    return shop


def loaded(shop: Shop) -> dict[str, tuple[int, int, int, int]]:
    """By dataset: read, accepted, waiting, duplicate; the law holds, and all that keeps something agrees."""
    with shop.open() as house:
        laws = status(house).datasets
        assert all(law.balances() for law in laws.values())
        assert not audit(house).findings
        assert all(one.agrees() for one in reconcile(house))
    return {
        name: (law.read_rows, law.accepted_rows, law.waiting_rows, law.duplicate_rows) for name, law in laws.items()
    }


def test_the_known_numbers_come_out(once: Shop, truth: Truth) -> None:
    known = truth.counts
    customers, products, bought = known["customers"], known["products"], known["transactions"]
    reasons = dict(bought["reasons"])  # type: ignore[call-overload]
    duplicates = reasons["duplicate_transaction_id"]
    assert loaded(once) == {
        "customers": (customers["rows"], customers["valid"], 15, 0),
        "products": (products["rows"], products["valid"], 15, 0),
        "transactions": (bought["rows"], reasons["clean"], 402, duplicates),
        "erasure_requests": (0, 0, 0, 0),
    }
    assert (customers["valid"], products["valid"], reasons["clean"], duplicates) == (762, 2_465, 9_610, 24)
    with once.open() as house:
        laws = status(house).datasets
        (lines,) = query(house, "select sum(len(lines))::bigint as lines from silver.transactions").to_pylist()
        codes = {(one.dataset, one.code): one.rows for one in house.ledger.quarantine_reasons()}
    assert laws["transactions"].accepted_minor == 111_840_567
    assert laws["products"].warning_rows == {"money_scale": 5}
    assert lines["lines"] == bought["clean_line_items"] == 29_143
    assert codes == {
        ("customers", "missing"): 15,
        ("products", "missing"): products["name_null"],
        ("products", "range"): products["price_zero"] + products["popularity_zero"],  # type: ignore[operator]
        ("transactions", "reference_missing"): bought["rows"] - reasons["clean"] - duplicates,
    }


def test_prices_that_are_not_the_catalogues_are_counted_listed_and_accepted(once: Shop, truth: Truth) -> None:
    """19 lines differ, one of them in a transaction that waits for its customer; each file and line that is named."""
    cents = {}
    for record in records_of(truth.files.rglob("products.json*")):
        if record["name"] and in_cents(record["price"]) > 0 and Decimal(str(record["popularity"])) > 0:
            cents[record["sku"]] = in_cents(record["price"])
    with once.open() as house:
        rows = query(house, "from warnings.transactions").to_pylist()
        assert status(house).datasets["transactions"].warning_rows == {"rule:catalogue_price": len(rows)}
        accepted = {
            row["transaction_id"] for row in query(house, "select transaction_id from silver.transactions").to_pylist()
        }
        (rounded,) = {row["warning"] for row in query(house, "from warnings.products").to_pylist()}
    assert rounded == "money_scale"
    listed = set()
    for row in rows:
        lines = unpacked(once.root / row["file"]).split(b"\n")
        listed.add(json.loads(lines[row["line"] - 1])["transaction_id"])
    differing = [
        record["transaction_id"]
        for record in records_of(truth.files.rglob("transactions.json*"))
        for line in record["purchases"]["products"]
        if line["sku"] in cents and in_cents(line["price"]) != cents[line["sku"]]
    ]
    assert listed == {*differing} & accepted
    assert (len(differing), len(listed)) == (19, 18)


def records_of(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in files:
        data = path.read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        yield from (json.loads(line) for line in text.splitlines() if line.strip())


def in_cents(price: str) -> int:
    return int((Decimal(price) * 100).to_integral_value(ROUND_HALF_UP))


def test_top_spenders_are_found_by_their_numbers(once: Shop, truth: Truth) -> None:
    with once.open() as house:
        for customer, transactions, total in truth.counts["top_spenders_clean"]:  # type: ignore[misc]
            found = explain(house, f"/spend/{customer}")
            assert (found.served["transactions"], found.served["total_minor"]) == (
                transactions,
                int(total.replace(".", "")),
            )
            assert found.adds_up()
        top = query(house, "select total_minor from gold.customer_spend order by total_minor desc limit 3").to_pylist()
    assert [int(row["total_minor"]) for row in top] == [443_836, 399_264, 396_977]


def canonical(shop: Shop) -> list[str]:
    """The dump without what is random in it: people under their own numbers."""
    with shop.open() as house:
        text = "\n".join(dump(house, is_canonical=True))
    with psycopg.connect(shop.dsn) as connection:
        for key, natural in connection.execute("select subject_key, natural_id from vault.identities").fetchall():
            text = text.replace(key, f"<{natural}>")
    return sorted(text.split("\n"))


def arriving(shop: Shop, truth: Truth, steps: Iterable[list[Path]]) -> None:
    for step in steps:
        for folder in step:
            target = shop.root / "landing" / folder.relative_to(truth.files)
            shutil.copytree(folder, target, dirs_exist_ok=True, ignore=WITHOUT_REQUESTS)
        with shop.open() as house:
            run(house, wait_s=1)
            assert all(law.balances() for law in status(house).datasets.values())


def test_the_same_comes_of_it_hour_by_hour_and_day_by_day(
    once: Shop, truth: Truth, server: str, tmp_path: Path
) -> None:
    """A day hour by hour, of which products come at one hour alone; the others some days at a time."""
    days = sorted(truth.files.iterdir())
    shop = make_house(tmp_path / "slow", server, "retail_slow")
    arriving(shop, truth, [[hour] for hour in sorted(days[0].iterdir())])
    arriving(shop, truth, [days[place : place + 5] for place in range(1, len(days), 5)])
    assert loaded(shop) == loaded(once)
    assert canonical(shop) == canonical(once)


def test_the_same_comes_of_it_in_any_order_and_again(once: Shop, truth: Truth, server: str, tmp_path: Path) -> None:
    """Each feed's days by themselves, so that whole days of customers and products come late; then all of it twice."""
    shop = make_house(tmp_path / "shuffled", server, "retail_shuffled")
    files = sorted(path for path in truth.files.rglob("*") if path.is_file() and not path.name.startswith("erasure"))
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in files:
        groups.setdefault((path.relative_to(truth.files).parts[0], path.name.partition(".")[0]), []).append(path)
    steps = [*groups.values()]
    random.Random(7).shuffle(steps)
    for some in (steps[place : place + 20] for place in range(0, len(steps), 20)):
        for path in (one for step in some for one in step):
            target = shop.root / "landing" / path.relative_to(truth.files)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        with shop.open() as house:
            run(house, wait_s=1)
            assert all(law.balances() for law in status(house).datasets.values())
    assert loaded(shop) == loaded(once)
    assert canonical(shop) == canonical(once)
    before = {name: rows for name, (_, *rows) in loaded(shop).items()}
    for folder in (shop.root / "landing").glob("date=*"):
        folder.rename(folder.with_name(folder.name.replace("date=2020", "date=2021")))
    shop.run()
    again = {name: rows for name, (_, *rows) in loaded(shop).items()}
    for name in ("customers", "products", "transactions"):
        accepted, waiting, duplicate = before[name]
        assert again[name] == [accepted, 2 * waiting, duplicate + accepted + duplicate], name


# --- 7.3: what is mirrored


def lines_of(shop: Shop, feed: str) -> dict[tuple[int, int], list[bytes]]:
    """By load and number of a file in it, its lines; each file is named once."""
    found = {}
    with shop.open() as house:
        for load in house.ledger.loads():
            for source in load.sources if load.feed == feed else ():
                data = (shop.root / source.path).read_bytes()
                found[load.load_seq, source.source] = (
                    gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
                ).split(b"\n")
    return found


def check_mirrors(shop: Shop) -> None:
    """Files and tables are what stands in silver, by plain Python."""
    for name in DATASETS:
        check_files(shop, name, name, lines_of(shop, name))
        if name != "transactions":
            check_flat_table(shop, name)
    bought = {row["transaction_id"]: row for row in standing(shop, "transactions")}
    heads = {row["transaction_id"]: row for row in rows_of(shop, "transactions")}
    assert heads.keys() == bought.keys()
    assert all(
        (row["customer_id"], row["total_minor"], row["transaction_time"])
        == (bought[key]["customer_id"], bought[key]["total_minor"], bought[key]["transaction_time"])
        for key, row in heads.items()
    )
    lines = {
        (key, place, line["sku"], line["quantity"], line["price_minor"], line["line_total_minor"])
        for key, row in bought.items()
        for place, line in enumerate(row["lines"], 1)
    }
    columns = ("transaction_id", "_line", "sku", "quantity", "price_minor", "line_total_minor")
    assert {tuple(row[name] for name in columns) for row in rows_of(shop, "transactions_lines")} == lines


@pytest.mark.accept("7.3")
def test_files_and_tables_are_what_stands_after_each_load(truth: Truth, server: str, tmp_path: Path) -> None:
    """A day of hours, then the others in steps, of which products and customers come last: all of them release."""
    days = sorted(truth.files.iterdir())
    shop = make_house(tmp_path / "mirrored", server, "retail_mirrored")
    hours = sorted(days[0].iterdir())
    for step in ([*hours[:1]], [*hours[1:4]], [*hours[4:]], days[1:12]):
        arriving(shop, truth, [step])
        check_mirrors(shop)
    late: list[Path] = []
    for day in days[12:]:
        for path in sorted(one for one in day.rglob("*.json*") if not one.name.startswith("erasure")):
            target = shop.root / "landing" / path.relative_to(truth.files)
            if path.name.startswith("transactions"):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            else:
                late.append(path)
    shop.run()
    check_mirrors(shop)
    for path in late:
        target = shop.root / "landing" / path.relative_to(truth.files)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shop.run()
    check_mirrors(shop)
    assert loaded(shop)["transactions"][1] == 9_610
    keys = {(table, text) for table, text in foreign_keys(shop)}
    assert keys == {
        ("transactions", "FOREIGN KEY (customer_id) REFERENCES mirror.customers(customer_id)"),
        ("transactions_lines", "FOREIGN KEY (sku) REFERENCES mirror.products(sku)"),
        ("transactions_lines", "FOREIGN KEY (transaction_id) REFERENCES mirror.transactions(transaction_id)"),
    }


def foreign_keys(shop: Shop) -> list[tuple[str, str]]:
    with psycopg.connect(shop.dsn) as store:
        found = store.execute("""
            select c.relname, pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = k.conrelid
            where k.contype = 'f' and c.relnamespace = 'mirror'::regnamespace
        """).fetchall()
    return [(str(table), str(text).removesuffix(" DEFERRABLE INITIALLY DEFERRED")) for table, text in found]


@pytest.mark.accept("7.3")
@pytest.mark.parametrize("side", ["before", "after"])
def test_files_and_tables_are_what_stands_after_a_kill_at_each_step(
    truth: Truth, server: str, tmp_path: Path, side: str
) -> None:
    """Kills at silver, at the commit that changes the tables, at one file of a hundred, and at the seal."""
    shop = make_house(tmp_path / "killed", server, f"retail_killed_{side}")
    kills = 0
    for place, step in enumerate([days_of(truth)[:3], days_of(truth)[3:6]]):
        for folder in step:
            target = shop.root / "landing" / folder.relative_to(truth.files)
            shutil.copytree(folder, target, ignore=WITHOUT_REQUESTS)
        for point in ("silver:1", "publish:2", "mirror:1", "mirror:2", "mirror:40", "mirror:110", "seal:1", "seal:3"):
            ended = tillage(shop, "run", TILLAGE_CRASH=f"{side}:{point}")
            assert ended.returncode in {0, -signal.SIGKILL}, ended.stderr
            kills += ended.returncode != 0
        assert tillage(shop, "run").returncode == 0
        check_mirrors(shop)
        assert kills >= 4 * (place + 1), kills


def days_of(truth: Truth) -> list[Path]:
    return sorted(truth.files.iterdir())


def test_nobody_is_in_any_table(once: Shop) -> None:
    with psycopg.connect(once.dsn) as connection:
        (people,) = connection.execute("select count(*) from vault.identities").fetchone() or (0,)
        words = {
            value
            for (text,) in connection.execute("select personal from vault.units where dataset = 'customers'").fetchall()
            for name, value in json.loads(text).items()
            if name in {"email", "phone_number", "address"}
        }
        words |= {natural for (natural,) in connection.execute("select natural_id from vault.identities").fetchall()}
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('tillage', 'folds', 'tables', 'mirror')"
        ).fetchall()
        rows = [
            row
            for schema, table in tables
            for (row,) in connection.execute(f'select t::text from "{schema}"."{table}" as t').fetchall()  # type: ignore[arg-type]
        ]
    assert people > 762
    assert len(words) > 2_000
    held = {token for row in rows for token in row.replace('"', " ").replace(",", " ").replace("(", " ").split()}
    # An amount or a place may happen to be the number of a customer.
    assert held & {word for word in words if " " not in word and len(word) > 5 and not word.isdigit()} == set()
    assert not any(word in row for word in words if len(word) > 12 for row in rows)
