"""What a run says of files that it cannot make sense of, or leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.integration.shops import Shop, customer, order
from tillage.pipelines.run import run


def test_what_is_left_alone_is_said_with_its_reason_and_stops_nothing(shop: Shop) -> None:
    (shop.root / "landing/orders/notes.docx").write_text("x")
    shop.land("a.jsonl", customer("c1", order("o1")))
    report = shop.run()
    assert (len(report.loads), report.problems()) == (1, [])
    assert list(report.left_alone) == ["landing/orders/notes.docx"]
    (said,) = [line for line in shop.said if "is left alone" in line]
    assert said == f"landing/orders/notes.docx is left alone: {report.left_alone['landing/orders/notes.docx']}"


def test_a_file_that_goes_while_a_load_is_planned_voids_it_and_the_others_are_loaded(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    going = shop.land("b.jsonl", customer("c2", order("o2")))
    with shop.open() as house:
        arrivals = house.door.arrivals

        class GoingDoor:
            """Its second file is gone as soon as it was listed."""

            def __getattr__(self, name: str) -> Any:
                return getattr(house.door, name)

            def arrivals(self, *given: Any) -> Any:
                found = arrivals(*given)
                going.unlink(missing_ok=True)
                return found

        report = run(replace(house, door=GoingDoor()), wait_s=1)
    assert (list(report.left_out), len(report.voided), len(report.loads)) == (["landing/orders/b.jsonl"], 1, 1)
    assert shop.spend() == {"c1": (1, 100)}
