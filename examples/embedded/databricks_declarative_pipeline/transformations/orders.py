"""The tables of the shop, declared; Spark finds their order by what each reads.

What: a streaming table of what landed, a view of what passes its expectations, one that counts what does not, revenue (SQL).
When: a pipeline is all transformation on Spark. Not for steps that are no table: those are tasks of a job.
Run: spark-pipelines run (in this folder; Apache Spark 4.1 or newer, Java 17), or as the source of a Lakeflow pipeline
Expect: orders 1, 2 and 4; order_quality says 6 rows, 1 without a country, 2 without a price. Twice: the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from pyspark import pipelines as dp
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SCHEMA = "order_id INT, day DATE, country STRING, cents INT"  # given: reading a schema from files is refused while declaring
SOLD = {"a country": "country IS NOT NULL", "a price": "cents IS NOT NULL AND cents >= 0"}  # NULL passes no rule
Query = Callable[[], DataFrame]


def expectations(action: str, rules: Mapping[str, str]) -> Callable[[Query], Query]:
    """`or_drop` or `or_fail`, by Databricks where it has them; else rows that break a rule go, or end the update, uncounted."""
    if hasattr(dp, f"expect_all_{action}"):
        return getattr(dp, f"expect_all_{action}")(dict(rules))

    def decorate(query: Query) -> Query:
        @functools.wraps(query)
        def checked() -> DataFrame:
            rows = query()
            for name, rule in rules.items():
                broken = F.raise_error(F.lit(f"expectation '{name}' ({rule}) is broken")).cast("boolean")
                rows = rows.where(F.expr(rule) if action == "or_drop" else F.when(F.expr(rule), True).otherwise(broken))
            return rows

        return checked

    return decorate


@dp.table(comment="Every row that landed, once: a stream reads each file one time.")
def landed_orders() -> DataFrame:
    """A streaming table; a batch read is an error here in open-source Spark."""
    spark = SparkSession.active()
    return spark.readStream.schema(SCHEMA).option("header", "true").csv(spark.conf.get("shop.landing"))


@dp.materialized_view(comment="Orders that can be counted.")
@expectations("or_drop", SOLD)
def orders() -> DataFrame:
    """Computed anew by each update."""
    return SparkSession.active().read.table("landed_orders")


@dp.materialized_view(comment="What expectations would count on Databricks: rows and broken rules.")
def order_quality() -> DataFrame:
    """One row."""
    broken = [F.count_if(~F.coalesce(F.expr(rule), F.lit(False))).alias(f"without {name}") for name, rule in SOLD.items()]
    return SparkSession.active().read.table("landed_orders").agg(F.count("*").alias("rows"), *broken)
