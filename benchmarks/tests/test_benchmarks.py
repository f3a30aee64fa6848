"""The benchmarks' own arithmetic: what they claim about others must be right about small cases first."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import erasing, pseudonyms, retail
from benchmarks.canonical import Digest, of_copy, of_lines
from benchmarks.history import days
from benchmarks.jobs import Bench
from benchmarks.measure import Cost, JobFailedError, cost_of
from benchmarks.orders import Input, array_file, orders_file
from benchmarks.ratios import ratio
from benchmarks.report import Goal, Section, ServedSection, document
from benchmarks.rounds import Job, Result, run_rounds
from benchmarks.served import Served, _zipf

pytestmark = pytest.mark.accept("3.5")

_LINE: dict[str, list[object]] = {
    "order_id": ["o1", "o1"],
    "customer_id": ["c1", "c1"],
    "line_no": [1, 2],
    "product_id": ["p", "q"],
    "product_type": ["beverage", "beverage"],
    "gross_minor": [109, 109],
    "net_minor": [100, 100],
    "vat_bp": [900, 900],
}


def _written(folder: Path, **changed: list[object]) -> Digest:
    folder.mkdir(parents=True)
    pq.write_table(pa.table(_LINE | changed), folder / "lines.parquet")
    pq.write_table(pa.table({"customer_id": ["c1", "c1", "c2"]}), folder / "customers.parquet")
    return of_lines(folder)


def _cost(wall_s: float) -> Cost:
    return Cost(wall_s, wall_s, 1_000_000, "")


def test_the_same_scale_gives_the_same_bytes_and_the_array_the_same_records(tmp_path: Path) -> None:
    lines, again = (orders_file(tmp_path / name, 0.001) for name in ("a", "b"))
    assert lines == again
    array = array_file(tmp_path / "a", 0.001)
    records = [json.loads(line) for line in (tmp_path / "a" / lines.path).read_bytes().splitlines()]
    assert json.loads((tmp_path / "a" / array.path).read_bytes()) == records
    assert len(records) == lines.lines
    assert sum(len(record["orders"]) for record in records) == lines.orders


def test_about_one_order_in_a_hundred_is_broken_or_comes_twice(tmp_path: Path) -> None:
    made = orders_file(tmp_path, 0.002)
    seen: set[str] = set()
    wrong = 0
    for line in (tmp_path / made.path).read_bytes().splitlines():
        for order in json.loads(line)["orders"]:
            fine = isinstance(order.get("orderId"), str) and order["orderId"].strip() and order["orderId"] not in seen
            fine = fine and all(
                item["productId"]
                and item["productType"] in {"hot food", "cold food", "beverage"}
                and isinstance(item["grossMerchandiseValueEur"], int | float)
                and item["grossMerchandiseValueEur"] != 12.345
                for item in order.get("basket") or [{"productId": None}]
            )
            seen.add(order.get("orderId"))
            wrong += not fine
    assert 0.008 < wrong / made.orders < 0.012


def test_a_cached_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    made = orders_file(tmp_path, 0.0005)
    (tmp_path / made.path).write_bytes(b"torn")
    assert orders_file(tmp_path, 0.0005) == made
    assert (tmp_path / made.path).stat().st_size == made.size_bytes


def test_rows_in_another_order_have_the_same_digest_and_another_cent_has_not(tmp_path: Path) -> None:
    expected = _written(tmp_path / "a")
    turned = {name: values[::-1] for name, values in _LINE.items()}
    assert _written(tmp_path / "b", **turned).agrees(expected)
    assert not _written(tmp_path / "c", net_minor=[101, 99]).agrees(expected)
    assert not _written(tmp_path / "d", customer_id=["c2", "c2"]).agrees(expected)


def test_digests_that_have_nothing_in_common_do_not_agree(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "records.parquet")
    copied = of_copy(tmp_path)
    assert copied.agrees(Digest(records=2))
    assert not copied.agrees(Digest(records=3))
    assert not copied.agrees(_written(tmp_path / "lines"))


def test_output_that_cannot_be_read_is_a_failed_job(tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match="cannot be read"):
        of_copy(tmp_path)


def test_a_ratio_is_the_median_of_rounds_and_its_bound_is_below() -> None:
    found = ratio([2.0, 4.0, 9.0, 6.0], [1.0, 2.0, 3.0, 2.0])
    assert found.median == 2.5
    assert 2.0 <= found.lower < 2.5
    assert ratio([3.0] * 7, [1.0] * 7).lower == 3.0


def _python(code: str, folder: Path, *, timeout_s: float = 60, **environment: str) -> Cost:
    return cost_of([sys.executable, "-c", code], folder, timeout_s=timeout_s, environment=environment)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_cpu_of_a_child_that_left_its_parent_is_counted(tmp_path: Path) -> None:
    # The grandchild works on after the command that started it has ended; only the adopter can count it.
    work = "import time\nwhile time.process_time() < 0.5: pass"
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {work!r}], start_new_session=True)"
    code = f"""
import sys
from pathlib import Path
from benchmarks.measure import adopt_orphans, cost_of
adopt_orphans()
print(cost_of([sys.executable, "-c", {start!r}], Path({str(tmp_path)!r}), timeout_s=60, environment={{}}).cpu_s)
"""
    found = _python(code, tmp_path, PYTHONPATH=str(Path(__file__).resolve().parents[2]))
    assert float(found.output) >= 0.5


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_memory_is_that_of_all_processes_together(tmp_path: Path) -> None:
    hold = "import time; x = b'1' * 150_000_000\nwhile time.process_time() < 1: pass"
    code = (
        f"import subprocess, sys\nfor p in [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in '12']: p.wait()"
    )
    assert _python(code, tmp_path).peak_bytes > 290_000_000


def test_a_job_that_is_late_is_stopped_with_its_children(tmp_path: Path) -> None:
    child = "import pathlib, os, signal; pathlib.Path('pid').write_text(str(os.getpid())); signal.pause()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(JobFailedError, match="stopped after 2 s"):
        _python(code, tmp_path, timeout_s=2)
    deadline = time.monotonic() + 30
    while _is_alive(int((tmp_path / "pid").read_text())):
        assert time.monotonic() < deadline


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_job_that_fails_says_why_without_a_path(tmp_path: Path) -> None:
    code = "raise SystemExit('no file /opt/some/where/x.json here')"
    with pytest.raises(JobFailedError, match="ended with 1: no file <path> here"):
        _python(code, tmp_path)
    with pytest.raises(JobFailedError, match="cannot be started"):
        cost_of(["no-such-command"], tmp_path, timeout_s=60, environment={})


@pytest.mark.accept("4.3")
def test_the_same_day_is_accepted_on_both_histories(tmp_path: Path) -> None:
    digests = []
    for number, job in enumerate(days(Bench(tmp_path, tmp_path, timeout_s=120), tmp_path / "cache", 0.001)):
        job.run(tmp_path / f"job{number}")
        digests.append(job.digest(tmp_path / f"job{number}"))
    assert digests[0].records
    assert digests[0].agrees(digests[1])


def test_rounds_turn_their_order_and_a_slow_job_has_fewer(tmp_path: Path) -> None:
    ran: list[str] = []

    def job(name: str, wall_s: float) -> Job:
        def run(_: Path) -> Cost:
            ran.append(name)
            return _cost(wall_s)

        return Job(name, run, lambda _: Digest())

    later = time.monotonic() + 1_000_000
    found = run_rounds(
        [job("a", 1), job("b", 1000)], tmp_path / "w", budget_s=60, deadline=later, say=lambda _: None
    )  # fmt: skip
    assert "".join(ran) == "ab" + "ab" + "ba" + "ab" + "aaaa"
    assert [len(result.costs) for result in found.values()] == [7, 3]
    found = run_rounds([job("a", 1)], tmp_path / "w", budget_s=60, deadline=0, say=lambda _: None)
    assert len(found["a"].costs) == 1


def test_a_job_that_fails_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    def fail(_: Path) -> Cost:
        raise JobFailedError("no Java")

    jobs = [Job("a", fail, lambda _: Digest()), Job("b", lambda _: _cost(1), lambda _: Digest())]
    found = run_rounds(jobs, tmp_path / "w", budget_s=60, deadline=time.monotonic() + 600, say=lambda _: None)
    assert found["a"].reason == "no Java"
    assert len(found["b"].costs) == 7


def test_a_page_shows_lost_goals_and_zero_where_outputs_differ() -> None:
    ours = Result([_cost(2)] * 3, Digest(records=5))
    results = {
        "ours": ours,
        "fast": Result([_cost(1)] * 3, Digest(records=5)),
        "slow": Result([_cost(20)] * 3, Digest(records=5)),
        "other": Result([_cost(20)] * 3, Digest(records=4)),
        "short": Result([_cost(20)] * 2, Digest(records=5)),
        "absent": Result(reason="no Java"),
    }
    goals = {"short": Goal(1), "fast": Goal(0.9), "slow": Goal(10), "other": Goal(1)}
    inputs = [Input("x", 10**9, "0" * 64, 10**6, 10**6)]
    page = document(
        {"versions": "name 1.0, " * 30}, inputs, [Section("B", ["words " * 100], results, "ours", "ours", goals)]
    )
    assert "| fast | 1.00 |  | 1.00 | 1 | 3 | 0.50 | 0.50 |  |  | 0.9: missed |" in page
    assert "| 10.00 | 10.00 |  |  | 10: met |" in page
    assert "| other | 20.00 |  | 20.00 | 1 | 3 | 0 | 0 |  |  | 1: missed, outputs differ |" in page
    assert "| 1: too few rounds |" in page
    assert "absent: not run: no Java" in page
    assert max(map(len, page.splitlines())) <= 120


def test_a_server_that_answered_wrongly_has_no_ratio_and_goals_are_by_the_lower_bound() -> None:
    ours = Served([30_000.0] * 8, [2.0] * 8, [4.0] * 8, [30.0] * 8)
    peer = Served([5_000.0] * 7 + [7_000.0], [12.0] * 8, [31.0] * 8, [170.0] * 8)
    section = ServedSection("B5", [], {"ours": ours, "peer": peer}, "ours", 5)
    assert section.table()[-1].endswith("| 8 | 6.00 | 6.00 | 7.75 | 7.75 | 5: met; 5: met |")
    ours.wrong = 1
    assert section.table()[-1].endswith("| 8 | 0 | 0 | 0 | 0 | ours was wrong |")
    absent = ServedSection("B5", [], {}, "ours", 5, "`wrk` is not installed")
    assert absent.table() == ["not run: `wrk` is not installed"]


def test_keys_are_asked_for_by_zipfs_law() -> None:
    drawn = Counter(_zipf([f"c{number}" for number in range(1000)]))
    counts = sorted(drawn.values(), reverse=True)
    assert counts[0] == pytest.approx(2 * counts[1], rel=0.1)
    assert counts[0] == pytest.approx(10 * counts[9], rel=0.3)
    assert len(drawn) > 900


@pytest.mark.accept("7.4")
def test_a_month_of_retail_is_the_same_bytes_again_and_all_that_is_right_of_it_is_processed(tmp_path: Path) -> None:
    """What a loop is held against: the same records, found here by plain Python."""
    landed = retail.month(tmp_path / "month", 0.001)
    assert replace(retail.month(tmp_path / "again", 0.001), folder=landed.folder) == landed
    records = {
        kind: [json.loads(line) for path in sorted(landed.folder.rglob(f"{kind}.*")) for line in unpacked(path)]
        for kind in ("customers", "products", "transactions")
    }
    assert (landed.files, landed.rows) == (961, sum(map(len, records.values())))
    people = {one["id"] for one in records["customers"] if one["first_name"].strip()}
    goods = {one["sku"] for one in records["products"] if float(one["price"]) > 0}
    right = {
        one["transaction_id"]
        for one in records["transactions"]
        if one["customer_id"] in people and all(line["sku"] in goods for line in one["purchases"]["products"])
    }
    assert (
        0 < len(right) < len({one["transaction_id"] for one in records["transactions"]}) < len(records["transactions"])
    )
    (ours, _) = retail.compared(Bench(tmp_path, tmp_path, timeout_s=300), landed)
    folder = tmp_path / "project"
    folder.mkdir()
    ours.run(folder)
    found = {feed.name: sorted(feed.rglob("*.json.gz")) for feed in (folder / "processed").iterdir()}
    lines = {name: [json.loads(line) for path in paths for line in unpacked(path)] for name, paths in found.items()}
    assert sum(map(len, found.values())) == landed.files
    assert sorted(one["transaction_id"] for one in lines["transactions"]) == sorted(right)
    assert {one["id"] for one in lines["customers"]} == people
    assert {one["sku"] for one in lines["products"]} == goods
    assert ours.digest(folder).records == len(right) + len(people) + len(goods)


@pytest.mark.accept("8.5")
def test_who_is_erased_is_left_out_as_by_a_delete_for_each(tmp_path: Path) -> None:
    rows = erasing.rows_file(tmp_path, 0.002)
    asked = {*rows.with_suffix(".asked").read_text().split()}
    digests = digests_of(erasing.compared(Bench(tmp_path, tmp_path, timeout_s=300), rows), tmp_path)
    left = [one for one in map(json.loads, rows.read_text().splitlines()) if one["id"] not in asked]
    assert len(asked) == 2
    assert digests[0] == digests[1]
    kept = len({one["id"] for one in left})
    assert (digests[0].people or ())[:3] == (len(left), kept, sum(one["amount"] for one in left))
    assert len(left) < 20_000


@pytest.mark.accept("8.5")
def test_people_become_as_many_keys_as_they_are(tmp_path: Path) -> None:
    ids = pseudonyms.ids_file(tmp_path, 0.002)
    ours = pseudonyms.compared(Bench(tmp_path, tmp_path, timeout_s=300), ids)[:2]
    digests = digests_of(ours, tmp_path)
    assert digests[0] == digests[1]
    people = len(set(pq.read_table(ids).column("id").to_pylist()))
    assert (digests[0].people or ())[:2] == (20_000, people)


def digests_of(jobs: list[Job], folder: Path) -> list[Digest]:
    """What each of them made, once."""
    found = []
    for number, job in enumerate(jobs):
        own = folder / f"job-{number}"
        own.mkdir()
        job.run(own)
        found.append(job.digest(own))
    return found


def unpacked(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()
