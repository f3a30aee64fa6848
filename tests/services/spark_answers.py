"""Run by the interpreter that has Spark: answers queries over one Parquet file, as lines of JSON.

`spark_answers.py FILE TABLE QUERIES ANSWERS`: QUERIES holds one query in JSON a line; of each the kind of the last
column, and its values beside those of the first, or what Spark says is wrong. It has no import but Spark.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

_KINDS = {"long": "integer", "integer": "integer", "short": "integer", "byte": "integer", "float": "double"}


def shown(value: Any) -> Any:
    """A value as text that says its kind, since JSON has no decimals and no dates."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | decimal.Decimal):
        return ["number", format(decimal.Decimal(value).normalize() + 0, "f")]
    if isinstance(value, float):
        return ["double", f"{value:.12g}"]
    if isinstance(value, dt.datetime):
        return ["moment", value.replace(tzinfo=None).isoformat(timespec="microseconds")]
    if isinstance(value, dt.date):
        return ["day", value.isoformat()]
    if isinstance(value, list):
        return [shown(one) for one in value]
    if hasattr(value, "asDict"):
        return {key: shown(one) for key, one in value.asDict().items()}
    return ["other", str(value)]


def kind(type_: Any) -> str:
    name = str(type_.typeName())
    if name == "array":
        return f"list of {kind(type_.elementType)}"
    if name == "decimal":
        return "integer" if type_.scale == 0 else "decimal"
    return _KINDS.get(name, name)


def main() -> None:
    file, table, queries, answers = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    spark.read.parquet(file).createOrReplaceTempView(table)
    with Path(answers).open("w", encoding="utf-8") as out:
        out.writelines(
            json.dumps(answer(spark, json.loads(line))) + "\n"
            for line in Path(queries).read_text(encoding="utf-8").splitlines()
        )


def answer(spark: SparkSession, sql: str) -> dict[str, Any]:
    try:
        frame = spark.sql(sql)
        rows = [[shown(row[0]) if len(row) > 1 else None, shown(row[-1])] for row in frame.collect()]
    except Exception as wrong:  # noqa: BLE001  (of whatever class: it is what is asked for)
        return {"error": str(wrong).splitlines()[0][:200]}
    return {"kind": kind(frame.schema.fields[-1].dataType), "rows": rows}


if __name__ == "__main__":
    main()
