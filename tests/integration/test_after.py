"""`after`: a landed file is moved away or deleted only once all of it is durable, whatever happens in between."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.shops import CONTRACT, Shop, customer, make_shop, order
from tillage.contracts.project import read_project
from tillage.domain.load import CommitPoint
from tillage.doors.putting_away import LandedFiles
from tillage.errors import ProjectFileError
from tillage.pipelines.reconcile import reconcile
from tillage.ports.landed import PutAway


@pytest.fixture
def shop(tmp_path: Path, server: str, request: pytest.FixtureRequest) -> Shop:
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    return make_shop(tmp_path / "shop", server, f"after_{name}")


def says(shop: Shop, after: str) -> None:
    shop.edit("tillage.yaml", "{path: landing/orders", f"{{after: {after}, path: landing/orders")


def landed(shop: Shop) -> dict[str, bytes]:
    return files(shop.root / "landing/orders")


def archived(shop: Shop) -> dict[str, bytes]:
    return files(shop.root / "archive/landing/orders")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".gitkeep"
    }


def test_files_are_archived_as_they_were_and_no_number_changes(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("1"), order("2", "wrong")))
    shop.land("b.jsonl.gz", customer("c2", order("3")), {"orders": []})
    (shop.root / "landing/orders/day=1").mkdir()
    shop.land("day=1/c.jsonl", customer("c1", order("4")))
    kept = shop.run()
    before, spent = landed(shop), shop.spend()
    assert kept.put_away == []
    says(shop, "archive")
    report = shop.run()
    assert sorted(report.put_away) == [f"landing/orders/{name}" for name in ("a.jsonl", "b.jsonl.gz", "day=1/c.jsonl")]
    assert (landed(shop), archived(shop)) == ({}, before)
    assert stat.S_IMODE((shop.root / "archive").stat().st_mode) == 0o700
    assert "feed orders: 3 loaded files moved to archive" in shop.said
    shop.land("d.jsonl", customer("c3", order("5")))
    assert shop.run().put_away == ["landing/orders/d.jsonl"]
    again = shop.run()
    assert (again.loads, again.put_away) == ({}, [])
    assert shop.spend() == spent | {"c3": (1, 100)}
    with shop.open() as house:
        assert [one.agrees() for one in reconcile(house)] == [True]


def test_files_are_deleted_where_that_is_asked_for(shop: Shop) -> None:
    says(shop, "delete")
    shop.land("a.jsonl", customer("c1", order("1")))
    assert shop.run().put_away == ["landing/orders/a.jsonl"]
    assert landed(shop) == {}
    assert not (shop.root / "archive").exists()
    assert shop.spend() == {"c1": (1, 100)}


def test_what_is_not_loaded_to_the_last_byte_stays(shop: Shop) -> None:
    says(shop, "delete")
    shop.land("good.jsonl", customer("c1", order("1")))
    written = shop.land("written.jsonl", customer("c2", order("2")))
    (shop.root / "landing/orders/other.csv").write_text("a,b\n1,2\n")
    (shop.root / "landing/orders/torn.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00torn")
    linked = shop.root / "landing/orders/linked.jsonl"
    linked.symlink_to("good.jsonl")
    with zipfile.ZipFile(shop.root / "landing/orders/mixed.zip", "w") as mixed:
        mixed.writestr("m.jsonl", '{"customerId": "c3", "orders": []}\n')
        mixed.writestr("readme.pdf", "not a record")
    with zipfile.ZipFile(shop.root / "landing/orders/whole.zip", "w") as whole:
        whole.writestr("m.jsonl", '{"customerId": "c4", "orders": []}\n')
        whole.writestr("n.jsonl", '{"customerId": "c5", "orders": []}\n')
    with written.open("ab"):
        report = shop.run()
    assert sorted(report.put_away) == ["landing/orders/good.jsonl", "landing/orders/whole.zip"]
    stays = {"mixed.zip", "other.csv", "torn.jsonl.gz", "written.jsonl"}
    assert landed(shop).keys() == stays
    assert report.left_alone["landing/orders/mixed.zip"] == "is not deleted, since it also holds what was not loaded"
    assert shop.run().put_away == ["landing/orders/written.jsonl"]


def test_file_with_a_record_that_is_too_large_for_bronze_is_archived_but_not_deleted(shop: Shop) -> None:
    contract = (shop.root / CONTRACT).read_text()
    large = "\ncustomProperties: [{property: tillage.limits, value: {maxRecordBytes: 70000}}]\n"
    (shop.root / CONTRACT).write_text(contract.rstrip("\n") + large)
    says(shop, "delete")
    shop.land("a.jsonl", customer("c1", order("1")), customer("c" * 80_000))
    report = shop.run()
    assert report.put_away == []
    assert "a record of it is too large" in report.left_alone["landing/orders/a.jsonl"]
    shop.edit("tillage.yaml", "after: delete", "after: archive")
    assert shop.run().put_away == ["landing/orders/a.jsonl"]


def test_same_name_again_keeps_both_and_the_same_bytes_once(shop: Shop) -> None:
    says(shop, "archive")
    contents = []
    for number in (1, 2, 1, 3):
        path = shop.land("a.b.jsonl", customer("c1", order(f"o{number}")))
        contents.append(path.read_bytes())
        assert shop.run().put_away == ["landing/orders/a.b.jsonl"]
    assert archived(shop) == {"a.b.jsonl": contents[0], "a~2.b.jsonl": contents[1], "a~3.b.jsonl": contents[3]}
    assert shop.spend() == {"c1": (3, 300)}


def test_failed_load_keeps_its_files(shop: Shop) -> None:
    says(shop, "archive")
    shop.edit("tillage.yaml", "after: archive", "after: archive, maxQuarantine: 0")
    shop.land("a.jsonl", customer("c1", order("1", "wrong")))
    report = shop.run()
    assert len(report.failed) == 1
    assert shop.run().put_away == []
    assert landed(shop).keys() == {"a.jsonl"}


class Swaps:
    """Puts another file in the place of one right before it is renamed."""

    def __init__(self, path: Path, text: bytes) -> None:
        self.path, self.text = path, text

    @contextmanager
    def at(self, point: CommitPoint) -> Iterator[None]:
        assert point is CommitPoint.PUT_AWAY
        if self.text:
            other = self.path.with_name(".other")
            other.write_bytes(self.text)
            other.rename(self.path)
            self.text = b""
        yield


def put_away(shop: Shop, commits: Swaps) -> PutAway:
    with shop.open() as house:
        feed = house.feeds["orders"].feed
        return LandedFiles(shop.root, commits).put_away(feed, house.ledger.sealed("orders"))


@pytest.mark.parametrize("after", ["archive", "delete"])
def test_file_that_comes_in_the_place_of_a_loaded_one_is_given_back_and_loaded(shop: Shop, after: str) -> None:
    path = shop.land("a.jsonl", customer("c1", order("1")))
    shop.run()
    says(shop, after)
    new = shop.land("b.jsonl", customer("c2", order("2"))).read_bytes()
    (shop.root / "landing/orders/b.jsonl").unlink()
    assert put_away(shop, Swaps(path, new)).done == ()
    assert landed(shop) == {"a.jsonl": new}
    assert shop.run().put_away == ["landing/orders/a.jsonl"]
    assert shop.spend() == {"c1": (1, 100), "c2": (1, 100)}


def test_what_a_killed_process_held_is_given_back_beside_a_newer_file_if_it_was_not_loaded(shop: Shop) -> None:
    says(shop, "delete")
    shop.land("a.jsonl", customer("c1", order("1")))
    held = shop.root / "landing/orders/.a.jsonl.tillage-after"
    unloaded = shop.land("x.jsonl", customer("c9", order("9"))).rename(held).read_bytes()
    shop.run()
    assert landed(shop) == {"a~2.jsonl": unloaded}
    shop.run()
    assert (landed(shop), shop.spend()) == ({}, {"c1": (1, 100), "c9": (1, 100)})


@pytest.mark.parametrize("after", ["archive", "delete"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_nothing_is_lost_and_nothing_counted_twice_whenever_the_process_is_killed(
    shop: Shop, after: str, side: str
) -> None:
    says(shop, after)
    content = {}
    for number in range(3):
        path = shop.land(f"{number}.jsonl", customer("c1", order(f"o{number}")))
        content[path.name] = path.read_bytes()
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_THREADS": "1"}
    command = [sys.executable, "-m", "tillage", "run"]
    kills = 0
    while True:
        crash = {"TILLAGE_CRASH": f"{side}:put-away:{1 + kills % 3}"}
        done = subprocess.run(command, cwd=shop.root, env=environment | crash, capture_output=True, check=False)
        there = {path.name.removeprefix(".").removesuffix(".tillage-after") for path in shop.root.rglob("*.jsonl*")}
        if after == "archive":
            assert there == content.keys()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1
        assert kills < 12
    assert kills >= 2
    assert landed(shop) == {}
    assert archived(shop) == (content if after == "archive" else {})
    assert shop.spend() == {"c1": (3, 300)}
    assert shop.run().loads == {}


def test_archive_may_lie_on_another_file_system(shop: Shop) -> None:
    if os.stat("/dev/shm").st_dev == shop.root.stat().st_dev:  # noqa: PTH116
        pytest.fail("/dev/shm is no file system of its own")
    other = Path("/dev/shm") / f"tillage-{os.getpid()}"
    other.mkdir()
    try:
        (shop.root / "archive").symlink_to(other)
        says(shop, "archive")
        path = shop.land("a.jsonl", customer("c1", order("1")))
        before, found = path.read_bytes(), path.stat()
        assert shop.run().put_away == ["landing/orders/a.jsonl"]
        moved = other / "landing/orders/a.jsonl"
        assert (moved.read_bytes(), moved.stat().st_mtime_ns) == (before, found.st_mtime_ns)
        assert [path.name for path in other.rglob("*") if path.is_file()] == ["a.jsonl"]
        assert landed(shop) == {}
    finally:
        shutil.rmtree(other)


def test_file_that_may_not_be_moved_is_said_and_the_rest_goes_on(shop: Shop) -> None:
    says(shop, "archive")
    shop.land("a.jsonl", customer("c1", order("1")))
    (shop.root / "archive").write_text("in the way")
    report = shop.run()
    assert "cannot be moved away" in report.left_alone["landing/orders/a.jsonl"]
    assert shop.spend() == {"c1": (1, 100)}
    (shop.root / "archive").unlink()
    assert shop.run().put_away == ["landing/orders/a.jsonl"]


TWO = "project: p\nfeeds:\n  a: {{path: {a}, after: archive}}\n  b: {{path: {b}}}\n{more}"
REFUSED = {
    "same folder": ("landing/x", "landing/x", "", "would take files from feed b"),
    "below": ("landing/x", "landing/x/y", "", "would take files from feed b"),
    "above": ("landing/x/y", "landing/x/*.jsonl", "", "would take files from feed b"),
    "patterns alike": ("landing/d=*/a*.json", "landing/d=*/ab.json", "", "would take files from feed b"),
    "any folder": ("landing/**/a.json", "landing/**/b.json", "", "would take files from feed b"),
    "another depth": ("landing/*/a.json", "landing/b.json*", "", "would take files from feed b"),
    "environment": ("landing/x", "landing/y", "environments: {dev: }", "would take files from environment d"),
    "archive": ("archive/x", "landing/y", "", "archive/ is where loaded files go"),
}
ALLOWED = {
    "beside": ("landing/x", "landing/xy", ""),
    "patterns apart": ("landing/d=*/h=*/customers.json*", "landing/d=*/h=*/products.json*", ""),
    "environment of its own": ("landing/x", "landing/y", "environments: {dev: {feeds: {a: {path: samples/x}}}}"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_files_of_others_are_never_taken(case: str) -> None:
    a, b, more, wrong = REFUSED[case]
    with pytest.raises(ProjectFileError, match=wrong):
        read_project("tillage.yaml", TWO.format(a=a, b=b, more=more))


@pytest.mark.parametrize("case", ALLOWED)
def test_folders_of_their_own_are_allowed(case: str) -> None:
    a, b, more = ALLOWED[case]
    assert len(read_project("tillage.yaml", TWO.format(a=a, b=b, more=more)).feeds) == 2


def test_another_word_is_refused_with_those_that_are_allowed() -> None:
    with pytest.raises(ProjectFileError, match="did you mean 'archive'"):
        read_project("tillage.yaml", "project: p\nfeeds:\n  a: {path: landing/a, after: arcive}\n")
