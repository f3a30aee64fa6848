"""A load that a model cannot take waits for the model, and no other feed waits with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.integration.shops import Shop, make_database
from tests.integration.small import make_small, put
from tillage.errors import ModelError

_DIGITS = r"case when regexp_matches(name, '^[0-9]+\z') then cast(name as bigint) end"
SUMS = {f"sum_{feed}": f"select id, sum({_DIGITS}) as total from {feed}_seen group by id" for feed in ("a", "b")}


@pytest.fixture
def two(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    dsn = make_database(server, f"stopped_{request.node.name[-40:]}")
    return make_small(tmp_path / "small", dsn, feeds={"a": {}, "b": {}}, models=SUMS)


def test_a_model_that_fails_on_a_load_stops_its_feed_alone(two: Shop) -> None:
    put(two, "a/1.jsonl", b'{"id":"1","name":"99999999999999999999"}\n')
    put(two, "b/1.jsonl", b'{"id":"1","name":"7"}\n')
    for _ in range(2):
        report = two.run()
        assert [str(one)[:16] for one in report.problems()] == ["models/sum_a.sql"]
        assert two.states() == ["open", "sealed"]
    with two.open() as house:
        assert house.folds.state("sum_b").to_pylist() == [{"id": "1", "total": 7}]
    (two.root / "models/sum_a.sql").write_text(SUMS["sum_a"].replace("cast(", "try_cast("))
    assert two.run().problems() == []
    assert two.states() == ["sealed", "sealed"]


def test_a_value_that_the_store_cannot_keep_is_told_by_its_model(two: Shop) -> None:
    two.run()
    with two.open() as house:
        fold = house.models.folds["sum_a"]
        types, rows = house.engine.column_types(fold), house.engine.full(fold, {"a_seen": house.visible("a_seen", {})})
        given = pa.table([["a\0secret"], *([1] for _ in rows.schema.names[1:])], schema=rows.schema)
        with pytest.raises(ModelError, match=r"models/sum_a\.sql makes a value that .* \(SQLSTATE 22021\)") as refused:
            house.folds.replace(replace(fold, digest="other"), types, given, house.ledger.published())
    assert "secret" not in str(refused.value)
