"""What every kind of bad input comes to, within which memory; writes the page that says so.

`TILLAGE_WRITE_PAGES=1 pytest tests/acceptance/test_bad_input.py` writes `docs/reference/bad-input.md`; otherwise the
page must be as it would be written.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pyarrow as pa
import pytest

import tillage
from tests.acceptance.bad.cases import CASES, CHANGED, GOOD, LINE_BYTES, MIB, OUTSIDE, WRITTEN, Case
from tests.acceptance.bad.page import written
from tests.acceptance.bad.watched import Watched, watched
from tests.integration.landing import Landing
from tillage.errors import FileRejectedError

pytestmark = pytest.mark.accept("3.4")

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "bad-input.md"
FORMATS: dict[str, dict[str, Any]] = {
    "lines": {"format": "jsonl"},
    "documents": {"format": "json"},
    "elements": {"format": "xml", "records": "/r/p"},
    "rows": {"format": "csv", "csv": {"delimiter": ","}},
    "columns": {"format": "parquet"},
}
# So that most of it is not read yet when the run says that it begins.
CHANGING = b'{"id":"%b"}\n' % (b"x" * 16 * 1024) * 8 * 1024
COMPANION = {
    "lines": ("good.jsonl", GOOD),
    "documents": ("good.json", b'[{"id":"good"}]'),
    "elements": ("good.xml", b"<r><p><id>good</id></p></r>"),
    "rows": ("good.csv", b"id\ngood\n"),
    "columns": ("good.jsonl", b""),
}


@dataclass(frozen=True)
class Outcome:
    """What one run came to: how the command ended, the bytes that had to be kept, and the records of its load."""

    watched: Watched
    kept: bytes | None
    records: list[dict[str, Any]]


def project(root: Path, feeds: Mapping[str, Mapping[str, Any]]) -> Path:
    (root / "contracts").mkdir(parents=True)
    doors = {name: {"path": f"landing/{name}", **door} for name, door in feeds.items()}
    (root / "tillage.yaml").write_text(json.dumps({"project": "quay", "feeds": doors}))
    for name in feeds:
        (root / "landing" / name).mkdir(parents=True)
        column = {"name": "id", "logicalType": "string"}
        contract = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": name, "version": "1.0.0", "status": "active"}
        text = json.dumps(contract | {"schema": [{"name": f"{name}_seen", "properties": [column]}]})
        (root / "contracts" / f"{name}.odcs.yaml").write_text(text)
    return root


def cleared(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
            shutil.rmtree(path)
        else:
            path.unlink()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """All cases one after another in one project, each with a good file of the same feed beside it."""
    root = project(tmp_path_factory.mktemp("bad") / "quay", FORMATS)
    ended: dict[str, tuple[Watched, bytes | None]] = {}
    for case in CASES:
        folder = root / "landing" / case.feed
        name, good = COMPANION[case.feed]
        (folder / f"{len(ended)}-{name}").write_bytes(good)
        kept = case.make(folder)
        ended[case.what] = watched(root, "run", "--json"), kept
        cleared(folder)
    with tillage.open(root) as opened:
        records = {name: opened.query(f"from bronze.{name}").to_pylist() for name in FORMATS}
    return {case.what: Outcome(*ended[case.what], _loaded(ended[case.what][0], records[case.feed])) for case in CASES}


def _loaded(run: Watched, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    loads = {load["load"] for load in run.report()["loads"]} if run.printed else set()
    return [record for record in records if record["load_seq"] in loads]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_bad_input_has_its_exit_code_and_its_code(outcomes: dict[str, Outcome], case: Case) -> None:
    found = outcomes[case.what]
    assert found.watched.exit_code == case.exit_code, found.watched.said
    assert case.says in found.watched.said
    assert "Traceback" not in found.watched.said
    assert "unexpected" not in found.watched.said
    if case.exit_code:
        assert found.watched.problem()["error"] == case.code
    elif case.code not in {"accepted", "no record", "left alone"}:
        (broken,) = [code for record in found.records for unit in record["units"] for code in unit["codes"]]
        assert broken == case.code
    assert (case.code == "left alone") == bool(found.watched.exit_code == 0 and found.watched.report()["left_alone"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_one_bad_file_costs_no_other(outcomes: dict[str, Outcome], case: Case) -> None:
    found = outcomes[case.what]
    units = 0 if case.exit_code else case.units
    if case.exit_code == 10:
        assert found.records == []  # nothing is loaded as long as nobody can say what lies there
        return
    assert len(found.records) == units + (case.feed != "columns")
    accepted = [unit["verdict"] for record in found.records for unit in record["units"]].count("accepted")
    is_broken = case.exit_code == 0 and case.where in {"bronze", "head"}
    assert accepted == len(found.records) - is_broken


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_bytes_lie_where_the_page_says(outcomes: dict[str, Outcome], case: Case) -> None:
    found = outcomes[case.what]
    broken = [record for record in found.records if record["units"] and record["units"][0]["verdict"] != "accepted"]
    assert [record["raw"] for record in broken] == ([] if found.kept is None or not case.where else [found.kept])
    if case.where == "head":
        assert broken[0]["size_bytes"] > LINE_BYTES - MIB
        assert len(broken[0]["digest"]) == 64


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_memory_is_bounded(outcomes: dict[str, Outcome], case: Case) -> None:
    assert outcomes[case.what].watched.peak_bytes < case.peak_mib * MIB


@pytest.mark.parametrize("suffix", ["gz", "zst", "zip"])
def test_a_file_torn_at_any_byte_is_refused_whole(tmp_path: Path, suffix: str) -> None:
    landing = Landing(tmp_path / "shop")
    if suffix == "zip":
        whole = landing.zip("whole.zip", {"m.jsonl": GOOD}).read_bytes()
    elif suffix == "gz":
        whole = gzip.compress(GOOD, mtime=0)
    else:
        whole = bytes(pa.Codec("zstd").compress(GOOD, asbytes=True))
    for path in landing.folder.iterdir():
        path.unlink()
    path = landing.land(f"a.jsonl.{suffix}" if suffix != "zip" else "a.zip", whole)
    assert len(landing.read()) == 1
    for size_bytes in range(1, len(whole)):
        path.write_bytes(whole[:size_bytes])
        arrived = landing.look()
        if not arrived.rejected:
            with pytest.raises(FileRejectedError, match="nothing of it is loaded"):
                landing.read(*arrived.sources)


def test_a_file_that_somebody_writes_is_taken_when_it_is_whole(tmp_path: Path) -> None:
    root = project(tmp_path / "quay", {"lines": FORMATS["lines"]})
    path = root / "landing" / "lines" / "a.jsonl"
    with _writing(path):
        found = watched(root, "run", "--json")
        assert (found.exit_code, found.report()["loads"]) == (WRITTEN.exit_code, [])
        assert found.peak_bytes < WRITTEN.peak_mib * MIB
        (reason,) = found.report()["left_alone"].values()
        assert reason in {
            "is still being written; the next run takes it",
            "changed while it was looked at; the next run takes it",
        }
    written = path.read_bytes().count(b"\n")
    (load,) = watched(root, "run", "--json").report()["loads"]
    assert load["datasets"]["lines_seen"]["accepted_rows"] == written


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A thread that holds the file open and adds a line to it again and again."""
    has_begun, is_enough = Event(), Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not is_enough.is_set():
                file.write(GOOD)
                has_begun.set()
                is_enough.wait(0.001)

    thread = Thread(target=write)
    thread.start()
    try:
        has_begun.wait()
        yield
    finally:
        is_enough.set()
        thread.join()


def test_a_file_that_changes_while_it_is_read_voids_its_load_and_costs_no_other(tmp_path: Path) -> None:
    root = project(tmp_path / "quay", {"lines": FORMATS["lines"]})
    folder = root / "landing" / "lines"
    (folder / "good.jsonl").write_bytes(GOOD)
    changing = folder / "a.jsonl"
    changing.write_bytes(CHANGING)

    def change(line: str) -> None:
        # The last byte, after the load is planned: what was hashed is not what will be read.
        if line.startswith("load 1: reading"):
            with changing.open("r+b") as file:
                file.seek(-2, os.SEEK_END)
                file.write(b" ")

    found = watched(root, "run", "--json", on_line=change)
    assert (found.exit_code, found.problem()["error"]) == (CHANGED.exit_code, CHANGED.code), found.said
    assert "landing/lines/a.jsonl changed while it was read" in found.problem()["message"]
    assert found.report()["voided"] == [1]
    (load,) = found.report()["loads"]
    assert load["datasets"]["lines_seen"]["read_rows"] == 1
    again = watched(root, "run", "--json")
    assert (again.exit_code, len(again.report()["loads"])) == (0, 1)
    assert found.peak_bytes < CHANGED.peak_mib * MIB


def test_a_feed_cannot_read_outside_the_project(tmp_path: Path) -> None:
    root = project(tmp_path / "quay", {"lines": {"path": "landing/../../elsewhere"}})
    found = watched(root, "run", "--json")
    assert (found.exit_code, found.problem()["error"]) == (OUTSIDE.exit_code, OUTSIDE.code)
    assert found.peak_bytes < OUTSIDE.peak_mib * MIB
    assert "must be a folder inside the project" in found.problem()["message"]


def test_the_page_says_what_these_tests_have_seen() -> None:
    page = written()
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "write it anew: TILLAGE_WRITE_PAGES=1 pytest tests/acceptance"
