"""Cron expressions: what they may say, and when they tick, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tillage.contracts.project import read_project
from tillage.contracts.schedule import Schedule, read_schedule, read_zone
from tillage.errors import ProjectFileError

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(text: str, zone: str, start: str, count: int) -> list[str]:
    """The next ones, in UTC."""
    moment, found = utc(start), []
    for _ in range(count):
        after = Schedule(text, zone).after(moment)
        assert after is not None
        assert after > moment
        found.append(after.strftime("%m-%d %H:%M"))
        moment = after
    return found


def test_a_tick_is_later_than_the_moment_that_is_asked_about() -> None:
    assert ticks("5 * * * *", "UTC", "2027-01-01 00:05", 2) == ["01-01 01:05", "01-01 02:05"]
    assert ticks("5 * * * *", "UTC", "2027-01-01 00:04:59", 1) == ["01-01 00:05"]


def test_a_schedule_is_read_in_its_time_zone() -> None:
    assert ticks("30 2 * * *", BERLIN, "2027-01-01 00:00", 1) == ["01-01 01:30"]
    assert ticks("30 2 * * *", BERLIN, "2027-07-01 00:00", 1) == ["07-01 00:30"]


def test_a_fixed_time_that_the_change_to_summer_time_leaves_out_is_made_up_for_right_after_the_gap() -> None:
    # On 28 March 2027 there is no 02:30 in Berlin: 02:00 is 03:00 there, 01:00 in UTC.
    assert ticks("30 2 * * *", BERLIN, "2027-03-27 12:00", 2) == ["03-28 01:00", "03-29 00:30"]


def test_a_fixed_time_in_the_hour_that_comes_twice_is_kept_once_and_first() -> None:
    # On 31 October 2027 02:30 is in Berlin both at 00:30 and at 01:30 UTC.
    assert ticks("30 2 * * *", BERLIN, "2027-10-30 12:00", 2) == ["10-31 00:30", "11-01 01:30"]


@pytest.mark.parametrize("minutes", range(0, 181, 10))
def test_no_tick_is_in_the_past_while_an_hour_is_repeated(minutes: int) -> None:
    moment = utc("2027-10-30 23:00") + timedelta(minutes=minutes)
    for text in ("30 2 * * *", "0 2,3 * * *", "*/15 * * * *"):
        after = Schedule(text, BERLIN).after(moment)
        assert after is not None
        assert after > moment


@pytest.mark.parametrize("start", ["2027-03-27 23:00", "2027-10-30 23:00", "2027-07-01 03:59"])
@pytest.mark.parametrize("minutes", range(0, 181, 10))
def test_the_last_tick_is_the_one_before_the_next(start: str, minutes: int) -> None:
    moment = utc(start) + timedelta(minutes=minutes)
    for text in ("30 2 * * *", "0 2,3 * * *", "*/15 * * * *", "0 6 1 1 *"):
        schedule = Schedule(text, BERLIN)
        last = schedule.before(moment)
        assert last is not None
        assert last <= moment
        assert schedule.after(last - timedelta(seconds=1)) == last
        following = schedule.after(last)
        assert following is not None
        assert following > moment


def test_hours_that_begin_with_a_star_follow_real_time_through_both_changes() -> None:
    assert ticks("0 * * * *", BERLIN, "2027-03-28 00:30", 3) == ["03-28 01:00", "03-28 02:00", "03-28 03:00"]
    assert ticks("0 * * * *", BERLIN, "2027-10-30 23:30", 3) == ["10-31 00:00", "10-31 01:00", "10-31 02:00"]


@pytest.mark.parametrize(
    "text", ["* * * *", "* * * * * *", "@daily", "61 * * * *", "0 24 * * *", "0 0 31 2 *", "5", "", "x" * 300, 7, True]
)
def test_what_is_no_expression_of_five_fields_or_never_ticks_is_refused(text: object) -> None:
    assert read_schedule(text, "UTC") is None


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../etc/passwd", "/etc/localtime", "Europe", "", 5, None])
def test_what_is_no_time_zone_is_refused(name: object) -> None:
    assert read_zone(name) is None


def test_a_project_has_schedules_in_its_time_zone() -> None:
    project = read_project(
        "tillage.yaml",
        'project: shop\ntimezone: Europe/Berlin\nmaintain: {schedule: "0 3 * * 0"}\n'
        'feeds:\n  orders: {path: a, schedule: "5 * * * *"}\n  tills: {path: b}\n',
    )
    assert [feed.schedule for feed in project.feeds] == [Schedule("5 * * * *", BERLIN), None]
    assert project.maintain == Schedule("0 3 * * 0", BERLIN)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("timezone: Berlin", "line 2: `timezone` is a name like UTC or Europe/Berlin"),
        ("maintain: {schedule: daily}", "line 2: `schedule` is a cron expression of five fields"),
        ("maintain: {at: daily}", "line 2: unknown name 'at'"),
        ("maintain: daily", "line 2: `maintain` must be a mapping"),
        ('other: {path: b, schedule: "0 0 31 2 *"}', "unknown name 'other'"),
    ],
)
def test_a_wrong_schedule_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(ProjectFileError, match=says):
        read_project("tillage.yaml", f"project: shop\n{text}\nfeeds:\n  orders: {{path: a}}\n")


def test_a_wrong_schedule_of_a_feed_is_refused_with_its_line() -> None:
    with pytest.raises(ProjectFileError, match=r"line 3: `schedule` is a cron expression of five fields"):
        read_project("tillage.yaml", 'project: shop\nfeeds:\n  orders: {path: a, schedule: "0 0 31 2 *"}\n')
