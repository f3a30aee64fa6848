"""People leave the second example project, on its original data: by a search that shares nothing with the product's."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.test_health_retail import check_mirrors, loaded, make_house, records_of
from tests.integration.searching import found_in, searched
from tests.integration.shops import Shop
from tillage.domain.signature import is_signed
from tillage.pipelines.audit import audit
from tillage.pipelines.erase import all_erasures
from tillage.pipelines.explain import explain
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.pipelines.status import status
from tillage.stores.embedded import EmbeddedPostgres

pytestmark = pytest.mark.accept("8.1")


@dataclass
class Asked:
    """Who asks to be erased, by plain Python."""

    ids: set[str]
    emails: set[str]
    others: dict[str, set[str]]
    """Long texts of theirs by id: telephone numbers and addresses that nobody else has."""

    @property
    def texts(self) -> set[str]:
        return self.ids | self.emails | {text for texts in self.others.values() for text in texts}


@dataclass
class Before:
    """What a house held before the requests came."""

    loaded: dict[str, tuple[int, int, int, int]]
    sums: list[dict[str, object]]
    processed: dict[str, dict[str, list[dict[str, Any]]]]
    """By feed and file the records that are mirrored."""
    guessed: set[str]


@pytest.fixture(scope="module")
def files(original: Path) -> Path:
    return original / "health_retail" / "raw_data"


@pytest.fixture(scope="module")
def asked(files: Path) -> Asked:
    requests = list(records_of(files.rglob("erasure-requests*")))
    customers = list(records_of(files.rglob("customers.json*")))
    ids = {one["customer-id"] for one in requests}
    others: dict[str, set[str]] = {}
    for one in customers:
        if one["id"] in ids:
            kept = (one["phone_number"], one["address"])
            others[one["id"]] = {text for text in kept if text and _is_own(text, one["id"], customers)}
    assert (len(requests), len(ids)) == (24, 23)
    return Asked(ids, {one["email"] for one in requests}, others)


def _is_own(text: str, owner: str, customers: list[dict[str, str]]) -> bool:
    return all(text not in json.dumps(one, ensure_ascii=False) for one in customers if one["id"] != owner)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("store")) as dsn:
        yield dsn


def sums(shop: Shop) -> list[dict[str, object]]:
    """All numbers that are served, whoever they are about."""
    found = []
    with shop.open() as house:
        for model in ("customer_spend", "product_sales"):
            rows = query(house, f"select * from gold.{model}").to_pylist()
            found += [{"model": model} | row for row in rows]
    return sorted(found, key=lambda row: json.dumps(row, default=str, sort_keys=True))


@pytest.fixture(scope="module")
def everybody(files: Path) -> set[str]:
    """Ids and addresses of all who are in the files: a dictionary of guesses."""
    customers = list(records_of(files.rglob("customers.json*")))
    bought = {one["customer_id"] for one in records_of(files.rglob("transactions.json*"))}
    return {one["id"] for one in customers} | {one["email"] for one in customers if one["email"]} | bought


@pytest.fixture(scope="module")
def house(
    files: Path, asked: Asked, everybody: set[str], server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Shop, Before]:
    """All that came, with the numbers before; then the requests, and the search before and after."""
    shop = make_house(tmp_path_factory.mktemp("erased") / "shop", server, "retail_erased")
    for name in ("customers", "products", "transactions"):
        land(shop, files, f"{name}.json*")
    shop.run()
    processed = {name: mirrored(shop, name) for name in ("customers", "transactions")}
    before = Before(loaded(shop), sums(shop), processed, guessed(shop, everybody))
    found = searched(shop, asked.texts)
    assert asked.ids | asked.emails <= set().union(*found.values())
    land(shop, files, "erasure*")
    with shop.open() as opened:
        report = run(opened, wait_s=1)
    assert [one.people for one in report.erased] == [23]
    return shop, before


@pytest.fixture(scope="module")
def erased(house: tuple[Shop, Before]) -> Shop:
    return house[0]


@pytest.fixture(scope="module")
def before(house: tuple[Shop, Before]) -> Before:
    return house[1]


def land(shop: Shop, files: Path, pattern: str, *, year: str = "date=2020") -> None:
    for path in files.rglob(pattern):
        target = shop.root / "landing" / str(path.relative_to(files)).replace("date=2020", year)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def mirrored(shop: Shop, feed: str) -> dict[str, list[dict[str, Any]]]:
    """By file, its records, with numbers as they are spelt."""
    folder = shop.root / "processed" / feed
    found = {}
    for path in folder.rglob("*.json*"):
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
        found[path.relative_to(folder).as_posix()] = [json.loads(line, parse_float=str) for line in lines]
    return found


def test_nothing_of_them_is_anywhere(erased: Shop, asked: Asked) -> None:
    assert searched(erased, asked.texts) == {}


def test_every_number_stays(erased: Shop, before: Before) -> None:
    assert sums(erased) == before.sums
    now = loaded(erased)
    discarded = {}
    with erased.open() as house:
        for name, law in status(house).datasets.items():
            discarded[name] = law.discarded_rows
        assert all(one.agrees() for one in reconcile(house))
        assert not audit(house).findings
    for name, (read, accepted, waiting, duplicate) in before.loaded.items():
        if name != "erasure_requests":
            assert now[name] == (read, accepted, waiting - discarded[name], duplicate)
    assert discarded["customers"] == 1
    assert now["erasure_requests"] == (24, 24, 0, 0)
    check_mirrors(erased)


PERSONAL = ("first_name", "last_name", "date_of_birth", "email", "phone_number", "address", "city", "postcode")


def test_mirrored_files_keep_their_shape(erased: Shop, before: Before, asked: Asked) -> None:
    """Every record is at its place with all of its members, those of who was erased with hashes in them."""
    keys: dict[str, str] = {}
    for was, now in both(before, erased, "customers"):
        if was["id"] not in asked.ids:
            assert now == was
            continue
        assert list(now) == list(was)
        keys[was["id"]] = now["id"]
        for name, value in was.items():
            if name in PERSONAL and value is not None:
                assert re.fullmatch("[0-9a-f]{64}", now[name])
            elif name != "id":
                assert now[name] == value
    assert len(keys) == len({*keys.values()}) == 22
    bought = 0
    for was, now in both(before, erased, "transactions"):
        if was["customer_id"] not in asked.ids:
            assert now == was
            continue
        bought += 1
        assert list(now) == list(was)
        assert (now["customer_id"], now["delivery_address"]) == (keys[was["customer_id"]], None)
        assert amounts(now) == amounts(was)
    assert bought > 100


def both(before: Before, erased: Shop, feed: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each mirrored record as it was and as it is."""
    now = mirrored(erased, feed)
    assert now.keys() == before.processed[feed].keys()
    for name, records in before.processed[feed].items():
        yield from zip(records, now[name], strict=True)


def amounts(transaction: dict[str, Any]) -> tuple[Decimal, list[tuple[Any, ...]]]:
    bought = transaction["purchases"]
    lines = [
        (list(line), line["sku"], line["quanitity"], Decimal(line["price"]), Decimal(line["total"]))
        for line in bought["products"]
    ]
    return Decimal(bought["total_cost"]), lines


def test_positions_of_all_others_are_what_they_were(erased: Shop, files: Path, asked: Asked) -> None:
    for path in files.rglob("*.json*"):
        landed = (erased.root / "landing" / path.relative_to(files)).read_bytes()
        was = path.read_bytes()
        was, landed = (gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one for one in (was, landed))
        assert len(was) == len(landed)
        for line, now in zip(was.split(b"\n"), landed.split(b"\n"), strict=True):
            assert now == (b" " * len(line) if found_in(asked.ids, line) else line)
    with erased.open() as house:
        assert explain(house, "/spend/537135").adds_up()


def test_the_receipt_is_signed_and_names_nobody(erased: Shop, asked: Asked) -> None:
    with erased.open() as house:
        (one,) = all_erasures(house)
    assert (one.state, one.people) == ("proved", 23)
    receipt = dict(one.receipt or {})
    assert is_signed(receipt, receipt["public_key"])
    assert not is_signed(receipt | {"erasure": 99}, receipt["public_key"])
    text = json.dumps(receipt)
    assert not found_in(asked.texts, text.encode())
    assert all(layer["hits"] == 0 for layer in receipt["layers"])
    assert sum(layer["stored_bytes"] for layer in receipt["layers"]) > 1_000_000


def test_the_same_files_bring_nobody_back(erased: Shop, files: Path, asked: Asked) -> None:
    """Under new paths they are loaded again and count as suppressed; under the old ones they are scrubbed again."""
    rows_before, sums_before = loaded(erased), sums(erased)
    land(erased, files, "*.json*")
    with erased.open() as house:
        assert run(house, wait_s=1).loads == {}
    assert searched(erased, asked.texts) == {}
    land(erased, files, "*.json*", year="date=2021")
    with erased.open() as house:
        run(house, wait_s=1)
        suppressed = {name: law.suppressed_rows for name, law in status(house).datasets.items()}
    assert suppressed == {"customers": 23, "products": 0, "transactions": 282, "erasure_requests": 24}
    assert searched(erased, asked.texts) == {}
    assert sums(erased) == sums_before
    after = loaded(erased)
    for name in ("customers", "products", "transactions"):
        assert after[name][1] == rows_before[name][1]


@pytest.mark.accept("8.2")
def test_a_dictionary_of_all_ids_finds_nobody(
    erased: Shop, before: Before, asked: Asked, everybody: set[str], files: Path
) -> None:
    """Each id and address as it is, and its plain digests, held against all that is left but the keys."""
    theirs = asked.ids | asked.emails
    assert theirs <= before.guessed
    now = guessed(erased, everybody)
    assert not theirs & now
    assert now >= before.guessed - theirs - {""}  # the others are found as before, so it does look
    planted = erased.root / "landing" / "planted.txt"
    planted.write_text("\n".join(hashlib.sha1(one.encode()).hexdigest() for one in asked.ids))
    assert guessed(erased, asked.ids) == asked.ids
    planted.unlink()


def guessed(shop: Shop, guesses: set[str]) -> set[str]:
    """Those that stand somewhere, themselves or as a plain digest."""
    digests = {
        hashlib.new(name, text.encode()).hexdigest(): text
        for text in guesses
        for name in ("md5", "sha1", "sha256", "sha512")
    }
    plain = set().union(*searched(shop, guesses).values())
    return plain | {digests[one] for one in hex_in(shop) & digests.keys()}


def hex_in(shop: Shop) -> set[str]:
    """Everything that looks like a digest, in files and tables."""
    found: set[str] = set()
    for path in (one for one in shop.root.rglob("*") if one.is_file() and one.name != "keys.json"):
        data = path.read_bytes()
        found |= {one.decode().lower() for one in re.findall(rb"[0-9a-fA-F]{32,128}", data)}
    with psycopg.connect(shop.dsn) as connection:
        names = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            for (row,) in connection.execute(f'select t::text from "{schema}"."{table}" t').fetchall():
                found |= {one.lower() for one in re.findall(r"[0-9a-fA-F]{32,128}", row)}
    return found
