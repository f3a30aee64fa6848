"""What waits in quarantine comes back by a load of its own, once, to the cent, and without its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.ruled import broken_rule, ruled
from tests.integration.shops import CONTRACT, Shop, customer, make_database, order
from tests.integration.small import make_small, put
from tillage.cli.quarantine import app
from tillage.domain.load import LoadKind
from tillage.errors import OperatorError, ReplayRefusedError
from tillage.pipelines.explain import explain
from tillage.pipelines.quarantine import discard, patch_file, replay
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status
from tillage.ports.store import Waiting


def with_type(number: str, kind: str, price: float = 1.15) -> dict[str, object]:
    made = order(number, price)
    made["basket"][0]["productType"] = kind  # type: ignore[index]
    return made


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """Two orders of a type without a rate wait, in two loads, and one without a number."""
    shop.land("a.jsonl", customer("c1", order("o1"), with_type("o2", "dessert", 10.70)))
    shop.run()
    shop.land("b.jsonl", customer("c2", with_type("o3", "dessert", 21.40), order("")))
    shop.run()
    return shop


def add_rate(shop: Shop) -> None:
    shop.edit(CONTRACT, "beverage: 9", "beverage: 9, dessert: 7")


def replayed(shop: Shop, wanted: Waiting | None = None) -> dict[int, dict[str, tuple[int, int, int]]]:
    with shop.open() as house:
        report = replay(house, wanted or Waiting(), wait_s=1)
    return {
        load: {name: (one.read_rows, one.accepted_rows, one.quarantined_rows) for name, one in counts.items()}
        for load, counts in report.counts.items()
    }


def proven(shop: Shop) -> dict[str, tuple[int, int]]:
    """What is served, once recomputed and balanced."""
    with shop.open() as house:
        assert all(one.comparison.differ == 0 for one in reconcile(house))
        assert status(house).balances()
    return shop.spend()


def test_units_come_back_under_todays_contract_and_the_sums_are_those_of_a_first_run(waiting: Shop) -> None:
    assert waiting.spend() == {"c1": (1, 100), "c2": (0, 0)}
    add_rate(waiting)
    for file in (waiting.root / "landing/orders").iterdir():
        file.unlink()
    assert replayed(waiting) == {3: {"customers": (0, 0, 0), "orders": (3, 2, 1)}}
    assert proven(waiting) == {"c1": (2, 1100), "c2": (1, 2000)}
    with waiting.open() as house:
        assert [load.kind for load in house.ledger.loads()] == [LoadKind.READ, LoadKind.READ, LoadKind.REPLAY]
        parts = explain(house, "/spend/c2").parts
        assert {(part.file, part.line) for part in parts} == {("landing/orders/b.jsonl", 1)}


def test_same_replay_twice_moves_once(waiting: Shop) -> None:
    add_rate(waiting)
    replayed(waiting)
    assert replayed(waiting) == {4: {"customers": (0, 0, 0), "orders": (1, 0, 1)}}
    assert proven(waiting) == {"c1": (2, 1100), "c2": (1, 2000)}
    waiting.run()
    assert proven(waiting) == {"c1": (2, 1100), "c2": (1, 2000)}


def test_load_that_was_stopped_before_it_decided_says_what_becomes_of_what_it_took_up(waiting: Shop) -> None:
    said = {
        LoadKind.REPLAY: "what waited goes on waiting: to judge it, repeat the replay",
        LoadKind.DISCARD: "all goes on waiting: repeat the discard",
        LoadKind.REBUILD: "a rebuild, was stopped; for what it has not done yet: tillage rebuild --from bronze",
    }
    for kind, words in said.items():
        with waiting.open() as house:
            with house.leases.hold("feed/orders", wait_s=1, on_wait=waiting.said.append) as lease:
                digest = house.feeds["orders"].check.contract.digest
                house.ledger.begin(kind, "orders", contract_digest=digest, texts={}, manifest={}, lease=lease)
            waiting.said.clear()
            replay(house, is_trial=True, wait_s=1)
        assert words in " ".join(waiting.said)
        assert "files read again" not in " ".join(waiting.said)


def test_for_all_time_everything_read_is_accepted_or_waits_or_is_given_up(waiting: Shop) -> None:
    add_rate(waiting)
    replayed(waiting)
    with waiting.open() as house:
        assert discard(house, Waiting(code="missing"), reason="no number, no order", wait_s=1) == {4: 1}
        assert discard(house, Waiting(code="missing"), reason="again", wait_s=1) == {}
        law = status(house).datasets["orders"]
        assert (law.read_rows, law.accepted_rows, law.waiting_rows, law.discarded_rows) == (4, 3, 0, 1)
        assert (law.read_minor, law.accepted_minor, law.discarded_minor) == (115 + 1070 + 2140 + 115, 3325, 115)
        summary = house.ledger.summaries(4)[0]
        assert (summary.kind, summary.state, summary.reason) == ("discard", "sealed", "no number, no order")
    assert replayed(waiting) == {}


def test_only_what_is_asked_for_is_taken_up(waiting: Shop) -> None:
    add_rate(waiting)
    assert replayed(waiting, Waiting(load_seq=2, code="enum")) == {3: {"customers": (0, 0, 0), "orders": (1, 1, 0)}}
    assert proven(waiting) == {"c1": (1, 100), "c2": (1, 2000)}
    with waiting.open() as house, pytest.raises(OperatorError, match="there are: customers, orders"):
        replay(house, Waiting(dataset="invoices"), wait_s=1)


def test_trial_says_what_would_come_back_and_changes_nothing(waiting: Shop) -> None:
    add_rate(waiting)
    with waiting.open() as house:
        counts = replay(house, is_trial=True, wait_s=1).counts[0]["orders"]
        assert (counts.read_rows, counts.accepted_rows, counts.accepted_minor) == (3, 2, 3210)
        assert len(house.ledger.loads()) == 2
    assert proven(waiting) == {"c1": (1, 100), "c2": (0, 0)}


def test_record_that_could_not_be_read_comes_back_with_all_its_units(shop: Shop) -> None:
    deep = customer("c1", order("o1"), order("o2"))
    deep["extra"] = [[[[]]]]
    shop.edit(CONTRACT, "id: food-orders\n", LIMITED)
    shop.land("a.jsonl", deep, customer("c2"))
    shop.run()
    assert shop.spend() == {"c2": (0, 0)}
    shop.edit(CONTRACT, LIMITED, "id: food-orders\n")
    assert replayed(shop) == {2: {"customers": (1, 1, 0), "orders": (2, 2, 0)}}
    assert proven(shop) == {"c1": (2, 200), "c2": (0, 0)}
    with shop.open() as house:
        law = status(house).datasets
        assert (law["orders"].read_rows, law["orders"].accepted_rows, law["orders"].read_minor) == (2, 2, 230)
        assert (law["customers"].read_rows, law["customers"].accepted_rows) == (2, 2)


LIMITED = """id: food-orders
customProperties:
  - {property: tillage.limits, value: {maxDepth: 4}}
"""


def test_replayed_unit_can_be_a_duplicate_of_what_came_meanwhile(waiting: Shop) -> None:
    add_rate(waiting)
    waiting.land("c.jsonl", customer("c1", with_type("o2", "dessert", 10.70), with_type("o3", "dessert", 1.07)))
    waiting.run()
    with waiting.open() as house:
        counts = replay(house, wait_s=1).counts[4]["orders"]
        codes = query(house, "select distinct codes from quarantine.orders").column("codes").to_pylist()
    assert (counts.accepted_rows, counts.duplicate_rows, counts.quarantined_rows) == (0, 1, 2)
    assert sorted(codes) == [["key_conflict"], ["missing"]]
    assert proven(waiting) == {"c1": (3, 1200), "c2": (0, 0)}


def patched(shop: Shop, *rules: dict[str, object]) -> dict[str, tuple[int, int, int]]:
    with shop.open() as house:
        report = replay(house, patch=patch_file("patch.yaml", json.dumps(rules)), wait_s=1)
    (counts,) = report.counts.values()
    return {name: (one.taken_rows, one.accepted_rows, one.quarantined_rows) for name, one in counts.items()}


@pytest.mark.parametrize("is_trial", [True, False])
def test_rule_that_would_not_hold_is_told_by_a_trial_too_and_all_goes_on_waiting(waiting: Shop, is_trial: bool) -> None:
    add_rate(waiting)
    with waiting.open() as house:
        with pytest.raises(ReplayRefusedError, match=r"rule 'few' of orders .* nothing of feed orders was changed"):
            replay(ruled(house, [broken_rule()]), is_trial=is_trial, wait_s=1)
        assert house.ledger.waiting("orders", Waiting()).num_rows == 3
    assert waiting.states() == ["sealed", "sealed", *([] if is_trial else ["voided"])]
    assert replayed(waiting)[3 if is_trial else 5]["orders"] == (3, 2, 1)  # its fence has a number too


def test_list_says_what_is_not_countable_and_the_command_that_works(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = make_database(server, "listed")
    price = {
        "name": "price",
        "logicalType": "number",
        "customProperties": [{"property": "tillage.money", "value": "EUR"}],
    }
    small = make_small(
        tmp_path / "small", dsn, feeds={"a": {"format": "jsonl"}, "b": {"format": "json"}}, columns=[price]
    )
    put(small, "a/1.jsonl", b'{"price": 1.00}\n{"price": NaN}\n')
    put(small, "b/1.json", b'[{"price": 1.00}, {"price": NaN}]')
    small.run()
    monkeypatch.setenv("TILLAGE_STORE_DSN", dsn)
    here = ["-C", str(small.root)]
    listed = json.loads(CliRunner().invoke(app, ["list", "--json", *here]).stdout)
    assert [(one["dataset"], one["not_countable_rows"], one["frees"]) for one in listed] == [
        ("a_seen", 1, "tillage quarantine discard --dataset a_seen --code unreadable --reason TEXT"),
        ("b_seen", 1, "tillage quarantine discard --dataset b_seen --code unreadable --reason TEXT"),
    ]
    shown = CliRunner().invoke(app, ["list", *here]).stdout
    assert shown.count("0.00 EUR   (1 not countable)") == 2
    assert "land it again first" in shown


def test_patched_records_come_back_with_the_bytes_that_were_judged(waiting: Shop) -> None:
    rule = {"replace": "$.orders[*].basket[*].productType", "from": "dessert", "to": "cold food"}
    assert patched(waiting, rule) == {"customers": (0, 0, 0), "orders": (3, 2, 1)}
    assert proven(waiting) == {"c1": (2, 1100), "c2": (1, 2000)}
    with waiting.open() as house:
        raws = query(house, "select raw from bronze.orders where load_seq = 3 order by record_load").column("raw")
        kept = query(house, "select raw from bronze.orders where load_seq = 1").column("raw")
        manifest = house.ledger.loads()[-1].manifest
        assert json.loads(house.ledger.text(manifest["patch"])) == [rule]
    assert [b"cold food" in raw for raw in raws.to_pylist()] == [True, True]
    assert b"dessert" in kept[0].as_py()


def test_patch_reads_what_was_no_json(shop: Shop) -> None:
    (shop.root / "landing/orders/a.jsonl").write_text("{'customerId': 'c1', 'orders': []}\n{\"customerId\":\"c2\"}\n")
    shop.run()
    assert patched(shop, {"text": "'", "by": '"'}) == {"customers": (1, 1, 0), "orders": (0, 0, 0)}
    assert proven(shop) == {"c1": (0, 0), "c2": (0, 0)}


def test_patch_is_for_the_reason_that_it_names(waiting: Shop) -> None:
    rule = {"replace": "$.orders[*].basket[*].productType", "to": "beverage", "where": {"code": "missing"}}
    assert patched(waiting, rule) == {"customers": (0, 0, 0), "orders": (3, 1, 2)}


def test_patch_cannot_make_a_name_stand_twice(server: str, tmp_path: Path) -> None:
    columns = ("id", {"name": "qty", "logicalType": "integer"})
    small = make_small(
        tmp_path / "small", make_database(server, "patched_csv"), feeds={"rows": {"format": "csv"}}, columns=columns
    )
    (small.root / "landing/rows/a.csv").write_text("id,qty\n1,x\n2,y\n")
    small.run()
    rules = [{"text": '"x"', "by": '"5","qty":"7"'}, {"text": '"y"', "by": '"8"'}]
    assert patched(small, *rules) == {"rows_seen": (1, 1, 0)}
