"""Whether everything is in and on time, and what the first page says of it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, timedelta

from tests.integration.page_reading import spoken
from tests.integration.paged import client_of, page
from tests.integration.shops import Shop, customer, order
from tillage.pages.looking import Asked
from tillage.pages.overview import overview
from tillage.pipelines import failing
from tillage.pipelines.arrival import GRACE, arrival


def test_feed_is_late_when_nothing_came_since_its_tick_and_a_quarter_of_an_hour(shop: Shop) -> None:
    shop.edit("tillage.yaml", "format: jsonl}", 'format: jsonl, schedule: "0 6 * * *"}')
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    with shop.open() as house:
        now = house.now()
        tick = now.replace(hour=6, minute=0, second=0, microsecond=0)
        tick += timedelta(days=tick <= now)  # the next one, by day and by night
        moments = {tick - timedelta(seconds=1): False, tick + GRACE / 2: False, tick + GRACE: True}
        for moment, is_late in moments.items():
            (feed,) = arrival(replace(house, now=lambda moment=moment: moment)).feeds
            assert feed.is_late is is_late, moment
        assert feed.due_at == tick
        late = replace(house, now=lambda: tick + GRACE)
        assert f"orders: late: nothing came since {tick:%Y-%m-%d %H:%M}Z" in spoken(
            overview(late, Asked()).values["answer"]
        )


def test_files_at_the_door_are_counted_without_being_opened(shop: Shop) -> None:
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    shop.land("2.jsonl.gz", customer("c2"))
    (shop.root / "landing/orders/3.jsonl.gz").write_bytes(b"\x1f\x8b torn")
    (shop.root / "landing/orders/4.jsonl.part").write_bytes(b"")
    with shop.open() as house:
        (feed,) = arrival(house).feeds
        assert (feed.new_files, feed.refused_files, feed.last_load) == (2, 0, 1)
    shop.run()
    with shop.open() as house:
        (feed,) = arrival(house).feeds
        assert (feed.new_files, feed.refused_files) == (1, 1)
        assert "orders: 1 file refused" in spoken(overview(house, Asked()).values["answer"])


def test_members_of_known_zip_files_are_known_and_what_only_reading_could_tell_is_not_said(shop: Shop) -> None:
    with zipfile.ZipFile(shop.root / "landing/orders/1.zip", "w") as zipped:
        zipped.writestr("a.jsonl", json.dumps(customer("c1", order("1"))))
    shop.run()
    with shop.open() as house:
        assert arrival(house).feeds[0].new_files == 0
    shop.edit("tillage.yaml", "format: jsonl}", "format: jsonl, sameContent: skip}")
    with client_of(shop) as client:
        assert "/feeds/0/new_files" not in page(client, "/").places("status")


def test_feed_whose_folder_is_gone_is_said_to_be_so(shop: Shop) -> None:
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    (shop.root / "landing").rename(shop.root / "elsewhere")
    with client_of(shop) as client:
        words = page(client, "/").words
    assert "its door cannot be looked at" in words
    assert "mkdir -p landing/orders" in words


def test_load_that_failed_says_why_and_what_to_do(shop: Shop) -> None:
    shop.edit("tillage.yaml", "format: jsonl}", "format: jsonl, maxQuarantine: 0}")
    shop.land("1.jsonl", customer("c1", order("1", "much")))
    shop.run()
    with client_of(shop) as client:
        first, load = page(client, "/"), page(client, "/loads/1")
        assert "orders: stopped by load 1" in first.words
        assert "tillage load retry 1 --reason TEXT" in load.words
        with shop.open() as house:
            failing.abandon(house, 1, reason="<i>a test</i>", wait_s=1)
        assert "<i>a test</i>" in page(client, "/loads/1").words


def test_days_begin_in_the_zone_of_the_project(shop: Shop) -> None:
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    with shop.open() as house:
        (planned,) = (one.planned_at for one in house.ledger.summaries())
        for zone, hours in (("UTC", 0), ("Pacific/Kiritimati", 14), ("Etc/GMT+12", -12)):
            found = arrival(replace(house, project=replace(house.project, zone=zone))).days
            assert {one.day for one in found} == {(planned.astimezone(UTC) + timedelta(hours=hours)).date()}
