"""Frequency and latency of contracts against a clock: just in time, just too late, nothing yet; pages say the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import psycopg
import pytest

from tests.integration.page_reading import read_page, spoken
from tests.integration.paged import HTML, client_of, page, said
from tests.integration.shops import CONTRACT, Shop, customer, order
from tillage.pages.looking import Asked
from tillage.pages.overview import overview
from tillage.pipelines.arrival import Arrival, arrival
from tillage.pipelines.findings import Finding, findings
from tillage.pipelines.house import House
from tillage.pipelines.run import run
from tillage.pipelines.status import status

FREQUENCY, LATENCY = "{property: frequency, value: 25, unit: h}", "{property: ly, value: 4, unit: h, element: orders}"
LEVELS = f"slaProperties: [{FREQUENCY}, {LATENCY}]"
SOLD = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


def promise(shop: Shop, levels: str = LEVELS, kind: str = "timestamp", zone: str | None = None) -> Shop:
    """Orders say when they were sold, and the contract how fresh it is."""
    options = f"\n        logicalTypeOptions: {{defaultTimezone: {zone}}}" if zone else ""
    marked = "customProperties: [{property: tillage.eventTime, value: true}]"
    column = f"      - name: sold\n        logicalType: {kind}\n        {marked}{options}\n"
    shop.edit(CONTRACT, "      - name: order_id\n", f"{column}      - name: order_id\n")
    with (shop.root / CONTRACT).open("a") as file:
        file.write(f"\n{levels}\n")
    return shop


def sold(number: str, at: datetime | date | str, price: object = 1.15) -> dict[str, object]:
    return order(number, price) | {"sold": at if isinstance(at, str) else at.isoformat()}


def at(house: House, moment: datetime) -> House:
    return replace(house, now=lambda: moment)


def found_at(house: House, moment: datetime) -> tuple[Arrival, tuple[Finding, ...]]:
    there = at(house, moment)
    arrived = arrival(there)
    return arrived, findings(there, status(there), arrived)


def test_feed_is_late_when_its_last_files_are_older_than_its_frequency(shop: Shop) -> None:
    promise(shop)
    shop.land("1.jsonl", customer("c1", sold("1", SOLD)))
    shop.run()
    with shop.open() as house:
        (load,) = house.ledger.summaries()
        due = load.planned_at + timedelta(hours=25)
        for moment, is_late in ((due - A_SECOND, False), (due, False), (due + A_SECOND, True)):
            (feed,) = found_at(house, moment)[0].feeds
            assert (feed.is_late, feed.late_since, feed.next_due_at) == (is_late, due if is_late else None, due)
            assert (feed.frequency, feed.due_at) == ("25 h", None)
        said_of = [one for one in found_at(house, due + A_SECOND)[1] if one.about == "feed"]
        assert [(one.since, one.next) for one in said_of] == [(due, "tillage run --feed orders")]
        late = f"late: nothing came since {load.planned_at.astimezone(UTC):%Y-%m-%d %H:%M}Z, and files come each 25 h"
        assert said_of[0].text == late
        assert f"orders: {late}" in spoken(overview(at(house, due + A_SECOND), Asked()).values["answer"])


def test_feed_with_schedule_and_frequency_is_late_by_what_passes_first(shop: Shop) -> None:
    promise(shop)
    shop.edit("tillage.yaml", "format: jsonl}", 'format: jsonl, schedule: "0 6 * * *"}')
    shop.land("1.jsonl", customer("c1", sold("1", SOLD)))
    shop.run()
    with shop.open() as house:
        (load,) = house.ledger.summaries()
        tick = load.planned_at.astimezone(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
        tick += timedelta(days=1) if tick <= load.planned_at else timedelta()
        (feed,) = found_at(house, tick + timedelta(minutes=15))[0].feeds
        assert (feed.is_late, feed.late_since) == (True, tick)
        (feed,) = found_at(house, tick + timedelta(hours=30))[0].feeds
        assert (feed.due_at, feed.late_since) == (tick + timedelta(days=1), load.planned_at + timedelta(hours=25))


@pytest.mark.parametrize(
    ("kind", "zone", "written", "last"),
    [
        ("timestamp", None, "2026-03-29T00:30:00", SOLD),
        ("timestamp", None, "2026-03-29T02:30:00+02:00", SOLD),
        ("timestamp", "Europe/Berlin", "2026-03-29T01:30:00", SOLD),
        ("timestamp", "Europe/Berlin", "2026-03-29T03:30:00", SOLD + timedelta(hours=1)),
        ("date", None, "2026-03-28", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("date", None, "2026-03-29", datetime(2026, 3, 29, 22, tzinfo=UTC)),
    ],
)
def test_dataset_is_late_when_its_newest_event_is_older_than_its_latency(
    shop: Shop, kind: str, zone: str | None, written: str, last: datetime
) -> None:
    """Days are those of the project's zone, which is Berlin's; that of the 29th has 23 hours."""
    promise(shop, kind=kind, zone=zone)
    (shop.root / "tillage.yaml").write_text((shop.root / "tillage.yaml").read_text() + "\ntimezone: Europe/Berlin\n")
    shop.land("1.jsonl", customer("c1", sold("1", written), sold("2", "2020-01-01T00:00:00"[: len(written)])))
    shop.run()
    due = last + timedelta(hours=4)
    with shop.open() as house:
        for moment, is_late in ((due - A_SECOND, False), (due, False), (due + A_SECOND, True)):
            arrived, amiss = found_at(house, moment)
            (dataset,) = arrived.datasets
            assert (dataset.is_late, dataset.due_at, dataset.latency) == (is_late, due, "4 h")
            assert (dataset.dataset, dataset.column) == ("orders", "sold")
            assert [one.since for one in amiss if one.about == "dataset"] == [due] * is_late


def test_nothing_yet_is_no_lateness_and_not_fresh_either(shop: Shop) -> None:
    promise(shop)
    with shop.open() as house:
        run(house, wait_s=1)
        arrived, amiss = found_at(house, house.now() + timedelta(days=99))
    assert [(one.is_late, one.last_load) for one in arrived.feeds] == [(False, None)]
    assert [(one.is_late, one.newest, one.due_at) for one in arrived.datasets] == [(False, None, None)]
    assert [(one.about, one.name, one.text) for one in amiss] == [
        ("feed", "orders", "nothing came yet"), ("dataset", "orders", "no event yet")
    ]  # fmt: skip
    with client_of(shop) as client:
        assert "! no event yet" in page(client, "/").words


def oracle(rows: list[tuple[datetime | None, bool]], now: datetime) -> datetime | None:
    """Of what is accepted and not of the future, the newest."""
    newest = None
    for event, is_accepted in rows:
        if event is not None and is_accepted and event <= now and (newest is None or event > newest):
            newest = event
    return newest


def test_newest_event_is_that_of_plain_python_over_random_rows(shop: Shop) -> None:
    promise(shop)
    print("seed", seed := 41)
    rng, rows = Random(seed), list[tuple[datetime | None, bool]]()
    for load in range(3):
        orders = []
        for number in range(rng.randrange(1, 40)):
            event = None if rng.random() < 0.1 else SOLD + timedelta(seconds=rng.randrange(-500_000, 500_000))
            rows.append((event, is_accepted := rng.random() < 0.7))
            offset = timedelta(hours=rng.randrange(-11, 12))
            local = event and (event + offset).replace(tzinfo=None).isoformat()
            sign, hours = "-" if offset < timedelta() else "+", abs(offset) // timedelta(hours=1)
            written = f"{local}{sign}{hours:02}:00" if local else None
            orders.append(order(f"{load}-{number}", 1.15 if is_accepted else "much") | {"sold": written})
        shop.land(f"{load}.jsonl", customer("c1", *orders))
        shop.run()
    with shop.open() as house:
        for _ in range(30):
            now = SOLD + timedelta(seconds=rng.randrange(-600_000, 600_000))
            (found,) = arrival(at(house, now)).datasets
            newest = oracle(rows, now)
            assert found.newest == newest
            assert found.is_late is (newest is not None and now - newest > timedelta(hours=4))


def test_units_that_stand_no_more_count_no_more(shop: Shop) -> None:
    promise(shop)
    terms = '{property: tillage.unit, value: "$.orders[*]"}'
    shop.edit(CONTRACT, f"- {terms}", f"- {terms}\n      - {{property: tillage.merge, value: upsert}}")
    for load, moment in enumerate((SOLD, SOLD - timedelta(hours=9))):
        shop.land(f"{load}.jsonl", customer("c1", sold("1", moment)))
        shop.run()
    with shop.open() as house:
        (found,) = arrival(at(house, SOLD)).datasets
    assert found.newest == SOLD - timedelta(hours=9)


def test_no_lake_is_read_where_no_contract_promises_latency(shop: Shop) -> None:
    promise(shop, f"slaProperties: [{FREQUENCY}]")
    shop.land("1.jsonl", customer("c1", sold("1", SOLD)))
    shop.run()
    for file in (shop.root / "data/lake/silver").rglob("*.parquet"):
        file.unlink()
    with shop.open() as house:
        arrived, amiss = found_at(house, house.now())
    assert (arrived.datasets, amiss) == ((), ())


def test_promises_change_nothing_that_loads_are_decided_under(shop: Shop) -> None:
    promise(shop, "")
    shop.land("1.jsonl", customer("c1", sold("1", SOLD)))
    shop.run()
    shop.edit(CONTRACT, "\n\n", f"\n{LEVELS}\n")
    shop.said.clear()
    shop.land("2.jsonl", customer("c1", sold("2", SOLD)))
    shop.run()
    shop.edit(CONTRACT, "value: 25", "value: 26")
    shop.run()
    assert not any("the contract has changed" in line for line in shop.said)
    with shop.open() as house:
        assert [one.frequency for one in arrival(house).feeds] == ["26 h"]


def test_first_page_says_the_same_as_the_command(shop: Shop) -> None:
    promise(shop)
    shop.land("1.jsonl", customer("c1", sold("1", SOLD)))
    shop.run()
    with psycopg.connect(shop.dsn) as connection:
        connection.execute("update tillage.loads set planned_at = planned_at - interval '26 hours'")
    document = said(shop, "status")
    with client_of(shop) as client:
        html = client.get("/", headers=HTML).text
        words = read_page(html).words
    assert [one["text"][:5] for one in document["findings"]] == ["late:", "late:"]
    for one in document["findings"]:
        assert f"! {one['text']}" in words
    (fresh,), (feed,) = document["freshness"], document["feeds"]
    assert (fresh["newest"], fresh["due_at"]) == ("2026-03-29T00:30:00Z", "2026-03-29T04:30:00Z")
    assert f'<time datetime="{fresh["newest"]}">' in html
    assert f'<time datetime="{feed["last_at"]}">' in html
    assert "No feed is in: orders: late" in words


def test_days_of_the_project_decide_what_is_of_the_future(shop: Shop) -> None:
    promise(shop, kind="date")
    shop.land("1.jsonl", customer("c1", sold("1", date(2026, 3, 29)), sold("2", date(2999, 1, 1))))
    shop.run()
    before = datetime(2026, 3, 28, 23, tzinfo=UTC)
    with shop.open() as house:
        for zone, newest in (("UTC", None), ("Europe/Berlin", date(2026, 3, 29))):
            there = replace(house, project=replace(house.project, zone=zone))
            assert [one.newest for one in arrival(at(there, before)).datasets] == [newest]
