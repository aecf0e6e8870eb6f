# Databricks notebook source
"""Fail when an order of the country has no price."""

if "dbutils" in globals():
    day, country = dbutils.widgets.get("day"), dbutils.widgets.get("country")  # noqa: F821
    spark.sql(f"USE CATALOG IDENTIFIER('{dbutils.widgets.get('catalog')}')")  # noqa: F821
    where = "day = :day AND country = :country AND cents IS NULL"
    bad = spark.sql(f"SELECT * FROM shop.orders WHERE {where}", args={"day": day, "country": country}).count()  # noqa: F821
    if bad:
        raise ValueError(f"{bad} orders of {country} on {day} have no price")
