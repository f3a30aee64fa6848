"""Facts about libraries that decisions rest on: when one lapses, its decision must be read again.

Nothing of the product is used here.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

APP = "orders/bronze"
SCHEMA = pa.schema([("number", pa.int64())])
ROW = pa.table({"number": [1]}, schema=SCHEMA)
EMPTY = SCHEMA.empty_table()


def commit(table: DeltaTable | Path, rows: pa.Table, version: int) -> None:
    properties = CommitProperties(app_transactions=[Transaction(APP, version)], max_commit_retries=0)
    write_deltalake(table, rows, mode="append", commit_properties=properties)


def count(folder: Path) -> int:
    files = DeltaTable(folder).file_uris()
    return duckdb.execute("select count(*) from read_parquet($1)", [files]).fetchall()[0][0] if files else 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DeltaTable.create(tmp_path / "table", schema=SCHEMA)
    return tmp_path / "table"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_commit_from_a_stale_snapshot_conflicts_under_one_application_whatever_its_number(
    folder: Path, number: int
) -> None:
    stale = DeltaTable(folder)
    commit(DeltaTable(folder), ROW, 2)
    with pytest.raises(CommitFailedError, match="Failed to commit"):
        commit(stale, ROW, number)
    assert count(folder) == 1


def test_empty_commit_leaves_a_receipt_and_shuts_out_whoever_holds_an_older_snapshot(folder: Path) -> None:
    stale = DeltaTable(folder)
    commit(DeltaTable(folder), EMPTY, 9)
    assert DeltaTable(folder).transaction_version(APP) == 9
    with pytest.raises(CommitFailedError, match="Failed to commit"):
        commit(stale, ROW, 1)
    assert count(folder) == 0


def test_lower_number_is_accepted_on_a_fresh_snapshot_and_the_receipt_goes_back(folder: Path) -> None:
    commit(DeltaTable(folder), ROW, 2)
    commit(DeltaTable(folder), ROW, 1)
    assert DeltaTable(folder).transaction_version(APP) == 1
    assert count(folder) == 2


def test_same_number_by_path_doubles_the_rows(folder: Path) -> None:
    commit(folder, ROW, 1)
    commit(folder, ROW, 1)
    assert count(folder) == 2


def one(sql: str, *values: object) -> object:
    with duckdb.connect(":memory:") as connection:
        return connection.execute(sql, list(values)).fetchall()[0][0]


@pytest.mark.parametrize("text", ['{"v":1,"v":2}', '{"v":NaN}', '{"v":Infinity}', "[1,]", '{"v":1e400}'])
def test_json_valid_lets_pass_what_a_strict_reader_refuses(text: str) -> None:
    assert one("select json_valid(?)", text) is True


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("18.50", "18.5"),
        ("1e3", "1000.0"),
        ("123456789012345.678", "123456789012345.67"),
        ("0.1000000000000000055", "0.1"),
    ],
)
def test_json_transform_passes_a_number_through_a_double(written: str, read: str) -> None:
    assert one("""select json_transform(?, '{"v": "JSON"}')""", f'{{"v":{written}}}') == {"v": read}


@pytest.mark.parametrize(
    ("kind", "written", "read"),
    [("DECIMAL(38,6)", "true", "1.000000"), ("DECIMAL(38,6)", "18.9800000001", "18.980000"), ("BIGINT", "18.98", "19")],
)
def test_json_transform_to_a_type_casts_without_a_word(kind: str, written: str, read: str) -> None:
    found = one(f"""select json_transform(?, '{{"v": "{kind}"}}').v::varchar""", f'{{"v":{written}}}')
    assert found == read


def test_json_transform_reads_no_member_twice() -> None:
    with pytest.raises(duckdb.Error, match="Duplicate keys in object"):
        one("""select json_transform('{"v":1}', '{"v": "JSON", "v": "DECIMAL(38,18)"}')""")


@pytest.mark.parametrize(("depth", "is_read"), [(128, True), (129, False)])
def test_json_structure_ends_the_query_for_a_document_that_is_too_deep(depth: int, is_read: bool) -> None:
    document = "[" * depth + "]" * depth
    if is_read:
        assert str(one("select json_structure(?)", document)).startswith("[")
        return
    with pytest.raises(duckdb.Error, match="exceeds maximum recursion depth"):
        one("select json_structure(?)", document)


def products(first: str, second: str) -> list[tuple[object, ...]]:
    """Two expressions over a product that overflows in the first of two rows."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"create table t as from (values ({2**63 - 1}::bigint, 2::bigint), (3, 4)) as t(a, b)")
        return connection.execute(f"select {first}, {second} from t").fetchall()


def test_what_two_expressions_have_in_common_is_taken_out_of_their_try() -> None:
    assert products("try(a * b)", "1") == [(None, 1), (12, 1)]
    with pytest.raises(duckdb.OutOfRangeException, match="Overflow"):
        products("try(a * b)", "try(a * b + 1)")


def test_inside_of_lambdas_it_is_not() -> None:
    both = [f"list_transform([1], lambda _one: try({inner}))[1]" for inner in ("a * b", "a * b + 1")]
    assert products(*both) == [(None, None), (12, 13)]


def test_sum_of_64_bit_numbers_is_wider_than_they_are() -> None:
    largest = 2**63 - 1
    with duckdb.connect(":memory:") as connection:
        found = connection.execute(
            "select sum(x::bigint) from (values (?), (?)) as t(x)", [largest, largest]
        ).fetchall()
    assert found == [(2 * largest,)]


@pytest.fixture
def sandbox(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("x\n1\n")
    (tmp_path / "out.csv").write_text("x\n1\n")
    connection = duckdb.connect(":memory:", config={"autoload_known_extensions": False})
    connection.execute(f"set allowed_directories = ['{tmp_path / 'in'}']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def test_sandbox_reads_its_folder_and_nothing_else(sandbox: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert sandbox.execute(f"select * from read_csv('{tmp_path / 'in' / 'a.csv'}')").fetchall() == [(1,)]
    for path in (tmp_path / "out.csv", tmp_path / "in" / ".." / "out.csv", "https://localhost/a.csv"):
        with pytest.raises(duckdb.PermissionException, match="disabled by configuration"):
            sandbox.execute(f"select * from read_csv('{path}')")


def test_sandbox_cannot_be_left(sandbox: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    secret = pa.table({"x": [1]})
    for statement in (
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        f"attach '{tmp_path / 'other.db'}'",
        "install httpfs",
        "select * from secret",
        "select getenv('PATH')",
    ):
        with pytest.raises(duckdb.Error, match=r"."):
            sandbox.execute(statement)
    assert secret.num_rows == 1
