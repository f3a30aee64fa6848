"""A file that is torn as a whole is tried once, and then said on each run until its bytes change."""

from __future__ import annotations

from tests.integration.shops import Shop, customer, order
from tillage.errors import FileRejectedError

TORN = "landing/orders/b.jsonl.gz"


def tear(shop: Shop) -> bytes:
    path = shop.land("b.jsonl.gz", customer("c2", order("o2")), customer("c3"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


def bronze_version(shop: Shop) -> int:
    with shop.open() as house:
        return house.lake.bronze("orders").snapshot().version


def test_a_torn_file_is_said_on_each_run_and_tried_once(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    tear(shop)
    first = shop.run()
    assert (len(first.voided), len(first.loads)) == (1, 1)
    states, version = shop.states(), bronze_version(shop)
    for _ in range(3):
        shop.said.clear()
        report = shop.run()
        assert isinstance(report.left_out[TORN], FileRejectedError)
        assert str(report.left_out[TORN]) == str(first.left_out[TORN]) == shop.said[-1]
        assert report.problems() == [report.left_out[TORN]]
        assert (report.loads, report.voided) == ({}, [])
    assert (shop.states(), bronze_version(shop)) == (states, version)


def test_a_torn_file_does_not_keep_new_ones_out(shop: Shop) -> None:
    tear(shop)
    shop.run()
    shop.land("c.jsonl", customer("c1", order("o1")))
    report = shop.run()
    assert (list(report.left_out), len(report.loads), report.voided) == ([TORN], 1, [])


def test_a_torn_file_is_tried_again_when_its_bytes_change(shop: Shop) -> None:
    whole = tear(shop)
    shop.run()
    path = shop.root / TORN
    path.write_bytes(whole[: len(whole) // 3])
    assert len(shop.run().voided) == 1
    path.write_bytes(whole)
    report = shop.run()
    assert (report.left_out, len(report.loads)) == ({}, 1)
    assert shop.spend() == {"c2": (1, 100), "c3": (0, 0)}
    assert shop.run().left_out == {}


def test_a_torn_file_that_is_taken_away_is_not_said_any_more(shop: Shop) -> None:
    tear(shop)
    shop.run()
    (shop.root / TORN).unlink()
    assert shop.run().left_out == {}
