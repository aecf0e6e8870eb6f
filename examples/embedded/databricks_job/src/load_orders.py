# Databricks notebook source
"""Load one day's orders and tell the tasks behind what there is."""

from collections.abc import Sequence


def summary(rows: Sequence[tuple[int, str]]) -> dict[str, object]:
    """Task values: plain JSON of at most 48 KiB. A row is an order and its country."""
    return {"orders": len(rows), "countries": sorted({country for _, country in rows})}


if "dbutils" in globals():  # here it is a notebook; elsewhere a module that tests import
    day, catalog = dbutils.widgets.get("day"), dbutils.widgets.get("catalog")  # noqa: F821
    spark.sql(f"USE CATALOG IDENTIFIER('{catalog}')")  # noqa: F821
    spark.sql("DELETE FROM shop.orders WHERE day = :day", args={"day": day})  # noqa: F821
    spark.sql("INSERT INTO shop.orders SELECT * FROM shop.landed_orders WHERE day = :day", args={"day": day})  # noqa: F821
    found = spark.sql("SELECT order_id, country FROM shop.orders WHERE day = :day", args={"day": day}).collect()  # noqa: F821
    values = summary([tuple(row) for row in found])
    dbutils.jobs.taskValues.set(key="orders", value=values["orders"])  # noqa: F821
    dbutils.jobs.taskValues.set(key="countries", value=values["countries"])  # noqa: F821
