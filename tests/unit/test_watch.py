"""The loop of `tillage run --watch`, under a clock that only its tests move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tillage.contracts.project import Feed
from tillage.contracts.schedule import Schedule
from tillage.errors import OperatorError, ProjectFileError
from tillage.pipelines.trigger import FIRST_RETRY_S, MOST_RETRY_S, MOST_SETTLING_S
from tillage.pipelines.watch import Outside, watch
from tillage.ports.watch import Event, Job, Outcome

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
FINE = Outcome()
FAILED = Outcome(11, "load-failed", "load 3 failed")
AWAY = Outcome(12, "store-away", "the store does not answer", retry_after_s=5)
WRONG = Outcome(10, "contract", "a contract is wrong")


@dataclass
class World:
    """Clock, folders, worker and project file in one; time passes while it waits or works, and no otherwise."""

    jobs: Sequence[Job]
    end_s: float = 3600
    at_s: float = 0
    offset: timedelta = timedelta()
    works_s: float = 1
    looks_s: float = 0
    files: dict[str, str] = field(default_factory=dict)
    later: dict[float, Callable[[World], None]] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    checked: Outcome = FINE
    done: list[tuple[float, str]] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    looks: int = 0
    waits: int = 0
    is_told: bool = False
    is_changed: bool = True

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at_s) + self.offset

    def elapsed_s(self) -> float:
        return self.at_s

    def wait(self, most_s: float) -> None:
        assert 0 <= most_s <= 30
        self.waits += 1
        assert self.waits < 20_000, "it does not rest"
        self._pass(max(most_s, 0.001))

    def _pass(self, seconds: float) -> None:
        until = self.at_s + seconds
        for moment in sorted(moment for moment in self.later if moment <= until):
            self.at_s = max(self.at_s, moment)
            self.later.pop(moment)(self)
        self.at_s = max(self.at_s, until)

    def is_over(self) -> bool:
        return self.is_told or self.at_s >= self.end_s

    def look(self, feed: Feed) -> str:
        self.looks += 1
        self.at_s += self.looks_s
        found = self.files.get(feed.name, "")
        if found == "missing":
            raise OperatorError("folder a does not exist; make it: mkdir -p a")
        return found

    def check(self) -> Outcome:
        return self.checked

    def work(self, job: Job, on_stop: Callable[[], None]) -> Outcome:
        self.done.append((self.at_s, job.name))
        was_told = self.is_told
        self._pass(self.works_s)
        if self.is_told and not was_told:
            on_stop()
        coming = self.outcomes.get(job.name, [])
        return coming.pop(0) if coming else Outcome()

    def changed(self) -> Sequence[Job] | None:
        is_changed, self.is_changed = self.is_changed, False
        return self.jobs if is_changed else None

    def run(self, interval_s: float = 5) -> World:
        watch(Outside(self, self, self, self, self.said.append), interval_s=interval_s)
        return self

    def times(self, name: str) -> list[float]:
        return [round(at_s) for at_s, job in self.done if job == name]

    def events(self) -> list[tuple[str, str | None]]:
        return [(event.event, event.name) for event in self.said]


def arriving(name: str = "orders") -> Job:
    return Job(Feed(name, f"landing/{name}", "jsonl"), None)


def scheduled(text: str, name: str = "orders", zone: str = "UTC") -> Job:
    return Job(Feed(name, f"landing/{name}", "jsonl"), Schedule(text, zone))


def land(text: str, name: str = "orders") -> Callable[[World], None]:
    return lambda world: world.files.update({name: text})


def test_a_scheduled_feed_runs_at_its_ticks_and_not_at_the_start() -> None:
    assert World([scheduled("*/20 * * * *")], end_s=3700).run().times("orders") == [1200, 2400, 3600]


def test_ticks_that_were_slept_through_are_one_run() -> None:
    def sleep(world: World) -> None:
        world.offset += timedelta(hours=10)

    world = World([scheduled("*/20 * * * *")], end_s=2500, later={100: sleep}).run()
    assert [at_s for at_s in world.times("orders") if at_s < 1000] == [120]
    assert world.times("orders")[1:] == [1200, 2400]


def test_ticks_that_pass_while_the_feed_is_at_work_are_one_run_after_it() -> None:
    world = World([scheduled("*/5 * * * *")], end_s=3000, works_s=1000).run()
    # 300 s to 1300 s, and after it at once; what passed meanwhile is not made up for one by one.
    assert world.times("orders") == [300, 1300, 2300]


def test_a_clock_that_is_set_back_starts_the_schedule_anew_and_is_said() -> None:
    def set_back(world: World) -> None:
        world.offset -= timedelta(days=1)

    world = World([scheduled("*/20 * * * *")], end_s=2500, later={1300: set_back}).run()
    assert world.times("orders") == [1200, 2400]
    assert [event.text for event in world.said if event.event == "clock"] == [
        "the clock was set back by 86,400 s; schedules are counted anew"
    ]


def test_a_clock_that_is_corrected_by_a_second_repeats_no_tick() -> None:
    def correct(world: World) -> None:
        world.offset -= timedelta(seconds=3)

    world = World([scheduled("*/20 * * * *")], end_s=2500, later={1201.5: correct}).run()
    assert world.times("orders") == [1200, 2403]


def test_a_fixed_hour_that_comes_twice_is_run_once() -> None:
    world = World([scheduled("30 2 * * *", zone="Europe/Berlin")], end_s=6 * 3600)
    world.offset = datetime(2027, 10, 30, 23, 0, tzinfo=UTC) - START
    assert world.run().times("orders") == [5400]


def test_a_feed_without_schedule_runs_at_the_start_and_when_files_arrive() -> None:
    world = World([arriving()], later={100: land("1"), 200: land("2")}, end_s=300).run()
    first, second, third = world.times("orders")
    assert first == 0
    assert 100 < second <= 115
    assert 200 < third <= 215


def test_nothing_is_run_while_nothing_arrives() -> None:
    assert World([arriving()], end_s=36_000).run().times("orders") == [0]


def test_a_file_that_grows_at_every_look_is_left_until_it_is_still() -> None:
    growing = {100.0 + number: land(f"grown {number}") for number in range(40)}
    world = World([arriving()], later=growing, end_s=300).run()
    first, second = world.times("orders")
    assert first == 0
    assert 139 < second <= 155


def test_a_file_that_grows_for_ever_does_not_hold_up_the_others() -> None:
    growing = {100.0 + number: land(f"grown {number}") for number in range(500)}
    world = World([arriving()], later=growing, end_s=500).run()
    _, second, third = world.times("orders")[:3]
    assert 100 + MOST_SETTLING_S <= second <= 115 + MOST_SETTLING_S
    assert MOST_SETTLING_S <= third - second <= 15 + MOST_SETTLING_S


def test_a_file_that_the_door_left_as_it_is_being_written_is_tried_again_though_nothing_changes() -> None:
    world = World([arriving()], outcomes={"orders": [Outcome(is_more_coming=True)] * 2}, end_s=300).run()
    assert world.times("orders") == [0, 6, 12]


def test_looking_takes_a_tenth_of_the_time_at_most() -> None:
    world = World([arriving()], looks_s=30, end_s=3600).run()
    assert world.looks * 30 <= 3600 / 10


def test_a_failed_feed_stops_no_other_and_is_tried_again_when_files_arrive() -> None:
    jobs = [arriving("bad"), arriving("good")]
    later = {100: land("1", "good"), 200: land("1", "bad")}
    world = World(jobs, outcomes={"bad": [FAILED] * 9}, later=later, end_s=300).run()
    assert world.times("bad")[0] == 0
    assert 200 < world.times("bad")[1] <= 215
    assert len(world.times("bad")) == 2
    assert len(world.times("good")) == 2
    assert ("failed", "bad") in world.events()


def test_a_failed_feed_is_looked_at_again_after_a_while_as_a_person_may_have_decided() -> None:
    world = World([arriving()], outcomes={"orders": [FAILED]}, end_s=MOST_RETRY_S + 100).run()
    assert world.times("orders") == [0, MOST_RETRY_S + 1]


def test_a_store_that_is_away_is_tried_after_delays_that_double_up_to_a_bound() -> None:
    world = World([arriving()], outcomes={"orders": [AWAY] * 12}, end_s=6000, works_s=0).run()
    times = world.times("orders")
    delays = [later - earlier for earlier, later in pairwise(times)]
    assert delays[:8] == [5, 10, 20, 40, 80, 160, 320, 600]
    assert set(delays[8:]) == {MOST_RETRY_S}


def test_the_delay_starts_small_again_after_a_success() -> None:
    outcomes = [AWAY, AWAY, Outcome(), AWAY]
    world = World([scheduled("*/10 * * * *")], outcomes={"orders": outcomes}, end_s=1300, works_s=0).run()
    assert world.times("orders") == [600, 605, 615, 1200, 1205]


def test_while_the_store_is_away_neither_files_nor_ticks_start_a_run() -> None:
    later = {100: land("1"), 200: land("2")}
    away = Outcome(12, "store-away", "away", retry_after_s=500)
    assert World([arriving()], outcomes={"orders": [away]}, later=later, end_s=450).run().times("orders") == [0]
    world = World([scheduled("* * * * *")], outcomes={"orders": [away]}, end_s=500).run()
    assert world.times("orders") == [60]


@pytest.mark.parametrize("outcome", [Outcome(1, None, "a bug"), Outcome(-9, None, "killed"), Outcome(13, "x", "x")])
def test_whatever_ends_a_run_it_is_tried_again_after_a_rest(outcome: Outcome) -> None:
    world = World([arriving()], outcomes={"orders": [outcome]}, end_s=60, works_s=0).run()
    assert world.times("orders") == [0, FIRST_RETRY_S]


def test_what_a_person_must_mend_ends_it_at_the_start() -> None:
    world = World([arriving()], checked=WRONG)
    with pytest.raises(OperatorError, match="a contract is wrong"):
        world.run()
    assert world.done == []


def test_what_a_person_must_mend_later_is_said_and_tried_again() -> None:
    world = World([arriving()], outcomes={"orders": [Outcome(), WRONG, WRONG]}, later={100: land("1")}, end_s=200).run()
    assert world.events().count(("failed", "orders")) == 2
    assert len(world.times("orders")) == 4


def test_a_store_that_is_away_at_the_start_is_waited_for() -> None:
    world = World([arriving()], checked=AWAY, end_s=10).run()
    assert ("failed", None) in world.events()
    assert world.times("orders") == [0]


def test_a_missing_folder_is_said_with_a_growing_delay_and_ends_nothing() -> None:
    jobs = [arriving("gone"), arriving("there")]
    world = World(jobs, files={"gone": "missing"}, outcomes={"gone": [WRONG] * 99}, end_s=500).run()
    failed = [event for event in world.said if (event.event, event.name) == ("failed", "gone")]
    assert 5 <= len(failed) <= 8
    assert "mkdir -p" in failed[0].text
    assert world.times("there") == [0]


def test_a_folder_that_was_missing_is_looked_at_again_once_a_run_has_worked() -> None:
    world = World([arriving()], files={"orders": "missing"}, later={7: land("0"), 100: land("1")}, end_s=200).run()
    assert any(100 < at_s <= 115 for at_s in world.times("orders"))


def test_the_end_lets_the_work_under_way_finish_and_begins_no_other() -> None:
    def tell(world: World) -> None:
        world.is_told = True

    jobs = [scheduled("* * * * *", "a"), scheduled("* * * * *", "b")]
    world = World(jobs, later={65: tell}, works_s=10).run()
    assert world.done == [(pytest.approx(60), "a")]
    assert [event for event, _ in world.events()][-3:] == ["stopping", "done", "stopped"]


def test_maintenance_has_a_schedule_of_its_own() -> None:
    world = World([arriving(), Job(None, Schedule("30 * * * *", "UTC"))], end_s=3600).run()
    assert (world.times("orders"), world.times("maintain")) == ([0], [1800])


def test_a_project_file_that_changes_is_followed_and_what_is_unchanged_keeps_its_state() -> None:
    def add(world: World) -> None:
        world.jobs, world.is_changed = [*world.jobs, arriving("tills")], True

    world = World([arriving()], later={100: add}, end_s=200).run()
    assert world.times("orders") == [0]
    assert len(world.times("tills")) == 1


def test_a_project_file_that_becomes_wrong_is_said_and_the_old_one_goes_on() -> None:
    class Wrong(World):
        def changed(self) -> Sequence[Job] | None:
            if self.is_changed and self.at_s > 0:
                self.is_changed = False
                raise ProjectFileError("tillage.yaml, line 3: unknown name 'fed'.")
            return super().changed()

    def spoil(world: World) -> None:
        world.is_changed = True

    world = Wrong([arriving()], later={100: spoil, 150: land("1")}, end_s=200).run()
    assert [event.text for event in world.said if event.event == "failed"] == [
        "tillage.yaml, line 3: unknown name 'fed'. Until then it goes on as before"
    ]
    assert len(world.times("orders")) == 2


def test_each_load_is_one_line_with_its_figures() -> None:
    loads: list[dict[str, Any]] = [{"load": 7, "read_rows": 1200}, {"load": 9, "read_rows": 3}]
    world = World([arriving()], outcomes={"orders": [Outcome(loads=loads)]}, end_s=3).run()
    loaded = [event for event in world.said if event.event == "loaded"]
    assert [event.figures for event in loaded] == loads
    assert loaded[0].text == "load 7, read_rows 1,200"
