"""Bytes that were kept long enough leave bronze for good; each count, place and amount stays, and nothing else goes."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from tests.acceptance.commands import tillage
from tests.integration.retained import (
    CANARY,
    KEPT_DAYS,
    at,
    bytes_by_load,
    canonical,
    files_with,
    keep,
    kept_up,
    limit_at,
    make_kept,
    on_disk,
    shares,
    sound,
)
from tests.integration.ruled import broken_rule, ruled
from tests.integration.shops import CONTRACT, Shop, customer, order
from tests.integration.test_backup import back_up, emptied, restore
from tillage.domain.load import LoadState
from tillage.pipelines.explain import explain
from tillage.pipelines.maintain import maintain
from tillage.pipelines.quarantine import discard, patch_file, replay
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.ports.engine import Due
from tillage.ports.store import Waiting


@pytest.fixture
def kept(shop: Shop) -> Shop:
    return make_kept(shop)


def test_bytes_over_the_limit_go_and_everything_else_stays_as_it_was(kept: Shop) -> None:
    before = canonical(kept)
    assert kept_up(kept).forgotten_records == 3
    assert bytes_by_load(kept) == {1: 0, 2: 1}
    assert canonical(kept) == before
    with kept.open() as house:
        rows = query(house, "select * from bronze.orders order by load_seq, ordinal").to_pylist()
    assert [(row["ordinal"], row["offset"], row["size_bytes"] > 40, len(row["units"])) for row in rows] == [
        (1, 0, True, 2),
        (2, rows[0]["size_bytes"] + 1, True, 2),
        (1, 0, True, 2),
        (2, rows[2]["size_bytes"] + 1, True, 2),
    ]
    assert [row["forgotten_by"] for row in rows] == [3, 3, 3, None]
    assert shares(kept) == {"customers": (1, None, 2, None), "orders": (0, 0, 3, 460)}


def test_bytes_within_the_limit_stay(kept: Shop) -> None:
    assert kept_up(kept, KEPT_DAYS - 1).forgotten_records == 0
    assert bytes_by_load(kept) == {1: 2, 2: 2}
    assert shares(kept) == {"customers": (3, None, 0, None), "orders": (3, 460, 0, 0)}


def test_time_is_that_of_the_seal_by_the_stores_clock(kept: Shop) -> None:
    with kept.open() as house:
        first, second = (house.ledger.sealed_before("orders", house.now()) for _ in range(2))
        sealed = house.ledger.first_sealed_after("orders", 1)
        assert first == second == [1, 2]
        assert sealed is not None
        assert house.ledger.sealed_before("orders", sealed) == [1]
        (done,) = maintain(limit_at(house, sealed), wait_s=1)
    assert done.forgotten_records == 2
    assert bytes_by_load(kept) == {1: 0, 2: 2}


def test_without_retention_nothing_is_forgotten(kept: Shop) -> None:
    text = (kept.root / CONTRACT).read_text()
    (kept.root / CONTRACT).write_text(text[: text.index("slaProperties")])
    assert kept_up(kept, 99_999).forgotten_records == 0
    assert bytes_by_load(kept) == {1: 2, 2: 2}


def test_no_file_of_the_folder_holds_the_bytes_once_readers_had_their_time(kept: Shop) -> None:
    assert len(files_with(kept, CANARY)) == 1
    kept_up(kept)
    assert len(files_with(kept, CANARY)) == 1  # the file that the commit dropped, for who still reads it
    kept_up(kept, keep_h=1)
    assert len(files_with(kept, CANARY)) == 1
    kept_up(kept)
    assert files_with(kept, CANARY) == set()
    assert files_with(kept, "dessert") != set()
    sound(kept)


def test_logs_and_checkpoints_of_a_table_that_forgot_hold_numbers_alone(kept: Shop) -> None:
    kept_up(kept)
    log = kept.root / "data/lake/bronze/orders/_delta_log"
    said = [found for _, found in on_disk(log)]
    assert any("checkpoint" in name for name, _ in on_disk(log))
    assert not any(CANARY in found or "customerId" in found for found in said)


def test_reader_of_the_version_before_still_finds_its_files(kept: Shop) -> None:
    with kept.open() as house:
        reading = house.lake.bronze("orders").snapshot()
        kept_up(kept)
        assert all(Path(file).is_file() for file in reading.files)


def test_receipts_statistics_protocol_and_row_count_are_as_they_were(kept: Shop) -> None:
    folder = kept.root / "data/lake/bronze/orders"
    before = DeltaTable(folder)
    done = kept_up(kept)
    after = DeltaTable(folder)
    assert after.transaction_version("orders/bronze") == done.load_seq
    assert after.protocol() == before.protocol()
    assert after.schema() == before.schema()
    (file,) = pa.table(after.get_add_actions(flatten=True)).to_pylist()
    assert (file["num_records"], file["min.load_seq"], file["max.load_seq"]) == (4, 1, 2)
    assert {name.split(".")[-1] for name in file if name.startswith(("min.", "max."))} == {"load_seq"}


def test_record_of_which_a_unit_waits_keeps_its_bytes_and_is_replayed_years_later(kept: Shop) -> None:
    kept_up(kept)
    kept.edit(CONTRACT, "beverage: 9", "beverage: 9, dessert: 7")
    with kept.open() as house:
        counts = replay(house, wait_s=1).counts[4]["orders"]
    assert (counts.read_rows, counts.accepted_rows) == (1, 1)
    assert kept.spend() == {"c1": (2, 200), "c2": (1, 200), "c3": (1, 1000)}
    assert shares(kept)["orders"] == (1, 1070, 3, 460)
    assert kept_up(kept).forgotten_records == 1
    assert bytes_by_load(kept) == {1: 0, 2: 0, 4: 0}
    assert shares(kept) == {"customers": (0, None, 3, None), "orders": (0, 0, 4, 1530)}


def test_replay_that_finds_nothing_to_free_changes_nothing_of_what_is_forgotten(kept: Shop) -> None:
    kept_up(kept)
    with kept.open() as house:
        counts = replay(house, wait_s=1).counts[4]["orders"]
    assert (counts.read_rows, counts.quarantined_rows) == (1, 1)
    assert shares(kept)["orders"] == (0, 0, 3, 460)


def test_bytes_of_what_is_given_up_go(kept: Shop) -> None:
    with kept.open() as house:
        discard(house, Waiting(), reason="no such class", wait_s=1)
    assert kept_up(kept).forgotten_records == 4
    assert bytes_by_load(kept) == {1: 0, 2: 0}
    sound(kept)


def test_bytes_that_a_patch_made_go_with_those_that_came(kept: Shop) -> None:
    rule = [{"replace": "$.orders[*].basket[*].productType", "from": "dessert", "to": "cold food"}]
    with kept.open() as house:
        replay(house, patch=patch_file("patch.yaml", json.dumps(rule)), wait_s=1)
    assert bytes_by_load(kept) == {1: 2, 2: 2, 3: 1}
    assert kept_up(kept).forgotten_records == 5
    assert bytes_by_load(kept) == {1: 0, 2: 0, 3: 0}
    assert shares(kept)["orders"] == (0, 0, 4, 1530)


def test_patched_bytes_that_a_rebuild_wrote_again_go_too(kept: Shop) -> None:
    rule = [{"replace": "$.orders[*].basket[*].productType", "from": "dessert", "to": "cold food"}]
    with kept.open() as house:
        replay(house, patch=patch_file("patch.yaml", json.dumps(rule)), wait_s=1)
    kept.edit(CONTRACT, "cold food: 7", "cold food: 19")
    with kept.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    assert bytes_by_load(kept) == {1: 2, 2: 2, 3: 1, 5: 1}  # load 4 found nothing else to close
    assert kept_up(kept).forgotten_records == 6
    assert bytes_by_load(kept) == {1: 0, 2: 0, 3: 0, 5: 0}
    assert shares(kept)["orders"] == (0, 0, 4, 1530)
    kept.edit(CONTRACT, "cold food: 19", "cold food: 7")
    with kept.open() as house:
        looked = rebuild_from_bronze(house, wait_s=1).looked_at["orders"]
    assert (looked.rows, looked.forgotten_rows) == (4, 4)
    assert kept_up(kept).forgotten_records == 0
    sound(kept)


def test_patched_bytes_that_are_younger_than_those_that_came_are_judged_as_before(kept: Shop) -> None:
    """Of a record that was freed by a patch, the bytes that came are over the limit and the patched ones are not."""
    rule = [{"replace": "$.orders[*].basket[*].productType", "from": "dessert", "to": "cold food"}]
    with kept.open() as house:
        replay(house, patch=patch_file("patch.yaml", json.dumps(rule)), wait_s=1)
        sealed = house.ledger.first_sealed_after("orders", 2)
        assert sealed is not None
        maintain(limit_at(house, sealed), wait_s=1)
    assert bytes_by_load(kept) == {1: 0, 2: 0, 3: 1}
    assert shares(kept) == {"customers": (0, None, 3, None), "orders": (1, 1070, 3, 460)}


def test_unreadable_and_cut_records_are_forgotten_with_digest_and_code(shop: Shop) -> None:
    shop.edit(
        CONTRACT,
        "id: food-orders\n",
        "id: food-orders\ncustomProperties: [{property: tillage.limits, value: {maxRecordBytes: 300}}]\n",
    )
    keep(shop)
    long = customer("c9", order("o9")) | {"note": CANARY * 40}
    shop.land("a.jsonl", customer("c1", order("o1")), long)
    (shop.root / "landing/orders/b.jsonl").write_bytes(b'{"customerId": "c2\xff"}\n')
    shop.run()
    before = canonical(shop)
    assert kept_up(shop).forgotten_records == 1
    assert canonical(shop) == before
    with shop.open() as house:
        discard(house, Waiting(), reason="broken", wait_s=1)
    assert kept_up(shop).forgotten_records == 2
    assert bytes_by_load(shop) == {1: 0}
    kept_up(shop)
    assert files_with(shop, CANARY) == set()
    assert shares(shop) == {"customers": (0, None, 1, None), "orders": (0, 0, 1, 115)}


def test_explain_knows_the_place_and_says_that_the_bytes_are_gone(kept: Shop) -> None:
    with kept.open() as house:
        assert {part.forgotten_at for part in explain(house, "/spend/c1").parts} == {None}
    kept_up(kept)
    kept.land("c.jsonl", customer("c1", order("o5")))
    kept.run()
    with kept.open() as house:
        found = explain(house, "/spend/c1")
        planned = house.ledger.summaries(3)[0].planned_at
    assert found.adds_up()
    assert {(part.file, part.line, part.offset, part.forgotten_at) for part in found.parts} == {
        ("landing/orders/a.jsonl", 1, 0, planned),
        ("landing/orders/b.jsonl", 1, 0, planned),
        ("landing/orders/c.jsonl", 1, 0, None),
    }
    said = tillage(kept.root, "explain", "/spend/c1", TILLAGE_STORE_DSN=kept.dsn)
    assert said.count(f"(bytes forgotten {planned:%Y-%m-%d})") == 2


def test_commands_say_how_much_was_taken_away_and_how_much_comes_from_silver(kept: Shop) -> None:
    kept_up(kept)
    said = tillage(kept.root, "reconcile", TILLAGE_STORE_DSN=kept.dsn)
    assert "0 differ" in said
    assert (
        "orders: 0 units, 0.00 EUR recomputed from bytes; 3 units, 4.60 EUR whose bytes are forgotten taken from silver"
        in said
    )
    (found,) = json.loads(tillage(kept.root, "reconcile", "--json", TILLAGE_STORE_DSN=kept.dsn))
    assert found["shares"][1] == {
        "dataset": "orders",
        "rows": 0,
        "minor": 0,
        "silver_rows": 3,
        "silver_minor": 460,
        "astray_rows": 0,
    }
    (done,) = json.loads(tillage(kept.root, "maintain", "--json", TILLAGE_STORE_DSN=kept.dsn))
    assert done["forgotten_records"] == 0


def test_row_of_silver_that_is_not_as_bronze_says_is_found_without_bytes(kept: Shop) -> None:
    """Also where the state of the model follows silver, so that no key differs."""
    kept_up(kept)
    folder = kept.root / "data/lake/silver/orders"
    table = DeltaTable(folder)
    table.delete("order_id = 'o2'")
    with kept.open() as house:
        house.folds.drop("customer_spend")
        run(house, wait_s=1)
        (found,) = reconcile(house)
    assert found.comparison.differ == 0
    assert [one.astray_rows for one in found.shares if one.dataset == "orders"] == [1]
    assert not found.agrees()
    assert "THE" not in tillage(kept.root, "reconcile", TILLAGE_STORE_DSN=kept.dsn, expect=11)


def test_retention_that_changes_is_no_change_of_what_loads_are_decided_under(kept: Shop) -> None:
    kept.said.clear()
    kept.edit(CONTRACT, '"value": 30', '"value": 60')
    kept.land("c.jsonl", customer("c9", order("o9")))
    kept.run()
    assert not any("the contract has changed" in line for line in kept.said)
    assert kept_up(kept, 59).forgotten_records == 0
    assert kept_up(kept, 61).forgotten_records == 4
    sound(kept)
    kept.edit(CONTRACT, "beverage: 9", "beverage: 10")
    kept.said.clear()
    kept.run()
    assert any("the contract has changed" in line for line in kept.said)


def test_load_that_is_open_or_failed_is_never_touched(kept: Shop) -> None:
    kept.land("c.jsonl", customer("c9", order("o9")))
    tillage(kept.root, "run", expect=-9, TILLAGE_STORE_DSN=kept.dsn, TILLAGE_CRASH="after:bronze")
    with kept.open() as house:
        assert house.ledger.sealed_before("orders", at(house, 999).now()) == [1, 2]
        due = Due((1, 2), house.ledger.waiting("orders", Waiting()), frozenset())
        assert house.engine.holding(house.lake.bronze("orders").snapshot(), due).records == {1: 2, 2: 1}
    assert kept_up(kept).forgotten_records == 4  # it is finished first, and then as old as the others
    kept.land("d.jsonl", customer("c9", order("o10")))
    with kept.open() as house:
        run(ruled(house, [broken_rule()]), wait_s=1)
        assert maintain(at(house, 999), wait_s=1) == []
    assert kept.states() == [*[LoadState.SEALED] * 4, LoadState.FAILED]


def test_house_that_forgot_is_backed_up_and_restored_without_the_bytes(kept: Shop, server: str, tmp_path: Path) -> None:
    kept_up(kept)
    before = canonical(kept)
    back_up(kept, tmp_path / "backup")
    copy = emptied(kept, server)
    restore(copy, tmp_path / "backup")
    assert canonical(copy) == before
    assert files_with(copy, CANARY) == set()
    assert shares(copy)["orders"] == (0, 0, 3, 460)
