"""`tillage run --watch` as a process: what it loads, says and holds, and how signals end it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.integration.processes import children
from tests.integration.shops import CONTRACT, TEMPLATE, Shop, customer, order
from tillage.cli.children import outcome_of
from tillage.cli.watch import ProjectJobs, jobs_of
from tillage.contracts.project import read_project
from tillage.domain.load import LoadState
from tillage.doors.glance import LandingFolders
from tillage.errors import OperatorError
from tillage.ports.watch import Outcome

LIMIT_S = 90.0
MIB = 1024 * 1024


class Watcher:
    """The command, started; everything that it has said so far can be asked for."""

    def __init__(self, shop: Shop, *words: str, **environment: str) -> None:
        self.output = shop.root.parent / "said.jsonl"
        command = [sys.executable, "-m", "tillage", "run", "--watch", "--interval", "0.2", "--json", *words]
        self._file = self.output.open("wb")
        self.process = subprocess.Popen(
            command,
            cwd=shop.root,
            stdout=self._file,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_THREADS": "1"} | environment,
        )

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def count(self, event: str) -> int:
        return sum(one["event"] == event for one in self.said())

    def until(self, condition: Callable[[], object]) -> None:
        end_s = time.monotonic() + LIMIT_S
        while not condition():
            assert self.process.poll() is None, f"it ended: {self.output.read_text()}"
            assert time.monotonic() < end_s, f"it did not come to it: {self.output.read_text()}"
            os.sched_yield()
            self._rest()

    def _rest(self) -> None:
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:
            return

    def children(self) -> list[int]:
        return children(self.process.pid)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        return self.process.wait(LIMIT_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._file.close()


@contextmanager
def watching(shop: Shop, *words: str, **environment: str) -> Iterator[Watcher]:
    watcher = Watcher(shop, *words, **environment)
    try:
        yield watcher
    finally:
        watcher.close()


def test_files_are_loaded_as_they_arrive_and_it_holds_nothing_in_between(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    with watching(shop) as watcher:
        watcher.until(lambda: watcher.count("loaded") == 1)
        shop.land("b.jsonl", customer("c2", order("o2")))
        watcher.until(lambda: watcher.count("loaded") == 2)
        watcher.until(lambda: not watcher.children())
        with psycopg.connect(shop.dsn) as store:
            held = "select count(*) from tillage.leases where expires_at is not null"
            sessions = "select count(*) from pg_stat_activity where datname = current_database()"
            assert store.execute(held).fetchone() == (0,)
            assert store.execute(sessions).fetchone() == (1,), "of these the test has one"
        resident = int(Path(f"/proc/{watcher.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert resident < 80 * MIB
        watcher.tell(signal.SIGTERM)
        assert watcher.ended() == 0
    events = [(one["event"], one["name"]) for one in watcher.said()]
    assert events[0] == ("watching", "orders")
    assert events[-1] == ("stopped", None)
    loaded = [one for one in watcher.said() if one["event"] == "loaded"]
    assert [(one["load"], one["read_rows"], one["accepted_rows"]) for one in loaded] == [(1, 2, 2), (2, 2, 2)]
    assert shop.spend() == {"c1": (1, 100), "c2": (1, 100)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_load_under_way_finish(shop: Shop, number: signal.Signals) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.land("b.jsonl", customer("c2", order("o2")))
    with psycopg.connect(shop.dsn) as store, watching(shop) as watcher:
        hold_before_publishing(store, watcher)
        watcher.tell(number)
        watcher.until(lambda: watcher.count("stopping") == 1)
        store.rollback()
        assert watcher.ended() == 0
    assert [one["event"] for one in watcher.said()] == ["watching", "running", "stopping", "loaded", "stopped"]
    assert shop.states() == [LoadState.SEALED, LoadState.SEALED]


def hold_before_publishing(store: psycopg.Connection[Any], watcher: Watcher) -> None:
    """Reads pass, and the run waits for this lock right before it publishes, for as long as it lives."""
    store.execute("lock table tillage.receipts in exclusive mode")
    waits = "select count(*) from pg_locks where not granted and relation = 'tillage.receipts'::regclass"
    watcher.until(lambda: store.execute(waits).fetchone() != (0,))


def test_a_second_signal_ends_it_at_once_and_the_next_run_finishes_what_is_open(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.land("b.jsonl", customer("c2", order("o2")))
    with psycopg.connect(shop.dsn) as store, watching(shop) as watcher:
        hold_before_publishing(store, watcher)
        watcher.tell(signal.SIGTERM)
        watcher.until(lambda: watcher.count("stopping") == 1)
        watcher.tell(signal.SIGTERM)
        assert watcher.ended() == 128 + signal.SIGTERM
    shop.run()
    assert shop.spend() == {"c1": (1, 100), "c2": (1, 100)}


def test_a_run_that_is_killed_is_said_and_finished_by_the_next_try(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    with watching(shop, TILLAGE_CRASH="after:bronze") as watcher:
        watcher.until(lambda: watcher.count("failed") == 1)
        watcher.until(lambda: watcher.count("loaded") == 1)
        watcher.tell(signal.SIGTERM)
        assert watcher.ended() == 0
    (failed,) = [one for one in watcher.said() if one["event"] == "failed"]
    assert (failed["exit_code"], failed["retry_after_s"]) == (-9, 5)
    assert shop.spend() == {"c1": (1, 100)}


def test_a_failed_load_stops_no_other_feed(shop: Shop) -> None:
    whole = yaml.safe_load((shop.root / CONTRACT).read_text())
    other = whole | {"schema": [whole["schema"][0] | {"name": "visitors"}]}
    (shop.root / "contracts/visits.odcs.yaml").write_text(yaml.safe_dump(other, sort_keys=False))
    (shop.root / "landing/visits").mkdir()
    shop.edit("tillage.yaml", "format: jsonl}", "format: jsonl, maxQuarantine: 0}\n  visits: {path: landing/visits}")
    shop.land("a.jsonl", customer("c1", order("o1", "much")))
    shop.land("../visits/v.jsonl", customer("v1"))
    with watching(shop) as watcher:
        watcher.until(lambda: watcher.count("loaded") == 1)
        watcher.tell(signal.SIGTERM)
        assert watcher.ended() == 0
    (failed,) = [one for one in watcher.said() if one["event"] == "failed"]
    assert (failed["name"], failed["error"], failed["exit_code"]) == ("orders", "load-failed", 11)
    assert "tillage load retry" in failed["text"]
    assert "much" not in watcher.output.read_text()


def test_what_a_person_must_mend_ends_it_at_the_start_with_10(shop: Shop) -> None:
    shop.edit(CONTRACT, "logicalType: string", "logicalType: strung")
    with watching(shop) as watcher:
        assert watcher.ended() == 10


def test_without_a_project_it_ends_with_10(shop: Shop) -> None:
    (shop.root / "tillage.yaml").unlink()
    with watching(shop) as watcher:
        assert watcher.ended() == 10


def test_a_glance_sees_what_comes_changes_and_goes_and_nothing_else(shop: Shop) -> None:
    feed = read_project("tillage.yaml", (shop.root / "tillage.yaml").read_text()).feeds[0]
    look = LandingFolders(shop.root).look
    seen = [look(feed)]
    path = shop.land("a.jsonl", customer("c1"))
    seen.append(look(feed))
    path.write_text("")
    seen.append(look(feed))
    shop.land("b.jsonl", customer("c1"))
    seen.append(look(feed))
    path.rename(path.with_name("c.jsonl"))
    seen.append(look(feed))
    path.with_name("c.jsonl").unlink()
    seen.append(look(feed))
    assert len(set(seen)) == len(seen)
    for name in (".hidden.jsonl", "_old.jsonl", "a.jsonl.tmp", "a.doc"):
        shop.land(name, customer("c1"))
    assert look(feed) == seen[-1]
    (shop.root / "landing/orders").rename(shop.root / "landing/elsewhere")
    with pytest.raises(OperatorError, match="make it: mkdir -p landing/orders"):
        look(feed)


def test_jobs_follow_the_project_file(shop: Shop) -> None:
    jobs = ProjectJobs(shop.root, ())
    (job,) = jobs.changed() or ()
    assert (job.name, job.schedule) == ("orders", None)
    assert jobs.changed() is None
    shop.edit("tillage.yaml", "format: jsonl}", 'format: jsonl, schedule: "5 * * * *"}')
    shop.edit("tillage.yaml", "serve:", 'maintain: {schedule: "0 3 * * *"}\nserve:')
    assert [one.name for one in jobs.changed() or ()] == ["orders", "maintain"]
    shop.edit("tillage.yaml", "feeds:", "feds:")
    with pytest.raises(OperatorError, match="unknown name 'feds'"):
        jobs.changed()
    assert jobs.changed() is None


def test_only_named_feeds_are_watched_and_an_unknown_one_is_refused() -> None:
    text = 'project: shop\nmaintain: {schedule: "0 3 * * *"}\nfeeds:\n  a: {path: a}\n  b: {path: b}\n'
    project = read_project("tillage.yaml", text)
    assert [job.name for job in jobs_of(project, ["b"])] == ["b"]
    with pytest.raises(OperatorError, match="has no feed 'c'; it has: a, b"):
        jobs_of(project, ["c"])


def test_a_run_of_one_feed_leaves_the_others(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    command = [sys.executable, "-m", "tillage", "run", "--json", "--feed"]
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn}
    wrong = subprocess.run([*command, "order"], cwd=shop.root, env=environment, capture_output=True, check=False)
    assert wrong.returncode == 10
    assert json.loads(wrong.stderr)["message"] == "tillage.yaml has no feed 'order'; it has: orders"
    assert shop.states() == []
    right = subprocess.run([*command, "orders"], cwd=shop.root, env=environment, capture_output=True, check=False)
    assert (right.returncode, len(json.loads(right.stdout)["loads"])) == (0, 1)


def test_an_outcome_is_what_the_command_said_last(tmp_path: Path) -> None:
    assert outcome_of(0, {}, {}, "") == Outcome(loads=[])
    environment = os.environ | {"TILLAGE_STORE_DSN": "host=127.0.0.1 port=1 connect_timeout=1"}
    away = subprocess.run(
        [sys.executable, "-m", "tillage", "status", "--json", "-C", str(shutil.copytree(TEMPLATE, tmp_path / "shop"))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    problem = json.loads(away.stderr.splitlines()[-1])
    told = outcome_of(away.returncode, {}, problem, "")
    assert (told.exit_code, told.error, told.retry_after_s) == (12, "store-away", 5)
    assert "is PostgreSQL up?" in told.message
    assert outcome_of(1, {}, {}, "error: unexpected").message == "error: unexpected"
    assert "signal 9" in outcome_of(-9, {}, {}, "").message
