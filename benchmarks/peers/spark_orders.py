"""Spark in local mode: the same check, net amounts and first-come keys by DataFrames; the session is started cold."""

from __future__ import annotations

from pathlib import Path

import pyspark
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f
from work import RATES_BP, timed

_SCHEMA = (
    "customerId string, orders array<struct<orderId: string, basket: array<struct<"
    "productId: string, grossMerchandiseValueEur: string, productType: string>>>>"
)


def work(source: Path, target: Path) -> None:
    spark = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.local.dir", str(target / "spark"))
        .config("spark.sql.warehouse.dir", str(target / "warehouse"))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    records = spark.read.schema(_SCHEMA).json(source.as_uri())
    records.select(f.col("customerId").alias("customer_id")).distinct().write.parquet(str(target / "customers.parquet"))
    judged = _judged(records)
    first = f.row_number().over(Window.partitionBy("is_fine", "order_id").orderBy("record", "place"))
    judged = judged.withColumn("is_accepted", f.col("is_fine") & (first == 1)).cache()
    judged.filter(~f.col("is_accepted")).drop("basket").write.parquet(str(target / "refused.parquet"))
    _with_net(judged.filter("is_accepted")).write.parquet(str(target / "lines.parquet"))
    spark.stop()


def _judged(records: DataFrame) -> DataFrame:
    """One row for each order, and whether nothing is wrong with it; a null in a comparison is wrong."""
    orders = records.withColumn("record", f.monotonically_increasing_id()).select(
        "record", f.col("customerId").alias("customer_id"), f.posexplode("orders").alias("place", "order")
    )
    price = r"^-?[0-9]+(\.[0-9]{1,2}0*)?$"

    def is_fine(line: Column) -> Column:
        return f.coalesce(
            (f.trim(line.productId) != "")
            & line.productType.isin(list(RATES_BP))
            & line.grossMerchandiseValueEur.rlike(price),
            f.lit(False),
        )

    has_key = f.trim(f.col("order.orderId")) != ""
    is_order_fine = f.coalesce(has_key & f.forall("order.basket", is_fine), f.lit(False))
    return orders.select(
        "record",
        "place",
        "customer_id",
        f.col("order.orderId").alias("order_id"),
        f.col("order.basket").alias("basket"),
        is_order_fine.alias("is_fine"),
    )


def _with_net(accepted: DataFrame) -> DataFrame:
    """Net amounts that add up for each order and rate: rounded once, given to the lines."""
    rates = f.create_map(*(f.lit(part) for pair in RATES_BP.items() for part in pair))
    lines = accepted.select("order_id", "customer_id", f.posexplode("basket").alias("line_no", "line")).select(
        "order_id",
        "customer_id",
        (f.col("line_no") + 1).alias("line_no"),
        f.col("line.productId").alias("product_id"),
        f.col("line.productType").alias("product_type"),
        (f.col("line.grossMerchandiseValueEur").cast("decimal(18,2)") * 100).cast("bigint").alias("gross_minor"),
        rates[f.col("line.productType")].cast("bigint").alias("vat_bp"),
    )
    whole = f.sum("gross_minor").over(Window.partitionBy("order_id", "vat_bp").orderBy("line_no"))
    return (
        lines.withColumn("whole", whole)
        .withColumn("net_minor", f.expr(f"{_net('whole')} - {_net('(whole - gross_minor)')}"))
        .drop("whole")
    )


def _net(gross: str) -> str:
    return f"(cast(sign({gross}) as bigint) * ((2 * abs({gross}) * 10000 + 10000 + vat_bp) div (2 * (10000 + vat_bp))))"


timed(work, pyspark=pyspark.__version__)
