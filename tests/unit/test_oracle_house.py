"""The model of the house by hand-made cases: what it says must not come from the product."""

from __future__ import annotations

import json

import pytest

from tests.oracle.house.figures import Branch, FoldSpec, counts, folded, law
from tests.oracle.house.loads import FeedHouse, Wanted
from tests.oracle.house.terms import Place
from tests.torture.contracts import FeedSpec, Said, document

VERSIONED = FeedSpec("f", "flat", "upsert", is_versioned=True)
LATEST = FeedSpec("f", "flat", "upsert")
FOLD = FoldSpec("of_f", "grp", (Branch("f_items", "shop", {"items": 1, "amount": "price_minor"}),))


def item(sku: str, revision: int, price: float, **others: object) -> dict[str, object]:
    return {"sku": sku, "shop": "north", "price": price, "revision": revision} | others


def file(*records: object) -> bytes:
    return "\n".join(map(json.dumps, records)).encode()


def verdicts(house: FeedHouse, load: int) -> list[str]:
    return [unit.codes[0] if unit.codes else unit.verdict for unit in house.datasets["f_items"].judged[load]]


def test_newer_closes_older_is_stale_and_the_same_version_contradicts() -> None:
    house = FeedHouse()
    house.read(1, document(VERSIONED, Said()), [file(item("a", 2, 1.00), item("a", 1, 9.00), item("a", 2, 3.00))])
    house.read(2, document(VERSIONED, Said()), [file(item("a", 2, 1.00), item("a", 3, 5.00))])
    assert verdicts(house, 1) == ["accepted", "stale", "key_conflict"]
    assert verdicts(house, 2) == ["duplicate", "accepted"]
    kept, terms = house.datasets["f_items"], house.terms["f_items"]
    assert [(one.place, one.closed_by) for one in kept.opened if one.closed_by] == [(Place(1, 0, 1, 0), 2)]
    assert (counts(kept, terms, 2)["closed_minor"], counts(kept, terms, 2)["accepted_minor"]) == (100, 500)
    assert folded(FOLD, {"f": house}) == {"north": {"items": 1, "amount": 500}}


def test_what_waited_comes_back_and_is_stale_where_later_ones_stand() -> None:
    house = FeedHouse()
    waits = item("a", 1, 1.00) | {"class": "tea"}
    house.read(1, document(LATEST, Said()), [file(waits, item("b", 1, 2.00) | {"class": "tea"}, item("c", 1, "odd"))])
    house.read(2, document(LATEST, Said()), [file(item("a", 1, 4.00))])
    house.replay(3, document(LATEST, Said(width=1)), {})
    assert verdicts(house, 3) == ["stale", "accepted", "type"]
    house.discard(4, {"code": "type"})
    kept, terms = house.datasets["f_items"], house.terms["f_items"]
    whole = law(kept, terms)
    figures = ("read_rows", "accepted_rows", "waiting_rows", "duplicate_rows", "discarded_rows")
    assert [whole[name] for name in figures] == [4, 2, 0, 1, 1]
    assert [whole[name.replace("rows", "minor")] for name in figures] == [700, 600, 0, 100, 0]
    assert folded(FOLD, {"f": house}) == {"north": {"items": 2, "amount": 600}}


@pytest.mark.parametrize("wanted", [{"dataset": "f_orders"}, {"code": "missing"}, {"load_seq": 9}])
def test_only_what_is_meant_is_taken_up(wanted: dict[str, object]) -> None:
    house = FeedHouse()
    house.read(1, document(LATEST, Said()), [file(item("a", 1, 1.00) | {"class": "tea"})])
    house.replay(2, document(LATEST, Said(width=1)), wanted)
    assert house.datasets["f_items"].judged[2] == []
    assert len(house.datasets["f_items"].waiting()) == 1


def test_unreadable_record_is_one_unit_until_it_can_be_read() -> None:
    nested = FeedSpec("f", "nested")
    line = {"product_id": "p", "product_type": "bread", "gross": 1.07}
    deep = {"customerId": "c", "orders": [{"orderId": "o", "basket": [line]}], "extra": [[[[[[1]]]]]]}
    house = FeedHouse()
    house.read(1, document(nested, Said()), [file(deep)])
    assert [len(house.datasets[name].quarantine) for name in nested.datasets] == [1, 0]
    house.replay(2, document(nested, Said(width=1)), {"code": "too_deep"})
    people, orders = (house.datasets[name] for name in nested.datasets)
    assert [len(one.standing()) for one in (people, orders)] == [1, 1]
    assert law(people, house.terms["f_people"])["read_rows"] == 1
    assert law(orders, house.terms["f_orders"])["accepted_minor"] == 107


def test_rebuild_closes_and_opens_what_comes_out_otherwise_and_nothing_else() -> None:
    nested = FeedSpec("f", "nested")
    basket = [{"product_id": "p", "product_type": "milk", "gross": 1.09}]
    bread = [{"product_id": "p", "product_type": "bread", "gross": 1.07}]
    orders = [{"orderId": "o1", "basket": basket}, {"orderId": "o2", "basket": bread}]
    house = FeedHouse()
    house.read(1, document(nested, Said()), [file({"customerId": "c", "orders": orders})])
    house.rebuild(2, document(nested, Said(rates=1)), Wanted())
    kept, terms = house.datasets["f_orders"], house.terms["f_orders"]
    assert [(one.load, one.closed_by, one.values["lines"][0]["net_minor"]) for one in kept.opened] == [
        (1, 2, 102),
        (1, None, 100),
        (2, None, 100),
    ]
    figures = counts(kept, terms, 2)
    assert [figures[f"{part}_rows"] for part in ("read", "accepted", "taken", "closed")] == [1, 1, 1, 1]
    assert [figures[f"{part}_minor"] for part in ("read", "accepted", "taken", "closed")] == [109, 109, 109, 109]
    whole = law(kept, terms)
    assert [whole[f"{part}_rows"] for part in ("read", "accepted", "closed", "waiting")] == [2, 2, 0, 0]
    assert [whole[f"{part}_minor"] for part in ("read", "accepted", "closed")] == [216, 216, 0]
    assert kept.standing(1).keys() == kept.standing().keys()
    assert not any(house.outdated(document(nested, Said(rates=1)), Wanted()).values())
    # An equal order that comes later is the same one, whatever rate holds by then.
    house.read(3, document(nested, Said(rates=2)), [file({"customerId": "c", "orders": orders})])
    assert [unit.verdict for unit in kept.judged[3]] == ["duplicate", "duplicate"]


def test_rebuild_quarantines_what_breaks_the_contract_and_a_replay_opens_it_again() -> None:
    house = FeedHouse()
    house.read(1, document(LATEST, Said()), [file(item("a", 1, 80.00), item("b", 1, 2.00))])
    house.rebuild(2, document(LATEST, Said(is_bounded=True)), Wanted())
    assert verdicts(house, 2) == ["range"]
    kept, terms = house.datasets["f_items"], house.terms["f_items"]
    whole = law(kept, terms)
    assert [whole[f"{part}_rows"] for part in ("read", "accepted", "closed", "waiting")] == [2, 1, 0, 1]
    assert folded(FOLD, {"f": house}) == {"north": {"items": 1, "amount": 200}}
    house.replay(3, document(LATEST, Said()), {})
    assert verdicts(house, 3) == ["accepted"]
    whole = law(kept, terms)
    assert [whole[f"{part}_rows"] for part in ("read", "accepted", "closed", "waiting")] == [2, 2, 0, 0]
    assert [folded(FOLD, {"f": house}, {"f": last})["north"]["items"] for last in (1, 2, 3)] == [2, 1, 2]


def test_units_whose_keys_meet_in_a_rebuild_are_versions_of_which_the_older_is_closed() -> None:
    house = FeedHouse()
    one, other = item("a", 1, 1.00, ean="x"), item("b", 2, 2.00, ean="x")
    house.read(1, document(VERSIONED, Said()), [file(one, other)])
    house.rebuild(2, document(VERSIONED, Said(moved="sku")), Wanted())
    kept, terms = house.datasets["f_items"], house.terms["f_items"]
    assert counts(kept, terms, 2)["closed_rows"] == 3
    assert [unit.values["price_minor"] for unit in kept.standing().values()] == [200]
    whole = law(kept, terms)
    assert [whole[f"{part}_rows"] for part in ("read", "accepted", "closed")] == [2, 2, 1]


@pytest.mark.parametrize("wanted", [Wanted(loads=frozenset({2})), Wanted(gone=frozenset({(1, 0, 1)}))])
def test_what_a_rebuild_does_not_take_up_stays_as_it_is(wanted: Wanted) -> None:
    house = FeedHouse()
    house.read(1, document(LATEST, Said()), [file(item("a", 1, 80.00))])
    assert not any(house.outdated(document(LATEST, Said(is_bounded=True)), wanted).values())


def test_what_lies_in_records_beyond_todays_limits_stays_as_it_is() -> None:
    house = FeedHouse()
    house.read(1, document(LATEST, Said(width=1)), [file(item("a", 1, 80.00, extra=[[[[[[1]]]]]]))])
    assert not any(house.outdated(document(LATEST, Said(is_bounded=True)), Wanted()).values())
