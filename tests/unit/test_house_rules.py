"""Rules of the code that no linter knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tillage.domain import money
from tillage.domain.conservation import Counts, Kept, for_all_time, total
from tillage.domain.load import CommitPoint
from tillage.errors import OperatorError
from tillage.settings import Crash, read_settings

_SOURCE = Path(__file__).resolve().parents[2] / "src" / "tillage"


def _files_with(pattern: str) -> set[str]:
    found = re.compile(pattern)
    return {path.relative_to(_SOURCE).as_posix() for path in _SOURCE.rglob("*.py") if found.search(path.read_text())}


def test_every_durable_write_goes_through_a_commit_point() -> None:
    assert _files_with(r"\bwrite_deltalake\(|DeltaTable\.create\(") == {
        "lake/delta.py",
        "lake/gold.py",
        "lake/rewriting.py",
    }
    assert _files_with(r"\.(alter|optimize|create_checkpoint|cleanup_metadata)\b") == {"lake/upkeep.py"}
    assert _files_with(r'"commit"|\.commit\(\)|\.transaction\(\)') == {"stores/postgres/database.py"}
    # A session outside a transaction may only read, except to make the embedded server's own database.
    readers = {"stores/postgres/lookups.py", "stores/postgres/served_people.py", "stores/embedded/server.py"}
    assert _files_with(r"autocommit=True") <= {"stores/postgres/database.py", *readers}


def test_every_commit_point_is_used() -> None:
    code = "\n".join(path.read_text() for path in _SOURCE.rglob("*.py"))
    for point in CommitPoint:
        assert f"CommitPoint.{point.name}" in code, point


def test_only_settings_read_the_environment() -> None:
    assert _files_with(r"os\.environ|os\.getenv") <= {"settings.py", "cli/demo.py"}


def test_importing_the_package_imports_no_driver() -> None:
    code = "import sys, tillage, tillage.errors; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"duckdb", "deltalake", "psycopg", "pyarrow", "numpy", "litestar"} & set(loaded)


def test_help_imports_no_driver() -> None:
    code = "import sys; from tillage.cli import app; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"duckdb", "deltalake", "psycopg", "pyarrow", "numpy", "litestar", "sqlglot", "jsonschema"} & set(loaded)


@pytest.mark.parametrize(("text", "crash"), [
    ("after:silver", Crash(CommitPoint.SILVER, is_after=True, count=1)),
    ("before:release-lease:3", Crash(CommitPoint.RELEASE_LEASE, is_after=False, count=3)),
])  # fmt: skip
def test_a_crash_is_set_by_point_side_and_count(text: str, crash: Crash) -> None:
    assert read_settings({"TILLAGE_CRASH": text}).crash == crash


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TILLAGE_CRASH", "after:nothing"),
        ("TILLAGE_MEMORY_MB", "much"),
        ("TILLAGE_MEMORY_MB", "1"),
        ("TILLAGE_THREADS", "0"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(OperatorError, match=variable):
        read_settings({variable: value})


def test_amounts_keep_all_decimals_of_their_currency() -> None:
    assert money.show(8977, "EUR") == "89.77 EUR"
    assert money.show(-5, "EUR") == "-0.05 EUR"
    assert money.show(120, "JPY") == "120 JPY"
    assert money.show(1234567, "KWD") == "1,234.567 KWD"
    assert str(money.to_major(0, "EUR")) == "0.00"
    assert money.show(-(10**37) - 1, "EUR").replace(",", "") == "-" + "1" + "0" * 34 + "0.01 EUR"
    with pytest.raises(ValueError, match="did you mean EUR"):
        money.exponent("EURO")


def test_the_law_shows_its_difference() -> None:
    fine = Counts(read_rows=3, accepted_rows=1, quarantined_rows=1, duplicate_rows=1, read_minor=7, accepted_minor=7)
    assert fine.balances()
    assert not Counts(read_rows=2, accepted_rows=1).balances()
    assert not Counts(read_rows=1, accepted_rows=1, read_minor=7, accepted_minor=6).balances()
    assert total([fine, fine]).read_minor == 14
    assert total([]).read_minor is None


def test_an_amount_that_is_nowhere_is_zero_where_there_is_money() -> None:
    euro, plain, mixed = Counts(1, 1, read_minor=7, accepted_minor=7), Counts(1, 1), Counts(1, 1, read_minor={"EUR": 7})
    assert [for_all_time([one], Kept()).waiting_minor for one in (euro, plain, mixed)] == [0, None, {}]
    assert [for_all_time([one], Kept()).discarded_minor for one in (euro, plain, mixed)] == [0, None, {}]
    assert for_all_time([euro], Kept(waiting_rows=1, waiting_minor=3)).waiting_minor == 3


def test_units_that_wait_without_a_currency_are_in_no_amount() -> None:
    brought = Counts(read_rows=1, read_minor={}, quarantined_rows=1, quarantined_minor={}, not_countable_rows=1)
    law = for_all_time([brought], Kept(waiting_rows=1, waiting_minor=0))
    assert (law.waiting_minor, law.discarded_minor) == ({}, {})
    assert law.balances()
