"""What a load does with odd files, odd settings and changed contracts and models, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.integration.shops import Shop, customer
from tests.oracle.food_orders import judge
from tillage.errors import (
    ContractError,
    FileRejectedError,
    LeaseHeldError,
    ModelError,
    OperatorError,
    SourceChangedError,
)
from tillage.pipelines.dump import dump
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.pipelines.status import status


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Nothing lies in its landing folder that the oracle would be given."""
    (shop.root / "landing" / "orders" / ".gitkeep").unlink(missing_ok=True)
    return shop


def _oracle(shop: Shop) -> dict[str, tuple[int, int]]:
    return dict(judge({path.name: path.read_bytes() for path in (shop.root / "landing" / "orders").iterdir()}).spend())


def _order(number: str, *prices: object, kind: str = "hot food") -> dict[str, object]:
    basket = [{"productId": "p", "productType": kind, "grossMerchandiseValueEur": price} for price in prices]
    return {"orderId": number, "basket": basket}


def test_a_torn_gzip_is_left_out_and_the_other_files_are_loaded(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", _order("o1", 11.5)))
    torn = shop.land("b.jsonl.gz", customer("c2", _order("o2", 1)), customer("c3"))
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    with shop.open() as house:
        report = run(house, wait_s=1)
        assert list(report.left_out) == ["landing/orders/b.jsonl.gz"]
        assert isinstance(report.left_out["landing/orders/b.jsonl.gz"], FileRejectedError)
        assert status(house).open_loads == ()
    assert shop.spend() == {"c1": (1, 1000)}
    torn.write_bytes(whole)
    with shop.open() as house:
        assert run(house, wait_s=1).left_out == {}
    assert shop.spend() == _oracle(shop) == {"c1": (1, 1000), "c2": (1, 87), "c3": (0, 0)}


@pytest.mark.parametrize("kept", range(0, 60, 7))
def test_no_torn_gzip_is_taken_for_a_whole_one(shop: Shop, kept: int) -> None:
    torn = shop.land("b.jsonl.gz", customer("c2", _order("o2", 1)))
    torn.write_bytes(torn.read_bytes()[:kept])
    with shop.open() as house:
        report = run(house, wait_s=1)
        assert list(report.left_out) == ([] if kept == 0 else ["landing/orders/b.jsonl.gz"])
    assert shop.spend() == {}


def test_a_file_that_changes_while_it_is_read_voids_the_load(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shop.land("a.jsonl", customer("c1", _order("o1", 1)))
    with shop.open() as house:
        plan = house.ledger.plan

        def plan_and_change(*words: object) -> object:
            done = plan(*words)  # type: ignore[arg-type]
            shop.land("a.jsonl", customer("c1", _order("o1", 2)))
            return done

        monkeypatch.setattr(house.ledger, "plan", plan_and_change)
        report = run(house, wait_s=1)
        assert isinstance(report.left_out["landing/orders/a.jsonl"], SourceChangedError)
        assert report.loads == {}
    with shop.open() as house:
        assert run(house, wait_s=1).left_out == {}
    assert path.is_file()
    assert shop.spend() == _oracle(shop) == {"c1": (1, 174)}


def test_a_file_that_is_only_touched_is_not_read_again(shop: Shop) -> None:
    path = shop.land("a.jsonl", customer("c1", _order("o1", 1)))
    with shop.open() as house:
        run(house, wait_s=1)
        path.touch()
        assert run(house, wait_s=1).loads == {}
        known = house.ledger.known("orders")
        assert house.door.arrivals(house.feeds["orders"].feed, known).sources == ()


def test_what_is_hidden_or_leads_out_of_the_folder_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jsonl"
    outside.write_text(json.dumps(customer("c9")) + "\n")
    landing = shop.root / "landing" / "orders"
    (landing / "link.jsonl").symlink_to(outside)
    (landing / "broken.jsonl").symlink_to(tmp_path / "nothing")
    (landing / ".hidden.jsonl").write_text("x")
    (landing / "_tmp.jsonl").write_text("x")
    (landing / "notes.txt").write_text("x")
    (landing / "folder.jsonl").mkdir()
    shop.land("a.jsonl", customer("c1"))
    with shop.open() as house:
        run(house, wait_s=1)
    assert shop.spend() == {"c1": (0, 0)}


def test_a_file_name_that_is_no_text_is_refused_by_name(shop: Shop) -> None:
    folder = os.fsencode(shop.root / "landing" / "orders")
    Path(os.fsdecode(folder + b"/a\xff.jsonl")).write_text(json.dumps(customer("c1")) + "\n")
    with shop.open() as house, pytest.raises(OperatorError, match=r"not UTF-8: a\\udcff.jsonl; rename it"):
        run(house, wait_s=1)


@pytest.mark.parametrize("name", ["a b.jsonl", "a'b\".jsonl", "a\nb.jsonl", "é{}%s.jsonl"])
def test_any_file_name_that_is_text_will_do(shop: Shop, name: str) -> None:
    shop.land(name, customer("c1", _order("o1", 1)))
    with shop.open() as house:
        run(house, wait_s=1)
        assert [path for path, _ in house.ledger.known("orders").digests] == [f"landing/orders/{name}"]
        assert list(dump(house, is_canonical=False))
    assert shop.spend() == {"c1": (1, 87)}


def test_a_dataset_without_key_counts_every_unit(shop: Shop) -> None:
    shop.edit("contracts/orders.odcs.yaml", "primaryKey: true", "required: true")
    order = _order("o1", 1)
    shop.land("a.jsonl", customer("c1", order, order), customer("c1", order))
    with shop.open() as house:
        run(house, wait_s=1)
        assert run(house, wait_s=1).loads == {}
        assert all(one.comparison.differ == 0 for one in reconcile(house))
    assert shop.spend() == {"c1": (3, 261)}


def test_a_second_run_that_may_not_wait_says_who_works(shop: Shop) -> None:
    with (
        shop.open() as first,
        first.leases.hold("feed/orders", wait_s=0, on_wait=shop.said.append),
        shop.open() as second,
        pytest.raises(LeaseHeldError, match="feed/orders is being worked on by process"),
    ):
        run(second, wait_s=0)


def test_a_new_model_is_computed_from_what_is_loaded(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", _order("o1", 1, 2), _order("o2", 3, kind="beverage")))
    with shop.open() as house:
        run(house, wait_s=1)
    (shop.root / "models" / "by_type.sql").write_text(
        "-- gross by type\nselect l.product_type, sum(l.gross_minor) as gross_minor, count(*) as lines\n"
        "from orders as o cross join unnest(o.lines) as t(l) group by l.product_type\n"
    )
    shop.land("b.jsonl", customer("c2", _order("o3", 4)))
    with shop.open() as house:
        run(house, wait_s=1)
        rows = house.folds.state("by_type").to_pylist()
        assert {row["product_type"]: (int(row["gross_minor"]), int(row["lines"])) for row in rows} == {
            "hot food": (700, 3),
            "beverage": (300, 1),
        }
        assert all(one.comparison.differ == 0 for one in reconcile(house))
    (shop.root / "models" / "by_type.sql").unlink()
    with shop.open() as house:
        run(house, wait_s=1)
        assert list(house.folds.digests()) == ["customer_spend"]


def test_a_changed_model_is_computed_anew(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", _order("o1", 1, 2)))
    with shop.open() as house:
        run(house, wait_s=1)
    shop.edit("models/customer_spend.sql", "l.net_minor from", "l.gross_minor from")
    with shop.open() as house:
        run(house, wait_s=1)
    assert shop.spend() == {"c1": (1, 300)}


def test_a_float_in_a_model_is_refused_before_anything_changes(shop: Shop) -> None:
    (shop.root / "models" / "bad.sql").write_text(
        "select customer_id, sum(0.5::double) as half from orders group by customer_id"
    )
    shop.land("a.jsonl", customer("c1", _order("o1", 1)))
    with shop.open() as house, pytest.raises(ModelError, match="column 'half' is a float"):
        run(house, wait_s=1)
    with shop.open() as house:
        assert house.folds.digests() == {}
        assert house.ledger.loads() == []


def test_a_route_must_fit_its_model(shop: Shop) -> None:
    shop.edit("tillage.yaml", "net_minor", "net_mino")
    with shop.open() as house, pytest.raises(ModelError, match="column 'net_mino' of customer_spend; its columns are"):
        run(house, wait_s=1)


def test_a_changed_rate_holds_for_new_files_only(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", _order("o1", 1.15)))
    with shop.open() as house:
        run(house, wait_s=1)
    shop.edit("contracts/orders.odcs.yaml", "hot food: 15", "hot food: 25")
    shop.land("b.jsonl", customer("c2", _order("o2", 1.25)), customer("c1", _order("o1", 1.15)))
    with shop.open() as house:
        run(house, wait_s=1)
        assert status(house).datasets["orders"].duplicate_rows == 1
        assert all(one.comparison.differ == 0 for one in reconcile(house))
    assert shop.spend() == {"c1": (1, 100), "c2": (1, 100)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value: EUR", "value: USD"),
        ("name: product_id", "name: article_id"),
    ],
)
def test_a_contract_cannot_change_what_is_kept(shop: Shop, old: str, new: str) -> None:
    shop.land("a.jsonl", customer("c1", _order("o1", 1)))
    with shop.open() as house:
        run(house, wait_s=1)
        before = list(dump(house, is_canonical=False))
    shop.edit("contracts/orders.odcs.yaml", old, new)
    shop.land("b.jsonl", customer("c1", _order("o2", 1)))
    with shop.open() as house, pytest.raises(ContractError, match="has loads with"):
        run(house, wait_s=1)
    shop.edit("contracts/orders.odcs.yaml", new, old)
    (shop.root / "landing" / "orders" / "b.jsonl").unlink()
    with shop.open() as house:
        assert run(house, wait_s=1).loads == {}
        assert list(dump(house, is_canonical=False)) == before
